r"""The rooms: a rendered replacement for the DeepMind Lab rooms of SCAN (Higgins et al., ICLR 2018), which
were not released.

A camera that rotates about the vertical axis sees the sky, three walls of one colour, a floor, and one object
that rests on it. Four factors are named: wall, floor and object colour (16 each) and the object
(3), so 12,288 visible combinations. Four nuisances are not: camera yaw, object rotation about the vertical
axis, and the object's position on the floor (the spawn animation).

The picture is exact geometry, vectorised over the batch. The camera has no pitch, so every image column sees
one wall at one distance ``t`` along its ray, and with eye height ``e`` and wall height ``h``

    floor below  v = -e / t,      sky above  v = (h - e) / t,

which gives the fraction of each pixel that is floor, wall and sky in closed form. Objects are unions of boxes
and elliptic cylinders, intersected by SAMPLES^2 rays a pixel in a window around the object
(`vision.data.solids`).
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vision.data.images import ImageSet
from vision.data.solids import OBJECTS, draw

PALETTE = {
    "white": (245, 245, 245),
    "black": (18, 18, 18),
    "red": (225, 25, 25),
    "green": (20, 150, 40),
    "blue": (30, 50, 225),
    "yellow": (245, 225, 30),
    "cyan": (30, 220, 230),
    "magenta": (230, 30, 215),
    "orange": (245, 130, 20),
    "purple": (120, 30, 150),
    "pink": (250, 150, 190),
    "brown": (115, 65, 20),
    "lime": (130, 240, 40),
    "teal": (20, 125, 130),
    "navy": (20, 20, 115),
    "grey": (128, 128, 128),
}
SHAPES = ("hat", "ice lolly", "suitcase")
NAMES = ("wall", "floor", "object", "shape")
VALUES = (tuple(PALETTE), tuple(PALETTE), tuple(PALETTE), SHAPES)
SIZES = tuple(len(values) for values in VALUES)

SKY = (0.70, 0.84, 0.97)
WALL_SHADES = (0.80, 1.0, 0.90)  # left, back, right
EYE, WALL_HEIGHT, HALF_WIDTH, DEPTH = 1.0, 2.4, 1.9, 4.2
HALF_VIEW = 0.62  # tangent of half the field of view
SHIFT = 0.12  # the image plane lies this much below the horizon, for more floor than sky
LIGHT = (-0.45, 0.75, -0.48)  # towards the light, unit length
SCALE = 0.70  # of objects, in room units
MOTION = 1 / 3  # mean change between frames, in standard deviations of a nuisance
SAMPLES = 2  # rays a pixel, per side


class Nuisances(NamedTuple):
    """What varies between images beside the factors: arrays (N,)."""

    yaw: np.ndarray
    """Of the camera, in radians."""
    rotation: np.ndarray
    """Of the object, in radians."""
    across: np.ndarray
    """The object's position to the right, in room units."""
    away: np.ndarray
    """The object's distance along the view, in room units."""


RANGES = Nuisances(
    yaw=np.array([-0.15, 0.15]),
    rotation=np.array([-0.8, 0.8]),
    across=np.array([-0.22, 0.22]),
    away=np.array([1.95, 2.25]),
)


def sample_nuisances(n: int, rng: np.random.Generator) -> Nuisances:
    """`n` draws, uniform over RANGES."""
    return Nuisances(*(rng.uniform(low, high, n).astype(np.float32) for low, high in RANGES))


def moved(nuisances: Nuisances, rng: np.random.Generator) -> Nuisances:
    """The nuisances of each image's next frame: camera and object have moved a little, within RANGES.

    Changes are Laplace distributed, mostly small and sometimes large, as in Klindt et al., "Towards Nonlinear
    Disentanglement in Natural Data with Temporal Sparse Coding", ICLR 2021.

    Args:
        nuisances: N of each.
        rng: Source of the changes.
    """
    parts = []
    for column, (low, high) in zip(nuisances, RANGES, strict=True):
        scale = MOTION * (high - low) / math.sqrt(12)
        changed = column + rng.laplace(0.0, scale, len(column))
        parts.append(np.clip(changed, low, high).astype(np.float32))
    return Nuisances(*parts)


