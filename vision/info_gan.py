"""The networks of InfoGAN as a vision model: Q encodes, the generator decodes, and its noise is latent too.

    z = (c, n, k) ~ N(0, I) ,    x_hat = G(c, n, one_hot(argmax k)) ,    Q(c|x) = N(mu(x), sigma^2(x))

c are the codes, as many as the network has latents; n is the noise; k are the scores of a categorical code,
of which there may be several: its value is that of the largest, uniform since k ~ N(0, I). So one code of the
prior N(0, I) is all that the generator needs. `encode` gives Q(c|x) for c, and the prior for n and k: SCAN,
grounded in it, learns the codes, and samples noise and categories from the prior. So no word is grounded in
a categorical code. The mean code of an image is decoded with noise 0 and the first values.

Gaussian codes in the place of the uniform ones of Chen et al., "InfoGAN: Interpretable Representation
Learning by Information Maximizing Generative Adversarial Nets", NIPS 2016, since every latent of a vision
model has the prior N(0, 1). As there, Q is a head on the layers of the discriminator. There is no batch norm,
so that `encode` of an image does not depend on others and a gradient penalty is one of each image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from vision.colour import COLOURS
from vision.gaussian import Gaussian
from vision.interfaces import Encoder
from vision.joint import JointDecoder
from vision.networks import WIDTHS, ConvDecoder, ConvEncoder, full_precision, posterior
from vision.spelling import choose
from vision.vae import VAE


class Codes(NamedTuple):
    """What Q says of the codes of a batch."""

    gaussian: Gaussian
    """Q(c|x) over (B, D)."""
    logits: tuple[Tensor, ...]
    """Of each categorical code with K values, (B, K)."""


class InfoEncoder(Encoder):
    """Q, on layers that the discriminator shares (`features`).

    Args:
        encoder: Its convolutions and hidden layer are shared, its head is Q(c|x).
        noise: Latents of the noise, at least 0.
        categories: How many values each categorical code has.

    Raises:
        ValueError: For negative noise, and for a categorical code of fewer than 2 values.
    """

    def __init__(self, encoder: ConvEncoder, *, noise: int, categories: Sequence[int] = ()) -> None:
        super().__init__()
        if noise < 0 or any(values < 2 for values in categories):
            raise ValueError(
                f"noise is at least 0 and a category has at least 2 values, got {noise} and {[*categories]}"
            )
        self.shape = encoder.shape
        self.codes = encoder.latents
        self.latents = encoder.latents + noise + sum(categories)
        self.categories = tuple(categories)
        self.units = encoder.code.in_features
        self.encoder = encoder
        self.category = nn.Linear(self.units, sum(categories)) if categories else None

    def features(self, x: Tensor) -> Tensor:
        """What Q and the discriminator share: units (B, units) of images (B, C, H, W) in [0, 1]."""
        return self.encoder.features(2 * x - 1)

    def q(self, features: Tensor) -> Codes:
        """Q of the units (B, units) that `features` gives."""
        code = full_precision(self.encoder.code, features)
        logits: tuple[Tensor, ...] = ()
        if self.category is not None:
            logits = full_precision(self.category, features).split(self.categories, dim=1)
        return Codes(posterior(code, self.encoder.min_logvar), logits)

    def values(self, z: Tensor) -> tuple[Tensor, ...]:
        """The value (B,) of each categorical code in z (B, latents), integers from 0."""
        scores = z[:, self.latents - sum(self.categories) :].split(self.categories, dim=1)
        return tuple(part.argmax(1) for part in scores)

    def forward(self, x: Tensor) -> Gaussian:
        """Q(c|x) for the codes and the prior for the rest, over (B, latents), of images (B, C, H, W)."""
        q = self.q(self.features(x)).gaussian
        rest = (0, self.latents - self.codes)
        return Gaussian(F.pad(q.mean, rest), F.pad(q.logvar, rest))


def info_gan(
    shape: Sequence[int],
    *,
    latents: int = 32,
    noise: int = 16,
    categories: Sequence[int] = (),
    widths: Sequence[int] = WIDTHS,
    hidden: int = 256,
    activation: str = "relu",
    colour: str = "rgb",
    precision_limit: float | None = None,
) -> VAE:
    """The generator of InfoGAN with Q as its encoder (`vision.info_gan`), with the arguments of `vae`.

    Args:
        latents: Gaussian codes.
        noise: Latents that Q does not read, at least 0.
        categories: How many values each categorical code has, at least 2.

    Raises:
        ValueError: As `vae`, and for negative noise or a category of one value.
    """
    size: dict[str, Any] = {"widths": widths, "hidden": hidden, "activation": activation}
    q = ConvEncoder(shape, latents, precision_limit=precision_limit, **size)
    encoder = InfoEncoder(q, noise=noise, categories=categories)
    generator = ConvDecoder(shape, encoder.latents, **size)
    decoder = JointDecoder(generator, categories) if categories else generator
    return VAE(encoder, decoder, choose(COLOURS, colour, "colour space"))
