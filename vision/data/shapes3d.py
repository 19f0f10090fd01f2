"""3D Shapes (Burgess and Kim 2018) from its HDF5 file: a room with an object on its floor.

    images  uint8 (480000, 64, 64, 3)
    labels  float (480000, 6): floor, wall and object hue 0 to 0.9, scale 0.75 to 1.25, shape 0 to 3,
            orientation -30 to 30 degrees

Only the images that are asked for are kept in memory. The file needs h5py (the extra `hdf5`).
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from vision.data.blocks import gather
from vision.data.images import DataError, ImageSet
from vision.data.paths import regular
from vision.data.selection import FactorSpace, Selection

OBTAIN = "3dshapes.h5, from https://github.com/google-deepmind/3d-shapes"
HUES = (
    "red",
    "orange",
    "yellow",
    "green",
    "light green",
    "cyan",
    "medium blue",
    "dark blue",
    "purple",
    "pink",
)
"""The names of hue 0, 0.1, ..., 0.9 that 3dshapes-language gives them."""
VALUES = {
    "floor": np.arange(10) / 10,
    "wall": np.arange(10) / 10,
    "object": np.arange(10) / 10,
    "scale": np.linspace(0.75, 1.25, 8),
    "shape": np.arange(4),
    "orientation": np.linspace(-30, 30, 15),
}
"""What the labels of a factor are."""
FACTORS = {
    "floor": HUES,
    "wall": HUES,
    "object": HUES,
    "scale": tuple(f"{scale:.3g}" for scale in VALUES["scale"]),
    "shape": ("cube", "cylinder", "sphere", "capsule"),
    "orientation": tuple(f"{angle:.3g}" for angle in VALUES["orientation"]),
}


def shapes3d(
    path: str | os.PathLike[str],
    rng: np.random.Generator,
    chosen: Selection | None = None,
    *,
    size: int = 64,
) -> ImageSet:
    """Images of the file.

    Args:
        path: `3dshapes.h5`; "~" is expanded.
        rng: Source of which images are taken.
        chosen: How many images, which attributes, bins and fixed factors.
        size: The side in pixels; images of another side than 64 are averages of areas.

    Raises:
        DataError: One line that names the file, for one that is absent, damaged or of another layout, and
            where h5py is not installed; or for a factor or value that does not exist.
    """
    space = FactorSpace(FACTORS, Selection() if chosen is None else chosen)
    try:
        file_path = regular(path)
        import h5py  # an extra

        with h5py.File(file_path, "r") as file:
            images, table = _images(file), _table(file)
            if len(images) != len(table):
                raise DataError(f"{len(images)} images but {len(table)} rows of labels")
            rows = space.rows(table, rng)
            pixels = gather(lambda start, stop: images[start:stop], rows, size)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; it should be {OBTAIN}") from error
    except ImportError as error:
        raise DataError(f"{path}: reading HDF5 needs h5py: pip install h5py") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except (OSError, RuntimeError, KeyError, ValueError) as error:  # what damaged files raise
        raise DataError(f"{path}: not a readable HDF5 file ({' '.join(str(error).split())})") from error
    return ImageSet(
        pixels,
        space.labels(table[rows]),
        space.names,
        space.value_names,
        name="shapes3d",
        source="3D Shapes (Burgess and Kim 2018)",
        licence="Apache-2.0",
    )


def _images(file: Any) -> Any:
    images = file.get("images")
    if images is None or images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        found = "nothing" if images is None else f"{images.dtype} {images.shape}"
        raise DataError(f"images must be uint8 (N, H, W, 3), got {found}")
    return images


def _table(file: Any) -> np.ndarray:
    """The index of each value (N, 6)."""
    labels = file.get("labels")
    if labels is None or labels.ndim != 2 or labels.shape[1] != len(VALUES):
        found = "nothing" if labels is None else f"{labels.dtype} {labels.shape}"
        raise DataError(f"labels must be (N, {len(VALUES)}), got {found}")
    columns = []
    for (name, values), column in zip(VALUES.items(), labels[:].T, strict=True):
        index = np.abs(column[:, None] - values).argmin(1)
        wrong = np.abs(values[index] - column) > 1e-3
        if wrong.any():
            raise DataError(
                f"labels of {name} must be {values[0]:g} to {values[-1]:g}, got {column[wrong][0]:g}"
            )
        columns.append(index)
    return np.stack(columns, axis=1)
