"""Cars3D (Reed, Zhang, Zhang and Lee, "Deep Visual Analogy-Making", NIPS 2015) from its folder of `.mat`
files.

Each file is a car: `im`, uint8 (128, 128, 3, 24, 4), shows it from 24 azimuths and 4 elevations. The data set
has 183 of them.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import scipy.io
import torch

from vision.data.blocks import scaled
from vision.data.images import DataError, ImageSet
from vision.data.selection import FactorSpace, Selection, grid

OBTAIN = "the folder cars of nips2015-analogy-data.tar.gz, from https://www.scottreed.info"
AZIMUTHS, ELEVATIONS = 24, 4


def cars3d(
    folder: str | os.PathLike[str],
    rng: np.random.Generator,
    chosen: Selection | None = None,
    *,
    size: int = 64,
) -> ImageSet:
    """Images of the folder; cars are numbered from 1 in the order of their files' names.

    Args:
        folder: Where the `.mat` files are; "~" is expanded.
        rng: Source of which images are taken.
        chosen: How many images, which attributes, bins and fixed factors.
        size: The side in pixels; images of another side than 128 are averages of areas.

    Raises:
        DataError: One line that names the file, for one that is damaged or of another layout, or the folder
            when it has none; or for a factor or value that does not exist.
    """
    files = sorted(Path(folder).expanduser().glob("*.mat"))
    if not files:
        raise DataError(f"{folder}: has no .mat files; it should be {OBTAIN}")
    factors = {
        "car": tuple(str(number + 1) for number in range(len(files))),
        "elevation": tuple(str(step) for step in range(ELEVATIONS)),
        "azimuth": tuple(str(step * 360 // AZIMUTHS) for step in range(AZIMUTHS)),
    }
    space = FactorSpace(factors, Selection() if chosen is None else chosen)
    table = grid([len(values) for values in factors.values()])
    table = table[space.rows(table, rng)]
    images = torch.empty((len(table), 3, size, size), dtype=torch.uint8)
    for car in np.unique(table[:, 0]):
        own = np.flatnonzero(table[:, 0] == car)
        views = _views(files[car])[table[own, 1], table[own, 2]]
        images[torch.from_numpy(own)] = scaled(torch.from_numpy(views), size)
    return ImageSet(
        images,
        space.labels(table),
        space.names,
        space.value_names,
        name="cars3d",
        source="Cars3D (Reed et al. 2015)",
    )


def _views(file: Path) -> np.ndarray:
    """The images of a car, uint8 (4, 24, 3, H, W)."""
    try:
        content = scipy.io.loadmat(file, variable_names=["im"])
    except Exception as error:  # what the reader meets in damaged bytes is of any type
        raise DataError(f"{file}: not a readable .mat file ({' '.join(str(error).split())})") from error
    views = content.get("im")
    if views is None or views.dtype != np.uint8 or views.shape[2:] != (3, AZIMUTHS, ELEVATIONS):
        found = "nothing" if views is None else f"{views.dtype} {views.shape}"
        raise DataError(f"{file}: im must be uint8 (H, W, 3, {AZIMUTHS}, {ELEVATIONS}), got {found}")
    return np.ascontiguousarray(views.transpose(4, 3, 2, 0, 1))