def frames(factors: np.ndarray, *, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Two neighbouring frames of each room: the factors stay, camera and object move.

    Args:
        factors: Indices (N, 4) of wall, floor, object colour and shape.
        size: Height and width in pixels.
        rng: Source of the nuisances and their changes.

    Returns:
        Images (N, 3, size, size) uint8, and the next frame of each.
    """
    nuisances = sample_nuisances(len(factors), rng)
    return render(factors, nuisances, size), render(factors, moved(nuisances, rng), size)


def _backdrop(wall: Tensor, floor: Tensor, yaw: Tensor, size: int) -> Tensor:
    """Sky, walls and floor (B, 3, size, size): exact coverage down each of ``SAMPLES`` columns a pixel."""
    u = ((torch.arange(size * SAMPLES) + 0.5) / (size * SAMPLES) * 2 - 1) * HALF_VIEW
    cos, sin = yaw.cos()[:, None], yaw.sin()[:, None]
    right, ahead = u * cos + sin, cos - u * sin
    to_side, to_back = HALF_WIDTH / right.abs().clamp_min(1e-6), DEPTH / ahead.clamp_min(1e-6)
    t = torch.minimum(to_side, to_back)[:, None]
    left, back, other = WALL_SHADES
    shade = torch.where(to_back < to_side, back, torch.where(right < 0, left, other))[:, None]
    row = torch.arange(size)[:, None]

    def above(v: Tensor) -> Tensor:  # the fraction of each pixel that lies above height v on the image plane
        return ((1 - (v + SHIFT) / HALF_VIEW) * (size / 2) - row).clamp(0, 1)

    sky, not_floor = above((WALL_HEIGHT - EYE) / t), above(-EYE / t)
    shares = torch.stack([sky, (not_floor - sky) * shade, 1 - not_floor], 1)
    shares = shares.unflatten(-1, (size, SAMPLES)).mean(-1)
    paints = torch.stack([torch.tensor(SKY).expand_as(wall), wall, floor], 1)
    return torch.einsum("blhw,blc->bchw", shares, paints)


class Window(NamedTuple):
    """The part of the image that holds an object: ``width`` columns from each image's first (B,)."""

    top: int
    bottom: int
    width: int
    first: Tensor


def _window(shape: str, size: int, bearing: Tensor, distance: Tensor) -> Window:
    """Bounds of an object seen at these bearings (B,), from its bounding cylinder."""
    solids = OBJECTS[shape]
    radius = SCALE * max(solid.radius for solid in solids)
    height = SCALE * max(solid.centre[1] + solid.half[1] for solid in solids)
    near, far = float(RANGES.away[0]) - radius, math.hypot(RANGES.away[1], RANGES.across[1]) + radius
    highest, lowest = max((height - EYE) / near, (height - EYE) / far), -EYE / near
    pixels = size / 2 / HALF_VIEW
    top = max(0, math.floor(size / 2 - (highest + SHIFT) * pixels))
    bottom = min(size, math.ceil(size / 2 - (lowest + SHIFT) * pixels))
    half = torch.asin(radius / distance)
    left, right = torch.tan(bearing - half), torch.tan(bearing + half)
    width = min(size, math.ceil(float((right - left).max()) * pixels) + 1)
    first = (size / 2 + left * pixels).floor().long().clamp(0, size - width)
    return Window(top, bottom, width, first)


def _render(shape: str, factors: Tensor, nuisances: Nuisances, size: int) -> Tensor:
    """Images (B, 3, size, size) in [0, 1] that all show the same kind of object."""
    palette = torch.tensor(list(PALETTE.values())) / 255.0
    wall, floor, colour = (palette[factors[:, k]] for k in range(3))
    yaw, rotation, across, away = (torch.as_tensor(column, dtype=torch.float32) for column in nuisances)
    image = _backdrop(wall, floor, yaw, size)
    x, z = (
        across * yaw.cos() - away * yaw.sin(),
        across * yaw.sin() + away * yaw.cos(),
    )  # in the camera's frame
    top, bottom, width, first = _window(shape, size, torch.atan2(x, z), torch.hypot(x, z))
    columns = first[:, None] + (torch.arange(width * SAMPLES) + 0.5) / SAMPLES
    rows = top + (torch.arange((bottom - top) * SAMPLES) + 0.5) / SAMPLES
    u, v = (columns / size * 2 - 1) * HALF_VIEW, (1 - rows / size * 2) * HALF_VIEW - SHIFT

    def turned(
        right: Tensor, ahead: Tensor, angle: Tensor
    ) -> tuple[Tensor, Tensor]:  # about the vertical axis
        cos, sin = angle.cos()[:, None], angle.sin()[:, None]
        return (right * cos - ahead * sin)[:, None], (right * sin + ahead * cos)[:, None]

    d_x, d_z = turned(u, torch.ones(()), rotation + yaw)
    o_x, o_z = turned(-x[:, None], -z[:, None], rotation + yaw)
    l_x, l_z = turned(torch.tensor(LIGHT[0]), torch.tensor(LIGHT[2]), rotation)
    eye, height = torch.tensor(EYE / SCALE), torch.tensor(LIGHT[1])
    origin, direction = (o_x / SCALE, eye, o_z / SCALE), (d_x / SCALE, v[:, None] / SCALE, d_z / SCALE)
    rgb, hit = draw(OBJECTS[shape], colour, origin, direction, (l_x, height, l_z))
    rgb, hit = _pool(rgb), _pool(hit.float())[:, None]
    place = (first[:, None] + torch.arange(width))[:, None, None].expand(-1, 3, bottom - top, -1)
    part = image[:, :, top:bottom]
    part.scatter_(3, place, part.gather(3, place) * (1 - hit) + rgb)
    return image


def _pool(rays: Tensor) -> Tensor:
    """Average ``SAMPLES`` x ``SAMPLES`` rays (..., rows, columns) to one pixel."""
    height, width = rays.shape[-2] // SAMPLES, rays.shape[-1] // SAMPLES
    return rays.unflatten(-1, (width, SAMPLES)).mean(-1).unflatten(-2, (height, SAMPLES)).mean(-2)


def render(factors: np.ndarray, nuisances: Nuisances, size: int = 64, chunk: int = 256) -> Tensor:
    """Render rooms.

    Args:
        factors: Indices (N, 4) of wall, floor, object colour and shape.
        nuisances: N of each.
        size: Height and width in pixels.
        chunk: Images rendered at a time; few make each operation too short to be shared by two threads.

    Returns:
        Images (N, 3, size, size) uint8.

    Raises:
        ValueError: For a factor index out of range, or lengths that differ.
    """
    factors = np.asarray(factors)
    if factors.ndim != 2 or factors.shape[1] != len(SIZES) or (factors < 0).any() or (factors >= SIZES).any():
        raise ValueError(f"rooms: expected factors (N, {len(SIZES)}) of indices below {SIZES}")
    if any(len(column) != len(factors) for column in nuisances):
        lengths = [len(column) for column in nuisances]
        raise ValueError(
            f"rooms: expected {len(factors)} of each nuisance, as many as factor rows; got {lengths}"
        )
    images = torch.empty(len(factors), 3, size, size, dtype=torch.uint8)
    for kind, shape in enumerate(SHAPES):
        for rows in np.split(np.flatnonzero(factors[:, 3] == kind), range(chunk, len(factors), chunk)):
            if len(rows) == 0:
                break
            part = Nuisances(*(column[rows] for column in nuisances))
            block = _render(shape, torch.from_numpy(factors[rows]).long(), part, size)
            images[torch.from_numpy(rows)] = block.mul_(255).round_().clamp_(0, 255).to(torch.uint8)
    return images


def rooms(n: int, *, size: int = 64, rng: np.random.Generator) -> ImageSet:
    """A set of rooms with uniform factors and nuisances, which also renders any other combination.

    Args:
        n: The number of images.
        size: Height and width in pixels.
        rng: Source of factors and nuisances.
    """

    def draw(factors: np.ndarray, rng: np.random.Generator) -> Tensor:
        return render(factors, sample_nuisances(len(factors), rng), size)

    factors = np.stack([rng.integers(0, k, n) for k in SIZES], axis=1)
    return ImageSet(
        draw(factors, rng),
        factors,
        NAMES,
        VALUES,
        name="rooms",
        source="rendered",
        render=draw,
        colours=dict.fromkeys(NAMES[:3], tuple(PALETTE.values())),
    )
