"""Explicitness: can a linear classifier read each factor off the code? (Ridgeway & Mozer 2018, section 3.2)

One multinomial logistic regression per factor on standardised codes; the score is the area under the ROC
curve of each value against the rest, averaged over values, then over factors. 1: linearly separable; 0.5:
chance. It saturates: any code from which the factors can be decoded linearly scores 1, however entangled.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from vision.metrics.arrays import Floats, Integers, MetricError, standardised, varies
from vision.metrics.checks import check_split
from vision.metrics.linear import classifier


class Explicitness(NamedTuple):
    """Mean area under the ROC curve, in 0..1; 0.5 is chance."""

    train: float
    """On the points fitted on."""
    test: float
    """On the test part."""


def _separability(model: LogisticRegression, codes: Floats, values: Integers, factor: int) -> float:
    """Mean area over the values that occur in this part; the areas need at least two of them."""
    probabilities = model.predict_proba(codes)
    positive = values[:, None] == model.classes_
    seen = varies(positive)
    if not seen.any():
        raise MetricError(
            f"factor {factor}: the test part has no value of the training part, no ROC curve can be drawn"
        )
    return float(roc_auc_score(positive[:, seen], probabilities[:, seen], average="macro"))


def explicitness(
    codes: ArrayLike,
    factors: ArrayLike,
    codes_test: ArrayLike | None = None,
    factors_test: ArrayLike | None = None,
) -> Explicitness:
    """Explicitness: area under the ROC curve of a linear classifier of each factor (Ridgeway & Mozer 2018).

    The classifier is scikit-learn's `LogisticRegression()` with its defaults (L2, C=1, lbfgs). Constant
    latents are left out (the reference divides by their zero deviation and raises); no latent left: both
    scores are 0.5. A value of the training part that the test part lacks is left out of its mean; one that
    only the test part has is a negative example for all others.

    Args:
        codes: (N, D), to fit on, or all points where no test part is given.
        factors: (N, K), integers; (N,) for a single factor.
        codes_test: (M, D), to test on; by default a third of the points is drawn, with seed 0.
        factors_test: (M, K), given with `codes_test` or not at all.

    Raises:
        MetricError: For malformed arrays, a factor with a single value in either part, or a test part that
            has no value of the training part.

    >>> codes = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> explicitness(codes, codes > 0, codes, codes > 0)
    Explicitness(train=1.0, test=1.0)
    """
    train, values, test, values_test = check_split(codes, factors, codes_test, factors_test)
    varying = varies(train)
    train, test = standardised(train[:, varying], test[:, varying])
    scores = np.full((values.shape[1], 2), 0.5)
    for factor in range(values.shape[1]):
        if varying.any():
            model = classifier(train, values[:, factor])
            scores[factor, 0] = _separability(model, train, values[:, factor], factor)
            scores[factor, 1] = _separability(model, test, values_test[:, factor], factor)
    return Explicitness(*map(float, scores.mean(0)))
