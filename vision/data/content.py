"""Where in a set's images something changes, and the size that shows it without the margin around.

Pictures are cropped about their centre to the proportions of a size (`vision.data.pictures`), so that a size
decides what is left of them. Figures that stand in the middle of a square keep twice the pixels where the
margins beside them are cut.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from vision.data.images import to_unit

LEAST_SHARE = 0.05
"""Of the largest standard deviation of a pixel, below which another one counts as the same in all images."""


class Box(NamedTuple):
    """A rectangle of pixels; bottom and right are the first that do not belong to it."""

    top: int
    left: int
    bottom: int
    right: int


def content_box(images: Tensor) -> Box:
    """The smallest box that holds every pixel that differs between images; all pixels where none does.

    Args:
        images: uint8 (N, C, H, W), at least one.
    """
    deviation = to_unit(images).std(dim=0, correction=0).amax(dim=0)
    changes = deviation > LEAST_SHARE * deviation.max()
    rows, columns = changes.any(dim=1).nonzero().flatten(), changes.any(dim=0).nonzero().flatten()
    if not len(rows):
        return Box(0, 0, *images.shape[2:])
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def size_of(shape: tuple[int, int], box: Box, *, side: int = 32, step: int = 8) -> tuple[int, int]:
    """The smallest (height, width) whose crop about the centre holds a box, multiples of `step`.

    Args:
        shape: (height, width) of the pictures.
        box: What they are to show.
        side: The longer side at most; smaller pictures keep about their own size.
        step: Sides are multiples of it, two of them at least.

    >>> size_of((64, 64), Box(9, 17, 62, 47))
    (32, 16)
    """
    scale = min(1.0, side / max(shape))
    whole = tuple(max(2 * step, round(pixels * scale / step) * step) for pixels in shape)
    longer = max(whole)
    sides = range(2 * step, longer + 1, step)
    sizes = [(height, width) for height in sides for width in sides if max(height, width) == longer]
    holding = [size for size in sizes if _holds(shape, size, box)]
    return min(holding, key=lambda size: size[0] * size[1], default=(whole[0], whole[1]))


def _holds(shape: tuple[int, int], size: tuple[int, int], box: Box) -> bool:
    """Whether a box is inside what is left of pictures that are cropped to the proportions of a size."""
    scale = min(shape[0] / size[0], shape[1] / size[1])
    top, left = (shape[0] - size[0] * scale) / 2, (shape[1] - size[1] * scale) / 2
    return (
        box.top >= top - 0.5
        and box.left >= left - 0.5
        and box.bottom <= shape[0] - top + 0.5
        and box.right <= shape[1] - left + 0.5
    )
