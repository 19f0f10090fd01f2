"""What latents are to avoid: touching many pixels, saying a thing twice, meaning different things in turn.

Each is a scalar that a vision model's loss may add, in float32; `vision.objectives` has the weights' places.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vision.vae import VAE

USED = 0.05
"""Nats of KL above which a latent counts as used by `spread`."""


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


def _scatter(f: Tensor, g: Tensor) -> Tensor:
    """Sums of products (F, G) of centred features (B, F) and (B, G), in float32 also under autocast."""
    with torch.autocast(f.device.type, enabled=False):
        return (f - f.mean(0)).T @ (g - g.mean(0))
