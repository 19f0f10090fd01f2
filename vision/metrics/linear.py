"""Multinomial logistic regression of the metrics: scikit-learn's, with its iteration limit.

The limit is part of the definition: on separable data the weights would grow without bound, and the published
numbers were stopped by it too, so reaching it causes no warning.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from vision.metrics.arrays import Floats, Integers


@contextmanager
def many_values() -> Iterator[None]:
    """Silence scikit-learn's warning that labels with very many values may be a regression."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        yield


def classifier(
    codes: Floats, labels: Integers, *, cost: float = 1.0, balanced: bool = False
) -> LogisticRegression:
    """Fit a classifier that minimises 1/2 ||W||^2 + cost x log loss by at most 100 steps of lbfgs.

    Args:
        codes: (N, D).
        labels: (N,), of two values at least.
        cost: Weight of the log loss; inf for no penalty.
        balanced: Whether classes are weighted by their inverse frequency.
    """
    model = LogisticRegression(C=cost, class_weight="balanced" if balanced else None)
    with many_values():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(codes, labels)
