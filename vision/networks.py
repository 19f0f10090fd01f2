"""Convolutional encoders and decoders for images of any (C, H, W), in the pattern of the SCAN paper.

Every layer is a convolution of kernel 4, stride 2, padding 1: a side of n pixels becomes floor(n / 2). The
decoder mirrors it and adds one row or column back (`output_padding`) wherever a side was odd, so that its
output has the size of the input:

    3x80x80 -> 32x40x40 -> 32x20x20 -> 64x10x10 -> 64x5x5 -> 256 -> 2 x 32     and back

Source: Higgins et al., "SCAN: Learning Hierarchical Compositional Visual Concepts", ICLR 2018, appendix A.1
(widths 32, 32, 64, 64, fully connected 256; rectified linear units).

Two choices are for speed. Weights and activations have the channels-last layout, and the flattening between
the convolutional and the fully connected part follows it, so that no copy is needed. Under autocast the
layers run in bfloat16 except those that read or write a code: eight bits of mantissa are too few for means
whose posterior is narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from vision.gaussian import Gaussian, bounded

Shape = tuple[int, int, int]
Link = Literal["sigmoid", "identity"]

WIDTHS = (32, 32, 64, 64)
LOGVAR_BOUND = 16.0
"""Of the log-variances of posteriors."""

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "elu": nn.ELU}


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


class Convolutions(nn.Module):
    """Convolutions that halve the sides, (B, C, H, W) -> (B, features).

    Args:
        shape: (C, H, W) of the images.
        widths: Channels after each convolution, from the image inwards.
        activation: "relu" or "elu".

    Raises:
        ValueError: For an image too small to be halved once per width, or an unknown activation.
    """

    def __init__(
        self, shape: Sequence[int], widths: Sequence[int] = WIDTHS, activation: str = "relu"
    ) -> None:
        super().__init__()
        self.shape = image_shape(shape)
        bottom_height, bottom_width = _sides(self.shape, len(widths))[-1]
        self.features = widths[-1] * bottom_height * bottom_width
        layers: list[nn.Module] = []
        for ins, outs in zip((self.shape[0], *widths[:-1]), widths, strict=True):
            layers += [nn.Conv2d(ins, outs, kernel_size=4, stride=2, padding=1), activation_layer(activation)]
        self.layers = _channels_last(nn.Sequential(*layers))

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, features) of images (B, C, H, W)."""
        if tuple(x.shape[1:]) != self.shape:
            raise ValueError(
                f"expected images of shape (B, {', '.join(map(str, self.shape))}), got {tuple(x.shape)}"
            )
        h = self.layers(x.contiguous(memory_format=torch.channels_last))
        return h.permute(0, 2, 3, 1).flatten(1)


class Deconvolutions(nn.Module):
    """Transposed convolutions, (B, features) -> (B, C, H, W): `Convolutions` in reverse.

    The last layer is linear: its output is logits.

    Args:
        shape: (C, H, W) of the images.
        widths: Those of the encoder, from the image inwards.
        activation: "relu" or "elu".

    Raises:
        ValueError: As `Convolutions`.
    """

    def __init__(
        self, shape: Sequence[int], widths: Sequence[int] = WIDTHS, activation: str = "relu"
    ) -> None:
        super().__init__()
        self.shape = image_shape(shape)
        sides = _sides(self.shape, len(widths))
        self.bottom = (*sides[-1], widths[-1])
        self.features = math.prod(self.bottom)
        layers: list[nn.Module] = []
        channels = (self.shape[0], *widths)
        for i in reversed(range(len(widths))):
            odd = (sides[i][0] % 2, sides[i][1] % 2)
            layers += [
                nn.ConvTranspose2d(
                    channels[i + 1], channels[i], kernel_size=4, stride=2, padding=1, output_padding=odd
                ),
                activation_layer(activation),
            ]
        self.layers = _channels_last(nn.Sequential(*layers[:-1]))

    def forward(self, h: Tensor) -> Tensor:
        """Logits (B, C, H, W) of features (B, features)."""
        return self.layers(h.unflatten(1, self.bottom).permute(0, 3, 1, 2))


