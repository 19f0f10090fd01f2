"""Atomic writes: a reader sees the old file or the new one, also after a kill, a power cut or on a full disk.

A write goes to a draft in the same folder, is flushed to the disk and then replaces the old file in one step.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a draft beside `path` to write to; at the end it replaces `path`.

    When anything fails the draft is removed and `path` is as before.

    Raises:
        OSError: Naming `path`, when it cannot be written.
    """
    path = Path(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
        flush(draft)
        os.replace(draft, path)
        _flush_folder(path.parent)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        draft.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a whole file or nothing.

    Raises:
        OSError: Naming `path`, when it cannot be written; an old file is then unchanged.
    """
    with atomic(path) as draft:
        draft.write_bytes(content)


def flush(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    with path.open("rb+") as file:  # Windows flushes only what is open for writing
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk; Windows opens no folders, and does without."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
