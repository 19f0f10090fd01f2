"""What every encoder and decoder of the family is, whatever its layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from vision.gaussian import Gaussian

Shape = tuple[int, int, int]
Link = Literal["sigmoid", "identity"]


class Encoder(nn.Module):
    """Interface: images (B, C, H, W) to a Gaussian over (B, latents)."""

    shape: Shape
    latents: int

    def forward(self, x: Tensor) -> Gaussian:
        """The posterior q(z|x)."""
        raise NotImplementedError


class Decoder(nn.Module):
    """Interface: codes (B, latents) to outputs (B, C, H, W), whose `link` gives the mean of p(x|z)."""

    shape: Shape
    latents: int
    link: Link = "sigmoid"

    def forward(self, z: Tensor) -> Tensor:
        """The logits of p(x|z), or with the identity link its mean."""
        raise NotImplementedError

    def output_layer(self) -> nn.Module | None:
        """What adds a bias to the logits, one number a channel or a pixel; None where nothing does."""
        return None


def image_shape(shape: Sequence[int]) -> Shape:
    """`shape` as (C, H, W); ValueError unless it is three positive integers."""
    if len(shape) != 3 or any(int(n) != n or n < 1 for n in shape):
        raise ValueError(f"an image shape is three positive integers (C, H, W), got {tuple(shape)}")
    channels, height, width = (int(n) for n in shape)
    return channels, height, width
