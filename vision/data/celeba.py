"""CelebA (Liu, Luo, Wang and Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015) from its folder.

    img_align_celeba/000001.jpg ...   202,599 faces of 178x218 pixels
    list_attr_celeba.txt              40 attributes of each, present (1) or absent (-1)

Pictures are cropped about their centre to a square and scaled. Only those that are asked for are read.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from vision.data.folder import read_images
from vision.data.images import DataError, ImageSet
from vision.data.selection import FactorSpace, Selection
from vision.data.tables import Problems, read_table

OBTAIN = (
    "img_align_celeba and list_attr_celeba.txt of CelebA, from "
    "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
)
PICTURES, TABLE = "img_align_celeba", "list_attr_celeba.txt"
ABSENT, PRESENT = "no", "yes"


def celeba(
    folder: str | os.PathLike[str],
    rng: np.random.Generator,
    chosen: Selection | None = None,
    *,
    size: int = 64,
) -> ImageSet:
    """Faces with attributes that are present or absent.

    Args:
        folder: Where folder and list are; "~" is expanded.
        rng: Source of which pictures are taken.
        chosen: How many pictures, which attributes, fixed ones ("yes" or "no").
        size: The side in pixels.

    Raises:
        DataError: One line that names the file, for one that is absent, damaged or of another layout; or for
            an attribute or value that does not exist.
    """
    folder = Path(folder).expanduser()
    for path in (folder / TABLE, folder / PICTURES):
        if not path.exists():
            raise DataError(f"{folder}: has no {path.name}; it should hold {OBTAIN}")
    read = read_table(folder / TABLE)
    read.problems.raise_any(read.path, read.total)
    if not read.binary:
        raise DataError(f"{read.path}: not the list of CelebA: expected the number of its rows, then names")
    files = read.columns["file"]
    table = np.stack([np.array(read.columns[name]) == "1" for name in read.binary], axis=1).astype(np.int64)
    space = FactorSpace(
        dict.fromkeys(read.binary, (ABSENT, PRESENT)), Selection() if chosen is None else chosen
    )
    rows = space.rows(table, rng)
    problems = Problems()
    images = read_images(folder / PICTURES, [files[row] for row in rows], (size, size), 3, True, problems)
    problems.raise_any(read.path, len(rows))
    return ImageSet(
        images,
        space.labels(table[rows]),
        space.names,
        space.value_names,
        binary=space.names,
        name="celeba",
        source="CelebA (Liu et al. 2015)",
        licence="for research that is not commercial",
    )
