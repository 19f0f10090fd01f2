"""The metrics' own arithmetic against scikit-learn's and closed forms."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from vision.metrics import (
    discretise,
    downstream,
    draws,
    explicitness,
    factor_vae_score,
    gaussian_total_correlation,
    gaussian_wasserstein_correlation,
    latent_mutual_information,
    lookup,
    mcc,
    mig_sampled,
    mutual_information,
    sparse_change,
    traversal_purity,
)
from vision.metrics.sap import fit_one_latent

RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(size, size=400) for size in (2, 3, 6)], axis=1)
CODES = FACTORS @ RNG.normal(size=(3, 5)) + RNG.normal(size=(400, 5))


def test_mutual_information_equals_scikit_learn() -> None:
    binned = discretise(CODES, 12)
    expected = [[mutual_info_score(a, b) for b in FACTORS.T] for a in binned.T]
    np.testing.assert_allclose(mutual_information(CODES, FACTORS, bins=12), expected, rtol=1e-10)
    pairs = [mutual_info_score(binned[:, a], binned[:, b]) for a in range(5) for b in range(5) if a != b]
    assert latent_mutual_information(CODES, bins=12) == pytest.approx(np.mean(pairs), rel=1e-10)


def test_bins_equal_numpy_at_the_borders() -> None:
    grid = np.repeat(np.linspace(-3, 7, 21), 2)[:, None]
    edges = np.histogram(grid, 20)[1]
    np.testing.assert_array_equal(discretise(grid)[:, 0] + 1, np.digitize(grid[:, 0], edges[:-1]))


@pytest.mark.parametrize("factor", [0, 1, 2])
def test_one_latent_classifier_equals_liblinear(factor: int) -> None:
    labels = FACTORS[:, factor]
    x = CODES[:, 0]
    ours = fit_one_latent(x, labels, labels.max() + 1)
    model = LinearSVC(C=0.01, class_weight="balanced", tol=1e-10, max_iter=100000).fit(x[:, None], labels)
    expected = np.column_stack([model.coef_[:, 0], model.intercept_])
    np.testing.assert_allclose(ours[-len(expected) :], expected, atol=1e-6)


def test_one_latent_classifier_of_a_constant_latent_only_uses_the_intercept() -> None:
    solution = fit_one_latent(np.zeros(400), FACTORS[:, 2], 6)
    np.testing.assert_array_equal(solution[:, 0], 0.0)
    assert np.isfinite(solution).all()


def test_explicitness_is_the_area_under_the_curve_of_each_value_against_the_rest() -> None:
    codes = CODES.round()  # so that scores tie
    areas = []
    for values in FACTORS.T:
        model = LogisticRegression().fit(StandardScaler().fit_transform(codes), values)
        scores = model.predict_proba(StandardScaler().fit_transform(codes))
        areas.append(np.mean([roc_auc_score(values == v, scores[:, v]) for v in range(values.max() + 1)]))
    assert explicitness(codes, FACTORS, codes, FACTORS).train == pytest.approx(np.mean(areas), rel=1e-9)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_gaussian_dependence_closed_forms(rho: float) -> None:
    covariance = np.full((4, 4), rho) + (1 - rho) * np.eye(4)
    white = np.random.default_rng(1).normal(size=(500, 4))
    white -= white.mean(0)
    whitened = white @ np.linalg.inv(np.linalg.cholesky(np.cov(white, rowvar=False))).T
    codes = whitened @ np.linalg.cholesky(covariance).T
    total = -0.5 * (np.log1p(3 * rho) + 3 * np.log1p(-rho))
    assert gaussian_total_correlation(codes) == pytest.approx(total, abs=1e-10)
    scaled = np.diag(np.diag(covariance)) @ covariance
    expected = 2 * np.trace(covariance) - 2 * np.trace(sqrtm(scaled).real)
    assert gaussian_wasserstein_correlation(codes) == pytest.approx(expected, abs=1e-9)


def test_sampled_gap_of_known_information() -> None:
    """A latent at +-4 tells one bit; a collapsed latent tells nothing however its mean trembles."""
    factors = np.arange(400)[:, None] % 2
    mean = torch.zeros(400, 2)
    mean[:, 0] = torch.from_numpy(8.0 * factors[:, 0] - 4.0)
    mean[:, 1] = 1e-3 * torch.from_numpy(factors[:, 0])
    result = mig_sampled(mean, torch.zeros(400, 2), factors, generator=torch.Generator().manual_seed(0))
    assert result.information[0, 0] == pytest.approx(np.log(2), rel=0.01)
    assert result.information[1, 0] < 1e-3
    assert result.score == pytest.approx(1.0, abs=0.01)
    fewer = mig_sampled(
        mean, torch.zeros(400, 2), factors, generator=torch.Generator().manual_seed(0), samples=200
    )
    assert fewer.score == pytest.approx(1.0, abs=0.3)  # four deviations


def test_sampled_gap_draws_its_points_from_all_values() -> None:
    """Posteriors of every second point are wide: points a fixed distance apart would see one width alone."""
    factors = np.arange(4000)[:, None] % 2
    seeded = torch.Generator().manual_seed(0)
    mean = torch.stack((0.2 * torch.from_numpy(factors[:, 0]), torch.randn(4000, generator=seeded)), 1)
    logvar = torch.stack((torch.from_numpy(np.where(factors[:, 0] == 0, -8.0, -2.0)), torch.zeros(4000)), 1)
    every, some = (
        mig_sampled(mean, logvar, factors, generator=seeded, samples=samples).score
        for samples in (4000, 2000)
    )
    assert some == pytest.approx(every, abs=0.15)  # four deviations
    assert every > 0.7


def test_encoding_a_grid_once_gives_the_same_votes() -> None:
    sizes = (3, 4, 5)
    grid = np.stack(np.meshgrid(*map(range, sizes), indexing="ij"), -1).reshape(-1, 3)
    weights = np.random.default_rng(2).normal(size=(3, 4))
    calls = []

    def encode(factors: np.ndarray) -> np.ndarray:
        calls.append(len(factors))
        return factors @ weights

    counts = {"num_train": 200, "num_eval": 100, "num_variance": 200}
    direct = factor_vae_score(encode, sizes, rng=np.random.RandomState(3), **counts)
    indexed = factor_vae_score(lookup(encode(grid), sizes), sizes, rng=np.random.RandomState(3), **counts)
    assert direct[:3] == indexed[:3]
    assert calls[-1] == 60


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng])
def test_drawing_all_rounds_at_once_gives_the_numbers_of_single_calls(kind: Any) -> None:
    at_once, by_calls = kind(3), kind(3)
    sizes = (3, 1, 40, 32, 7)
    fixed, factors = draws.draw_rounds(at_once, sizes, 50, 2, 65)
    for index in range(50):
        assert fixed[index] == draws.integers(by_calls, len(sizes), 1)[0]
        for which in range(2):
            columns = [draws.integers(by_calls, size, 65) for size in sizes]
            np.testing.assert_array_equal(factors[index, which], np.stack(columns, axis=1))
    np.testing.assert_array_equal(
        draws.draw_factors(at_once, sizes, 9).T, [draws.integers(by_calls, size, 9) for size in sizes]
    )
    assert draws.integers(at_once, 1 << 30, 1) == draws.integers(by_calls, 1 << 30, 1)


def test_votes_accept_a_generator() -> None:
    result = factor_vae_score(
        lambda v: v, (4, 5), rng=np.random.default_rng(0), num_train=50, num_eval=50, num_variance=50
    )
    assert result[:3] == (1.0, 1.0, 2)
    assert result.table.sum() == 50


def test_sparse_change_tells_an_oracle_from_a_rotation() -> None:
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(4, 4)))[0]
    sizes = (3, 4, 5, 6)

    def unit(factors: np.ndarray) -> np.ndarray:
        return 2.0 * factors / (np.array(sizes) - 1) - 1

    oracle = sparse_change(unit, sizes, rng=np.random.RandomState(0))
    rotated = sparse_change(lambda v: unit(v) @ rotation, sizes, rng=np.random.RandomState(0))
    assert oracle.per_factor.tolist() == [1.0] * 4
    assert rotated.mean > 3.0


def test_traversal_purity_counts_categories_and_ignores_units() -> None:
    judged = np.zeros((2, 3, 4, 2))
    judged[0, :, :, 0] = np.arange(4)
    judged[1, :, :, 1] = [0, 7, 7, 2]
    for categorical in ((), (1,)):
        result = traversal_purity(judged, categorical=categorical)
        assert (result.score, result.per_latent.tolist()) == (1.0, [1.0, 1.0])
    assert traversal_purity(judged, categorical=(1,)).change[1, 1] == 2.0
    np.testing.assert_allclose(
        traversal_purity(judged * [1.0, 100.0]).change, traversal_purity(judged).change
    )


def test_mcc_finds_the_best_matching() -> None:
    codes = np.column_stack([FACTORS[:, 1] ** 3, -FACTORS[:, 0], RNG.normal(size=400)])
    result = mcc(codes, FACTORS, method="spearman")
    assert result.matched.tolist() == [1, 0, 2]
    assert result.score == pytest.approx((1 + 1 + result.matrix[2, 2]) / 3)
    assert mcc(codes, FACTORS).score < result.score
    narrow = mcc(codes[:, :1], FACTORS)
    assert (narrow.matched >= 0).sum() == 1
    assert narrow.score < 0.4


@pytest.mark.parametrize("learner", ["logistic_regression", "gradient_boosting"])
def test_downstream_accuracy_grows_with_labels(learner: str) -> None:
    rng = np.random.default_rng(5)
    factors = rng.integers(4, size=(700, 1))
    codes = np.eye(4)[factors[:, 0]] + 0.5 * rng.normal(size=(700, 4))
    result = downstream(
        codes[:400], factors[:400], codes[400:], factors[400:], learner=learner, sizes=(10, 100, 400)
    )
    assert result.accuracy[0] < result.accuracy[1] < result.accuracy[2] + 0.05
    assert result.accuracy[2] > 0.7
    assert result.efficiency == result.accuracy[1] / result.accuracy[2]
    most = downstream(
        codes[:400], factors[:400], codes[400:], factors[400:], learner=learner, sizes=(10, 100)
    )
    assert np.isnan(most.efficiency), "100 labels were not compared with more"


def test_explicitness_leaves_out_what_the_test_part_lacks() -> None:
    train, seen = np.arange(30.0)[:, None], np.arange(30)[:, None] // 10
    full = explicitness(train, seen, train, seen)
    partial = explicitness(train, seen, train[:20], seen[:20])
    two = explicitness(train, seen, train[:20], np.where(seen == 1, 7, seen)[:20])
    assert 0.5 < two.test <= 1.0  # of one value only can a curve be drawn
    assert full.test > 0.75
    assert 0.5 < partial.test <= 1.0
