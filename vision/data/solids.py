"""Solids that a camera sees: analytic intersection of rays with boxes and elliptic cylinders, and shading.

A ray is origin + t * direction in the frame of the object. Its horizontal part depends on its image column
alone and its vertical part on its row alone, so that nearly all of the arithmetic is one-dimensional and
broadcast: coordinates x and z are (B, 1, columns), y is (rows, 1) or a scalar.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

WOOD, LEATHER = (0.80, 0.65, 0.42), (0.25, 0.22, 0.20)
AMBIENT = 0.72
"""Brightness of a surface that faces away from the light, in 0..1."""

Vector = tuple[Tensor, ...]
"""x (right), y (up), z (away from the camera)."""


class Solid(NamedTuple):
    """A primitive of an object: a box, or an elliptic cylinder about the y or the z axis."""

    kind: str
    """"box", "y" or "z"."""
    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    """Half of its extent along x, y and z."""
    paint: tuple[float, float, float] | None = None
    """RGB in [0, 1]; None for the colour of the object."""

    @property
    def radius(self) -> float:
        """Of the smallest upright cylinder about its centre that contains it."""
        if self.kind == "box":
            return math.hypot(self.half[0], self.half[2])
        return max(self.half[0], self.half[2])


OBJECTS: dict[str, tuple[Solid, ...]] = {
    "hat": (
        Solid("y", (0.0, 0.09, 0.0), (1.10, 0.09, 0.80)),
        Solid("y", (0.0, 0.60, 0.0), (0.66, 0.52, 0.48)),
    ),
    "ice lolly": (
        Solid("y", (0.0, 0.25, 0.0), (0.11, 0.25, 0.11), WOOD),
        Solid("box", (0.0, 0.93, 0.0), (0.56, 0.50, 0.24)),
        Solid("z", (0.0, 1.43, 0.0), (0.56, 0.50, 0.24)),
    ),
    "suitcase": (
        Solid("box", (0.0, 0.52, 0.0), (0.88, 0.52, 0.30)),
        Solid("box", (0.0, 1.15, 0.0), (0.26, 0.11, 0.08), LEATHER),
    ),
}


def _slab(origin: Tensor, direction: Tensor, half: float) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave the slab ``|coordinate| <= half``."""
    inverse = 1.0 / torch.where(direction.abs() < 1e-6, 1e-6, direction)
    middle, reach = -origin * inverse, inverse.abs() * half
    return middle - reach, middle + reach


def _tube(origin: Vector, direction: Vector, half: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave an infinite elliptic cylinder; an empty interval where they miss it."""
    o_1, o_2, d_1, d_2 = (
        origin[0] / half[0],
        origin[1] / half[1],
        direction[0] / half[0],
        direction[1] / half[1],
    )
    a, b = d_1 * d_1 + d_2 * d_2, o_1 * d_1 + o_2 * d_2
    root = b * b - a * (o_1 * o_1 + o_2 * o_2 - 1.0)
    middle, reach = -b / a, root.clamp_min(0).sqrt() / a
    return torch.where(root > 0, middle - reach, math.inf), middle + reach


def _enter(solid: Solid, origin: Vector, direction: Vector, light: Vector) -> tuple[Tensor, Tensor]:
    """Distance at which rays enter a solid (infinite where they miss it), cosine to the light there."""
    o, d, half = [c - centre for c, centre in zip(origin, solid.centre, strict=True)], direction, solid.half
    slabs = [_slab(o[k], d[k], half[k]) for k in range(3)]
    facing = [-torch.sign(d[k]) * light[k] for k in range(3)]
    if solid.kind == "box":
        (near, far), cosine, caps = slabs[0], facing[0], [2, 1]
    else:
        i, j, caps = (0, 2, [1]) if solid.kind == "y" else (0, 1, [2])
        near, far = _tube((o[i], o[j]), (d[i], d[j]), (half[i], half[j]))
        n_i, n_j = (o[i] + near * d[i]) / half[i] ** 2, (o[j] + near * d[j]) / half[j] ** 2
        cosine = (n_i * light[i] + n_j * light[j]) * (n_i * n_i + n_j * n_j).clamp_min(1e-9).rsqrt()
    for k in caps:
        cosine = torch.where(slabs[k][0] > near, facing[k], cosine)
        near, far = torch.maximum(near, slabs[k][0]), torch.minimum(far, slabs[k][1])
    return torch.where(near < far, near, math.inf), cosine


def draw(
    solids: Sequence[Solid], colour: Tensor, origin: Vector, direction: Vector, light: Vector
) -> tuple[Tensor, Tensor]:
    """Draw an object that consists of solids.

    Args:
        solids: Its parts.
        colour: RGB (B, 3) in [0, 1] of the parts without a paint of their own.
        origin: Where rays begin, in the frame of the object.
        direction: Of the rays, of any length.
        light: Direction towards the light, of unit length.

    Returns:
        Shaded colour (B, 3, rows, columns), black where rays miss the object, and where they hit it, bool
        (B, rows, columns).
    """
    hits = [_enter(solid, origin, direction, light) for solid in solids]
    nearest, which = torch.stack(torch.broadcast_tensors(*(t for t, _ in hits))).min(0)
    hit = torch.isfinite(nearest)
    cosines = torch.stack(torch.broadcast_tensors(nearest, *(c for _, c in hits)))[1:]
    cosine = cosines.gather(0, which[None])[0]
    brightness = (AMBIENT + (1 - AMBIENT) * cosine.nan_to_num().clamp(0, 1)) * hit
    rgb = colour[:, :, None, None] * brightness[:, None]
    for index, solid in enumerate(solids):
        if solid.paint is not None:
            paint = torch.tensor(solid.paint)[None, :, None, None] * brightness[:, None]
            rgb = torch.where((which == index)[:, None], paint, rgb)
    return rgb, hit
