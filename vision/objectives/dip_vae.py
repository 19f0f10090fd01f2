"""The DIP-VAEs: the covariance of the aggregate posterior q(z) is drawn towards the identity.

    loss   reconstruction + KL(q(z|x) || N(0, I)) + od sum_{i != j} S_ij^2 + d sum_i (S_ii - 1)^2

    DIP-VAE-I    S = Cov[mu]
    DIP-VAE-II   S = Cov[mu] + diag E[sigma^2] ,   the covariance of q(z)

with mu and sigma^2 the mean and the variance of q(z|x), and moments over the batch (1 / B). Kumar et al.,
"Variational Inference of Disentangled Latent Concepts from Unlabeled Observations", ICLR 2018, eq. 6 and 7.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vision.gaussian import Gaussian
from vision.objectives.beta_vae import beta_vae
from vision.objectives.forward import Loss, Pass


def dip_vae_i(
    passed: Pass, *, off_diagonal: float = 10.0, diagonal: float = 100.0, kl_weights: Tensor | None = None
) -> Loss:
    """The loss of the DIP-VAE-I, with terms `reconstruction`, `kl`, `dip_off_diagonal` and `dip_diagonal`.

    Args:
        passed: The result of `forward`.
        off_diagonal: od, the weight of the squared covariances.
        diagonal: d, the weight of the squared distances of the variances from 1.
        kl_weights: Weight of each latent's KL, (D,); all 1 by default.
    """
    return _penalised(passed, covariance_of_means(passed.q), off_diagonal, diagonal, kl_weights)


def dip_vae_ii(
    passed: Pass, *, off_diagonal: float = 10.0, diagonal: float = 10.0, kl_weights: Tensor | None = None
) -> Loss:
    """The loss of the DIP-VAE-II; arguments and terms as of `dip_vae_i`."""
    return _penalised(passed, covariance_of_codes(passed.q), off_diagonal, diagonal, kl_weights)


def covariance_of_means(q: Gaussian) -> Tensor:
    """Cov[mu] (D, D) over a batch of posteriors (B, D), divided by B, in float32 also under autocast."""
    offset = q.mean - q.mean.mean(0)
    with torch.autocast(offset.device.type, enabled=False):
        return offset.T @ offset / len(offset)


def covariance_of_codes(q: Gaussian) -> Tensor:
    """The covariance (D, D) of the mixture of a batch of posteriors (B, D): Cov[mu] + diag E[sigma^2]."""
    return covariance_of_means(q) + q.variance.mean(0).diag()


def _penalised(
    passed: Pass, covariance: Tensor, off_diagonal: float, diagonal: float, kl_weights: Tensor | None
) -> Loss:
    variances = covariance.diagonal()
    between = covariance.square().sum() - variances.square().sum()
    loss = beta_vae(passed, beta=1.0, kl_weights=kl_weights)
    loss = loss.plus("dip_off_diagonal", off_diagonal, between)
    return loss.plus("dip_diagonal", diagonal, (variances - 1).square().sum())
