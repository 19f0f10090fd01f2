r"""dSprites (Matthey, Higgins, Hassabis and Lerchner 2017), drawn rather than read, and its coloured and
noisy variants.

A sprite is a polygon with the centre (16 + 32 x, 16 + 32 y) in pixels, y downwards. With r = 9.6 pixels its
outline at scale 1 is

    square    a square of side 2r
    ellipse   100 vertices on semi-axes 1.33 r (horizontal) and r / 1.33
    heart     150 vertices, t = 2 pi k / 150:  X = r sin^3 t,
              Y = -(r / 14.5) (13 cos t - 5 cos 2t - 2 cos 3t - cos 4t) - 0.15 r

which is scaled, rotated counter-clockwise, moved, and rounded to 1/256 pixel. A pixel is white where a ray
from its centre crosses the outline an odd number of times; all of this is exact in integers.

The pictures equal the 363 frames of the data set that its authors show outside of the file. The numbers of
vertices and the constants of ellipse and heart are inferred, so that some tens of pixels of the 737,280
pictures in the file may differ. All of them are drawn in seconds, about as fast as they could be read.

Variants are those of disentanglement_lib (Locatello et al., ICML 2019): Color-dSprites multiplies the sprite
by a colour that is uniform in [0.5, 1]^3, Noisy-dSprites replaces the background by noise, uniform in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from vision.compiling import compiled
from vision.data.images import DataError, ImageSet
from vision.data.rooms import PALETTE
from vision.data.selection import FactorSpace, Selection, grid
from vision.spelling import nearest

SHAPES = ("square", "ellipse", "heart")
SCALES = np.linspace(0.5, 1, 6)
ANGLES = np.linspace(0, 2 * np.pi, 40)
"""In radians; the last is the first again."""
POSITIONS = np.linspace(0, 1, 32)
FACTORS = {
    "shape": SHAPES,
    "scale": tuple(f"{scale:g}" for scale in SCALES),
    "orientation": tuple(f"{angle:.0f}" for angle in np.rad2deg(ANGLES)),
    "x": tuple(f"{position:.3g}" for position in POSITIONS),
    "y": tuple(f"{position:.3g}" for position in POSITIONS),
}
"""The names of values; orientation in degrees."""
SIZES = tuple(len(values) for values in FACTORS.values())
SIDE = 64
SIDES = (64, 32, 16, 8)
RADIUS = 9.6
AT_ONCE = 4096
"""Images that are drawn at a time, so that what lies between bits and bytes stays small."""

Variant = Literal["plain", "color", "noisy"]


def _outlines() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (3, 150, 2) at scale 1 in pixels about the centre, and how many each shape has (3,)."""
    square = RADIUS * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=np.float64)
    t = 2 * np.pi * np.arange(100) / 100
    ellipse = np.stack((RADIUS * 1.33 * np.cos(t), RADIUS / 1.33 * np.sin(t)), axis=1)
    t = 2 * np.pi * np.arange(150) / 150
    lobes = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    heart = np.stack((RADIUS * np.sin(t) ** 3, -(RADIUS / 14.5) * lobes - 0.15 * RADIUS), axis=1)
    found = np.zeros((3, 150, 2))
    for place, outline in enumerate((square, ellipse, heart)):
        found[place, : len(outline)] = outline
    return found, np.array([4, 100, 150])


def _polygons() -> np.ndarray:
    """The outlines at each scale and angle, (3, 6, 40, 150, 2) in pixels about the centre."""
    outlines, _ = _outlines()
    x, y = np.moveaxis(outlines[:, None, None] * SCALES[:, None, None, None], -1, 0)
    cos, sin = np.cos(ANGLES)[:, None], np.sin(ANGLES)[:, None]
    return np.stack((x * cos + y * sin, -x * sin + y * cos), axis=-1)


