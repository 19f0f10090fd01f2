r"""Two metrics that intervene: fix one factor, redraw the others, predict which factor was fixed.

    BetaVAE score     a point is mean_l |z(a_l) - z(b_l)| over pairs that share factor k; a linear classifier
                      predicts k (Higgins et al. 2017, section 3)
    FactorVAE score   a vote is argmin_j Var_l z_j / Var z_j over a batch that shares factor k; a majority
                      vote over a table (latent, factor) predicts k (Kim & Mnih 2018, section 4)

`encode` maps factor values (N, K) to codes (N, D). Data sets with one image per combination should be encoded
once and looked up with `lookup(codes, sizes)`: the votes draw 0.96 million images, dSprites has 0.74 million.

Draws come from `rng` in the order of disentanglement_lib (factor by factor, batch by batch), so that a
`RandomState` with the same seed gives the same votes; a `Generator` is accepted too and gives other, equally
good ones.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vision.metrics.arrays import Booleans, Floats, Integers, MetricError, real, varies
from vision.metrics.checks import check_codes, check_count, check_sizes
from vision.metrics.draws import Random, draw_factors, draw_rounds
from vision.metrics.linear import classifier

Encode = Callable[[Integers], ArrayLike]

ROWS = 1 << 13
"""Points that are encoded at once; bounds the memory, changes no result."""


class Votes(NamedTuple):
    """FactorVAE score."""

    train: float
    """Accuracy of the majority vote on the votes that it was made of, in 0..1."""
    eval: float
    """Accuracy on further votes, in 0..1: the published score."""
    num_active: int
    """Latents that take part."""
    table: Integers
    """(D, K): training votes for each latent and fixed factor; rows of latents that take no part are 0."""


class PairScore(NamedTuple):
    """BetaVAE score: accuracy of the linear classifier on its training points and on fresh ones, in 0..1."""

    train: float
    eval: float


def lookup(codes: ArrayLike, sizes: Sequence[int]) -> Encode:
    """Return an encoder that looks up the codes of a full grid, which are computed once.

    Args:
        codes: (prod(sizes), D), one row for each combination of factor values; the last factor runs fastest.
        sizes: (K,), the number of values of each factor.

    Raises:
        MetricError: Where the rows are not as many as the combinations.

    >>> lookup([[0.0], [0.1], [1.0], [1.1]], (2, 2))(np.array([[1, 0]])).tolist()
    [[1.0]]
    """
    table, shape = check_codes(codes), check_sizes(sizes, 1)
    if len(table) != math.prod(shape):
        raise MetricError(
            f"{len(table)} codes for a grid of {'x'.join(map(str, shape))} = {math.prod(shape)} points"
        )
    return lambda factors: table[np.ravel_multi_index(tuple(factors.T), shape)]


def _check(sizes: Sequence[int], **counts: int) -> tuple[int, ...]:
    shape = check_sizes(sizes, 2)
    if len(shape) < 2:
        raise MetricError(f"sizes={shape}: the votes compare factors, at least 2 are needed")
    for name, count in counts.items():
        check_count(name, count, 2)
    return shape


def codes_of(encode: Encode, factors: Integers, latents: int | None = None) -> Floats:
    """The codes (N, D) that `encode` returns for factors (N, K).

    Args:
        encode: Maps factors to codes.
        factors: (N, K).
        latents: D, where it is known.

    Raises:
        MetricError: For another shape, or what is not finite.
    """
    codes = real(encode(factors), "what encode returned")
    if codes.ndim != 2 or len(codes) != len(factors) or codes.shape[1] != (latents or codes.shape[1]):
        wide = "D" if latents is None else latents
        raise MetricError(
            f"encode returned shape {codes.shape} for {len(factors)} points: "
            f"({len(factors)}, {wide}) is expected"
        )
    return codes


def _in_blocks(count: int, rows_each: int) -> Iterator[int]:
    """Split `count` votes in blocks of at most ROWS rows."""
    block = max(1, ROWS // rows_each)
    for start in range(0, count, block):
        yield min(block, count - start)


def _fix_factor(factors: Integers, fixed: Integers, source: Integers) -> None:
    """Set factor fixed[r] of round r of `factors` (R, B, K) as in `source` (R, B, K) or (R, K)."""
    rounds = np.arange(len(factors))
    held = source[rounds, ..., fixed]
    factors[rounds, :, fixed] = held if held.ndim == 2 else held[:, None]


def _variances(encode: Encode, sizes: Sequence[int], rng: Random, points: int) -> tuple[Floats, Booleans]:
    """Variance (D,) of each latent over `points` points, and whether it varies."""
    factors = draw_factors(rng, sizes, points)
    first = codes_of(encode, factors[:ROWS])
    others = [
        codes_of(encode, factors[start : start + ROWS], first.shape[1]) for start in range(ROWS, points, ROWS)
    ]
    codes = check_codes(np.concatenate([first, *others]), "what encode returned")
    return codes.var(0, ddof=1), varies(codes)


def _votes(
    encode: Encode,
    sizes: Sequence[int],
    rng: Random,
    count: int,
    batch: int,
    variances: Floats,
    active: Integers,
) -> Integers:
    """Table (D, K) of `count` votes."""
    table = np.zeros((len(variances), len(sizes)), dtype=np.int64)
    for votes in _in_blocks(count, batch):
        fixed, rounds = draw_rounds(rng, sizes, votes, 1, batch)
        factors = rounds[:, 0]
        _fix_factor(factors, fixed, factors[:, 0])
        codes = codes_of(encode, factors.reshape(-1, len(sizes)), len(variances))
        codes = codes.reshape(votes, batch, -1)
        winner = active[(codes.var(1, ddof=1)[:, active] / variances[active]).argmin(1)]
        np.add.at(table, (winner, fixed), 1)
    return table


def factor_vae_score(
    encode: Encode,
    sizes: Sequence[int],
    *,
    rng: Random,
    num_train: int = 10000,
    num_eval: int = 5000,
    num_variance: int = 10000,
    batch: int = 64,
    prune: float = 0.05,
) -> Votes:
    """FactorVAE score: is the fixed factor known from the latent that varies least? (Kim & Mnih 2018)

    Chance is about 1/K; 1: always. No latent takes part: 0.
    Fails: `prune` assumes latents on the scale of the prior, so that an active latent in smaller units is
    left out; a generic rotation of few factors can score 1; ties go to the first latent. One missing factor
    costs about 1/K.

    Args:
        encode: Maps factor values (N, K), integers, to codes (N, D).
        sizes: (K,), the number of values of each factor, at least 2.
        rng: Draws the points.
        num_train: Votes that the table is made of.
        num_eval: Further votes that it is tested on.
        num_variance: Points from which the variance of each latent is estimated.
        batch: Points of a vote.
        prune: Latents with a standard deviation below it take no part, nor do those that do not vary.

    Raises:
        MetricError: For fewer than 2 factors, or where `encode` returns no finite codes (N, D).

    >>> grid = np.random.RandomState(0)
    >>> factor_vae_score(lambda v: v, (3, 4), rng=grid, num_train=50, num_eval=50, num_variance=50)[:3]
    (1.0, 1.0, 2)
    """
    sizes = _check(sizes, num_train=num_train, num_eval=num_eval, num_variance=num_variance, batch=batch)
    if not prune >= 0:
        raise MetricError(f"prune={prune} must be 0 or more")
    variances, varying = _variances(encode, sizes, rng, num_variance)
    active = np.flatnonzero(varying & (np.sqrt(variances) >= prune))
    if len(active) == 0:
        return Votes(0.0, 0.0, 0, np.zeros((len(variances), len(sizes)), dtype=np.int64))
    table = _votes(encode, sizes, rng, num_train, batch, variances, active)
    names = table.argmax(1)
    fresh = _votes(encode, sizes, rng, num_eval, batch, variances, active)
    latents = np.arange(len(table))
    return Votes(
        float(table[latents, names].sum() / num_train),
        float(fresh[latents, names].sum() / num_eval),
        len(active),
        table,
    )


def _pairs(
    encode: Encode, sizes: Sequence[int], rng: Random, count: int, batch: int
) -> tuple[Floats, Integers]:
    """Mean absolute differences (count, D) of pairs that share a factor, and which one (count,)."""
    points: list[Floats] = []
    labels: list[Integers] = []
    for block in _in_blocks(count, 2 * batch):
        fixed, factors = draw_rounds(rng, sizes, block, 2, batch)
        _fix_factor(factors[:, 1], fixed, factors[:, 0])
        latents = points[0].shape[1] if points else None
        codes = codes_of(encode, factors.reshape(-1, len(sizes)), latents).reshape(block, 2, batch, -1)
        points.append(np.abs(codes[:, 0] - codes[:, 1]).mean(1))
        labels.append(fixed)
    return np.concatenate(points), np.concatenate(labels)


def beta_vae_score(
    encode: Encode,
    sizes: Sequence[int],
    *,
    rng: Random,
    num_train: int = 10000,
    num_eval: int = 5000,
    batch: int = 64,
) -> PairScore:
    """BetaVAE score: is the shared factor known from mean absolute differences? (Higgins et al. 2017)

    The accuracy of scikit-learn's `LogisticRegression()` (L2, C=1, lbfgs). Chance is about 1/K; 1: always.
    Fails: still 1 with one factor missing from the code, since a pair whose shared factor is that one differs
    from all others by its other latents; 0.95 and more on a rotated code; depends on the units of the code,
    because the classifier is regularised.

    Args:
        encode: Maps factor values (N, K), integers, to codes (N, D).
        sizes: (K,), the number of values of each factor, at least 2.
        rng: Draws the points.
        num_train: Points that the classifier is fitted on.
        num_eval: Further points that it is tested on.
        batch: Pairs whose differences are averaged in a point.

    Raises:
        MetricError: For fewer than 2 factors, where `encode` returns no finite codes (N, D), or where all
            points that are drawn share the same factor.

    >>> beta_vae_score(lambda v: v, (3, 4), rng=np.random.RandomState(0), num_train=50, num_eval=50)
    PairScore(train=1.0, eval=1.0)
    """
    sizes = _check(sizes, num_train=num_train, num_eval=num_eval, batch=batch)
    points, labels = _pairs(encode, sizes, rng, num_train, batch)
    if (labels == labels[0]).all():
        raise MetricError(f"num_train={num_train}: all points share the same factor, draw more of them")
    model = classifier(points, labels)
    train = float(model.score(points, labels))
    points, labels = _pairs(encode, sizes, rng, num_eval, batch)
    return PairScore(train, float(model.score(points, labels)))
