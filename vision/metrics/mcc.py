"""Mean correlation coefficient, as in Hyvarinen & Morioka 2016 and Khemakhem et al. 2020."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata

from vision.metrics.arrays import Floats, Integers, MetricError, above_minimum, centred
from vision.metrics.checks import check_pair


class Correlation(NamedTuple):
    """Mean correlation coefficient, and what it was computed from."""

    score: float
    """Mean over the factors, in 0..1."""
    matrix: Floats
    """(D, K): absolute correlations, in 0..1."""
    matched: Integers
    """(K,): the latent of each factor, -1 for none."""


def mcc(
    codes: ArrayLike, factors: ArrayLike, *, method: Literal["pearson", "spearman"] = "pearson"
) -> Correlation:
    """Mean absolute correlation of each factor with the latent matched to it, one latent per factor at most.

    The matching maximises the sum. 1: every factor is an affine (Spearman: monotone) function of its own
    latent; a factor for which no latent is left counts 0, a constant latent correlates 0.
    Fails: needs factors whose values are in a meaningful order; further latents that repeat a factor cost
    nothing; for noise the maximum over many latents grows with D.

    Args:
        codes: (N, D).
        factors: (N, K), integers; (N,) for a single factor.
        method: The correlation: "pearson", or "spearman" of ranks.

    Raises:
        MetricError: For malformed arrays, or a factor with a single value.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> result = mcc(-factors[:, ::-1], factors)
    >>> round(result.score, 12), result.matched.tolist()
    (1.0, [1, 0])
    """
    checked, values = check_pair(codes, factors)
    if method not in ("pearson", "spearman"):
        raise MetricError(f"method={method!r} must be pearson or spearman")
    numbers = above_minimum(values)
    if method == "spearman":
        checked, numbers = rankdata(checked, axis=0), rankdata(numbers, axis=0)
    matrix = np.abs(_unit(checked).T @ _unit(numbers))
    latents, matched_factors = linear_sum_assignment(-matrix)
    matched = np.full(matrix.shape[1], -1)
    matched[matched_factors] = latents
    return Correlation(float(matrix[latents, matched_factors].sum() / matrix.shape[1]), matrix, matched)


def _unit(array: Floats) -> Floats:
    """Centred columns of length 1; constant ones become 0."""
    offset = centred(array)
    length = np.sqrt((offset**2).sum(0))
    return offset / np.where(length > 0, length, 1.0)
