"""MNIST (LeCun, Cortes and Burges 1998) from its idx files, and MNIST-A (Vedantam, Fischer, Huang and Murphy,
"Generative Models of Visually Grounded Imagination", ICLR 2018), made from it by the published recipe.

An image of MNIST-A is a digit on a canvas of 64x64 pixels:

    orientation  clockwise N(-45, 10), upright 0, counterclockwise N(45, 10) degrees, in [-90, 90]; bicubic
    scale        small N(0.6, 0.1), big N(0.9, 0.1), in [0.4, 1]; bicubic, of the rotated picture
    location     of the centre: 12 or 52 in x and in y, plus N(0, 4), drawn again until all of it is inside
    binarised    each pixel is white with the probability of its grey (Salakhutdinov and Murray 2008)
"""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vision.data.blocks import ROWS, scaled
from vision.data.images import DataError, ImageSet
from vision.data.paths import regular
from vision.data.selection import FactorSpace, Selection

OBTAIN = "the four idx files of MNIST, from http://yann.lecun.com/exdb/mnist/ or a mirror"
DIGITS = tuple("0123456789")
ATTRIBUTES = {
    "digit": DIGITS,
    "scale": ("big", "small"),
    "orientation": ("clockwise", "upright", "counterclockwise"),
    "location": ("top-left", "top-right", "bottom-left", "bottom-right"),
}
CANVAS = 64
REPLICATION = 10
"""Images of MNIST-A that the published script makes of each digit."""
ANGLES = (-45.0, 0.0, 45.0)
SCALES = (0.9, 0.6)
TRIES = 64
"""Positions that are drawn at once."""

