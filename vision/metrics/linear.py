"""Multinomial logistic regression as the metrics use it: scikit-learn's, with its iteration limit part of the
definition."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from vision.metrics.arrays import Floats, Integers


@contextmanager
def many_values() -> Iterator[None]:
    """Let scikit-learn fit labels with a value for every other point: here they are classes all the same."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        yield


def classifier(
    codes: Floats, labels: Integers, *, cost: float = 1.0, balanced: bool = False
) -> LogisticRegression:
    """Fit `labels` (N,) on `codes` (N, D): 1/2 ||W||^2 + cost x log loss (inf: no penalty), 100 lbfgs steps.

    The limit ends the fit on separable data, where the weights would grow for ever; the published numbers
    were stopped by it too, so reaching it is no cause for a warning.
    """
    model = LogisticRegression(C=cost, class_weight="balanced" if balanced else None)
    with many_values():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(codes, labels)
