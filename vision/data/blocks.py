"""Images in arrays that are larger than memory: read a block at a time, of which the rows asked for are kept.

An array in an `.npz` file is mapped into memory where it is stored, and decompressed as a stream where it is
compressed.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vision.data.archives import UNREADABLE, header_of
from vision.data.images import DataError
from vision.data.paths import regular

ROWS = 1024
"""Of a block."""

Read = Callable[[int, int], np.ndarray]
"""(start, stop) -> images (stop - start, H, W, C) uint8; later calls ask for later rows."""


def gather(read: Read, rows: np.ndarray, size: int | None = None) -> Tensor:
    """Some images of an array, uint8 (N, C, H, W).

    Args:
        read: Reads a block.
        rows: The rows to keep (N,), ascending, at least one.
        size: The side to which they are scaled, each pixel the average of its area; by default they stay.
    """
    images: Tensor | None = None
    blocks, starts = np.unique(rows // ROWS, return_index=True)
    for block, first, last in zip(blocks, starts, [*starts[1:], len(rows)], strict=True):
        inside = rows[first:last] - block * ROWS
        found = read(int(block) * ROWS, int(block) * ROWS + int(inside[-1]) + 1)[inside]
        part = scaled(torch.from_numpy(np.ascontiguousarray(found.transpose(0, 3, 1, 2))), size)
        if images is None:
            images = torch.empty((len(rows), *part.shape[1:]), dtype=torch.uint8)
        images[first:last] = part
    assert images is not None, "no rows to gather"
    return images


def scaled(images: Tensor, size: int | None) -> Tensor:
    """Images (N, C, H, W) uint8 at another side, each pixel the average of its area; as they are for None."""
    if size is None or tuple(images.shape[2:]) == (size, size):
        return images
    return functional.interpolate(images.float(), (size, size), mode="area").round().to(torch.uint8)


@contextmanager
def npz_rows(path: str | os.PathLike[str], name: str) -> Iterator[tuple[tuple[int, ...], Read]]:
    """The shape (N, H, W, C) of an array of bytes in an `.npz` file, and what reads its rows.

    Args:
        path: The file; "~" is expanded.
        name: Of the array.

    Raises:
        DataError: For a file that is absent, truncated or damaged, or has no such array of images; the
            message does not name the path.
    """
    try:
        path = regular(path)
        with zipfile.ZipFile(path) as archive:
            if f"{name}.npy" not in archive.namelist():
                raise DataError(f"no array called {name}")
            info = archive.getinfo(f"{name}.npy")
            with archive.open(info) as member:
                shape, fortran, dtype = header_of(member)
                if len(shape) != 4 or dtype != np.uint8 or fortran:
                    raise DataError(f"{name} must be uint8 (N, H, W, C), got {dtype} {shape}")
                if member.tell() + int(np.prod(shape)) != info.file_size:
                    raise DataError(f"{name} is truncated or damaged: it is not as large as {shape}")
                yield shape, _mapped(path, info, member, shape) or _streamed(member, shape)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError("no such file") from error
    except UNREADABLE as error:
        raise DataError(
            f"truncated or not an .npz file of plain arrays ({' '.join(str(error).split())})"
        ) from error


def _mapped(path: Path, info: zipfile.ZipInfo, member: IO[bytes], shape: tuple[int, ...]) -> Read | None:
    """What reads an array that is stored without compression; None for another."""
    if info.compress_type != zipfile.ZIP_STORED:
        return None
    with open(path, "rb") as stream:
        stream.seek(info.header_offset + 26)  # of the lengths of name and extra field in the local header
        lengths = np.frombuffer(stream.read(4), dtype="<u2")
    offset = info.header_offset + 30 + int(lengths.sum()) + member.tell()
    array = np.memmap(path, dtype=np.uint8, mode="r", offset=offset, shape=shape)
    return lambda start, stop: array[start:stop]


def _streamed(member: IO[bytes], shape: tuple[int, ...]) -> Read:
    """What reads a compressed array from where the stream stands, forwards."""
    row = int(np.prod(shape[1:]))
    at = 0

    def read(start: int, stop: int) -> np.ndarray:
        nonlocal at
        assert start >= at, "a compressed array is read forwards"
        while at < start:
            step = min(ROWS, start - at)
            member.read(step * row)
            at += step
        content = member.read((stop - start) * row)
        at = stop
        return np.frombuffer(content, dtype=np.uint8).reshape(stop - start, *shape[1:])

    return read
