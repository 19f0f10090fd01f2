"""MPI3D (Gondal et al., NeurIPS 2019) from its `.npz` files: a robot arm that holds an object, photographed
or rendered.

    images  uint8 (N, 64, 64, 3), one for each combination of the factors, the last of them the fastest

A file that is stored without compression is mapped into memory, a compressed one is read as a stream, so only
the images that are asked for are kept.
"""

from __future__ import annotations

import math
import os
from typing import Literal

import numpy as np

from vision.data.blocks import gather, npz_rows
from vision.data.images import DataError, ImageSet
from vision.data.selection import FactorSpace, Selection, grid

OBTAIN = "an .npz file of MPI3D, from https://github.com/rr-learning/disentanglement_dataset"

Version = Literal["full", "complex", "challenge"]
_COMMON = {
    "size": ("small", "large"),
    "camera": ("top", "centre", "bottom"),
    "background": ("purple", "sea green", "salmon"),
    "horizontal": tuple(str(step) for step in range(40)),
    "vertical": tuple(str(step) for step in range(40)),
}
VERSIONS: dict[Version, dict[str, tuple[str, ...]]] = {
    "full": {
        "colour": ("white", "green", "red", "blue", "brown", "olive"),
        "shape": ("cone", "cube", "cylinder", "hexagonal", "pyramid", "sphere"),
        **_COMMON,
    },
    "complex": {
        "colour": ("yellow", "green", "olive", "red"),
        "shape": ("coffee cup", "tennis ball", "croissant", "beer cup"),
        **_COMMON,
    },
    "challenge": {
        "colour": ("green", "red", "blue", "brown"),
        "shape": ("cone", "cube", "hexagonal prism", "sphere"),
        **_COMMON,
    },
}
"""The factors of toy, realistic and real images (1,036,800), of complex real ones, and of those that the
NeurIPS 2019 challenge had (460,800 each)."""


def mpi3d(
    path: str | os.PathLike[str],
    rng: np.random.Generator,
    chosen: Selection | None = None,
    *,
    version: Version = "full",
    size: int = 64,
) -> ImageSet:
    """Images of a file.

    Args:
        path: The file; "~" is expanded.
        rng: Source of which images are taken.
        chosen: How many images, which attributes, bins and fixed factors.
        version: Which factors the file has; its number of images must be that of their combinations.
        size: The side in pixels; images of another side than 64 are averages of areas.

    Raises:
        DataError: One line that names the file, for one that is absent, damaged or of another layout or
            version; or for a factor or value that does not exist.
    """
    factors = VERSIONS[version]
    sizes = [len(values) for values in factors.values()]
    space = FactorSpace(factors, Selection() if chosen is None else chosen)
    try:
        with npz_rows(path, "images") as (shape, read):
            if shape[0] != math.prod(sizes) or shape[3] != 3:
                raise DataError(f"images {shape}: version {version} has {math.prod(sizes):,} of 3 channels")
            table = grid(sizes)
            rows = space.rows(table, rng)
            pixels = gather(read, rows, size)
    except DataError as error:
        hint = f"; it should be {OBTAIN}" if str(error) == "no such file" else ""
        raise DataError(f"{path}: {error}{hint}") from error
    return ImageSet(
        pixels,
        space.labels(table[rows]),
        space.names,
        space.value_names,
        name="mpi3d",
        source=f"MPI3D (Gondal et al. 2019), {version}",
        licence="CC BY 4.0",
    )
