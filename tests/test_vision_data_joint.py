"""Images drawn from a joint distribution of factors that is not uniform."""

import numpy as np
import pytest

from vision.data.images import DataError
from vision.data.joint import Weighted, joint_probabilities
from vision.data.selection import grid

TABLE = grid([3, 5, 4])


def test_the_most_likely_combination_is_four_times_as_likely_as_the_least() -> None:
    p = joint_probabilities(TABLE, [0, 1])
    assert p.sum() == pytest.approx(1)
    assert p.max() / p.min() == pytest.approx(4)
    corner = (TABLE[:, 0] == 2) & (TABLE[:, 1] == 0)
    diagonal = (TABLE[:, 0] == 1) & (TABLE[:, 1] == 2)
    assert np.allclose(p[corner], p.min())
    assert np.allclose(p[diagonal], p.max())
    third = np.bincount(TABLE[:, 2], p)
    assert np.allclose(third, 1 / 4)  # what does not depend stays uniform
    assert np.ptp(joint_probabilities(TABLE, [0, 1], ratio=1)) == pytest.approx(0)
    of_three = joint_probabilities(TABLE, [0, 1, 2], 9)
    assert of_three.max() / of_three.min() == pytest.approx(9)


def test_dependence_is_positive_correlation() -> None:
    p = joint_probabilities(TABLE, [0, 1])
    a, b = TABLE[:, 0] - p @ TABLE[:, 0], TABLE[:, 1] - p @ TABLE[:, 1]
    assert p @ (a * b) / np.sqrt((p @ a**2) * (p @ b**2)) > 0.2


def test_images_of_one_combination_share_its_probability() -> None:
    repeated = np.concatenate([TABLE, TABLE[:20], TABLE[:20]])
    p = joint_probabilities(repeated, [0, 1])
    of_combination = np.bincount(repeated[:, 0] * 5 + repeated[:, 1], p)
    expected = np.bincount(TABLE[:, 0] * 5 + TABLE[:, 1], joint_probabilities(TABLE, [0, 1]))
    assert np.allclose(of_combination, expected)


def test_batches_follow_the_probabilities_and_depend_on_seed_and_step_alone() -> None:
    p = joint_probabilities(TABLE, [0, 1])
    draw = Weighted(p)
    found = np.bincount(draw(0, 0, 200_000).numpy(), minlength=len(TABLE)) / 200_000
    deviation = np.sqrt(p * (1 - p) / 200_000)
    assert (np.abs(found - p) / deviation).max() < 5
    assert draw(3, 7, 8).tolist() == draw(3, 7, 8).tolist() != draw(3, 8, 8).tolist()
    never = Weighted(np.array([0.0, 0.5, 0.0, 0.5, 0.0]))
    assert set(never(0, 0, 1000).tolist()) == {1, 3}


def test_what_cannot_depend_is_refused() -> None:
    with pytest.raises(ValueError, match="two factors at least"):
        joint_probabilities(TABLE, [1, 1])
    with pytest.raises(ValueError, match=r"ratio must be at least 1, got 0.5"):
        joint_probabilities(TABLE, [0, 1], 0.5)
    with pytest.raises(DataError, match="factor 2 has a single value"):
        joint_probabilities(grid([2, 3, 1]), [0, 2])
    with pytest.raises(ValueError, match="with the sum 1"):
        Weighted(np.array([0.5, 0.6]))
