"""Downstream use of a code: accuracy of a classifier per factor, and how few labelled points it needs.

Locatello et al. 2019, section 5.5: train on 10, 100, 1,000 and 10,000 points, test on 5,000; statistical
efficiency is the accuracy with 100 points over that with 10,000. An efficiency of 1 with a poor accuracy says
only that more labels do not help.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from vision.metrics.arrays import Floats, Integers, MetricError, varies
from vision.metrics.boosting import boost
from vision.metrics.checks import check_count, check_split
from vision.metrics.linear import classifier

Learner = Literal["logistic_regression", "gradient_boosting"]


class Downstream(NamedTuple):
    """Test accuracy by the number of points fitted on."""

    accuracy: Floats
    """(S,), in 0..1: mean over the factors, for each size."""
    per_factor: Floats
    """(S, K), in 0..1."""
    sizes: tuple[int, ...]
    """(S,)."""
    efficiency: float
    """Accuracy at 100 points over that at the largest size; NaN if 100 is not among the sizes or the largest
    of them, or the accuracy there is 0."""


def downstream(
    codes: ArrayLike,
    factors: ArrayLike,
    codes_test: ArrayLike | None = None,
    factors_test: ArrayLike | None = None,
    *,
    learner: Learner = "logistic_regression",
    sizes: Sequence[int] | None = None,
    seed: int = 0,
) -> Downstream:
    """Test accuracy of predicting each factor from the code, fitted on the first `sizes` points.

    The logistic regression chooses its C among ten in 1e-4..1e4 by 5-fold cross-validation (unshuffled folds;
    the first best); where a fold would lack classes it is scored on those it has. From a single class that
    class is predicted, from constant latents the commonest. Chance is 1/V for V equally likely values.

    Args:
        codes: (N, D), to fit on, or all points where no test part is given.
        factors: (N, K), integers; (N,) for a single factor.
        codes_test: (M, D), to test on; by default a third of the points is drawn by `seed`.
        factors_test: (M, K), given with `codes_test` or not at all.
        learner: "logistic_regression", or "gradient_boosting" as in `dci`.
        sizes: (S,), each from 5 to N; by default those of 10, 100, 1000 and 10000 that N allows.
        seed: Of the split and of the boosted trees' ties; at least 0.

    Raises:
        MetricError: For malformed arrays, a factor with a single value in either part, or sizes out of range.

    >>> codes = np.arange(40.0)[:, None] % 2
    >>> downstream(codes, codes, codes, codes, sizes=(20, 40)).accuracy.tolist()
    [1.0, 1.0]
    """
    seed = check_count("seed", seed, 0)
    train, values, test, values_test = check_split(codes, factors, codes_test, factors_test, seed=seed)
    if learner not in ("logistic_regression", "gradient_boosting"):
        raise MetricError(f"learner={learner!r} must be logistic_regression or gradient_boosting")
    if sizes is None:
        sizes = [size for size in (10, 100, 1000, 10000) if size <= len(train)]
    chosen = tuple(check_count("sizes", size, 5) for size in sizes)
    if not chosen or max(chosen) > len(train):
        raise MetricError(f"sizes={chosen} must lie between 5 and the {len(train)} training points")
    rows = np.empty((len(chosen), values.shape[1]))
    for row, size in enumerate(chosen):
        for factor in range(values.shape[1]):
            predicted = _predict(learner, train[:size], values[:size, factor], test, seed)
            rows[row, factor] = (predicted == values_test[:, factor]).mean()
    accuracy = rows.mean(1)
    at = dict(zip(chosen, accuracy, strict=True))
    known = 100 in at and max(chosen) > 100 and at[max(chosen)] > 0
    efficiency = float(at[100] / at[max(chosen)]) if known else float("nan")
    return Downstream(accuracy, rows, chosen, efficiency)


def _predict(learner: Learner, codes: Floats, values: Integers, test: Floats, seed: int) -> Integers:
    if (values == values[0]).all():
        return np.full(len(test), values[0])
    varying = varies(codes)
    if not varying.any():
        known, counts = np.unique(values, return_counts=True)
        return np.full(len(test), known[counts.argmax()])
    codes, test = codes[:, varying], test[:, varying]  # the regression's own intercept is enough
    if learner == "gradient_boosting":
        return boost(codes, values[:, None], test, seed=seed).predicted_test[:, 0]
    return _cross_validated(codes, values).predict(test)


def _cross_validated(codes: Floats, values: Integers) -> LogisticRegression:
    """Logistic regression with the C of the best mean accuracy over five folds, refitted on all points."""
    costs = np.logspace(-4, 4, 10)
    accuracy = np.zeros(len(costs))
    for inside, outside in KFold(5).split(codes):
        if (values[inside] == values[inside][0]).all():
            accuracy += (values[outside] == values[inside][0]).mean()
            continue
        for index, cost in enumerate(costs):
            model = classifier(codes[inside], values[inside], cost=cost)
            accuracy[index] += model.score(codes[outside], values[outside])
    return classifier(codes, values, cost=costs[accuracy.argmax()])
