"""Colour spaces of the networks' inputs and outputs; all other images are RGB in [0, 1].

Follow-ups of the SCAN paper train on HSV, because distances in it follow perception better. But hue is an
angle stored as a number: two nearly equal reds (H = 0.99 and 0.01) are almost a full unit apart, and the hue
of greys is noise. `CyclicHSV` avoids both. It stores the hue as a vector,

    V = max(R, G, B),   a = (R - (G + B) / 2) / max(V, v0),   b = sqrt(3)/2 (G - B) / max(V, v0),

that is a = S cos H, b = S sin H with S and H in their circular form (the hexagonal hue of `HSV` differs by
at most 1.2 degrees). Greys are the single point a = b = 0, shading changes V alone, and with the lower limit
v0 of V almost-black pixels, whose saturation is noise too, are near that point. The channels are ((1 + a)/2,
(1 + b)/2, V) in [0, 1].

Its inverse is exact, and defined for every output of a decoder: (a, b) are the differences between R, G and
B, V is their maximum, and values below 0 are clamped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

V_FLOOR = 1 / 8


class Colour(Protocol):
    """Interface: a colour space of three channels (any number for RGB) with values in [0, 1]."""

    def encode(self, x: Tensor) -> Tensor:
        """RGB images (..., C, H, W) in [0, 1] to this space, same shape, in [0, 1]."""
        ...

    def decode(self, x: Tensor) -> Tensor:
        """Images in this space to RGB in [0, 1], same shape."""
        ...


@dataclass(frozen=True)
class RGB:
    """The identity; the only space for images that do not have three channels."""

    def encode(self, x: Tensor) -> Tensor:
        """`x` itself."""
        return x

    def decode(self, x: Tensor) -> Tensor:
        """`x` itself."""
        return x


@dataclass(frozen=True)
class HSV:
    """Hexagonal hue, saturation, value, each in [0, 1]; the hue wraps around (see above)."""

    def encode(self, x: Tensor) -> Tensor:
        """RGB to HSV; hue 0 for greys, saturation 0 for black."""
        red, green, blue = x.unbind(-3)
        value, chroma = x.amax(-3), x.amax(-3) - x.amin(-3)
        safe = torch.where(chroma > 0, chroma, 1.0)
        hue = torch.where(
            value == red,
            ((green - blue) / safe) % 6,
            torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
        )
        saturation = chroma / torch.where(value > 0, value, 1.0)
        return torch.stack([hue / 6, saturation, value], dim=-3)

    def decode(self, x: Tensor) -> Tensor:
        """HSV to RGB."""
        hue, saturation, value = x.unbind(-3)
        channels = []
        for offset in (5, 3, 1):
            k = (offset + 6 * hue) % 6
            channels.append(value - value * saturation * torch.minimum(k, 4 - k).clamp(0, 1))
        return torch.stack(channels, dim=-3)


@dataclass(frozen=True)
class CyclicHSV:
    """Hue and saturation as a vector, and value: HSV without the wrap-around."""

    def encode(self, x: Tensor) -> Tensor:
        """RGB to ((1 + S cos H)/2, (1 + S sin H)/2, V)."""
        red, green, blue = x.unbind(-3)
        value = x.amax(-3)
        scale = value.clamp_min(V_FLOOR)
        a = (red - 0.5 * (green + blue)) / scale
        b = math.sqrt(3) / 2 * (green - blue) / scale
        return torch.stack([(1 + a) / 2, (1 + b) / 2, value], dim=-3)

    def decode(self, x: Tensor) -> Tensor:
        """The exact inverse on what `encode` emits; elsewhere the colour with that hue, cut to [0, 1]."""
        value = x.select(-3, 2)
        scale = value.clamp_min(V_FLOOR)
        a = (2 * x.select(-3, 0) - 1) * scale
        b = (2 * x.select(-3, 1) - 1) * scale
        third = b / math.sqrt(3)
        offsets = torch.stack([2 / 3 * a, third - a / 3, -third - a / 3], dim=-3)
        rgb = offsets - offsets.amax(-3, keepdim=True) + value.unsqueeze(-3)
        return rgb.clamp(0, 1)


COLOURS: dict[str, Colour] = {"rgb": RGB(), "hsv": HSV(), "hsv_cyclic": CyclicHSV()}
"""By name."""
