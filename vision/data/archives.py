"""Untrusted `.npz` files: only the arrays that are asked for are read, and no pickles.

Arrays of objects and damaged arrays are refused by their header, before their content is read.
"""

from __future__ import annotations

import lzma
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import IO

import numpy as np

from vision.data.images import DataError
from vision.data.paths import regular

QUOTED = 200
UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    OverflowError,
    RuntimeError,
    NotImplementedError,
    SyntaxError,
    MemoryError,
    KeyError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What damaged archives raise."""


def read_arrays(path: str | os.PathLike[str], selected: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """Arrays of an `.npz` file by name, in the order of the file.

    Args:
        path: The file; "~" is expanded.
        selected: Whether an array of this name is to be read.

    Raises:
        DataError: For a file that is absent, truncated, damaged, or not an archive, and for an array of
            Python objects; the message does not name the path.
    """
    try:
        path = regular(path)
        with open(path, "rb") as stream:
            _check_kind(stream)
            with zipfile.ZipFile(stream) as archive:
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                return {name: _read(archive, name, info) for name, info in members.items() if selected(name)}
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError("no such file") from error
    except UNREADABLE as error:
        what = " ".join(str(error).split())[:QUOTED] or type(error).__name__
        raise DataError(f"truncated or not an .npz file of plain arrays ({what})") from error


def names_of(path: str | os.PathLike[str]) -> list[str]:
    """The names of the arrays in an `.npz` file, for a message; nothing is read.

    Raises:
        DataError: As `read_arrays`.
    """
    found: list[str] = []

    def note(name: str) -> bool:
        found.append(name)
        return False

    read_arrays(path, note)
    return found


def words(array: np.ndarray, what: str) -> list[str]:
    """An array of names as text: bytes are decoded from UTF-8, numbers written out.

    Args:
        array: (V,), of strings, bytes, booleans or integers.
        what: What error messages call it.

    Raises:
        DataError: For another shape or type, or bytes that are not UTF-8.
    """
    if array.ndim != 1 or array.dtype.kind not in "USiub":
        raise DataError(f"{what} must be a list of strings, got {array.dtype} {array.shape}")
    if array.dtype.kind != "S":
        return [str(value) for value in array.tolist()]
    try:
        return [value.decode("utf-8") for value in array.tolist()]
    except UnicodeDecodeError as error:
        raise DataError(f"{what} are bytes that are not UTF-8") from error


def header_of(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether the first axis is the fastest, and type of the array that a stream begins with."""
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(member)
    return np.lib.format.read_array_header_2_0(member)


def _check_kind(stream: IO[bytes]) -> None:
    start = stream.read(6)
    stream.seek(0)
    if start == b"\x93NUMPY":
        raise DataError("a single array, not an .npz file of named ones")
    if not start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        raise DataError("truncated or not an .npz file of plain arrays (it does not begin as one)")


def _read(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(info) as member:
        shape, _, dtype = header_of(member)
        header = member.tell()
    if dtype.hasobject:
        raise DataError(f"{name} is an array of Python objects: save it as numbers or strings")
    if header + math.prod(shape) * dtype.itemsize != info.file_size:
        raise DataError(f"{name} is truncated or damaged: it is not as large as its shape {shape} says")
    with archive.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False)
