"""What transparent pictures are laid over: a colour, and which suits a set of them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from PIL import ImageColor
from torch import Tensor

from vision.data.tables import quoted

BACKGROUND = "black"
"""What lies behind transparent pixels, by default."""
BACKGROUNDS = {"black": 0, "white": 255, "gray": 128}
"""What `best_background` chooses among, and the level of each; the first where several do equally well."""
RESEMBLES = 48
"""A pixel resembles a background when no channel differs from it by as many levels as this."""
OPAQUE = 16
"""Over black and over white an opaque pixel differs by less than this many levels, of 255: 255 - alpha."""


class Laid(NamedTuple):
    """A picture over black and over white, uint8 (3, H, W) each: they differ where it is transparent."""

    black: Tensor
    white: Tensor


def check_background(background: object) -> None:
    """Refuse what is no opaque colour.

    Raises:
        ValueError: When it is neither a name that Pillow knows, such as white, nor like "#ff8800".
    """
    try:
        levels = ImageColor.getrgb(background) if isinstance(background, str) else ()
    except ValueError:
        levels = ()
    if len(levels) != 3 or not all(0 <= level <= 255 for level in levels):
        expected = 'the name of a colour such as white, or one like "#ff8800"'
        raise ValueError(f"expected {expected}, got {quoted(str(background))}")


def best_background(pictures: Iterable[Laid]) -> str:
    """The background that the smallest share of opaque pixels resembles, on the average over pictures."""
    total = sum((_resemblance(laid) for laid in pictures), np.zeros(len(BACKGROUNDS)))
    return [*BACKGROUNDS][int(total.argmin())]


def _resemblance(laid: Laid) -> np.ndarray:
    """The share of a picture's opaque pixels that resemble each of `BACKGROUNDS`; 0 where all or none are."""
    opaque = (laid.white.short() - laid.black).amax(0) < OPAQUE
    if opaque.all() or not opaque.any():
        return np.zeros(len(BACKGROUNDS))
    shown = laid.black[:, opaque].float()
    shares = [((shown - level).abs().amax(0) < RESEMBLES).float().mean() for level in BACKGROUNDS.values()]
    return np.array([float(share) for share in shares])
