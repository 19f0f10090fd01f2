"""How many latents change with one factor, and how many factors with one latent.

sparse_change       mean number of latents that change when a single factor takes another value: good
                    factors change few at a time (Bengio, Courville & Vincent 2013, section 3)
traversal_purity    share of the change along a latent's traversal that is due to the factor that changes
                    most, as predicted by a regressor or classifier of the factors
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vision.metrics.arrays import Floats, MetricError, real, varies
from vision.metrics.checks import check_codes, check_count, check_sizes
from vision.metrics.draws import Random, draw_factors, integers
from vision.metrics.interventional import Encode, codes_of


class SparseChange(NamedTuple):
    """Number of latents that change when one factor moves, 0 to D."""

    mean: float
    """Over the factors that can move."""
    per_factor: Floats
    """(K,): the mean over a factor's moves; NaN for a factor with a single value."""


class Purity(NamedTuple):
    """Purity of traversals."""

    score: float
    """Mean of `per_latent`, weighted by how much each latent changes; in 0..1."""
    per_latent: Floats
    """(D,), in 0..1."""
    change: Floats
    """(D, K): each factor's change along a latent's traversal, at least 0."""


def sparse_change(
    encode: Encode, sizes: Sequence[int], *, rng: Random, moves: int = 1000, threshold: float = 0.1
) -> SparseChange:
    """Count the latents that change when one factor moves.

    1 is best: one latent per factor. D: every latent depends on every factor, as in a rotated code. Lower is
    better, but a code that ignores a factor scores below 1 for it.

    Args:
        encode: Maps factor values (N, K), integers, to codes (N, D). Noise in the code counts as change where
            it exceeds the threshold: return the posterior mean, or raise the threshold.
        sizes: (K,), the number of values of each factor.
        rng: Draws the points that moves start from, and the moves.
        moves: How many to draw for each factor.
        threshold: What a latent must change by, in standard deviations of it over all starting points.

    Raises:
        MetricError: Where no factor has two values, or `encode` returns no finite codes, or not as many.

    >>> sparse_change(lambda v: v, (3, 4), rng=np.random.RandomState(0)).mean
    1.0
    """
    moves, sizes = check_count("moves", moves, 2), check_sizes(sizes, 1)
    if max(sizes) < 2:
        raise MetricError(f"sizes={sizes}: no factor can move, 2 values are needed")
    if not threshold >= 0:
        raise MetricError(f"threshold={threshold} must be 0 or more")
    per_factor = np.full(len(sizes), np.nan)
    starts = [draw_factors(rng, sizes, moves) for _ in sizes]
    before = [check_codes(codes_of(encode, start)) for start in starts]
    everywhere = np.concatenate(before)
    varying, scale = varies(everywhere), everywhere.std(0)
    for factor, size in enumerate(sizes):
        if size > 1:
            moved = starts[factor].copy()
            moved[:, factor] = (moved[:, factor] + 1 + integers(rng, size - 1, moves)) % size
            change = np.abs(check_codes(codes_of(encode, moved, before[factor].shape[1])) - before[factor])
            per_factor[factor] = ((change > threshold * scale) & varying).sum(1).mean()
    return SparseChange(float(np.nanmean(per_factor)), per_factor)


def traversal_purity(judged: ArrayLike, *, categorical: Sequence[int] = ()) -> Purity:
    """Purity of traversals: does each latent change one factor only?

    The change of a factor is its total variation along the steps, divided by its largest range over all
    traversals. A latent's purity is the share of its change that falls to the factor that changes most; the
    score weights latents by their change. 1: each traversal changes one factor; 1/K: each changes all
    factors alike; 0: nothing changes.
    Fails: noise in the predictions counts as change in every factor; latents that change nothing cost
    nothing.

    Args:
        judged: (D, S, T, K): the value of factor k that a regressor or classifier predicts from the image at
            step t of the traversal of latent j that starts at image s.
        categorical: Factors, in 0..K-1, whose values have no order: their change is the number of steps at
            which the value is another.

    Raises:
        MetricError: For another shape, fewer than 2 steps, or numbers that are not finite.

    >>> steps = np.linspace(0, 1, 5)
    >>> judged = np.zeros((2, 1, 5, 2))
    >>> judged[0, 0, :, 0], judged[1, 0, :, 0], judged[1, 0, :, 1] = steps, steps, steps
    >>> traversal_purity(judged).per_latent.tolist()
    [1.0, 0.5]
    """
    array = real(judged, "judged")
    if array.ndim != 4 or array.shape[2] < 2 or 0 in array.shape:
        raise MetricError(f"judged must have shape (D, S, T >= 2, K), not {array.shape}")
    for factor in categorical:
        if check_count("categorical", factor, 0) >= array.shape[3]:
            raise MetricError(f"categorical={factor}: the factors are 0 to {array.shape[3] - 1}")
    reach = np.ptp(array, axis=2).max((0, 1))  # (K,)
    variation = np.abs(np.diff(array, axis=2)) / np.where(reach > 0, reach, 1.0)
    for factor in categorical:
        variation[..., factor] = variation[..., factor] > 0
    change = variation.sum(2).mean(1)
    total = change.sum(1)
    per_latent = np.where(total > 0, change.max(1) / np.where(total > 0, total, 1.0), 0.0)
    score = float(np.average(per_latent, weights=total)) if total.sum() > 0 else 0.0
    return Purity(score, per_latent, change)
