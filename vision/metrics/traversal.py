r"""How many things change at once: in the code when one factor moves, and in the picture when one latent
moves.

sparse change      number of latents that change when a single factor takes another value      (Bengio,
Courville & Vincent 2013:
                   good explanatory factors are those of which few change at a time)
traversal purity   share of all change along a latent's traversal that its one best factor explains, judged by
a regressor
                   or classifier of the factors
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vision.metrics.arrays import Floats, MetricError, real, varies
from vision.metrics.checks import check_codes, check_count, check_sizes
from vision.metrics.draws import Random, draw_factors, integers
from vision.metrics.votes import Encode


class SparseChange(NamedTuple):
    """Mean number of latents that change when one factor moves; for each factor (K,), NaN if it cannot."""

    mean: float
    per_factor: Floats


class Purity(NamedTuple):
    """Purity in 0..1, that of each latent (D,), and each factor's change along its traversal (D, K)."""

    score: float
    per_latent: Floats
    change: Floats


def sparse_change(
    encode: Encode, sizes: Sequence[int], *, rng: Random, moves: int = 1000, threshold: float = 0.1
) -> SparseChange:
    """Count the latents that change by over `threshold` standard deviations when one factor moves.

    `encode` maps factor values (N, K) to codes (N, D), `sizes` (K,) counts each factor's values; `moves`
    moves are drawn per factor. 1 is ideal: one latent per factor; D: every latent answers to every factor, as
    in a rotated code. Lower is better, but a code that ignores a factor scores below 1 for it. Noise in the
    code above the threshold counts as change: give the posterior mean, or raise it.

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
    before = [check_codes(encode(start)) for start in starts]
    everywhere = np.concatenate(before)
    live, scale = varies(everywhere), everywhere.std(0)
    for factor, size in enumerate(sizes):
        if size > 1:
            moved = starts[factor].copy()
            moved[:, factor] = (moved[:, factor] + 1 + integers(rng, size - 1, moves)) % size
            change = np.abs(check_codes(encode(moved)) - before[factor])
            per_factor[factor] = ((change > threshold * scale) & live).sum(1).mean()
    return SparseChange(float(np.nanmean(per_factor)), per_factor)


def traversal_purity(judged: ArrayLike, *, categorical: Sequence[int] = ()) -> Purity:
    """Purity of traversals judged from outside, `judged` (D, S, T, K).

    `judged[j, s, t, k]` is what a judge says of factor k on step t of traversing latent j from start image s.
    Change is the total variation along the steps, in units of the factor's largest range over all traversals;
    factors in `categorical` count changes of value instead. A latent's purity is its best factor's share of
    its change; the score weights latents by how much they change anything. 1: each traversal transforms one
    aspect; 1/K: all of them alike; nothing changes: 0.
    Fails: a judge's noise counts as change in every factor; latents that move nothing are not punished.

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