class ConvEncoder(Encoder):
    """Convolutions, one hidden layer, and the mean and log-variance of q(z|x).

    The log-variance is bounded smoothly to (-16, 16), so that no first step can overflow.

    Args:
        shape: (C, H, W) of the images.
        latents: D.
        widths: Channels after each convolution.
        hidden: Units of the hidden layer.
        activation: "relu" or "elu".
        precision_limit: Above 1. No posterior variance falls below 1 / precision_limit, so that a latent
            cannot encode a second factor in the fine structure of a first. None for no limit.

    Raises:
        ValueError: As `Convolutions`, and for a precision limit of 1 or less.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latents: int,
        *,
        widths: Sequence[int] = WIDTHS,
        hidden: int = 256,
        activation: str = "relu",
        precision_limit: float | None = None,
    ) -> None:
        super().__init__()
        self.shape = image_shape(shape)
        self.latents = latents
        self.min_logvar = least_logvar(precision_limit)
        self.convolutions = Convolutions(shape, widths, activation)
        self.hidden = nn.Sequential(
            nn.Linear(self.convolutions.features, hidden), activation_layer(activation)
        )
        self.code = nn.Linear(hidden, 2 * latents)

    def forward(self, x: Tensor) -> Gaussian:
        """q(z|x) of images (B, C, H, W); its parameters are float32 whatever the autocast."""
        code = full_precision(self.code, self.hidden(self.convolutions(x)))
        mean, logvar = code.chunk(2, dim=1)
        return Gaussian(mean, limited(logvar, self.min_logvar))


class ConvDecoder(Decoder):
    """`ConvEncoder` in reverse: codes (B, latents) to image logits (B, C, H, W).

    Args:
        shape: (C, H, W) of the images.
        latents: D.
        widths: Those of the encoder, from the image inwards.
        hidden: Units of the hidden layer.
        activation: "relu" or "elu".

    Raises:
        ValueError: As `Convolutions`.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latents: int,
        *,
        widths: Sequence[int] = WIDTHS,
        hidden: int = 256,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.shape = image_shape(shape)
        self.latents = latents
        self.deconvolutions = Deconvolutions(shape, widths, activation)
        self.code = nn.Linear(latents, hidden)
        self.hidden = nn.Sequential(
            activation_layer(activation),
            nn.Linear(hidden, self.deconvolutions.features),
            activation_layer(activation),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Logits (B, C, H, W)."""
        return self.deconvolutions(self.hidden(full_precision(self.code, z)))


def least_logvar(precision_limit: float | None) -> float | None:
    """The least log-variance at a precision limit, None without one; ValueError for a limit of 1 or less."""
    if precision_limit is None:
        return None
    if not precision_limit > 1:
        raise ValueError(f"a precision limit must exceed the prior's, 1; got {precision_limit}")
    return -math.log(precision_limit)


def limited(logvar: Tensor, least: float | None) -> Tensor:
    """Log-variances of any shape, smoothly bounded by LOGVAR_BOUND, and from below by `least` if given."""
    logvar = bounded(logvar, LOGVAR_BOUND)
    return logvar if least is None else least + functional.softplus(logvar - least)


def full_precision(layer: nn.Module, h: Tensor) -> Tensor:
    """`layer(h)` in float32, also inside of autocast."""
    with torch.autocast(h.device.type, enabled=False):
        return layer(h.float())


def activation_layer(name: str) -> nn.Module:
    """The activation "relu" or "elu"; ValueError for another name."""
    if name not in _ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}: choose from {', '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[name]()


def image_shape(shape: Sequence[int]) -> Shape:
    """`shape` as (C, H, W); ValueError unless it is three positive integers."""
    if len(shape) != 3 or any(int(n) != n or n < 1 for n in shape):
        raise ValueError(f"an image shape is three positive integers (C, H, W), got {tuple(shape)}")
    channels, height, width = (int(n) for n in shape)
    return channels, height, width


def _channels_last(layers: nn.Sequential) -> nn.Sequential:
    return layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _sides(shape: Shape, layers: int) -> list[tuple[int, int]]:
    """(H, W) before each of the halving layers, and after the last."""
    _, height, width = shape
    if layers < 1 or min(height, width) < 2**layers:
        raise ValueError(
            f"{layers} halving layers need one width each and images of at least {2**layers} pixels a side, "
            f"got {layers} widths for {height}x{width}"
        )
    return [(height >> i, width >> i) for i in range(layers + 1)]
