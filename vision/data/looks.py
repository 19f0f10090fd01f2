"""What the pictures of a set look like, of some of them: sizes, where they differ, a background."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
import torch
from torch import Tensor

from vision.data.background import Laid, best_background
from vision.data.content import Box, content_box
from vision.data.images import DataError
from vision.data.pictures import read_picture

LOOKED_AT = 200
"""Pictures that are looked at, at most."""
COMPARED = 256
"""Rows and columns of a picture that are compared with others', at most; of larger ones every so many."""


class Looks(TypedDict):
    """What is found."""

    shape: tuple[int, int]
    """(height, width) of most of them in pixels."""
    sizes: int
    """How many sizes they have."""
    box: Box | None
    """Where they differ; None where they have several sizes."""
    background: str
    """What transparent ones are best laid over."""


class _Picture(NamedTuple):
    laid: Laid
    """Of `COMPARED` rows and columns at most."""
    shape: tuple[int, int]


def spread(n: int) -> np.ndarray:
    """Indices of at most `LOOKED_AT` of n images, spread evenly: a stored set may be sorted."""
    return np.unique(np.linspace(0, max(0, n - 1), min(n, LOOKED_AT)).astype(int))


def looks(base: Path, files: Sequence[str]) -> Looks:
    """Look at some picture files.

    Args:
        base: The folder that `files` are relative to.
        files: Names, in any order; those that cannot be read are left out.

    Raises:
        DataError: When none can be read.
    """
    pictures: list[_Picture] = []
    chosen = spread(len(files)).tolist()
    others = sorted(set(range(len(files))).difference(chosen))
    for place, index in enumerate((*chosen, *others)):
        if pictures and place >= len(chosen):
            break  # others are read only where none of the first can be
        try:
            pictures.append(_read(base / files[index]))
        except (DataError, FileNotFoundError):
            continue
    if not pictures:
        raise DataError(f"{base}: none of {len(files)} files can be read as a picture")
    shapes = Counter(picture.shape for picture in pictures)
    shape = shapes.most_common(1)[0][0]
    box = None
    if len(shapes) == 1:
        compared = torch.stack([torch.cat(picture.laid) for picture in pictures])
        box = _enlarged(content_box(compared), _step(shape), shape)
    background = best_background(picture.laid for picture in pictures)
    return Looks(shape=shape, sizes=len(shapes), box=box, background=background)


def _read(path: Path) -> _Picture:
    black = read_picture(path, background="black")
    white = read_picture(path, background="white") if black.has_transparency else black
    step = _step(black.found)
    return _Picture(Laid(_thinned(black.pixels, step), _thinned(white.pixels, step)), black.found)


def _step(shape: tuple[int, int]) -> int:
    return -(-max(shape) // COMPARED)


def _thinned(pixels: Tensor, step: int) -> Tensor:
    return pixels[:, ::step, ::step].clone()


def _enlarged(box: Box, step: int, shape: tuple[int, int]) -> Box:
    """A box of every so many rows and columns, in all of them."""
    bottom, right = min(box.bottom * step, shape[0]), min(box.right * step, shape[1])
    return Box(box.top * step, box.left * step, bottom, right)