@compiled(nogil=True)
def _rasterise(factors, polygons, counts, centres, rows):  # type: ignore[no-untyped-def]
    """Draw sprites; `rows` (N, 64) uint64 has one bit for each pixel, the leftmost the highest.

    An edge from (x0, y0) to (x1, y1) crosses the rows whose centres are in (y0, y1]. It flips all pixels
    whose centre is at the crossing or right of it, so those inside are flipped an odd number of times.
    """
    x = np.empty(151, dtype=np.int64)
    y = np.empty(151, dtype=np.int64)
    half = 256 // 2
    for i in range(len(factors)):
        shape, scale, angle, across, down = factors[i]
        outline, n = polygons[shape, scale, angle], counts[shape]
        for k in range(n):
            x[k] = np.int64(np.rint((outline[k, 0] + centres[across]) * 256))
            y[k] = np.int64(np.rint((outline[k, 1] + centres[down]) * 256))
        x[n], y[n] = x[0], y[0]
        rows[i] = 0
        for k in range(n):
            x0, y0, x1, y1 = x[k], y[k], x[k + 1], y[k + 1]
            if y0 > y1:
                x0, y0, x1, y1 = x1, y1, x0, y0
            for row in range((y0 - half) // 256 + 1, (y1 - half) // 256 + 1):
                scaled = (256 * row + half - y0) * (x1 - x0) + (x0 - half) * (y1 - y0)
                column = -((-scaled) // (256 * (y1 - y0)))
                rows[i, row] ^= np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(column)


@compiled(nogil=True)
def _paint(rows, side, ones, values, images):  # type: ignore[no-untyped-def]
    """Set the pixels of black `images` (N, C, S, S) by how many of their side x side bits in `rows` (N, 64)
    are set: `values` (N, C, side^2 + 1) says to what, and `ones` (2^side,) how many bits of a number are.
    """
    n, channels, size, _ = images.shape
    mask = np.uint64(2**side - 1)
    for i in range(n):
        for row in range(size):
            union = np.uint64(0)
            for k in range(side):
                union |= rows[i, row * side + k]
            if union == 0:
                continue
            for column in range(size):
                shift = np.uint64(64 - (column + 1) * side)
                if (union >> shift) & mask == 0:
                    continue
                count = 0
                for k in range(side):
                    count += ones[(rows[i, row * side + k] >> shift) & mask]
                for channel in range(channels):
                    images[i, channel, row, column] = values[i, channel, count]


def packed(factors: np.ndarray) -> np.ndarray:
    """Sprites as bits, uint8 (N, 512): `numpy.packbits` of their pixels, row by row.

    Args:
        factors: Indices (N, 5) of shape, scale, orientation, x and y.

    Raises:
        ValueError: For another shape, or an index out of range.
    """
    return _rows(factors).astype(">u8").view(np.uint8).reshape(len(factors), -1)


def _rows(factors: np.ndarray) -> np.ndarray:
    """Sprites (N, 64) uint64, a row of pixels each; arguments and errors as `packed`."""
    factors = np.ascontiguousarray(factors, dtype=np.int64)
    if factors.ndim != 2 or factors.shape[1] != len(SIZES) or (factors < 0).any() or (factors >= SIZES).any():
        raise ValueError(f"dsprites: expected factors (N, {len(SIZES)}) of indices below {SIZES}")
    rows = np.empty((len(factors), SIDE), dtype=np.uint64)
    _rasterise(factors, _polygons(), _outlines()[1], 16 + 32 * POSITIONS, rows)
    return rows


def dsprites(
    rng: np.random.Generator,
    chosen: Selection | None = None,
    *,
    size: int = SIDE,
    variant: Variant = "plain",
    palette: Sequence[str] = (),
) -> ImageSet:
    """A set of sprites, which also renders any other combination of its attributes unless factors depend on
    each other.

    Args:
        rng: Source of which images are taken, of colours and of noise.
        chosen: How many images, which attributes, bins and fixed factors; by default all 737,280 images.
        size: The side in pixels, 64, 32, 16 or 8. Pixels of a smaller image are averages, so it has greys.
        variant: White sprites on black; coloured ones; or white ones on noise. The latter two have 3
            channels.
        palette: The names of colours (`vision.data.rooms.PALETTE`) of coloured sprites, which are then a
            sixth factor, `colour`; without them the colour is random and has no name.

    Raises:
        DataError: For an unknown factor, value or colour, black, or colours of sprites that have none.
        ValueError: For another size.
    """
    chosen = Selection() if chosen is None else chosen
    space = FactorSpace(FACTORS | _colours(palette, variant), chosen)
    if size not in SIDES:
        raise ValueError(f"dsprites: size must be one of {SIDES}, got {size}")

    def colours(table: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if variant == "plain":
            return np.full((len(table), 1), 255)
        if palette:
            return np.array([PALETTE[name] for name in palette])[table[:, -1]]
        return 255 * rng.uniform(0.5, 1, (len(table), 3))

    def render(table: np.ndarray, rng: np.random.Generator) -> Tensor:
        images = np.zeros((len(table), 1 if variant == "plain" else 3, size, size), dtype=np.uint8)
        for start in range(0, len(table), AT_ONCE):
            part, target = table[start : start + AT_ONCE], images[start : start + AT_ONCE]
            rows = _rows(part[:, : len(SIZES)])
            if variant == "noisy":
                _draw_on_noise(rows, target, rng)
            else:
                _paint_all(rows, colours(part, rng), target)
        return torch.from_numpy(images)

    every = grid(SIZES)
    table = every[space.rows(every, rng)]
    if palette:
        table = np.column_stack((table, rng.choice(space.allowed[-1], len(table))))
    return ImageSet(
        render(table, rng),
        space.labels(table),
        space.names,
        space.value_names,
        name="dsprites" if variant == "plain" else f"{variant}-dsprites",
        source="rendered",
        render=None if chosen.joint else lambda labels, rng: render(space.draw(labels, rng), rng),
        colours={"colour": tuple(PALETTE[name] for name in palette)} if "colour" in space.names else {},
    )


def _colours(palette: Sequence[str], variant: Variant) -> dict[str, tuple[str, ...]]:
    """The factor of the colours of a palette."""
    if palette and variant != "color":
        raise DataError(f"a palette is of coloured sprites, and these are {variant}")
    for name in palette:
        if name not in PALETTE:
            raise DataError(f"no colour {name!r}{nearest(name, PALETTE)}: there are {', '.join(PALETTE)}")
    if "black" in palette:
        raise DataError("black sprites cannot be seen: the background is black")
    return {"colour": tuple(palette)} if palette else {}


def _paint_all(rows: np.ndarray, rgb: np.ndarray, images: np.ndarray) -> None:
    """Draw sprites (N, 64) uint64 in colours `rgb` (N, C) of 0 to 255 into black images (N, C, S, S)."""
    side = SIDE // images.shape[-1]
    if side == 1:
        bits = np.unpackbits(rows.astype(">u8").view(np.uint8), axis=1).reshape(-1, 1, SIDE, SIDE)
        np.multiply(bits, np.rint(rgb[..., None, None]).astype(np.uint8), out=images)
        return
    shares = np.arange(side**2 + 1) / side**2
    values = np.rint(rgb[..., None] * shares).astype(np.uint8)
    ones = np.array([bits.bit_count() for bits in range(2**side)])
    _paint(rows, side, ones, values, images)


def _draw_on_noise(rows: np.ndarray, images: np.ndarray, rng: np.random.Generator) -> None:
    """Draw white sprites (N, 64) uint64 on noise into images (N, 3, S, S)."""
    white = np.zeros((len(rows), 1, SIDE, SIDE), dtype=np.uint8)
    _paint_all(rows, np.full((len(rows), 1), 255), white)
    noisy = white | rng.integers(0, 256, (len(rows), 3, SIDE, SIDE), dtype=np.uint8)
    size = images.shape[-1]
    side = SIDE // size
    if side == 1:
        images[:] = noisy
    else:
        images[:] = np.rint(noisy.reshape(len(rows), 3, size, side, size, side).mean((3, 5)))
