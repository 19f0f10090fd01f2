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
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from vision.gaussian import Gaussian, bounded
from vision.interfaces import Decoder, Encoder, Shape, image_shape
from vision.spelling import choose

WIDTHS = (32, 32, 64, 64)
LOGVAR_BOUND = 16.0
"""Of the log-variances of posteriors."""

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
}


class Convolutions(nn.Module):
    """Convolutions that halve the sides, (B, C, H, W) -> (B, features).

    Args:
        shape: (C, H, W) of the images.
        widths: Channels after each convolution, from the image inwards.
        activation: "relu", "elu", "leaky_relu" or "tanh".
        kernels: The kernel of each convolution, 4 or 2; None for 4 everywhere. One of 2 sees every pixel of
            even sides only.

    Raises:
        ValueError: For an image too small to be halved once per width, or an unknown activation.
    """

    def __init__(
        self,
        shape: Sequence[int],
        widths: Sequence[int] = WIDTHS,
        activation: str = "relu",
        kernels: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.shape = image_shape(shape)
        sides = _sides(self.shape, len(widths))
        bottom_height, bottom_width = sides[-1]
        self.features = widths[-1] * bottom_height * bottom_width
        layers: list[nn.Module] = []
        kernels = [4] * len(widths) if kernels is None else kernels
        channels = (self.shape[0], *widths)
        for i, kernel in zip(range(len(widths)), kernels, strict=True):
            kind = _NarrowConv2d if sides[i + 1][1] == 1 else nn.Conv2d
            convolution = kind(channels[i], channels[i + 1], kernel, stride=2, padding=kernel // 2 - 1)
            layers += [convolution, activation_layer(activation)]
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
        activation: "relu", "elu", "leaky_relu" or "tanh".

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
            kind = _NarrowConvTranspose2d if sides[i + 1][1] == 1 else nn.ConvTranspose2d
            convolution = kind(channels[i + 1], channels[i], 4, stride=2, padding=1, output_padding=odd)
            layers += [convolution, activation_layer(activation)]
        self.layers = _channels_last(nn.Sequential(*layers[:-1]))

    def forward(self, h: Tensor) -> Tensor:
        """Logits (B, C, H, W) of features (B, features)."""
        return self.layers(h.unflatten(1, self.bottom).permute(0, 3, 1, 2))


class _NarrowConv2d(nn.Conv2d):
    """A convolution to maps one pixel wide, in float32.

    In bfloat16 oneDNN's kernels for processors with AMX (torch 2.13) put memory that nobody wrote into such
    maps, and into the gradient of a transposed convolution from them.
    """

    def forward(self, x: Tensor) -> Tensor:
        return full_precision(super().forward, x)


class _NarrowConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution from maps one pixel wide, in float32, as `_NarrowConv2d`."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        return full_precision(partial(super().forward, output_size=output_size), x)


class ConvEncoder(Encoder):
    """Convolutions, hidden layers, and the mean and log-variance of q(z|x).

    The log-variance is bounded smoothly to (-16, 16), so that no first step can overflow.

    Args:
        shape: (C, H, W) of the images.
        latents: D.
        widths: Channels after each convolution.
        hidden: Units of a hidden layer.
        hidden_layers: How many there are.
        activation: "relu", "elu", "leaky_relu" or "tanh".
        kernels: As of `Convolutions`.
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
        hidden_layers: int = 1,
        activation: str = "relu",
        kernels: Sequence[int] | None = None,
        precision_limit: float | None = None,
    ) -> None:
        super().__init__()
        self.shape = image_shape(shape)
        self.latents = latents
        self.min_logvar = least_logvar(precision_limit)
        self.convolutions = Convolutions(shape, widths, activation, kernels)
        sizes = (self.convolutions.features, *[hidden] * hidden_layers)
        self.hidden = nn.Sequential(*dense(sizes, activation))
        self.code = nn.Linear(hidden, 2 * latents)

    def forward(self, x: Tensor) -> Gaussian:
        """q(z|x) of images (B, C, H, W); its parameters are float32 whatever the autocast."""
        return posterior(full_precision(self.code, self.features(x)), self.min_logvar)

    def features(self, x: Tensor) -> Tensor:
        """Units (B, hidden) of the last hidden layer, of images (B, C, H, W)."""
        return self.hidden(self.convolutions(x))


class ConvDecoder(Decoder):
    """`ConvEncoder` in reverse: codes (B, latents) to image logits (B, C, H, W).

    Args:
        shape: (C, H, W) of the images.
        latents: D.
        widths: Those of the encoder, from the image inwards.
        hidden: Units of a hidden layer.
        hidden_layers: How many there are.
        activation: "relu", "elu", "leaky_relu" or "tanh".

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
        hidden_layers: int = 1,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.shape = image_shape(shape)
        self.latents = latents
        self.deconvolutions = Deconvolutions(shape, widths, activation)
        self.code = nn.Linear(latents, hidden)
        sizes = (*[hidden] * hidden_layers, self.deconvolutions.features)
        self.hidden = nn.Sequential(activation_layer(activation), *dense(sizes, activation))

    def forward(self, z: Tensor) -> Tensor:
        """Logits (B, C, H, W)."""
        return self.deconvolutions(self.hidden(full_precision(self.code, z)))

    def output_layer(self) -> nn.Module:
        """The last transposed convolution."""
        return self.deconvolutions.layers[-1]


def dense(sizes: Sequence[int], activation: str) -> list[nn.Module]:
    """Fully connected layers from each size to the next, each followed by the activation."""
    layers: list[nn.Module] = []
    for ins, outs in pairwise(sizes):
        layers += [nn.Linear(ins, outs), activation_layer(activation)]
    return layers


def posterior(code: Tensor, min_logvar: float | None = None) -> Gaussian:
    """The Gaussian over (B, D) whose mean and log-variance are the halves of `code` (B, 2 D).

    Args:
        code: What the last layer of an encoder puts out.
        min_logvar: The least log-variance, approached smoothly (`least_logvar`); None for none.
    """
    mean, logvar = code.chunk(2, dim=1)
    logvar = bounded(logvar, LOGVAR_BOUND)
    if min_logvar is not None:
        logvar = min_logvar + functional.softplus(logvar - min_logvar)
    return Gaussian(mean, logvar)


def least_logvar(precision_limit: float | None) -> float | None:
    """The log-variance that a limit of 1 / variance leaves; None for no limit, ValueError for one up to 1."""
    if precision_limit is not None and not precision_limit > 1:
        raise ValueError(f"a precision limit must exceed the prior's, 1; got {precision_limit}")
    return None if precision_limit is None else -math.log(precision_limit)


def full_precision(layer: Callable[[Tensor], Tensor], h: Tensor) -> Tensor:
    """`layer(h)` in float32, also inside of autocast; float64 stays as it is."""
    with torch.autocast(h.device.type, enabled=False):
        return layer(h.to(torch.promote_types(h.dtype, torch.float32)))


def activation_layer(name: str) -> nn.Module:
    """The activation "relu", "elu", "leaky_relu" (slope 0.01) or "tanh"; ValueError for another name."""
    return choose(_ACTIVATIONS, name, "activation")()


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
