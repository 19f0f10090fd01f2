"""Which files are opened: regular ones only, and those that a table names only inside their folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vision.data.images import DataError


def regular(path: str | os.PathLike[str]) -> Path:
    """The path of a regular file, "~" expanded; a pipe or a device is not opened, for that may never end.

    Raises:
        FileNotFoundError: When there is nothing.
        DataError: For anything else that is not a file, or cannot be looked at; the path is not named.
    """
    path = Path(path).expanduser()
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        raise DataError(getattr(error, "strerror", None) or str(error)) from error
    if stat.S_ISDIR(mode):
        raise DataError("a folder")
    if not stat.S_ISREG(mode):
        raise DataError("not a regular file, but a pipe, a socket or a device")
    return path


def is_inside(folder: str, path: str | os.PathLike[str]) -> bool:
    """Whether a path lies in a folder, which is a real path already, once ".." and symbolic links in it are
    followed."""
    return os.path.realpath(path).startswith(folder.rstrip(os.sep) + os.sep)
