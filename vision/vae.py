"""The variational autoencoder: an encoder, a decoder, and the colour space of their images."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from vision.colour import RGB, Colour
from vision.gaussian import Gaussian
from vision.interfaces import Decoder, Encoder

LEAST_MEAN = 0.01
"""Means from which an output may start lie between it and 1 less it, where sigmoids still learn."""


class Restorer(Protocol):
    """Interface: what makes an image of a decoder's output that is none yet, such as `vision.dae.DAE`."""

    def denoise(self, x: Tensor) -> Tensor:
        """RGB images (B, C, H, W) in [0, 1], restored."""
        ...


class VAE(nn.Module):
    """A vision model with prior N(0, I): RGB images (B, C, H, W) in [0, 1] to Gaussian codes (B, D) and back.

    Its codes are those of encoder and decoder, shifted and scaled by `standardise`. The outputs of a decoder
    that was trained in the features of a denoising autoencoder are images only after that autoencoder: as the
    `restorer`, which is not trained, it is the last step of `decode`.

    Args:
        encoder: Images (B, C, H, W) in `colour` to q(z|x) over (B, D).
        decoder: Codes (B, D) to images (B, C, H, W) in `colour`, logits or means according to its link.
        colour: The colour space of both; RGB by default.

    Raises:
        ValueError: When the shapes or latents of encoder and decoder differ, or the colour space needs
            another number of channels.
    """

    shift: Tensor
    scale: Tensor
    restorer: Restorer | None
    """None for images as the decoder makes them; else a module."""

    def __init__(self, encoder: Encoder, decoder: Decoder, colour: Colour | None = None) -> None:
        super().__init__()
        colour = RGB() if colour is None else colour
        if (encoder.shape, encoder.latents) != (decoder.shape, decoder.latents):
            raise ValueError(
                f"the encoder maps {encoder.shape} to {encoder.latents} latents, "
                f"the decoder {decoder.latents} latents to {decoder.shape}"
            )
        check_channels(colour, encoder.shape)
        self.encoder = encoder
        self.decoder = decoder
        self.colour = colour
        self.shape = encoder.shape
        self.latents = encoder.latents
        self.register_module("restorer", None)
        self.register_buffer("shift", torch.zeros(self.latents))
        self.register_buffer("scale", torch.ones(self.latents))

    def encode(self, x: Tensor) -> Gaussian:
        """q(z|x) over (B, D) of RGB images (B, C, H, W) in [0, 1]."""
        q = self.encoder(self.colour.encode(x))
        return Gaussian((q.mean - self.shift) / self.scale, q.logvar - 2 * self.scale.log())

    def forward(self, x: Tensor) -> Tensor:
        """RGB images (B, C, H, W) in [0, 1] as `decode` gives them from their mean codes, same shape."""
        return self.decode(self.encode(x).mean)

    @torch.no_grad()
    def standardise(self, q: Gaussian) -> None:
        """Shift and scale every latent so that the aggregate posterior q(z) has mean 0 and variance 1.

        Decoded images stay the same. Without it q(z) may be wider than the prior or beside it, as for latents
        with a precision limit or a low KL weight; samples of the prior, which SCAN uses for open attributes,
        are then unlike the codes of images. With q(z) the average of q(z|x) over the images,

            shift = E_q(z)[z] ,    scale^2 = Var_q(z)[z] = Var[mean] + E[variance] .

        Args:
            q: `encode` of N images, over (N, D).
        """
        scale = (q.mean.var(0, correction=0) + q.variance.mean(0)).sqrt()
        self.shift += self.scale * q.mean.mean(0)
        self.scale *= scale

    @torch.no_grad()
    def initialise_output_bias(self, mean: Tensor) -> None:
        """Give the last layer of the decoder the bias with which its first outputs are near a mean image.

        Fresh weights decode grey, and with a Gaussian likelihood the way from there to mostly dark or bright
        images saturates sigmoids. Burda et al., "Importance Weighted Autoencoders", ICLR 2016, begin so.

        Args:
            mean: (C, H, W) in [0, 1], in the colour space of the decoder. A layer with one bias a channel
                takes the mean over its pixels.

        Raises:
            ValueError: For a decoder whose output has no bias, such as that of `vision.layered`.
        """
        layer = self.decoder.output_layer()
        if layer is None:
            raise ValueError(f"the output of a {type(self.decoder).__name__} has no bias to start from")
        bias = layer.bias
        assert isinstance(bias, nn.Parameter)
        each = mean.flatten() if bias.numel() == mean.numel() else mean.flatten(1).mean(1)
        bias.copy_(each.clamp(LEAST_MEAN, 1 - LEAST_MEAN).logit())

    def mean(self, output: Tensor) -> Tensor:
        """The mean of p(x|z) that the decoder's output (B, C, H, W) stands for, in its colour space."""
        output = at_least_float32(output)
        return output.sigmoid() if self.decoder.link == "sigmoid" else output

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x|z), restored where there is a restorer, RGB (B, C, H, W) in [0, 1].

        It is float32, or float64 for a model and codes of float64.
        """
        x = self.colour.decode(self.mean(self.decoder(z * self.scale + self.shift)).clamp(0, 1))
        return x if self.restorer is None else self.restorer.denoise(x)


def at_least_float32(values: Tensor) -> Tensor:
    """Values in float32, or in float64 where they are that already."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def check_channels(colour: Colour, shape: tuple[int, int, int]) -> None:
    """Raise ValueError for a colour space of three channels and images (C, H, W) with another number."""
    if not isinstance(colour, RGB) and shape[0] != 3:
        raise ValueError(f"colour space {type(colour).__name__} needs 3 channels, the images have {shape[0]}")
