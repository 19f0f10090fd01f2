"""Accuracy, diversity and the KL expected of a uniform sampler, against counts by hand and simulation."""

import math

import numpy as np
import pytest

from scan.accuracy import (
    accuracy,
    confusion,
    diversity,
    expected_kl_to_uniform,
    kl_to_uniform,
    right_diversity,
)


def readings(values: list[list[int]], size: int) -> np.ndarray:
    """A sure judge: readings (S, n) as one-hot probabilities (S, n, V)."""
    return np.eye(size)[np.array(values)]


@pytest.mark.parametrize(
    ("values", "images", "nats"),
    [
        (16, 10, 0.820),
        (16, 50, 0.162),
        (16, 64, 0.126),
        (16, 100, 0.078),
        (16, 200, 0.038),
        (16, 1000, 0.0075),
        (3, 10, 0.108),
        (3, 64, 0.016),
        (3, 100, 0.010),
    ],
)
def test_expected_kl_of_a_uniform_sampler(values: int, images: int, nats: float) -> None:
    # The table was simulated and rounded: two percent, or half a unit of its last digit.
    assert expected_kl_to_uniform(values, images) == pytest.approx(nats, rel=0.02, abs=5e-4)


def test_expected_kl_agrees_with_simulation_and_with_its_asymptote() -> None:
    for values, images in [(16, 10), (5, 20), (16, 50)]:
        draws = np.random.default_rng(0).multinomial(images, np.full(values, 1 / values), size=50_000)
        assert expected_kl_to_uniform(values, images) == pytest.approx(
            kl_to_uniform(draws / images).mean(), rel=0.005
        )
    assert expected_kl_to_uniform(16, 20_000) == pytest.approx(15 / 40_000, rel=0.01)
    assert expected_kl_to_uniform(1, 7) == 0.0
    assert expected_kl_to_uniform(4, 1) == pytest.approx(math.log(4))


def test_accuracy_counted_by_hand() -> None:
    colour = readings([[0, 0, 1, 2], [3, 3, 3, 3], [1, 1, 1, 1]], 10)
    shape = readings([[0, 1, 1, 1], [2, 0, 2, 0], [0, 0, 0, 0]], 3)
    targets = np.array([[0, 1], [-1, 2], [-1, -1]])
    result = accuracy([colour, shape], targets)
    # Concept 0: colour 2/4, shape 3/4, both on one of 4 images. Concept 1: shape 2/4. Concept 2: nothing.
    assert result.top1 == pytest.approx(((0.5 + 0.75) / 2 + 0.5) / 2)
    assert result.strict == pytest.approx((0.25 + 0.5) / 2)
    np.testing.assert_allclose(result.top1_per_attribute, [0.5, (0.75 + 0.5) / 2])
    assert result.concepts_per_attribute.tolist() == [1, 2]


def test_top_three_is_for_attributes_of_many_values_only() -> None:
    p = np.array([[[0.4, 0.3, 0.2, 0.1]]])
    for value, right in [(0, 1.0), (1, 1.0), (2, 1.0), (3, 0.0)]:
        assert accuracy([p], np.array([[value]]), many=3).top3 == right
        assert accuracy([p], np.array([[value]]), many=4).top3 == float(value == 0)
        assert accuracy([p], np.array([[value]]), many=3).top1 == float(value == 0)
        assert accuracy([p], np.array([[value]]), many=3, top=2).top3 == float(value < 2)


def test_a_judge_that_is_undecided_is_not_right_about_every_value() -> None:
    flat = np.full((16, 1, 16), 1 / 16)
    every = np.arange(16)[:, None]
    assert accuracy([flat], every).top1 == pytest.approx(1 / 16)
    assert accuracy([flat], every).top3 == pytest.approx(3 / 16)


