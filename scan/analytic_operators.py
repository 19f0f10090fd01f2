"""Analytic operators on diagonal Gaussians: AND, IN COMMON and IGNORE for axis-aligned concepts.

They have no parameters and are a baseline for the learned operators. A concept is assumed to differ from the
prior N(0, 1) on the latents that carry its attributes alone; then, latent by latent,

    AND        the product over the prior: 1/s^2 = 1/s_1^2 + 1/s_2^2 - 1 ,  mu/s^2 = mu_1/s_1^2 + mu_2/s_2^2 ,
    IN COMMON  both, where both are specific and agree; the prior elsewhere,
    IGNORE     the prior where the second is specific; the first elsewhere,

after the set operations of Higgins et al., "SCAN: Learning Hierarchical Compositional Visual Concepts", ICLR
2018, section 3.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from vision.gaussian import ACTIVE, Gaussian, kl_from_prior, standard_normal


def specific(q: Gaussian, nats: float = ACTIVE) -> Tensor:
    """Return which latents a Gaussian specifies: those whose KL from the prior exceeds `nats`.

    Args:
        q: Over (B, D).
        nats: The threshold, in nats.

    Returns:
        bool (B, D).
    """
    return kl_from_prior(q) > nats


def conjunction(q_1: Gaussian, q_2: Gaussian) -> Gaussian:
    """Return AND, the product of the two divided by the prior, which both contain, over (B, D).

    Exact where y enters the natural parameters linearly. The variance is limited to the larger of the prior's
    and the inputs', which keeps it positive where both inputs are wider than the prior.

    Args:
        q_1: The first concept, over (B, D).
        q_2: The second concept, over (B, D).
    """
    widest = torch.maximum(q_1.variance, q_2.variance).clamp(min=1.0)
    precision = torch.maximum(1 / q_1.variance + 1 / q_2.variance - 1, 1 / widest)
    mean = (q_1.mean / q_1.variance + q_2.mean / q_2.variance) / precision
    return Gaussian(mean, -precision.log())


def in_common(q_1: Gaussian, q_2: Gaussian, *, apart: float = 2.0, nats: float = ACTIVE) -> Gaussian:
    """Return IN COMMON, the average where both are specific and agree, the prior elsewhere, over (B, D).

    Args:
        q_1: The first concept, over (B, D).
        q_2: The second concept, over (B, D).
        apart: Means agree when they differ by less than this many standard deviations of their difference.
        nats: Threshold of `specific`, in nats.
    """
    agree = (q_1.mean - q_2.mean).abs() < apart * (q_1.variance + q_2.variance).sqrt()
    shared = Gaussian((q_1.mean + q_2.mean) / 2, (q_1.logvar + q_2.logvar) / 2)
    return _where(specific(q_1, nats) & specific(q_2, nats) & agree, shared, _prior_like(q_1))


def ignore(q_1: Gaussian, q_2: Gaussian, *, nats: float = ACTIVE) -> Gaussian:
    """Return IGNORE, the prior where the second concept is specific, the first elsewhere, over (B, D).

    Args:
        q_1: The first concept, over (B, D).
        q_2: The second concept, over (B, D).
        nats: Threshold of `specific`, in nats.
    """
    return _where(specific(q_2, nats), _prior_like(q_1), q_1)


def power(q: Gaussian, weight: float) -> Gaussian:
    """Return the concept with a weight, prior (q / prior)^weight normalised, over (B, D).

    The natural parameters beyond the prior's grow by the weight, as if `ExpertSymbolEncoder` were given
    weight * y. The variance is limited to the larger of the prior's and the concept's, as in `conjunction`.

    Args:
        q: The concept, over (B, D).
        weight: Above 0; 1 returns the concept, smaller ones move it towards the prior.
    """
    precision = torch.maximum(1 + weight * (1 / q.variance - 1), 1 / q.variance.clamp(min=1.0))
    return Gaussian(weight * q.mean / q.variance / precision, -precision.log())


OPERATORS: Mapping[str, Callable[[Gaussian, Gaussian], Gaussian]] = {
    "AND": conjunction,
    "IN COMMON": in_common,
    "IGNORE": ignore,
}
"""The analytic form of each of `symbols.OPERATORS`, in their order."""


def recombine(q_1: Gaussian, q_2: Gaussian, op: Tensor) -> Gaussian:
    """Return q_r over (B, D), as the learned operators do (`scan.operators.Operators`).

    Args:
        q_1: The first inputs, over (B, D).
        q_2: The second inputs, over (B, D).
        op: Indices (B,) int64 into `symbols.OPERATORS`.
    """
    made = [operator(q_1, q_2) for operator in OPERATORS.values()]
    rows = torch.arange(len(op), device=op.device)
    mean, logvar = torch.stack([q.mean for q in made]), torch.stack([q.logvar for q in made])
    return Gaussian(mean[op, rows], logvar[op, rows])


def _prior_like(q: Gaussian) -> Gaussian:
    return standard_normal(q.mean.shape, q.mean.device)


def _where(condition: Tensor, q: Gaussian, otherwise: Gaussian) -> Gaussian:
    return Gaussian(
        torch.where(condition, q.mean, otherwise.mean), torch.where(condition, q.logvar, otherwise.logvar)
    )
