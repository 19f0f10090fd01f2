"""Multinomial logistic regression as the metrics use it: scikit-learn's, with its iteration limit part of the
definition."""

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from vision.metrics.arrays import Floats, Integers


def classifier(
    codes: Floats, labels: Integers, *, cost: float = 1.0, balanced: bool = False
) -> LogisticRegression:
    """Fit `labels` (N,) on `codes` (N, D): 1/2 ||W||^2 + cost x log loss (inf: no penalty), 100 lbfgs steps.

    The limit ends the fit on separable data, where the weights would grow for ever; the published numbers
    were stopped by it too, so reaching it is no cause for a warning.
    """
    model = LogisticRegression(C=cost, class_weight="balanced" if balanced else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(codes, labels)
