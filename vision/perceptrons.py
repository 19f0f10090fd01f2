"""Fully connected encoder and decoder, for images of any (C, H, W).

    C H W -> 1200 -> 1200 -> 2 D      and back      D -> 1200 -> 1200 -> 1200 -> C H W

with rectified linear units in the encoder and tanh in the decoder.

Source: Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework",
ICLR 2017, appendix A.1 (2D shapes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from vision.gaussian import Gaussian
from vision.interfaces import Decoder, Encoder, image_shape
from vision.networks import dense, full_precision, least_logvar, posterior

ENCODER_LAYERS, DECODER_LAYERS = 2, 3
"""Hidden layers."""


class MLPEncoder(Encoder):
    """Two hidden layers of rectified linear units, and the mean and log-variance of q(z|x).

    Args:
        shape: (C, H, W) of the images.
        latents: D.
        hidden: Units of a hidden layer.
        precision_limit: Above 1: no posterior variance falls below its inverse. None for no limit.

    Raises:
        ValueError: For a precision limit of 1 or less, or what is no shape.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latents: int,
        *,
        hidden: int = 1200,
        precision_limit: float | None = None,
    ) -> None:
        super().__init__()
        self.shape = image_shape(shape)
        self.latents = latents
        self.min_logvar = least_logvar(precision_limit)
        sizes = (math.prod(self.shape), *[hidden] * ENCODER_LAYERS)
        self.hidden = nn.Sequential(*dense(sizes, "relu"))
        self.code = nn.Linear(hidden, 2 * latents)

    def forward(self, x: Tensor) -> Gaussian:
        """q(z|x) of images (B, C, H, W); its parameters are float32 whatever the autocast."""
        if tuple(x.shape[1:]) != self.shape:
            raise ValueError(f"expected images of shape (B, *{self.shape}), got {tuple(x.shape)}")
        return posterior(full_precision(self.code, self.hidden(x.flatten(1))), self.min_logvar)


class MLPDecoder(Decoder):
    """Three hidden layers of tanh, and image logits (B, C, H, W) of codes (B, latents).

    Args:
        shape: (C, H, W) of the images.
        latents: D.
        hidden: Units of a hidden layer.

    Raises:
        ValueError: For what is no shape.
    """

    def __init__(self, shape: Sequence[int], latents: int, *, hidden: int = 1200) -> None:
        super().__init__()
        self.shape = image_shape(shape)
        self.latents = latents
        self.code = nn.Linear(latents, hidden)
        self.hidden = nn.Sequential(nn.Tanh(), *dense([hidden] * DECODER_LAYERS, "tanh"))
        self.output = nn.Linear(hidden, math.prod(self.shape))

    def forward(self, z: Tensor) -> Tensor:
        """Logits (B, C, H, W)."""
        return self.output(self.hidden(full_precision(self.code, z))).unflatten(1, self.shape)

    def output_layer(self) -> nn.Module:
        """The last layer, with a bias for each pixel."""
        return self.output
