"""The denoising autoencoder whose features J replace pixels in the reconstruction of the beta-VAE_DAE.

It is trained to restore images from which one rectangle was cut out (Higgins et al., "DARLA", ICML 2017;
"SCAN", ICLR 2018, appendix A.1). The paper contradicts itself on the features: the main text says a
high-level feature space, the appendix the last layer before its non-linearity. Both are available by name,
and plain pixels:

    features      J(x)                                                        N
    pixels        x itself, J is the identity: a plain L2 between images      C*H*W
    bottleneck    the code, after its bound                                   code
    dae_logits    the whole autoencoder's output before the sigmoid           C*H*W
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from vision.colour import RGB, Colour
from vision.interfaces import image_shape
from vision.networks import WIDTHS, Convolutions, Deconvolutions, activation_layer, full_precision
from vision.spelling import choose
from vision.vae import check_channels

Features = Literal["pixels", "bottleneck", "dae_logits"]
FEATURES: tuple[str, ...] = get_args(Features)
BOUNDS = dict.fromkeys(("tanh", "linear"))


class DAE(nn.Module):
    """Convolutions to a code (B, code) and back to logits (B, C, H, W).

    Inputs and outputs are images in the colour space `colour`, except those of `denoise`, which are RGB.

    Args:
        shape: (C, H, W) of the images.
        code: Units of the bottleneck.
        widths: Channels after each convolution, from the image inwards.
        bound: "tanh" limits the code to (-1, 1), "linear" does not.
        activation: "relu", "elu", "leaky_relu" or "tanh".
        colour: The colour space, that of the VAE which is trained with the features; RGB by default.

    Raises:
        ValueError: For an unknown bound or activation, an image too small for the convolutions, or a colour
            space that needs another number of channels.
    """

    def __init__(
        self,
        shape: Sequence[int],
        code: int = 100,
        *,
        widths: Sequence[int] = WIDTHS,
        bound: Literal["tanh", "linear"] = "linear",
        activation: str = "elu",
        colour: Colour | None = None,
    ) -> None:
        super().__init__()
        choose(BOUNDS, bound, "bound of the code")
        self.shape = image_shape(shape)
        self.colour = RGB() if colour is None else colour
        check_channels(self.colour, self.shape)
        self.code = code
        self.bound = bound
        self.convolutions = Convolutions(shape, widths, activation)
        self.deconvolutions = Deconvolutions(shape, widths, activation)
        self.to_code = nn.Linear(self.convolutions.features, code)
        self.from_code = nn.Sequential(
            nn.Linear(code, self.deconvolutions.features), activation_layer(activation)
        )

    def bottleneck(self, x: Tensor) -> Tensor:
        """The code (B, code) of images (B, C, H, W) in the space `colour`, float32."""
        code = full_precision(self.to_code, self.convolutions(x))
        return code.tanh() if self.bound == "tanh" else code

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, C, H, W) of the restored images."""
        return self.deconvolutions(self.from_code(self.bottleneck(x)))

    def features(self, x: Tensor, features: Features) -> Tensor:
        """J(x), float32: (B, C, H, W), or (B, code) for the bottleneck.

        Args:
            x: Images (B, C, H, W) in [0, 1], in the space `colour`.
            features: One of FEATURES.

        Raises:
            ValueError: For unknown features.
        """
        if features == "pixels":
            return x.float()
        if features == "bottleneck":
            return self.bottleneck(x)
        if features == "dae_logits":
            return self(x).float()
        raise ValueError(f"unknown features {features!r}: choose from {', '.join(FEATURES)}")

    def denoise(self, x: Tensor) -> Tensor:
        """RGB images (B, C, H, W) in [0, 1], restored: RGB in [0, 1], float32."""
        return self.colour.decode(self(self.colour.encode(x)).float().sigmoid())


def rectangles(
    batch: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator | None = None,
    device: str | torch.device = "cpu",
) -> Tensor:
    """One rectangle per image as a boolean mask (B, 1, H, W), True inside.

    Its corners are two uniform integers per axis, both inclusive, so a rectangle has at least one pixel and
    at most the whole image.

    Args:
        batch: B.
        height: H in pixels.
        width: W in pixels.
        generator: Source of the corners, on `device`.
        device: Of the masks.
    """

    def span(n: int) -> Tensor:
        corners = torch.randint(n, (batch, 2, 1), generator=generator, device=device)
        index = torch.arange(n, device=device)
        return (index >= corners.amin(1)) & (index <= corners.amax(1))

    rows, columns = span(height), span(width)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def occlude(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Images (B, C, H, W) with one random rectangle each set to 0, which is black in RGB.

    Args:
        x: The images.
        generator: Source of the rectangles, on the device of x.
    """
    batch, _, height, width = x.shape
    return x.masked_fill(rectangles(batch, height, width, generator=generator, device=x.device), 0.0)