Part = Literal["train", "test", "all"]
_PREFIXES = {"train": ("train",), "test": ("t10k",), "all": ("train", "t10k")}


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """An array of bytes in an idx file, compressed by gzip or not.

    Raises:
        DataError: For a file that is absent, truncated or of another format, naming it.
    """
    try:
        content = regular(path).read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (DataError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a readable idx file ({error})") from error
    dimensions = content[3] if len(content) > 3 else 0
    start = 4 + 4 * dimensions
    if content[:3] != b"\0\0\x08" or len(content) < start:
        raise DataError(f"{path}: not an idx file of bytes (it does not begin as one)")
    shape = tuple(np.frombuffer(content, dtype=">u4", count=dimensions, offset=4).tolist())
    if len(content) - start != int(np.prod(shape)):
        raise DataError(f"{path}: truncated: it is not as large as its shape {shape} says")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def read_mnist(folder: str | os.PathLike[str], part: Part = "train") -> tuple[np.ndarray, np.ndarray]:
    """The digits uint8 (N, 28, 28) in a folder of idx files, and what they are (N,) int64.

    Args:
        folder: Where the files are, as `train-images-idx3-ubyte`, with ".gz" or without; "~" is expanded.
        part: The 60,000 of the training set, the 10,000 of the test set, or all.

    Raises:
        DataError: One line that names the file.
    """
    images, digits = [], []
    for prefix in _PREFIXES[part]:
        images.append(read_idx(_file(Path(folder).expanduser(), f"{prefix}-images-idx3-ubyte")))
        digits.append(read_idx(_file(Path(folder).expanduser(), f"{prefix}-labels-idx1-ubyte")))
        if images[-1].shape[1:] != (28, 28) or digits[-1].shape != images[-1].shape[:1]:
            raise DataError(
                f"{folder}: {prefix} has images {images[-1].shape} and labels {digits[-1].shape}, "
                "expected (N, 28, 28) and (N,)"
            )
    found = np.concatenate(digits).astype(np.int64)
    if found.max(initial=0) > 9:
        raise DataError(f"{folder}: a label is {found.max()}, expected 0 to 9")
    return np.concatenate(images), found


def mnist(
    folder: str | os.PathLike[str],
    rng: np.random.Generator,
    chosen: Selection | None = None,
    *,
    size: Literal[28, 32] = 32,
    part: Part = "train",
) -> ImageSet:
    """The digits with one factor, `digit`.

    Args:
        folder: As for `read_mnist`.
        rng: Source of which images are taken.
        chosen: How many images; which digit is fixed.
        size: 28, or 32 with a black border of two pixels.
        part: As for `read_mnist`.

    Raises:
        DataError: As `read_mnist`, or for a factor or value that does not exist.
    """
    images, digits = read_mnist(folder, part)
    space = FactorSpace({"digit": DIGITS}, Selection() if chosen is None else chosen)
    rows = space.rows(digits[:, None], rng)
    border = (size - 28) // 2
    pixels = np.pad(images[rows], ((0, 0), (border, border), (border, border)))
    labels = space.labels(digits[rows, None])
    return ImageSet(
        torch.from_numpy(pixels[:, None]),
        labels,
        space.names,
        space.value_names,
        name="mnist",
        source="MNIST (LeCun, Cortes and Burges)",
        licence="CC BY-SA 3.0",
    )


def mnist_a(
    folder: str | os.PathLike[str],
    rng: np.random.Generator,
    chosen: Selection | None = None,
    *,
    size: int = CANVAS,
    part: Part = "train",
    binarised: bool = True,
) -> ImageSet:
    """A set of MNIST-A, which also renders any other combination unless factors depend on each other.

    Args:
        folder: As for `read_mnist`.
        rng: Source of digits, attributes, rotations, scales and places.
        chosen: How many images, by default ten for each digit; which attributes, fixed or not.
        size: The side in pixels; images of another side than 64 are averages of areas.
        part: The digits that are used.
        binarised: Whether the 64x64 images are black and white, drawn as the module says.

    Raises:
        DataError: As `read_mnist`, for a digit of which there is none, or a factor or value that does not
            exist.
    """
    chosen = Selection() if chosen is None else chosen
    digits, kinds = read_mnist(folder, part)
    space = FactorSpace(ATTRIBUTES, chosen)
    of_kind = [np.flatnonzero(kinds == kind) for kind in range(len(DIGITS))]
    for kind in space.allowed[0]:
        if not len(of_kind[kind]):
            raise DataError(f"{folder}: has no digit {kind}")

    def render(table: np.ndarray, rng: np.random.Generator) -> Tensor:
        canvases = np.empty((len(table), 1, CANVAS, CANVAS), dtype=np.uint8)
        for row, (kind, scale, orientation, location) in enumerate(table.tolist()):
            picture = Image.fromarray(digits[rng.choice(of_kind[kind])])
            canvases[row, 0] = _placed(picture, scale, orientation, location, rng)
        images = torch.empty((len(table), 1, size, size), dtype=torch.uint8)
        for part in (slice(start, start + ROWS) for start in range(0, len(table), ROWS)):
            greys = canvases[part]
            if binarised:
                greys = np.where(rng.random(greys.shape) * 255 < greys, np.uint8(255), np.uint8(0))
            images[part] = scaled(torch.from_numpy(greys), size)
        return images

    n = REPLICATION * len(digits) if chosen.images is None else chosen.images
    table = space.sample(n, rng)
    return ImageSet(
        render(table, rng),
        space.labels(table),
        space.names,
        space.value_names,
        name="mnist-a",
        source="MNIST (LeCun, Cortes and Burges), transformed as MNIST-A (Vedantam et al. 2018)",
        licence="CC BY-SA 3.0",
        render=None if chosen.joint else lambda labels, rng: render(space.draw(labels, rng), rng),
    )


def _file(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise DataError(f"{folder}: has no {name} or {name}.gz; it should hold {OBTAIN}")


def _placed(
    digit: Image.Image, scale: int, orientation: int, location: int, rng: np.random.Generator
) -> np.ndarray:
    """A digit on its canvas, uint8 (64, 64)."""
    angle = 0.0
    if ANGLES[orientation]:
        angle = _within(ANGLES[orientation], 10, -90, 90, rng)
    factor = _within(SCALES[scale], 0.1, 0.4, 1, rng)
    turned = digit.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    turned.thumbnail((int(turned.width * factor), int(turned.height * factor)), Image.Resampling.BICUBIC)
    canvas = np.zeros((CANVAS, CANVAS), dtype=np.uint8)
    across = _centre(location % 2, turned.width, rng) - turned.width // 2 - 1
    down = _centre(location // 2, turned.height, rng) - turned.height // 2 - 1
    canvas[down : down + turned.height, across : across + turned.width] = np.asarray(turned)
    return canvas


def _within(mean: float, deviation: float, low: float, high: float, rng: np.random.Generator) -> float:
    """A normal variate, drawn again until it lies in an interval."""
    while True:
        value = rng.normal(mean, deviation)
        if low <= value <= high:
            return float(value)


def _centre(second: int, length: int, rng: np.random.Generator) -> int:
    """The centre of a digit of this length along one axis, near the first or the second place."""
    half = length // 2 + 1
    mean = 3 * CANVAS // 4 + CANVAS // 16 if second else CANVAS // 4 - CANVAS // 16
    while True:
        values = (mean + rng.normal(0, CANVAS / 16, TRIES)).astype(np.int64)
        inside = values[(values + half <= CANVAS) & (values - half >= 1)]
        if len(inside):
            return int(inside[0])
