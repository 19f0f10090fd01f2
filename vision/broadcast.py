"""A decoder that tiles the code over the image and adds coordinates: the spatial broadcast decoder.

    h_0(i, j) = relu(W z + c_1 y_i + c_2 x_j + b) ,    then convolutions of stride 1, the last to C channels

with y_i and x_j equally spaced in [-1, 1]. A decoder of transposed convolutions learns for each position
separately what an object looks like there; here position is a number like any other that a code may hold, and
what a latent does at one position it does at all. It has no means to draw other than as a function of
coordinates, and is told nothing else about images.

Source: Watters et al., "Spatial Broadcast Decoder: A Simple Architecture for Learning Disentangled
Representations in VAEs", 2019. There the first layer is a convolution of kernel 3 of the tiled code, which
away from the border is the same linear map; here its kernel is 1, so the code is multiplied once an image and
not once a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from vision.colour import COLOURS
from vision.interfaces import Decoder, image_shape
from vision.networks import WIDTHS, ConvEncoder, activation_layer, full_precision
from vision.spelling import choose
from vision.vae import VAE

KERNEL = 3


class BroadcastDecoder(Decoder):
    """Codes (B, latents) to image logits (B, C, H, W), through convolutions of the tiled code.

    Args:
        shape: (C, H, W) of the images.
        latents: D.
        channels: Of every hidden layer.
        layers: Hidden layers, the one that tiles included; at least 1.
        activation: "relu", "elu", "leaky_relu" or "tanh".

    Raises:
        ValueError: For fewer layers, an unknown activation, or what is no shape.
    """

    coordinates: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        latents: int,
        *,
        channels: int = 64,
        layers: int = 4,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"a broadcast decoder has at least one hidden layer, got {layers}")
        self.shape = image_shape(shape)
        self.latents = latents
        _, height, width = self.shape
        self.register_buffer("coordinates", coordinates(height, width), persistent=False)
        self.code = nn.Linear(latents, channels)
        self.place = nn.Conv2d(2, channels, kernel_size=1, bias=False)
        sizes = (*[channels] * layers, self.shape[0])
        tail: list[nn.Module] = [activation_layer(activation)]
        for ins, outs in pairwise(sizes):
            tail += [nn.Conv2d(ins, outs, KERNEL, padding=KERNEL // 2), activation_layer(activation)]
        self.layers = nn.Sequential(*tail[:-1])
        self.layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, z: Tensor) -> Tensor:
        """Logits (B, C, H, W)."""
        code = full_precision(self.code, z)[:, :, None, None]
        tiled = code + full_precision(self.place, self.coordinates)
        return self.layers(tiled.contiguous(memory_format=torch.channels_last))

    def output_layer(self) -> nn.Module:
        """The last convolution."""
        return self.layers[-1]


def coordinates(height: int, width: int) -> Tensor:
    """The coordinates y and x of each pixel, (1, 2, H, W), equally spaced in [-1, 1].

    >>> coordinates(1, 3)[0, 1]
    tensor([[-1.,  0.,  1.]])
    """
    y, x = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    return torch.stack((y[:, None].expand(height, width), x.expand(height, width)))[None]


def broadcast_vae(
    shape: Sequence[int],
    *,
    latents: int = 10,
    channels: int = 64,
    layers: int = 4,
    widths: Sequence[int] = WIDTHS,
    hidden: int = 256,
    activation: str = "relu",
    colour: str = "rgb",
    precision_limit: float | None = None,
) -> VAE:
    """A convolutional encoder with a spatial broadcast decoder.

    Args:
        shape: (C, H, W) of the images.
        latents: D.
        channels: Of each hidden layer of the decoder.
        layers: Hidden layers of the decoder.
        widths: Channels after each halving convolution of the encoder, from the image inwards.
        hidden: Units of the encoder's fully connected layer.
        activation: "relu", "elu", "leaky_relu" or "tanh".
        colour: The networks' colour space: "rgb", "hsv" or "hsv_cyclic".
        precision_limit: Above 1: no posterior variance falls below its inverse. None for no limit.

    Raises:
        ValueError: For an unknown activation or colour space, or sizes that do not fit together.
    """
    return VAE(
        ConvEncoder(
            shape,
            latents,
            widths=widths,
            hidden=hidden,
            activation=activation,
            precision_limit=precision_limit,
        ),
        BroadcastDecoder(shape, latents, channels=channels, layers=layers, activation=activation),
        choose(COLOURS, colour, "colour space"),
    )
