"""Latent quantisation: every latent takes one of a few learned values.

    q_k(z) = the value of v_k1, ..., v_kV that is nearest to z_k ,    straight through: dq/dz = 1

A grid of few values leaves no room for a code in which a factor is spread over several latents: the decoder
needs to know what a value means, whatever the others are. Values start as V equal steps from -1/2 to 1/2.

A vision model encodes to Gaussians. Here the mean is the value, and the standard deviation half a step (the
mean distance of neighbouring values of the latent), as wide as a value of the grid. The decoder sees values
only: it snaps whatever it is given to the grid.

Source: Hsu et al., "Disentanglement via Latent Quantization", NeurIPS 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vision.colour import COLOURS
from vision.gaussian import Gaussian
from vision.interfaces import Decoder, Encoder
from vision.networks import WIDTHS, ConvDecoder, ConvEncoder, full_precision
from vision.spelling import choose
from vision.vae import VAE

LEAST_STEP = 1e-4
"""Of a grid whose values have all become one."""


class Quantiser(nn.Module):
    """The values that each latent may take.

    Args:
        latents: D.
        values: V, of each latent, at least 2.

    Raises:
        ValueError: For fewer values.
    """

    def __init__(self, latents: int, values: int) -> None:
        super().__init__()
        if values < 2:
            raise ValueError(f"a quantised latent has at least 2 values, got {values}")
        self.values = nn.Parameter(torch.linspace(-0.5, 0.5, values).repeat(latents, 1))

    def forward(self, z: Tensor) -> Tensor:
        """The nearest values (B, D) of z (B, D), with a gradient to the values and none to z."""
        index = (z.detach().unsqueeze(-1) - self.values.detach()).abs().argmin(-1)
        return self.values.gather(1, index.T).T

    def straight_through(self, z: Tensor) -> Tensor:
        """The nearest values (B, D) of z (B, D), with the gradient of z itself and none to the values."""
        return z + (self(z) - z).detach()

    def step(self) -> Tensor:
        """(D,): the mean distance of neighbouring values of each latent, at least `LEAST_STEP`."""
        least, most = self.values.aminmax(dim=1)
        return ((most - least) / (self.values.shape[1] - 1)).clamp(min=LEAST_STEP)


class QuantisedEncoder(Encoder):
    """Values of the grid with half a step as the standard deviation; `continuous` is what is quantised.

    Args:
        encoder: Its mean is quantised; its variance is not used.
        quantiser: Of as many latents.
    """

    def __init__(self, encoder: ConvEncoder, quantiser: Quantiser) -> None:
        super().__init__()
        self.shape = encoder.shape
        self.latents = encoder.latents
        self.convolutions = encoder.convolutions
        self.hidden = encoder.hidden
        self.code = nn.Linear(encoder.code.in_features, self.latents)
        self.quantiser = quantiser

    def continuous(self, x: Tensor) -> Tensor:
        """z (B, latents) of images (B, C, H, W), before it is quantised, in float32."""
        return full_precision(self.code, self.hidden(self.convolutions(x)))

    def forward(self, x: Tensor) -> Gaussian:
        """N(q(z), step^2 / 4) over (B, latents) of images (B, C, H, W)."""
        return self.posterior(self.continuous(x))

    def posterior(self, z: Tensor) -> Gaussian:
        """N(q(z), step^2 / 4) over (B, latents) of z (B, latents)."""
        mean = self.quantiser(z)
        return Gaussian(mean, (2 * (self.quantiser.step().detach() / 2).log()).expand_as(mean))


class QuantisedDecoder(Decoder):
    """A decoder of the values nearest to its code, straight through.

    Args:
        decoder: Of the values.
        quantiser: That of the encoder.
    """

    def __init__(self, decoder: Decoder, quantiser: Quantiser) -> None:
        super().__init__()
        self.shape = decoder.shape
        self.latents = decoder.latents
        self.link = decoder.link
        self.decoder = decoder
        self.quantiser = quantiser

    def forward(self, z: Tensor) -> Tensor:
        """The output of the decoder, (B, C, H, W), for z (B, latents)."""
        return self.decoder(self.quantiser.straight_through(z))

    def output_layer(self) -> nn.Module | None:
        """That of the decoder."""
        return self.decoder.output_layer()


def quantised(
    shape: Sequence[int],
    *,
    latents: int = 32,
    values: int = 10,
    widths: Sequence[int] = WIDTHS,
    hidden: int = 256,
    activation: str = "relu",
    colour: str = "rgb",
) -> VAE:
    """An autoencoder whose latents take few values (`vision.quantised`), with the arguments of `vae`.

    Args:
        values: That each latent may take, at least 2.

    Raises:
        ValueError: As `vae`, and for fewer than 2 values.
    """
    size: dict[str, Any] = {"widths": widths, "hidden": hidden, "activation": activation}
    quantiser = Quantiser(latents, values)
    return VAE(
        QuantisedEncoder(ConvEncoder(shape, latents, **size), quantiser),
        QuantisedDecoder(ConvDecoder(shape, latents, **size), quantiser),
        choose(COLOURS, colour, "colour space"),
    )