def test_diversity_is_zero_for_even_readings_and_log_v_for_a_constant() -> None:
    even, constant = readings([[0, 1, 2, 3]], 4), readings([[2, 2, 2, 2]], 4)
    result = diversity([even, constant, constant], np.array([[-1, -1, 1]]))
    np.testing.assert_allclose(result.hard_per_attribute, [0.0, math.log(4), math.nan], atol=1e-12)
    assert result.hard_sum == pytest.approx(math.log(4))
    assert result.hard == pytest.approx(math.log(4) / 2)
    assert result.uniform == pytest.approx(expected_kl_to_uniform(4, 4))
    assert result.uniform_sum == pytest.approx(2 * expected_kl_to_uniform(4, 4))


def test_soft_diversity_averages_the_probabilities_first() -> None:
    p = np.array([[[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]]])
    result = diversity([p], np.array([[-1]]))
    assert result.hard == pytest.approx(math.log(2) + 2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    assert result.soft == pytest.approx(math.log(2) + 0.6 * math.log(0.6) + 0.4 * math.log(0.4))


def test_a_uniform_sampler_shows_the_expected_kl() -> None:
    drawn = np.random.default_rng(1).integers(16, size=(300, 64))
    result = diversity([np.eye(16)[drawn]], np.full((300, 1), -1))
    assert result.hard == pytest.approx(result.uniform, rel=0.03)


def test_right_diversity_takes_only_images_that_show_all_that_was_asked_for() -> None:
    asked, left_open = readings([[1, 1, 1, 1, 0, 0]], 2), readings([[0, 1, 0, 1, 3, 3]], 4)
    targets = np.array([[1, -1]])
    found = right_diversity([asked, left_open], targets, fewest=4)
    assert found.excess == pytest.approx(math.log(2) - expected_kl_to_uniform(4, 4))
    assert found.concepts == 1
    wrong_vary = right_diversity([asked, readings([[0, 0, 0, 0, 1, 2]], 4)], targets, fewest=4)
    assert wrong_vary.excess == pytest.approx(math.log(4) - expected_kl_to_uniform(4, 4))


def test_right_diversity_leaves_out_concepts_with_few_right_images() -> None:
    asked, left_open = readings([[1, 1, 0], [1, 0, 0], [0, 0, 0]], 2), readings([[0, 1, 2]] * 3, 3)
    found = right_diversity([asked, left_open], np.array([[1, -1]] * 3), fewest=2)
    assert found.concepts == 1
    assert found.excess == pytest.approx(math.log(1.5) - expected_kl_to_uniform(3, 2))
    none = right_diversity([asked, left_open], np.array([[1, -1]] * 3), fewest=3)
    assert math.isnan(none.excess)
    assert none.concepts == 0


def test_right_diversity_of_a_uniform_sampler_is_about_0_however_many_images_are_right() -> None:
    rng = np.random.default_rng(2)
    asked = np.eye(2)[(rng.random((300, 200)) < rng.random((300, 1))).astype(int)]
    left_open = np.eye(16)[rng.integers(16, size=(300, 200))]
    found = right_diversity([asked, left_open], np.array([[1, -1]] * 300))
    assert abs(found.excess) < 0.01
    assert 200 < found.concepts < 300


def test_confusion_counts_what_was_asked_against_what_was_read() -> None:
    shape = readings([[0, 1], [2, 2], [1, 1]], 3)
    table = confusion([shape], np.array([[0], [-1], [1]]))[0]
    assert table.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]


def test_nothing_specified_and_nothing_open_are_nan_not_a_score() -> None:
    p = [readings([[0, 1]], 2)]
    nothing, everything = np.array([[-1]]), np.array([[0]])
    assert math.isnan(accuracy(p, nothing).top1)
    assert math.isnan(accuracy(p, nothing).strict)
    assert math.isnan(diversity(p, everything).hard)
    assert math.isnan(diversity(p, everything).uniform_sum)


@pytest.mark.parametrize(
    ("targets", "message"),
    [(np.array([[2]]), r"-1\.\.1"), (np.array([[-2]]), r"-1\.\.1"), (np.array([[0, 0]]), r"\(S, 1\)")],
)
def test_wrong_requests_are_refused(targets: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        accuracy([np.full((1, 2, 2), 0.5)], targets)
