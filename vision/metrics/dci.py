r"""Disentanglement, completeness, informativeness (Eastwood & Williams 2018).

A learner predicts each factor from the whole code and says how much it used each latent: importance R (D, K).

    disentanglement  sum_j w_j (1 - H_K(R_j. / sum_k R_jk)),   w_j = sum_k R_jk / sum R
    completeness     sum_k w_k (1 - H_D(R_.k / sum_j R_jk)),   w_k = sum_j R_jk / sum R
    informativeness  mean over factors of the prediction's accuracy

(is each latent used for one factor? is each factor read from one latent? is the factor there at all?)
with H_b the entropy to base b. The scores depend on the learner, so the result names it.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import entropy

from vision.metrics.arrays import Floats, Integers, MetricError, above_minimum, standardised
from vision.metrics.boosting import Boosted, boost
from vision.metrics.checks import check_count, check_split
from vision.metrics.linear import many_values

Estimator = Literal["gradient_boosting", "random_forest", "lasso", "lightgbm"]


class DCI(NamedTuple):
    """Disentanglement, completeness, informativeness, and what they were computed from."""

    disentanglement: float
    """In 0..1; 1: each latent is used for one factor."""
    completeness: float
    """In 0..1; 1: each factor is predicted from one latent."""
    informativeness_train: float
    """Accuracy in 0..1 on the points fitted on (lasso: R^2, at most 1)."""
    informativeness_test: float
    """The same on the test part."""
    importance: Floats
    """(D, K), at least 0: how much each latent is used to predict each factor."""
    estimator: str
    """The learner."""


def purity(matrix: Floats) -> Floats:
    """1 minus the entropy to base B of each row of `matrix` (A, B): 1 for a single entry, 0 for equal ones.

    >>> purity(np.array([[3.0, 0.0], [1.0, 1.0]])).round(6).tolist()
    [1.0, 0.0]
    """
    if matrix.shape[1] == 1:
        return np.ones(len(matrix))
    return 1.0 - entropy(matrix + 1e-11, base=matrix.shape[1], axis=1)


def _weighted(scores: Floats, weights: Floats) -> float:
    total = weights.sum()
    return float((scores * weights).sum() / total) if total > 0 else 0.0


def disentanglement_of(importance: Floats) -> float:
    """Disentanglement of an importance matrix (D, K >= 2), rows weighted by their share of the total.

    >>> round(disentanglement_of(np.hstack([np.eye(5), np.eye(5)])), 5)
    0.69897
    """
    if importance.shape[1] < 2:
        raise MetricError("disentanglement compares factors: at least 2 are needed")
    return _weighted(purity(importance), importance.sum(1))


def completeness_of(importance: Floats) -> float:
    """Completeness of an importance matrix (D, K), columns weighted by their share; a single used latent: 1.

    >>> round(completeness_of(np.vstack([np.eye(5), np.eye(5)])), 5)
    0.69897
    """
    return _weighted(purity(importance.T), importance.sum(0))


def dci(
    codes: ArrayLike,
    factors: ArrayLike,
    codes_test: ArrayLike | None = None,
    factors_test: ArrayLike | None = None,
    *,
    estimator: Estimator = "gradient_boosting",
    seed: int = 0,
) -> DCI:
    """Disentanglement, completeness and informativeness of a code (Eastwood & Williams 2018).

    Latents are standardised by the training part, so that no learner sees their units. A code without
    information has importances of 0 and a disentanglement and completeness of 0. A value that only the test
    part has counts as wrong. Chance of the informativeness is 1/V for a factor with V equally likely values.
    Fails: a wide dense code scores high (64 random mixtures of 4 factors: 0.95), and two factors merged in
    one latent cost only 1/K; every score depends on the learner.

    Args:
        codes: (N, D), to fit on, or all points where no test part is given.
        factors: (N, K), integers; (N,) for a single factor.
        codes_test: (M, D), to test on; by default a third of the points is drawn by `seed`.
        factors_test: (M, K), given with `codes_test` or not at all.
        estimator: The learner. "gradient_boosting" is the definition of the field's reference code: 100
            stages of depth 3, importance is the decrease of squared error. "random_forest": 100 trees.
            "lightgbm": histogram boosting, needs the package lightgbm. "lasso": importance is the absolute
            weight of an L1 linear regression on the factor's values, informativeness is R^2.
        seed: Of the split, of ties and of bootstraps; at least 0.

    Raises:
        MetricError: For malformed arrays, fewer than 2 factors, a factor with a single value in either part,
            or an unknown estimator.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 5)
    >>> result = dci(factors, factors, factors, factors)
    >>> round(result.disentanglement, 6), round(result.completeness, 6), result.informativeness_test
    (1.0, 1.0, 1.0)
    """
    seed = check_count("seed", seed, 0)
    train, values, test, values_test = check_split(codes, factors, codes_test, factors_test, seed=seed)
    if values.shape[1] < 2:
        raise MetricError("dci compares factors: at least 2 are needed")
    if estimator == "lasso":
        importance, score, score_test = _lasso(train, values, test, values_test)
    else:
        fitted = _classified(estimator, train, values, test, seed)
        importance = fitted.importance
        score = float((fitted.predicted == values).mean())
        score_test = float((fitted.predicted_test == values_test).mean())
    return DCI(
        disentanglement_of(importance), completeness_of(importance), score, score_test, importance, estimator
    )


def _classified(estimator: str, train: Floats, values: Integers, test: Floats, seed: int) -> Boosted:
    if estimator == "gradient_boosting":
        return boost(train, values, test, seed=seed)
    train, test = standardised(train, test)
    if estimator == "random_forest":
        from sklearn.ensemble import RandomForestClassifier

        models = [RandomForestClassifier(random_state=seed) for _ in values.T]
    elif estimator == "lightgbm":
        try:
            from lightgbm import LGBMClassifier  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            raise MetricError(
                "estimator='lightgbm' needs the package lightgbm: pip install lightgbm"
            ) from None
        models = [LGBMClassifier(random_state=seed, importance_type="gain", verbose=-1) for _ in values.T]
    else:
        raise MetricError(
            f"estimator={estimator!r} is none of gradient_boosting, random_forest, lasso, lightgbm"
        )
    with many_values():
        for model, column in zip(models, values.T, strict=True):
            model.fit(train, column)
    importance = np.stack([np.asarray(model.feature_importances_, dtype=np.float64) for model in models], 1)
    total = importance.sum(0)
    return Boosted(
        importance / np.where(total > 0, total, 1.0),
        np.stack([model.predict(train) for model in models], 1),
        np.stack([model.predict(test) for model in models], 1),
    )


def _lasso(
    train: Floats, values: Integers, test: Floats, values_test: Integers, alpha: float = 0.02
) -> tuple[Floats, float, float]:
    """Absolute weights (D, K) and mean R^2 on both parts, standardised by the training part."""
    from sklearn.linear_model import Lasso

    train, test = standardised(train, test)
    target, target_test = standardised(above_minimum(values), above_minimum(values_test, values.min(0)))
    model = Lasso(alpha=alpha).fit(train, target)
    weights = np.atleast_2d(model.coef_)
    error = ((model.predict(train).reshape(target.shape) - target) ** 2).mean(0)
    error_test = ((model.predict(test).reshape(target_test.shape) - target_test) ** 2).mean(0)
    return (
        np.abs(weights).T,
        float((1.0 - error).mean()),
        float((1.0 - error_test / target_test.var(0)).mean()),
    )
