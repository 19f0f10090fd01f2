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
from vision.vae import VAE

USED = 0.05
"""Nats of KL above which a latent counts as used by `spread`."""

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
    """Scalar, `spread` below, unweighted; 0 where it has no weight."""
    covariance: Tensor
    """Scalar, `covariance` below, unweighted; 0 where it has no weight."""
    dependence: Tensor
    """Scalar, `dependence` below, unweighted; 0 where it has no weight."""


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


def covariance(mean: Tensor) -> Tensor:
    """sum_{i != j} Cov[mu]_ij^2 over a batch of posterior means (B, D), a scalar: what latents say twice.

    The off-diagonal term of DIP-VAE-I with its biased (1/B) covariance: Kumar et al., "Variational Inference
    of Disentangled Latent Concepts from Unlabeled Observations", ICLR 2018, eq. 6.
    """
    square = (_scatter(mean, mean) / len(mean)).square()
    return square.sum() - square.diagonal().sum()


def dependence(one: Tensor, other: Tensor) -> Tensor:
    """How much two groups of latents say of each other, up to second moments: a scalar.

        sum_ij Cov[f_i(one), g_j(other)]^2 ,    f: all monomials of degree 1 and 2,    g: z_j and z_j^2

    It is 0 in the mean where they are independent. A latent that means one thing in some contexts and another
    in others is uncorrelated with what tells the contexts apart, but its mean or its variance within them
    differs, and that shows here. The square of each covariance is the product of its estimates from the two
    halves of the batch, which has no bias, unlike the square of one estimate; so the value may be negative.
    A finite-dimensional relative of HSIC: Gretton et al., "Measuring Statistical Dependence with
    Hilbert-Schmidt Norms", ALT 2005.

    Args:
        one: Posterior means (B, D_1), B at least 4.
        other: Posterior means (B, D_2) of the same images.

    Raises ValueError for a smaller batch: its halves have no covariance.
    """
    if len(one) < 4:
        raise ValueError(f"dependence needs a batch of at least 4 images, got {len(one)}")
    i, j = torch.triu_indices(one.shape[1], one.shape[1], device=one.device)
    f = torch.cat((one, one[:, i] * one[:, j]), dim=1)
    g = torch.cat((other, other.square()), dim=1)
    half = len(one) // 2
    rest = len(one) - half
    return (_scatter(f[:half], g[:half]) * _scatter(f[half:], g[half:])).sum() / ((half - 1) * (rest - 1))


def spread(
    vae: VAE, z: Tensor, output: Tensor, kl_per_latent: Tensor, *, generator: torch.Generator | None = None
) -> Tensor:
    """How many pixels each latent touches, summed over the used latents: a scalar, mean over the images.

        sum_k E || x_hat(z with z_k exchanged) - x_hat(z) ||_1

    where z_k is exchanged for that of another image of the batch. Turning two axes into each other leaves the
    likelihood and the KL nearly unchanged, but it lets each touch what both touched; the L1 norm, unlike an
    L2, grows by that. So it tells apart what the beta-VAE cannot: factors of like variance in different
    parts of the picture. One latent per image is drawn, among those with KL above `USED` nats, and half of
    the batch is used. After the L1 norm of the decoder's Jacobian of Rhodes and Lee, "Local
    Disentanglement in Variational Auto-Encoders Using Jacobian L1 Regularization", NeurIPS 2021, with a
    finite step.

    Args:
        vae: The model; its decoder made `output` (B, C, H, W) of `z` (B, D).
        kl_per_latent: (D,), which latents are used.
    """
    n, device = max(1, len(z) // 2), z.device
    used = (kl_per_latent > USED).float()
    which = torch.multinomial(used + 1e-6, n, replacement=True, generator=generator)
    other = torch.randint(len(z), (n,), generator=generator, device=device)
    rows = torch.arange(n, device=device)
    exchanged = z[:n].index_put((rows, which), z[other, which])
    change = (vae.mean(vae.decoder(exchanged)) - vae.mean(output[:n])).abs()
    return change.sum() / n * used.sum()


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


def _scatter(f: Tensor, g: Tensor) -> Tensor:
    """Sums of products (F, G) of centred features (B, F) and (B, G), in float32 also under autocast."""
    with torch.autocast(f.device.type, enabled=False):
        return (f - f.mean(0)).T @ (g - g.mean(0))


def _squared_distance(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum(dim=tuple(range(1, a.ndim)))
