r"""Interventional robustness (Suter et al. 2019): does a latent stay the same when other factors change?

    IRS_jk = 1 - mean_v quantile_n |z_j - mean(z_j | v_k = v)| / max_n |z_j - mean(z_j)|

where the quantile runs over the points with v_k = v: how far latent j still moves while factor k is held. The
latent's score is its best factor's, and the total weights each latent by its largest deviation.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vision.metrics.arrays import Booleans, Floats, Integers, MetricError, centred, dense
from vision.metrics.checks import check_active, check_count, check_pair
from vision.metrics.discretise import discretise


class InterventionalRobustness(NamedTuple):
    """Interventional robustness, and what it was computed from."""

    score: float
    """In 0..1."""
    matrix: Floats
    """(A, K): IRS_jk of the A latents that take part."""
    num_active: int
    """A."""
    active: Booleans
    """(D,): which latents take part."""
    per_latent: Floats
    """(A,): the score of each latent, in 0..1."""
    parents: Integers
    """(A,): its best factor."""
    max_deviations: Floats
    """(A,): its largest deviation, which is its weight, in units of the code."""


def irs(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    quantile: float = 0.99,
    bins: int | None = 20,
    active: ArrayLike | None = None,
) -> InterventionalRobustness:
    """Interventional robustness score (Suter et al. 2019).

    1: each latent is determined by one factor whatever the values of the others; 0: some other factor moves
    each latent over its whole range. No latent takes part: 0.
    Fails: the weights have the units of the code, so that a latent on a large scale decides the score; one
    outlier moves the maximum; with few points per group the quantile shrinks and the score grows (pure noise
    scores about 0.31); duplicated latents cost nothing.

    Args:
        codes: (N, D).
        factors: (N, K), integers; (N,) for a single factor.
        quantile: Of the deviations, in (0, 1]; 0.99 is disentanglement_lib's, 1.0 the paper's maximum.
        bins: Neighbouring values of a factor that has more are merged into so many groups, as the reference
            does; None merges nothing, and then the order of the values does not matter.
        active: (D,), booleans: the latents that may take part, of those that vary (see `modularity`).

    Raises:
        MetricError: For malformed arrays, a factor with a single value, or a setting out of range.

    >>> grid = np.stack(np.meshgrid(range(3), range(4), indexing="ij"), -1).reshape(-1, 2)
    >>> mixed = grid.sum(1, keepdims=True)
    >>> irs(grid, grid, bins=None).score, irs(mixed, grid, bins=None).matrix.round(3).tolist()
    (1.0, [[0.4, 0.6]])
    """
    checked, values = check_pair(codes, factors)
    if not 0.0 < quantile <= 1.0:
        raise MetricError(f"quantile={quantile} must be in (0, 1]")
    count = None if bins is None else check_count("bins", bins, 2)
    taking_part = check_active(active, checked)
    latents = centred(checked[:, taking_part])
    if not taking_part.any():
        empty, none = np.zeros(0), np.zeros(0, dtype=np.int64)
        matrix = np.zeros((0, values.shape[1]))
        return InterventionalRobustness(0.0, matrix, 0, taking_part, empty, none, empty)
    largest = np.abs(latents).max(0)
    matrix = np.empty((latents.shape[1], values.shape[1]))
    for factor in range(values.shape[1]):
        groups = _groups(values[:, factor], count)
        matrix[:, factor] = 1.0 - _spread_within(latents, groups, quantile) / largest
    scores = matrix.max(1)
    return InterventionalRobustness(
        float(np.average(scores, weights=largest)),
        matrix,
        int(taking_part.sum()),
        taking_part,
        scores,
        matrix.argmax(1),
        largest,
    )


def _groups(values: Integers, bins: int | None) -> Integers:
    """Groups (N,) of one factor's values: by rank, so that a gap between two values merges no others."""
    rank, count = dense(values)
    return rank if bins is None or count <= bins else discretise(rank[:, None], bins)[:, 0]


def _spread_within(codes: Floats, labels: Integers, quantile: float) -> Floats:
    """Quantile of the distance from the group's mean, averaged over the groups; (D,)."""
    group, count = dense(labels)
    total = np.zeros(codes.shape[1])
    order = np.argsort(group, kind="stable")
    for members in np.split(order, np.cumsum(np.bincount(group))[:-1]):
        inside = codes[members]
        total += np.quantile(np.abs(inside - inside.mean(0)), quantile, axis=0)
    return total / count
