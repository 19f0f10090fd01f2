"""Checks of paths: regular files only, and files that a table names only inside their folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vision.data.images import DataError


def regular(path: str | os.PathLike[str]) -> Path:
    """The path of a regular file, "~" expanded; reading a pipe or a device might never end.

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
    """Whether a path is inside of a folder after ".." and symbolic links in the path are resolved.

    Args:
        folder: A path without symbolic links (`os.path.realpath`).
        path: The path.
    """
    return os.path.realpath(path).startswith(folder.rstrip(os.sep) + os.sep)
