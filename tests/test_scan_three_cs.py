"""Correctness and coverage of imagined images, against closed forms, simulation and brute force."""

import math

import numpy as np
import pytest

from scan.accuracy import accuracy
from scan.three_cs import collapsed_js, conditional_truth, correctness, coverage, expected_js, js

SKEWED = np.array([0.5, 0.3, 0.2, 0.0])


def readings(values: np.ndarray, size: int) -> np.ndarray:
    """A sure judge: readings (S, n) as one-hot probabilities (S, n, V)."""
    return np.eye(size)[values]


def test_the_divergence_of_two_binary_distributions_by_hand() -> None:
    p, u = np.array([0.25, 0.75]), np.array([0.5, 0.5])
    middle = (0.375, 0.625)
    of_p = 0.25 * math.log(0.25 / middle[0]) + 0.75 * math.log(0.75 / middle[1])
    of_u = 0.5 * math.log(0.5 / middle[0]) + 0.5 * math.log(0.5 / middle[1])
    assert js(p, u) == pytest.approx((of_p + of_u) / 2, abs=1e-15)
    assert js(u, p) == pytest.approx(js(p, u), abs=1e-15)
    assert js(p, p) == 0
    assert js(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(math.log(2), abs=1e-15)


@pytest.mark.parametrize(
    ("values", "images", "ceiling"),
    [(2, 10, 0.986), (4, 10, 0.952), (10, 10, 0.841), (16, 10, 0.759), (10, 100, 0.988), (16, 100, 0.980)],
)
def test_the_ceiling_of_a_finite_number_of_images(values: int, images: int, ceiling: float) -> None:
    assert 1 - expected_js(np.full(values, 1 / values), images) == pytest.approx(ceiling, abs=5e-4)


@pytest.mark.parametrize("truth", [np.full(5, 0.2), SKEWED, np.array([1.0, 0.0])])
def test_the_ceiling_agrees_with_simulation(truth: np.ndarray) -> None:
    for images in (1, 7, 40):
        draws = np.random.default_rng(images).multinomial(images, truth, size=100_000) / images
        assert expected_js(truth, images) == pytest.approx(js(draws, truth).mean(), rel=0.01, abs=1e-12)


@pytest.mark.parametrize(("values", "floor"), [(2, 0.78), (4, 0.62), (10, 0.47)])
def test_the_floor_of_a_collapsed_generator(values: int, floor: float) -> None:
    uniform = np.full(values, 1 / values)
    assert 1 - collapsed_js(uniform) == pytest.approx(floor, abs=0.005)
    found = coverage([readings(np.zeros((1, 50), int), values)], np.array([[-1]]))
    assert found.value == pytest.approx(found.floor, abs=1e-12) == pytest.approx(1 - collapsed_js(uniform))


def test_a_single_image_is_a_collapsed_generator() -> None:
    assert expected_js(SKEWED, 1) == pytest.approx(collapsed_js(SKEWED), abs=1e-12)


def test_coverage_is_measured_against_the_truth_given_the_concept() -> None:
    """Two attributes; given the first, the second is uneven. Even readings then miss it."""
    targets, uneven = np.array([[0, -1]]), np.array([[0.75, 0.25]])
    first = readings(np.zeros((1, 4), int), 3)
    equal, even = (readings(np.array([row]), 2) for row in ([0, 0, 0, 1], [0, 1, 0, 1]))
    truth = [np.array([[1.0, 0.0, 0.0]]), uneven]
    assert coverage([first, equal], targets, truth).value == 1
    assert coverage([first, even], targets, truth).value == pytest.approx(
        1 - js(np.array([0.5, 0.5]), uneven)[0]
    )
    assert coverage([first, even], targets).value == 1


def test_coverage_is_a_mean_over_open_attributes_and_then_over_concepts() -> None:
    targets = np.array([[-1, -1], [0, -1], [0, 0]])
    first = readings(np.array([[0, 1], [0, 0], [0, 0]]), 2)
    second = readings(np.array([[0, 0], [0, 1], [0, 0]]), 2)
    floor = 1 - collapsed_js(np.array([0.5, 0.5]))
    found = coverage([first, second], targets)
    assert found.value == pytest.approx(((1 + floor) / 2 + 1) / 2)
    assert found.ceiling == pytest.approx(1 - expected_js(np.array([0.5, 0.5]), 2))
    assert found.floor == pytest.approx(floor)


def test_concepts_that_no_image_shows_are_left_out() -> None:
    factors = np.array([[0, 0], [0, 1], [1, 1]])
    targets = np.array([[0, -1], [2, -1]])
    truth = conditional_truth(factors, targets, (3, 2))
    assert truth[1][0].tolist() == [0.5, 0.5]
    assert np.isnan(truth[1][1]).all()
    probabilities = [readings(np.zeros((2, 2), int), 3), readings(np.array([[0, 1], [0, 0]]), 2)]
    found = coverage(probabilities, targets, truth)
    assert found.value == 1
    assert found.floor == pytest.approx(1 - collapsed_js(np.array([0.5, 0.5])))
    assert math.isnan(coverage(probabilities, np.zeros((2, 2), int)).value)


def test_the_truth_given_a_concept_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    factors, sizes = np.stack([rng.integers(3, size=300), rng.integers(4, size=300)], 1), (3, 4)
    targets = np.array([[1, -1], [-1, 2], [-1, -1], [2, 3]])
    truth = conditional_truth(factors, targets, sizes)
    for concept, asked in enumerate(targets):
        shown = [
            row for row in factors.tolist() if all(t in (-1, v) for t, v in zip(asked, row, strict=True))
        ]
        for a, size in enumerate(sizes):
            shares = [sum(row[a] == v for row in shown) / len(shown) for v in range(size)]
            assert truth[a][concept].tolist() == pytest.approx(shares)


def test_correctness_is_the_accuracy_with_that_of_a_guess() -> None:
    rng = np.random.default_rng(1)
    probabilities = [rng.dirichlet(np.ones(v), (3, 5)) for v in (2, 4)]
    targets = np.array([[0, -1], [1, 3], [-1, -1]])
    found = correctness(probabilities, targets)
    assert found.value == accuracy(probabilities, targets).top1
    assert found.chance == pytest.approx((1 / 2 + (1 / 2 + 1 / 4) / 2) / 2)


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ([], "a truth for each of 1 attributes, got 0"),
        ([np.array([[1.0]])], r"attribute 0: expected a truth of shape \(1, 2\)"),
        ([np.array([[0.5, 0.6]])], "attribute 0: a truth has probabilities that sum to 1"),
        ([np.array([[1.5, -0.5]])], "attribute 0: a truth has probabilities"),
    ],
)
def test_a_truth_that_is_none_is_refused(truth: list[np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        coverage([readings(np.zeros((1, 2), int), 2)], np.array([[-1]]), truth)
