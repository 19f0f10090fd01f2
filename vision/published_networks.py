"""The networks of published experiments, each a VAE with the number of latents left open.

- `study_vae`: Locatello et al., "Challenging Common Assumptions in the Unsupervised Learning of
  Disentangled Representations", ICML 2019, and its library. Convolutions 32, 32, 64, 64 with kernels 4, 4, 2,
  2, fully connected 256; the decoder 256, 1024, then transposed convolutions 64, 32, 32 with kernels 4. Their
  weights begin as there, Glorot uniform with biases 0.
- `burgess_vae`: Burgess et al., "Understanding Disentangling in beta-VAE", 2018. Four convolutions of 32
  channels, two fully connected layers of 256 units, and the same in reverse; three convolutions for images of
  32x32, so that 4x4 pixels are left.
- `mlp_vae`: Higgins et al., "beta-VAE", ICLR 2017, for 2D shapes (`vision.perceptrons`).

Those of the SCAN paper are the defaults of `vision.models.vae`. That function with 256 latents or more and
the activation "leaky_relu" is what the winner of the NeurIPS 2019 disentanglement challenge changed in
FactorVAE's networks. Everywhere the log-variance is bounded smoothly to (-16, 16), which the originals do not
do.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from vision.colour import COLOURS
from vision.interfaces import image_shape
from vision.networks import ConvDecoder, ConvEncoder
from vision.perceptrons import MLPDecoder, MLPEncoder
from vision.spelling import choose
from vision.vae import VAE

STUDY_WIDTHS, STUDY_KERNELS = (32, 32, 64, 64), (4, 4, 2, 2)
BURGESS_WIDTH, BURGESS_BOTTOM = 32, 4
"""Channels of a convolution, and pixels of a side that the convolutions leave."""


def study_vae(
    shape: Sequence[int], *, latents: int = 10, colour: str = "rgb", precision_limit: float | None = None
) -> VAE:
    """The networks of the large study, made for images of 64x64.

    Args:
        shape: (C, H, W) of the images; the sides are multiples of 16, for kernels of 2 leave out the last row
            of an odd side.
        latents: D.
        colour: The networks' colour space: "rgb", "hsv" or "hsv_cyclic".
        precision_limit: Above 1: no posterior variance falls below its inverse. None for no limit.

    Raises:
        ValueError: For other sides, an unknown colour space, or sizes that do not fit together.
    """
    _, height, width = image_shape(shape)
    if height % 16 or width % 16:
        raise ValueError(
            f"the study's networks need sides that are multiples of 16, got {height}x{width} pixels"
        )
    vae = VAE(
        ConvEncoder(
            shape, latents, widths=STUDY_WIDTHS, kernels=STUDY_KERNELS, precision_limit=precision_limit
        ),
        ConvDecoder(shape, latents, widths=STUDY_WIDTHS),
        choose(COLOURS, colour, "colour space"),
    )
    for module in vae.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(module.weight)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    return vae


def burgess_vae(
    shape: Sequence[int], *, latents: int = 10, colour: str = "rgb", precision_limit: float | None = None
) -> VAE:
    """Burgess's networks: as many convolutions of 32 channels as leave 4 to 7 pixels of the shorter side.

    Args:
        shape: (C, H, W) of the images, sides of at least 8 pixels.
        latents: D.
        colour: The networks' colour space: "rgb", "hsv" or "hsv_cyclic".
        precision_limit: Above 1: no posterior variance falls below its inverse. None for no limit.

    Raises:
        ValueError: For smaller images, an unknown colour space, or sizes that do not fit together.
    """
    widths = burgess_widths(shape)
    return VAE(
        ConvEncoder(shape, latents, widths=widths, hidden_layers=2, precision_limit=precision_limit),
        ConvDecoder(shape, latents, widths=widths, hidden_layers=2),
        choose(COLOURS, colour, "colour space"),
    )


def burgess_widths(shape: Sequence[int]) -> tuple[int, ...]:
    """The channels of the convolutions for images of a shape (C, H, W); ValueError for sides below 8.

    >>> burgess_widths((1, 64, 64)), burgess_widths((3, 32, 32))
    ((32, 32, 32, 32), (32, 32, 32))
    """
    _, height, width = image_shape(shape)
    layers = (min(height, width) // BURGESS_BOTTOM).bit_length() - 1
    if layers < 1:
        raise ValueError(f"Burgess's networks need sides of at least 8 pixels, got {height}x{width}")
    return (BURGESS_WIDTH,) * layers


def mlp_vae(
    shape: Sequence[int],
    *,
    latents: int = 10,
    hidden: int = 1200,
    colour: str = "rgb",
    precision_limit: float | None = None,
) -> VAE:
    """Fully connected networks, two hidden layers of encoder and three of decoder, for images of any size.

    Args:
        shape: (C, H, W) of the images.
        latents: D.
        hidden: Units of a hidden layer.
        colour: The networks' colour space: "rgb", "hsv" or "hsv_cyclic".
        precision_limit: Above 1: no posterior variance falls below its inverse. None for no limit.

    Raises:
        ValueError: For an unknown colour space, or sizes that do not fit together.
    """
    return VAE(
        MLPEncoder(shape, latents, hidden=hidden, precision_limit=precision_limit),
        MLPDecoder(shape, latents, hidden=hidden),
        choose(COLOURS, colour, "colour space"),
    )
