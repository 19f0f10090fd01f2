"""The compiled tree builder against scikit-learn's learner, which defines it."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingClassifier

from vision.metrics import boosting, boosting_kernels
from vision.metrics.boosting import boost


def data(points: int, latents: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    factors = np.stack([rng.integers(size, size=points) for size in (2, 3, 5)], axis=1)
    weights = rng.normal(size=(3, latents))
    return factors @ weights + 0.5 * rng.normal(size=(points, latents)), factors


def test_importances_and_predictions_equal_scikit_learn() -> None:
    codes, factors = data(900, 6)
    ours = boost(codes[:600], factors[:600], codes[600:])
    for factor in range(3):
        model = GradientBoostingClassifier(random_state=0).fit(codes[:600], factors[:600, factor])
        # they differ only where latents tie in small pure nodes
        np.testing.assert_allclose(ours.importance[:, factor], model.feature_importances_, atol=5e-3)
        assert (ours.predicted[:, factor] == model.predict(codes[:600])).mean() > 0.99
        assert (ours.predicted_test[:, factor] == model.predict(codes[600:])).mean() > 0.97


def test_without_ties_they_are_equal_to_rounding() -> None:
    codes, factors = data(500, 1)
    ours = boost(codes[:300], factors[:300], codes[300:])
    for factor in range(3):
        model = GradientBoostingClassifier(random_state=0).fit(codes[:300], factors[:300, factor])
        np.testing.assert_array_equal(ours.predicted_test[:, factor], model.predict(codes[300:]))
    np.testing.assert_allclose(ours.importance, 1.0)


def test_tied_values_are_never_separated() -> None:
    # the latent tells 0..2 from 3..5 only; points come in the order of the factor, so cuts inside would pay
    factors = np.repeat(np.arange(6), 50)[:, None] // 2
    codes = np.repeat(np.arange(6.0), 50)[:, None] // 3
    ours = boost(codes, factors, codes)
    model = GradientBoostingClassifier(random_state=0).fit(codes, factors[:, 0])
    np.testing.assert_array_equal(ours.predicted[:, 0], model.predict(codes))
    assert set(ours.predicted[:, 0]) == {0, 2}


def test_a_duplicated_latent_shares_the_importance_evenly() -> None:
    codes, factors = data(300, 2)
    alone, twice = boost(codes, factors, codes), boost(np.hstack([codes, codes]), factors, codes.repeat(2, 1))
    np.testing.assert_allclose(twice.importance[:2], twice.importance[2:], atol=1e-9)
    np.testing.assert_allclose(twice.importance[:2] + twice.importance[2:], alone.importance, atol=5e-3)


def test_a_constant_code_has_no_importance_and_predicts_the_commonest_value() -> None:
    factors = np.array([0, 0, 0, 1, 2, 2])[:, None]
    result = boost(np.zeros((6, 3)), factors, np.zeros((2, 3)))
    assert result.importance.sum() == 0.0
    assert result.predicted_test.tolist() == [[0], [0]]


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, factors = data(200, 4)
    alone = boost(codes, factors, codes)
    monkeypatch.setattr(boosting_kernels, "WORTH_SHARING", 0)
    monkeypatch.setattr(boosting, "_threads", lambda: 2)
    together = boost(codes, factors, codes)
    np.testing.assert_array_equal(alone.importance, together.importance)
    np.testing.assert_array_equal(alone.predicted_test, together.predicted_test)


def test_the_builder_uses_no_more_threads_than_torch() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    assert boosting._threads() == 1
    torch.set_num_threads(before)


def test_the_builder_leaves_torch_its_threads() -> None:
    """Numba's own threads would not: they set the number of the OpenMP runtime that torch uses as well."""
    before = torch.get_num_threads()
    rng = np.random.default_rng(0)
    boost(rng.normal(size=(40, 2)), rng.integers(3, size=(40, 1)), rng.normal(size=(10, 2)))
    assert torch.get_num_threads() == before
