"""Codes with categories beside continuous latents, and as what SCAN sees them: the networks of JointVAE.

    q(z, c|x) = N(z; mean, diag exp(logvar)) prod_i Cat(c_i; p_i) ,       c_i one-hot with K_i values

The contract of the encoder family is one Gaussian, so that every category is embedded: `JointEncoder` puts
out, beside the continuous latents, K_i latents a category with the moments of the one-hot c_i,

    mean = p_i ,    variance = p_i (1 - p_i) + 0.001 ,

and `JointDecoder` reads the largest of the K_i as the category. In training both work with c itself:
`posterior` and `of_code` (`vision.objectives.joint_vae`). Dupont, "Learning Disentangled Joint Continuous and
Discrete Representations", NeurIPS 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vision.gaussian import Gaussian
from vision.interfaces import Decoder, Encoder, image_shape
from vision.networks import WIDTHS, ConvDecoder, Convolutions, dense, full_precision, least_logvar, posterior

LEAST_VARIANCE = 1e-3
"""Of an embedded category that is certain."""


class JointPosterior(NamedTuple):
    """q(z, c|x) of a batch."""

    q: Gaussian
    """Of the continuous latents, over (B, D)."""
    log_p: Tensor
    """Log-probabilities of the values of all categories side by side, (B, sum K_i)."""


class JointEncoder(Encoder):
    """Convolutions, one hidden layer, and the parameters of q(z, c|x).

    Args:
        shape: (C, H, W) of the images.
        continuous: D, the number of continuous latents.
        categories: K_i, the number of values of each category, 2 at least.
        widths: Channels after each convolution.
        hidden: Units of the hidden layer.
        activation: "relu", "elu", "leaky_relu" or "tanh".
        precision_limit: Above 1. No variance of a continuous latent falls below 1 / precision_limit.
            None for no limit.

    Raises:
        ValueError: As `ConvEncoder`, and without categories or for one of fewer than 2 values.
    """

    def __init__(
        self,
        shape: Sequence[int],
        continuous: int,
        categories: Sequence[int],
        *,
        widths: Sequence[int] = WIDTHS,
        hidden: int = 256,
        activation: str = "relu",
        precision_limit: float | None = None,
    ) -> None:
        super().__init__()
        self.categories = _checked(categories)
        self.min_logvar = least_logvar(precision_limit)
        self.shape = image_shape(shape)
        self.continuous = continuous
        self.latents = continuous + sum(self.categories)
        self.convolutions = Convolutions(shape, widths, activation)
        self.hidden = nn.Sequential(*dense((self.convolutions.features, hidden), activation))
        self.code = nn.Linear(hidden, 2 * continuous + sum(self.categories))

    def posterior(self, x: Tensor) -> JointPosterior:
        """q(z, c|x) of images (B, C, H, W); its parameters are float32 whatever the autocast."""
        code = full_precision(self.code, self.hidden(self.convolutions(x)))
        gaussian, logits = code.split([2 * self.continuous, sum(self.categories)], dim=1)
        parts = [part.log_softmax(1) for part in logits.split(self.categories, dim=1)]
        return JointPosterior(posterior(gaussian, self.min_logvar), torch.cat(parts, dim=1))

    def forward(self, x: Tensor) -> Gaussian:
        """The Gaussian over (B, D + sum K_i) of images (B, C, H, W), categories embedded."""
        return embedded(self.posterior(x))


class JointDecoder(Decoder):
    """Codes (B, D + sum K_i), in which the largest value of each category is set to 1 and the rest to 0.

    Args:
        decoder: Of codes (B, D + sum K_i).
        categories: K_i, the number of values of each category; they are the last latents.

    Raises:
        ValueError: As `JointEncoder`, and for a decoder without continuous latents beside the categories.
    """

    def __init__(self, decoder: ConvDecoder, categories: Sequence[int]) -> None:
        super().__init__()
        self.categories = _checked(categories)
        self.continuous = decoder.latents - sum(self.categories)
        if self.continuous < 1:
            raise ValueError(
                f"{sum(self.categories)} values of categories leave no continuous ones of "
                f"{decoder.latents} latents"
            )
        self.decoder = decoder
        self.shape, self.latents, self.link = decoder.shape, decoder.latents, decoder.link

    def of_code(self, code: Tensor) -> Tensor:
        """Logits (B, C, H, W) of z and c side by side, (B, D + sum K_i), as they are: c may be relaxed."""
        return self.decoder(code)

    def forward(self, z: Tensor) -> Tensor:
        """Logits (B, C, H, W) of codes, every category read as its largest latent."""
        continuous, *values = z.split([self.continuous, *self.categories], dim=1)
        chosen = [functional.one_hot(part.argmax(1), part.shape[1]).to(z.dtype) for part in values]
        return self.of_code(torch.cat([continuous, *chosen], dim=1))

    def output_layer(self) -> nn.Module | None:
        """That of the decoder."""
        return self.decoder.output_layer()


def embedded(found: JointPosterior) -> Gaussian:
    """The Gaussian over (B, D + sum K_i) with the moments of z and of the one-hot c."""
    p = found.log_p.exp()
    variance = p * (1 - p) + LEAST_VARIANCE
    q = found.q
    return Gaussian(torch.cat((q.mean, p), dim=1), torch.cat((q.logvar, variance.log()), dim=1))


def _checked(categories: Sequence[int]) -> tuple[int, ...]:
    if not categories or min(categories) < 2:
        raise ValueError(f"a joint code has categories of at least 2 values each, got {list(categories)}")
    return tuple(categories)
