"""smallNORB (LeCun, Huang and Bottou, CVPR 2004) from its binary matrices: toys, grey, photographed by a pair
of cameras, of which the first is used.

A matrix begins with little-endian 32-bit integers, its type, its number of dimensions, and at least three
sizes; then come its values. For training and test there are

    dat   uint8 (24300, 2, 96, 96)
    cat   int32 (24300,): animal, human, airplane, truck, car
    info  int32 (24300, 4): instance 0 to 9, elevation 0 to 8 (30 to 70 degrees), azimuth 0, 2, ..., 34 (by 10
          degrees), lighting 0 to 5
"""

from __future__ import annotations

import gzip
import os
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from vision.data.blocks import gather
from vision.data.images import DataError, ImageSet
from vision.data.paths import regular
from vision.data.selection import FactorSpace, Selection

OBTAIN = "the .mat files of smallNORB, from https://cs.nyu.edu/~ylclab/data/norb-v1.0-small"
PARTS = {
    "train": "smallnorb-5x46789x9x18x6x2x96x96-training",
    "test": "smallnorb-5x01235x9x18x6x2x96x96-testing",
}
TYPES = {0x1E3D4C55: "uint8", 0x1E3D4C54: "<i4"}
FACTORS = {
    "category": ("animal", "human", "airplane", "truck", "car"),
    "instance": tuple(str(number) for number in range(10)),
    "elevation": tuple(str(30 + 5 * step) for step in range(9)),
    "azimuth": tuple(str(20 * step) for step in range(18)),
    "lighting": tuple(str(number) for number in range(6)),
}
NAMED = ("category", "elevation", "azimuth", "lighting")
"""The factors that are attributes by default, as in disentanglement_lib."""

Part = Literal["train", "test", "all"]


def read_matrix(path: str | os.PathLike[str]) -> np.ndarray:
    """A binary matrix of bytes or integers, compressed by gzip or not.

    Raises:
        DataError: For a file that is absent, truncated or of another format, naming it.
    """
    try:
        content = regular(path).read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (DataError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a readable matrix ({error})") from error
    kind, dimensions = np.frombuffer(content[:8], dtype="<u4").tolist() if len(content) >= 8 else (0, 0)
    start = 8 + 4 * max(3, dimensions)
    if kind not in TYPES or len(content) < start:
        raise DataError(f"{path}: not a binary matrix of bytes or integers (it does not begin as one)")
    shape = tuple(np.frombuffer(content, dtype="<u4", count=dimensions, offset=8).tolist())
    dtype = np.dtype(TYPES[kind])
    if len(content) - start != int(np.prod(shape)) * dtype.itemsize:
        raise DataError(f"{path}: truncated: it is not as large as its shape {shape} says")
    return np.frombuffer(content, dtype=dtype, offset=start).reshape(shape)


def smallnorb(
    folder: str | os.PathLike[str],
    rng: np.random.Generator,
    chosen: Selection | None = None,
    *,
    size: int = 64,
    part: Part = "all",
) -> ImageSet:
    """Images of the first camera.

    Args:
        folder: Where the files are, with ".gz" or without; "~" is expanded.
        rng: Source of which images are taken.
        chosen: How many images, which attributes (by default all factors but `instance`), bins and fixed
            factors.
        size: The side in pixels; images of another side than 96 are averages of areas.
        part: Training and test images have other instances.

    Raises:
        DataError: One line that names the file, for one that is absent, damaged or of another layout; or for
            a factor or value that does not exist.
    """
    chosen = Selection() if chosen is None else chosen
    if chosen.attributes is None:
        chosen = replace(chosen, attributes=NAMED)
    space = FactorSpace(FACTORS, chosen)
    parts = tuple(PARTS) if part == "all" else (part,)
    files = {name: _files(Path(folder).expanduser(), name) for name in parts}
    table = np.concatenate([_table(*files[name][:2]) for name in parts])
    rows = space.rows(table, rng)
    images, first = [], 0
    for name in parts:
        pairs = read_matrix(files[name][2])
        own = rows[(rows >= first) & (rows < first + len(pairs))] - first
        if pairs.ndim != 4 or pairs.shape[1] != 2 or pairs.dtype != np.uint8:
            raise DataError(f"{files[name][2]}: must be uint8 (N, 2, H, W), got {pairs.dtype} {pairs.shape}")
        if len(own):
            images.append(gather(lambda start, stop, x=pairs: x[start:stop, 0, :, :, None], own, size))  # type: ignore[misc]
        first += len(pairs)
    if first != len(table):
        raise DataError(f"{folder}: {first} images but {len(table)} rows of labels")
    return ImageSet(
        torch.cat(images),
        space.labels(table[rows]),
        space.names,
        space.value_names,
        name="smallnorb",
        source="smallNORB (LeCun, Huang and Bottou 2004)",
    )


def _files(folder: Path, part: str) -> tuple[Path, Path, Path]:
    """The files of categories, of other factors and of images."""
    found = []
    for what in ("cat", "info", "dat"):
        name = f"{PARTS[part]}-{what}.mat"
        candidates = [folder / name, folder / f"{name}.gz"]
        existing = [path for path in candidates if path.is_file()]
        if not existing:
            raise DataError(f"{folder}: has no {name} or {name}.gz; it should hold {OBTAIN}")
        found.append(existing[0])
    return found[0], found[1], found[2]


def _table(categories: Path, info: Path) -> np.ndarray:
    """The index of each value (N, 5)."""
    category, others = read_matrix(categories), read_matrix(info)
    if category.ndim != 1 or others.shape != (len(category), 4):
        raise DataError(f"{info}: must be (N, 4) for (N,) categories, got {others.shape}")
    table = np.column_stack((category, others)).astype(np.int64)
    if (table[:, 3] % 2).any():
        raise DataError(f"{info}: azimuths must be even")
    table[:, 3] //= 2
    for (name, values), column in zip(FACTORS.items(), table.T, strict=True):
        if len(column) and not 0 <= column.min() <= column.max() < len(values):
            raise DataError(f"{info}: {name} must be 0 to {len(values) - 1}, got {column.max()}")
    return table
