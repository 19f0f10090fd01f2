"""What the vision models minimise.

One reduction everywhere: **sum over pixels (or features) and over latents, mean over the batch**. No 1/2 in
front of an L2, no division by the number of pixels. In these units a published beta is the beta here, and
`normalised_beta` makes betas of different image sizes and layers comparable.

    beta-VAE         E_q(z|x)[-log p(x|z)] + beta KL(q(z|x) || N(0, I))      Higgins et al. 2017
    beta-VAE_DAE     ||J(x_hat) - J(x)||_2^2 + beta KL(q(z|x) || N(0, I))    Higgins et al. 2018
    with capacity    ... + beta |KL(q(z|x) || N(0, I)) - C|                 Burgess et al. 2018
    decorrelated     ... + lambda sum_{i != j} Cov[mu]_ij^2                 Kumar et al. 2018 (DIP-VAE-I)
    independent      ... + lambda sum_ij Cov[f_i(mu_1), g_j(mu_2)]^2       between two groups of latents
    with sparsity    ... + gamma sum_k E||x_hat(z, z_k exchanged) - x_hat(z)||_1     after Rhodes and Lee 2021

The networks may run in bfloat16; every loss term is computed in float32. Schedules of beta and capacity are
functions of the step, evaluated by the caller.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from vision.dae import DAE, LAYERS, Layer, occlude
from vision.gaussian import kl_from_prior
from vision.penalties import covariance, dependence, spread
from vision.vae import VAE

Reconstruction = Callable[[Tensor, Tensor], Tensor]
"""(decoder output (B, C, H, W), target (B, C, H, W) in [0, 1]) -> cost of each image (B,)."""


class Terms(NamedTuple):
    """A loss and what it is made of; only `loss` carries a graph."""

    loss: Tensor
    """Scalar to minimise."""
    reconstruction: Tensor
    """Scalar, mean over the batch."""
    kl: Tensor
    """Scalar, KL(q(z|x) || N(0, I)) in nats, mean over the batch, unweighted."""
    kl_per_latent: Tensor
    """(D,), nats, mean over the batch; sums to `kl`."""
    spread: Tensor
    """Scalar, `vision.penalties.spread`, unweighted; 0 where it has no weight."""
    covariance: Tensor
    """Scalar, `vision.penalties.covariance`, unweighted; 0 where it has no weight."""
    dependence: Tensor
    """Scalar, `vision.penalties.dependence`, unweighted; 0 where it has no weight."""


def bernoulli(logits: Tensor, x: Tensor) -> Tensor:
    """-log p(x) under independent Bernoullis with these logits, (B,), in nats.

    Targets need not be binary: for grey values it is the cross-entropy, whose minimum is the entropy of the
    target rather than 0.
    """
    cost = F.binary_cross_entropy_with_logits(logits.float(), x.float(), reduction="none")
    return cost.sum(dim=tuple(range(1, cost.ndim)))


def gaussian(mean: Tensor, x: Tensor, *, scale: float = 0.1) -> Tensor:
    """-log p(x) under N(mean, scale^2) per pixel, (B,), in nats; a density may exceed 1."""
    if not scale > 0:
        raise ValueError(f"the scale of a Gaussian likelihood must be positive, got {scale}")
    constant = (math.log(scale) + 0.5 * math.log(2 * math.pi)) * x[0].numel()
    return _squared_distance(mean.float(), x.float()) / (2 * scale**2) + constant


def perceptual(dae: DAE | None, layer: Layer, x_hat: Tensor, x: Tensor) -> Tensor:
    """||J(x_hat) - J(x)||_2^2 summed over the features of the named layer of a frozen DAE, (B,).

    Both images (B, C, H, W) are in the colour space of the DAE. Gradients flow through J into x_hat. The
    layer "pixels" needs no DAE. Raises ValueError for an unknown layer and for a DAE that is not frozen:
    its weights would silently collect gradients.
    """
    if layer not in LAYERS:
        raise ValueError(f"unknown layer {layer!r}: choose from {', '.join(LAYERS)}")
    if layer == "pixels":
        return _squared_distance(x_hat.float(), x.float())
    if dae is None:
        raise ValueError(f"layer {layer!r} is a layer of a denoising autoencoder, and none was given")
    if any(p.requires_grad for p in dae.parameters()):
        raise ValueError("freeze the denoising autoencoder first: dae.requires_grad_(False)")
    with torch.no_grad():
        wanted = dae.features(x, layer)
    return _squared_distance(dae.features(x_hat, layer), wanted)


def bernoulli_reconstruction(vae: VAE) -> Reconstruction:
    """`bernoulli` as a reconstruction term; ValueError for a decoder whose output is no logits."""
    if vae.decoder.link != "sigmoid":
        raise ValueError("a Bernoulli likelihood needs logits, and this decoder puts out the picture itself")
    return bernoulli


def gaussian_reconstruction(vae: VAE, scale: float = 0.1) -> Reconstruction:
    """`gaussian` as a reconstruction term."""
    return lambda output, x: gaussian(vae.mean(output), x, scale=scale)


def perceptual_reconstruction(vae: VAE, dae: DAE | None, layer: Layer) -> Reconstruction:
    """`perceptual` as a reconstruction term.

    Raises ValueError where the two models differ in image shape or colour space.
    """
    if dae is not None and (vae.shape, vae.colour) != (dae.shape, dae.colour):
        raise ValueError(
            f"the VAE sees {vae.shape} images in {vae.colour}, "
            f"the denoising autoencoder {dae.shape} in {dae.colour}"
        )
    return lambda output, x: perceptual(dae, layer, vae.mean(output), x)


def beta_vae(
    vae: VAE,
    x: Tensor,
    *,
    beta: float | Tensor,
    reconstruction: Reconstruction = bernoulli,
    prices: Tensor | None = None,
    capacity: float | Tensor | None = None,
    sparsity: float = 0.0,
    decorrelation: float = 0.0,
    independence: float = 0.0,
    first: int = 0,
    generator: torch.Generator | None = None,
) -> Terms:
    """The beta-VAE objective on RGB images (B, C, H, W) in [0, 1]; beta 1 with a likelihood is the negative
    ELBO.

    The reconstruction is compared in the colour space of the networks. `prices` (D,) weigh the KL of each
    latent, all 1 by default. With a `capacity` C in nats the penalty is beta |KL - C|, so beta is Burgess's
    gamma. A `sparsity` adds that much of `spread`, a `decorrelation` that much of `covariance`, and an
    `independence` that much of `dependence` between the `first` latents and the others.
    """
    target = vae.colour.encode(x).contiguous(memory_format=torch.channels_last)
    q_x = vae.encoder(target)
    z = q_x.sample(generator)
    output = vae.decoder(z)
    distortion = reconstruction(output, target).mean()
    kl_per_latent = kl_from_prior(q_x).mean(0)
    kl = kl_per_latent.sum()
    priced = kl if prices is None else (prices * kl_per_latent).sum()
    loss = distortion + beta * (priced if capacity is None else (priced - capacity).abs())
    changed, shared, tied = (torch.zeros_like(kl) for _ in range(3))
    if sparsity:
        changed = spread(vae, z, output, kl_per_latent.detach(), generator=generator)
        loss = loss + sparsity * changed
    if decorrelation:
        shared = covariance(q_x.mean)
        loss = loss + decorrelation * shared
    if independence:
        tied = dependence(q_x.mean[:, :first], q_x.mean[:, first:])
        loss = loss + independence * tied
    parts = (distortion, kl, kl_per_latent, changed, shared, tied)
    return Terms(loss, *(part.detach() for part in parts))


def denoising(dae: DAE, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """L2 between the restored image and the uncorrupted one, a scalar; x is RGB (B, C, H, W) in [0, 1]."""
    restored = dae(dae.colour.encode(occlude(x, generator))).float().sigmoid()
    return _squared_distance(restored, dae.colour.encode(x).float()).mean()


def normalised_beta(beta: float, latents: int, features: int) -> float:
    """beta * D / N, for N pixels or features in the reconstruction: comparable across sizes and layers.

    >>> round(normalised_beta(53, 32, 3 * 80 * 80), 3)
    0.088
    """
    return beta * latents / features


def _squared_distance(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum(dim=tuple(range(1, a.ndim)))
