"""One process at a time in a folder: a lock that ends with its process, also when that is killed."""

import os
import re
from pathlib import Path

from filelock import FileLock, Timeout, UnixFileLock

from pipelines.errors import RunError, explain

LOCK_SECONDS = 0.5
"""How long to wait for another process: one that was killed needs a moment to be reaped."""


class Lock:
    """The lock of a folder, on a file in it.

    Args:
        path: The file; it is made, and stays when the lock is given back.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path, timeout=LOCK_SECONDS)

    def take(self) -> None:
        """Take the lock.

        Raises:
            RunError: When another process holds it, or the file cannot be written or is a link.
        """
        folder = self._path.parent
        if self._path.is_symlink():
            raise RunError(f"{self._path} is a link, and a run writes only into its own folder: remove it")
        try:
            self._lock.acquire()
            self._sign()
        except Timeout:
            raise RunError(f"{folder} is in use by another process (id {self._holder()})") from None
        except OSError as error:
            self.give_back()
            raise RunError(f"cannot use {folder} as a run folder: {explain(error)}") from error

    def give_back(self) -> None:
        """Give the lock back; nothing happens where it is not held."""
        self._lock.release()

    def _sign(self) -> None:
        """Write who holds it, where the lock leaves the content of the file to its user."""
        if isinstance(self._lock, UnixFileLock):
            with self._path.open("rb+") as file:
                file.truncate()
                file.write(f"{os.getpid()}\n".encode())

    def _holder(self) -> str:
        try:
            found = re.match(rb"\d+", self._path.read_bytes())
        except OSError:  # Windows lets nobody read a locked file
            found = None
        return found[0].decode() if found else "unknown"
