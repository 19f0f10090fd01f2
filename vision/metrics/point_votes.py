"""The FactorVAE score of codes that are there already, where no image can be rendered on demand.

A vote of `vision.metrics.interventional` draws a batch in which factor k has one value and the others are
uniform. Here the batch is drawn from the given points that have that value, without replacement, so that the
other factors are distributed as in the points: for points of uniform, independent factors it is the same
score.
"""

import numpy as np
from numpy.typing import ArrayLike

from vision.metrics.arrays import Floats, Integers, MetricError, varies
from vision.metrics.checks import check_count, check_pair
from vision.metrics.interventional import Votes

FEWEST = 8
"""Points of a value, below which no vote fixes it: a variance of fewer says little."""


def factor_vae_score_of_points(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    rng: np.random.Generator,
    num_train: int = 800,
    num_eval: int = 800,
    batch: int = 64,
    prune: float = 0.05,
) -> Votes:
    """FactorVAE score from points: is the fixed factor known from the latent that varies least?

    Chance is about 1/K; 1: always. No latent takes part: 0. (Kim & Mnih, "Disentangling by Factorising", ICML
    2018, section 4, with 800 votes as there.)
    Fails: as `factor_vae_score`; factors that depend on each other are fixed together.

    Args:
        codes: (N, D).
        factors: (N, K >= 2), integers.
        rng: Draws the votes.
        num_train: Votes that the table is made of.
        num_eval: Further votes that it is tested on.
        batch: Points of a vote, or all that have its value where these are fewer.
        prune: Latents with a standard deviation below it take no part, nor do those that do not vary.

    Raises:
        MetricError: For malformed arrays, or fewer than 2 factors of which some value has 8 points.

    >>> grid = np.stack(np.meshgrid(range(9), range(9)), -1).reshape(-1, 2)
    >>> factor_vae_score_of_points(grid, grid, rng=np.random.default_rng(0)).eval
    1.0
    """
    for name, count in {"num_train": num_train, "num_eval": num_eval, "batch": batch}.items():
        check_count(name, count, 2)
    if not prune >= 0:
        raise MetricError(f"prune={prune} must be 0 or more")
    checked, values = check_pair(codes, factors)
    groups = [_groups(column) for column in values.T]
    votable = [k for k, found in enumerate(groups) if found]
    if len(votable) < 2:
        raise MetricError(f"the votes compare factors: at least 2 with {FEWEST} points of a value are needed")
    variances = checked.var(0, ddof=1)
    active = np.flatnonzero(varies(checked) & (np.sqrt(variances) >= prune))
    table = np.zeros((checked.shape[1], values.shape[1]), dtype=np.int64)
    if len(active) == 0:
        return Votes(0.0, 0.0, 0, table)

    def votes(count: int) -> Integers:
        """Latents and factors (count, 2) of some votes."""
        cast = np.empty((count, 2), dtype=np.int64)
        for vote, k in enumerate(rng.choice(votable, count)):
            group = groups[k][rng.integers(len(groups[k]))]
            some = checked[rng.choice(group, min(batch, len(group)), replace=False)]
            cast[vote] = _least(some, variances, active), k
        return cast

    np.add.at(table, tuple(votes(num_train).T), 1)
    names = table.argmax(1)
    latent, fixed = votes(num_eval).T
    return Votes(
        float(table.max(1).sum() / num_train), float((names[latent] == fixed).mean()), len(active), table
    )


def _groups(column: Integers) -> list[Integers]:
    """Indices of the points of each value of a factor that has enough of them."""
    found, counts = np.unique(column, return_counts=True)
    return [np.flatnonzero(column == value) for value in found[counts >= FEWEST]]


def _least(points: Floats, variances: Floats, active: Integers) -> int:
    """The latent whose share of its own variance is the least."""
    return int(active[(points[:, active].var(0, ddof=1) / variances[active]).argmin()])
