"""The beta-TCVAE: the KL in three parts, with a weight for each.

    E KL(q(z|x) || p(z))  =  MI  +  TC  +  dwKL
    MI                       KL(q(z, x) || q(z) p(x))          mutual information of codes and images
    TC                       KL(q(z) || prod_j q(z_j))         total correlation of the codes
    dwKL                     sum_j KL(q(z_j) || p(z_j))        dimension-wise KL

    loss                     reconstruction + KL + (alpha - 1) MI + (beta - 1) TC + (gamma - 1) dwKL

Chen et al., "Isolating Sources of Disentanglement in Variational Autoencoders", NeurIPS 2018, eq. 2 and 4.
The KL itself is the closed form and not the sum of the three estimates, which has the same expectation and
more noise; with alpha = gamma = 1 it is the form of Locatello et al. 2019.

The parts need q(z) and q(z_j), mixtures of the posteriors of all N images. A batch of B gives estimates,

    log q(z_i) = log sum_k W_ik q(z_i|x_k) ,      log q(z_ij) = log sum_k W_ik q(z_ij|x_k)

    MWS   W_ik = 1 / (B N)                                              eq. 5: a lower bound in expectation
    MSS   W_ii = 1 / N,  W_ii' = (N - M) / (N M),  else 1 / M           appendix C.2, with M = B - 1

where i' is one other image, here the next of the batch. The rows of the MSS sum to 1. Those of the MWS sum to
1 / N, which adds the constant (D - 1) log N to the TC and changes no gradient of it.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from vision.gaussian import Gaussian
from vision.objectives.beta_vae import beta_vae
from vision.objectives.forward import Loss, Pass

Estimator = Literal["mss", "mws"]


class Decomposition(NamedTuple):
    """The parts of the KL, each a scalar in nats with gradients; they add up to E[log q(z|x) - log p(z)]."""

    mutual_information: Tensor
    total_correlation: Tensor
    dimension_wise_kl: Tensor


def beta_tcvae(
    passed: Pass,
    images: int,
    *,
    alpha: float = 1.0,
    beta: float = 6.0,
    gamma: float = 1.0,
    estimator: Estimator = "mws",
    kl_weights: Tensor | None = None,
) -> Loss:
    """The loss, with the terms `reconstruction`, `kl`, and the parts of the KL in nats.

    Args:
        passed: The result of `forward`, for at least 2 images.
        images: N, the size of the data set.
        alpha: Weight of the mutual information.
        beta: Weight of the total correlation.
        gamma: Weight of the dimension-wise KL.
        estimator: "mws", minibatch weighted sampling, or "mss", minibatch stratified sampling.
        kl_weights: Weight of each latent's KL, (D,); all 1 by default.

    Raises:
        ValueError: As `decomposition`.
    """
    parts = decomposition(passed.z, passed.q, images, estimator)
    loss = beta_vae(passed, beta=1.0, kl_weights=kl_weights)
    for (name, part), weight in zip(parts._asdict().items(), (alpha, beta, gamma), strict=True):
        loss = loss.plus(name, weight - 1, part)
    return loss


def decomposition(z: Tensor, q: Gaussian, images: int, estimator: Estimator = "mws") -> Decomposition:
    """Estimates of the three parts of the KL from one batch.

    Args:
        z: One sample of each posterior, (B, D).
        q: The posteriors, over (B, D).
        images: N, the size of the data set.
        estimator: "mws" or "mss".

    Raises:
        ValueError: For an unknown estimator, and as `stratified_log_weights`.
    """
    pairs = log_densities(z, q)
    if estimator == "mss":
        log_weights = stratified_log_weights(len(z), images, z.device).to(pairs.dtype)
    elif estimator == "mws":
        log_weights = torch.full_like(pairs[:, :, 0], -math.log(len(z) * images))
    else:
        raise ValueError(f"unknown estimator {estimator!r}: choose from mws, mss")
    log_q_z_given_x = pairs.diagonal().sum(0).mean()
    log_q_z = (pairs.sum(2) + log_weights).logsumexp(1).mean()
    log_product = (pairs + log_weights[:, :, None]).logsumexp(1).sum(1).mean()
    log_p_z = log_density(z, Gaussian(torch.zeros_like(z), torch.zeros_like(z))).sum(1).mean()
    return Decomposition(log_q_z_given_x - log_q_z, log_q_z - log_product, log_product - log_p_z)


def log_densities(z: Tensor, q: Gaussian) -> Tensor:
    """log q(z_ij | x_k) in nats for every sample i, posterior k and latent j: (B, B, D).

    Args:
        z: Samples (B, D).
        q: Posteriors over (B, D).
    """
    return log_density(z[:, None], Gaussian(q.mean[None], q.logvar[None]))


def log_density(z: Tensor, q: Gaussian) -> Tensor:
    """The log-density of each latent in nats, at least float32; z and q broadcast to (..., D)."""
    return -0.5 * (math.log(2 * math.pi) + q.logvar + (z - q.mean).square() * (-q.logvar).exp())


def stratified_log_weights(batch: int, images: int, device: torch.device | str = "cpu") -> Tensor:
    """The logarithms of the weights W of minibatch stratified sampling, (B, B) float64; rows sum to 1.

    Args:
        batch: B, at least 2.
        images: N, at least B.
        device: Of the result.

    Raises:
        ValueError: For fewer than 2 images in the batch, or more than the data set has.

    >>> stratified_log_weights(3, 10).exp()[0]
    tensor([0.1000, 0.4000, 0.5000], dtype=torch.float64)
    """
    if not 2 <= batch <= images:
        raise ValueError(f"stratified sampling needs a batch of 2 to N = {images} images, got {batch}")
    others = batch - 1
    weights = torch.full((batch, batch), 1 / others, dtype=torch.float64, device=device)
    weights.diagonal().fill_(1 / images)
    rows = torch.arange(batch, device=device)
    weights[rows, (rows + 1) % batch] = (images - others) / (images * others)
    return weights.log()
