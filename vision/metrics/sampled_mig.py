r"""The mutual information gap on samples of q(z|x) with exact marginals (Chen et al. 2018, section 4.1).

    I(z_j; v_k) = H(z_j) - H(z_j | v_k),     H(z_j) = -mean_s log( 1/N sum_n q(z_j^s | x_n) )

and H(z_j | v_k) the same within the points of each value, averaged over values. Information is clamped at 0
and divided by log |V_k|. Nothing is binned, so that a latent whose posterior is the prior has no information,
where the binned form finds some in the small movements of its mean. The two are not comparable.

Cost: samples x N x D densities for the marginal and N x N / |V_k| x D for each factor; on a whole data set of
0.7 million images that needs a GPU (tensors are used on their device) or a subset.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from vision.metrics.arrays import MAX_CODE, Floats, MetricError, dense, numbers
from vision.metrics.checks import check_count, check_factors
from vision.metrics.mig import gaps

BLOCK = 1 << 24  # densities evaluated at once
MAX_LOGVAR = 230.0
"""Largest absolute value of a log-variance: beyond it the density leaves the range of doubles."""


class SampledGap(NamedTuple):
    """Mutual information gap, and what it was computed from."""

    score: float
    """In 0..1."""
    information: Floats
    """(D, K): mutual information, in nats."""


def mig_sampled(
    mean: ArrayLike | Tensor,
    logvar: ArrayLike | Tensor,
    factors: ArrayLike,
    *,
    generator: torch.Generator | None = None,
    samples: int = 10000,
) -> SampledGap:
    """Mutual information gap on one sample of each posterior (Chen et al. 2018, section 4.1).

    1: each factor is determined by one latent and independent of all others; 0: no gap.

    Args:
        mean: (N, D), of the posteriors; tensors are used on their device. The points should cover the factor
            grid evenly (a whole data set): values count alike in the conditional entropy.
        logvar: (N, D), of the posteriors; in -230..230.
        factors: (N, K), integers; (N,) for a single factor.
        generator: Of the samples, on the device of the tensors.
        samples: How many of the N samples the entropies are averaged over at most.

    Raises:
        MetricError: For shapes that differ, numbers that are not finite or out of range, or a factor with a
            single value.

    >>> mean, seeded = torch.tensor([[-100.0, 0.0], [100.0, 0.0]]), torch.Generator().manual_seed(0)
    >>> round(mig_sampled(mean, torch.zeros(2, 2), [[0], [1]], generator=seeded).score, 4)
    1.0
    """
    mu, spread = _posterior(mean, logvar)
    noise = torch.randn(mu.shape, generator=generator, dtype=torch.float64, device=mu.device)
    z = mu + (0.5 * spread).exp() * noise
    return gap_of_samples(mu, spread, z, factors, samples=samples, generator=generator)


def gap_of_samples(
    mean: Tensor,
    logvar: Tensor,
    z: Tensor,
    factors: ArrayLike,
    *,
    samples: int = 10000,
    generator: torch.Generator | None = None,
) -> SampledGap:
    """`mig_sampled` for given samples.

    Args:
        mean: (N, D), of the posteriors.
        logvar: (N, D), of the posteriors; in -230..230.
        z: (N, D), row n a sample of posterior n.
        factors: (N, K), integers; (N,) for a single factor.
        samples: How many of the N samples the entropies are averaged over at most.
        generator: Draws them, where there are more; on the device of the means.

    Raises:
        MetricError: As `mig_sampled`.
    """
    mean, logvar = _posterior(mean, logvar)
    z = _tensor(z, "z").to(mean.device)
    if z.shape != mean.shape:
        raise MetricError(
            f"z has shape {tuple(z.shape)}, mean {tuple(mean.shape)}: one sample a point is needed"
        )
    samples = check_count("samples", samples, 1)
    values = check_factors(factors, len(mean))
    marginal = _entropy(mean, logvar, z, samples, generator)
    information = np.empty((mean.shape[1], values.shape[1]))
    scores = []
    for factor, column in enumerate(values.T):
        labels, size = dense(column)
        if size < 2:
            raise MetricError(f"factor {factor} has a single value: drop the column, it cannot be scored")
        conditional = torch.zeros_like(marginal)
        for value in range(size):
            members = torch.as_tensor(np.flatnonzero(labels == value), device=mean.device)
            few = mean[members], logvar[members], z[members]
            conditional += _entropy(*few, samples, generator) / size
        information[:, factor] = (marginal - conditional).clamp(min=0).cpu().numpy()
        scores.append(gaps(information[:, factor : factor + 1], axis=0)[0] / math.log(size))
    return SampledGap(float(np.mean(scores)), information)


def _posterior(mean: ArrayLike | Tensor, logvar: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
    """Means and log-variances (N, D) in double precision on the device of the means."""
    mu = _tensor(mean, "mean")
    spread = _tensor(logvar, "logvar", MAX_LOGVAR).to(mu.device)
    if mu.ndim != 2 or mu.shape != spread.shape or 0 in mu.shape:
        raise MetricError(
            f"mean {tuple(mu.shape)} and logvar {tuple(spread.shape)} must both be (N, D), neither of them 0"
        )
    return mu, spread


def _tensor(values: ArrayLike | Tensor, name: str, largest: float = MAX_CODE) -> Tensor:
    """As a tensor in double precision, on the device of the values where they are a tensor."""
    if isinstance(values, Tensor):
        if values.is_complex():
            raise MetricError(f"{name} must hold real numbers, not {values.dtype}")
        if values.requires_grad:
            raise MetricError(f"{name} requires a gradient, which no metric has: pass {name}.detach()")
        tensor = values.double()
    else:
        tensor = torch.from_numpy(np.array(numbers(values, name), dtype=np.float64))
    if not (tensor.abs() <= largest).all():
        wrong = tensor[~(tensor.abs() <= largest)][0].item()
        raise MetricError(f"{name} holds {wrong}: finite numbers within {largest:g} of 0 are expected")
    return tensor


def _entropy(
    mean: Tensor, logvar: Tensor, z: Tensor, samples: int, generator: torch.Generator | None
) -> Tensor:
    """Entropy (D,) of the mixture of the posteriors, from at most `samples` of the points, drawn at random.

    Points that are evenly spaced would not do: in a grid of factors they may show some values alone.
    """
    points = len(mean)
    if points > samples:
        z = z[torch.randperm(points, generator=generator, device=z.device)[:samples]]
    step = max(1, BLOCK // (points * mean.shape[1]))
    precision, constant = (-logvar).exp(), 0.5 * (logvar + math.log(2 * math.pi))
    total = torch.zeros(mean.shape[1], dtype=mean.dtype, device=mean.device)
    for part in z.split(step):
        density = -0.5 * (part[:, None] - mean).square() * precision - constant
        total += (torch.logsumexp(density, dim=1) - math.log(points)).sum(0)
    return -total / len(z)
