"""One pass of a batch through a VAE, and the loss that an objective computes from it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vision.gaussian import Gaussian, kl_from_prior
from vision.objectives.likelihoods import Likelihood
from vision.vae import VAE


class Pass(NamedTuple):
    """The results of a batch of images passed through a VAE; all are part of the autograd graph."""

    q: Gaussian
    """q(z|x) over (B, D), in the units of the encoder (`VAE.standardise` is not applied)."""
    z: Tensor
    """One sample of each q(z|x), (B, D)."""
    output: Tensor
    """The decoder's output for z, (B, C, H, W): logits, or with the identity link the image itself."""
    reconstruction: Tensor
    """-log p(x|z), or the squared distance of features, mean over the batch: a scalar."""
    kl: Tensor
    """KL(q(z|x) || N(0, I)) of each latent in nats, mean over the batch: (D,)."""


class Loss(NamedTuple):
    """The value that an objective minimises, and its terms."""

    value: Tensor
    """A scalar with gradients."""
    terms: dict[str, Tensor]
    """Scalars by name, without their weights and without gradients."""

    def plus(self, name: str, weight: float, penalty: Tensor) -> Loss:
        """The loss value + weight * penalty, with a further term.

        Args:
            name: Of the term.
            weight: Of the penalty.
            penalty: A scalar with gradients.

        Raises:
            ValueError: For a name that is among the terms already.
        """
        if name in self.terms:
            raise ValueError(f"the loss has a term {name!r} already")
        return Loss(self.value + weight * penalty, {**self.terms, name: penalty.detach()})


def forward(vae: VAE, x: Tensor, likelihood: Likelihood, generator: torch.Generator | None = None) -> Pass:
    """Encode, sample, decode and compare, in the colour space of the networks.

    Args:
        vae: The model.
        x: RGB images (B, C, H, W) in [0, 1].
        likelihood: Compares the decoder's output with the images.
        generator: Source of the noise in z, on the device of the model.

    Raises:
        ValueError: When the likelihood does not suit the decoder, or the images not the encoder.
    """
    target = target_of(vae, x, likelihood)
    return reconstruct(vae, vae.encoder(target), target, likelihood, generator)


def target_of(vae: VAE, x: Tensor, likelihood: Likelihood) -> Tensor:
    """RGB images (B, C, H, W) in [0, 1] as the networks see them; ValueError as `forward`."""
    likelihood.check(vae)
    return vae.colour.encode(x).contiguous(memory_format=torch.channels_last)


def reconstruct(
    vae: VAE, q: Gaussian, target: Tensor, likelihood: Likelihood, generator: torch.Generator | None = None
) -> Pass:
    """Sample, decode and compare: what `forward` does after the encoder, for methods that change its q(z|x).

    Args:
        vae: The model.
        q: Posteriors over (B, D), in the units of the encoder.
        target: Images (B, C, H, W) in the colour space of the networks, from `target_of`.
        likelihood: Compares the decoder's output with the images.
        generator: Source of the noise in z, on the device of the model.
    """
    z = q.sample(generator)
    output = vae.decoder(z)
    return Pass(q, z, output, likelihood.cost(vae, output, target).mean(), kl_from_prior(q).mean(0))
