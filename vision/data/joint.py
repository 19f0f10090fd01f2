"""Joint distributions of factors that are not uniform, to see what dependence between factors does to a model
(Chen, Li, Grosse and Duvenaud, "Isolating Sources of Disentanglement in VAEs", NeurIPS 2018, section 5.3).

With u_k in [0, 1] the index of factor k's value, divided by the largest,

    p(u) ~ ratio^-(max_k u_k - min_k u_k)

over the factors that depend on each other. Combinations on the diagonal are the most likely, `ratio` times as
likely as those in the corners; all other factors are uniform.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vision.data.images import DataError


def joint_probabilities(factors: np.ndarray, columns: Sequence[int], ratio: float = 4.0) -> np.ndarray:
    """The probability (N,) of each image, so that combinations of some factors have the above distribution.

    Images with the same combination share its probability. Combinations without an image have none, and the
    others are as likely relative to each other as the equation says.

    Args:
        factors: Integers (N, K), as `ImageSet.factors`.
        columns: The factors that depend on each other, two at least.
        ratio: How many times as likely the most likely combination is as the least likely, at least 1.

    Raises:
        ValueError: For fewer columns, or a smaller ratio.
        DataError: For a factor with a single value, which cannot depend on another.
    """
    if len(set(columns)) < 2:
        raise ValueError(f"two factors at least depend on each other, got columns {list(columns)}")
    if not ratio >= 1:
        raise ValueError(f"ratio must be at least 1, got {ratio}")
    chosen = np.asarray(factors)[:, list(columns)]
    largest = chosen.max(0) if len(chosen) else np.zeros(len(columns))
    if (largest < 1).any():
        raise DataError(
            f"factor {columns[int(np.argmin(largest))]} has a single value: nothing depends on it"
        )
    place = chosen / largest
    numbered = np.ravel_multi_index(tuple(chosen.T), tuple(largest + 1))
    _, combination, counts = np.unique(numbered, return_inverse=True, return_counts=True)
    weights = ratio ** (place.min(1) - place.max(1)) / counts[combination]
    return weights / weights.sum()


class Weighted:
    """Batches in which image i is drawn with a probability of its own, with replacement.

    Args:
        probabilities: (N,), not negative, with the sum 1.

    Raises:
        ValueError: For anything else.
    """

    def __init__(self, probabilities: np.ndarray) -> None:
        probabilities = np.asarray(probabilities, dtype=np.float64)
        if (
            probabilities.ndim != 1
            or not (probabilities >= 0).all()
            or not np.isclose(probabilities.sum(), 1)
        ):
            raise ValueError("probabilities must be (N,), not negative, with the sum 1")
        self._up_to = probabilities.cumsum() / probabilities.sum()

    def __call__(self, seed: int, step: int, batch: int, device: torch.device | str = "cpu") -> Tensor:
        """The indices (batch,) int64 of one step.

        Args:
            seed: At least 0.
            step: From 0.
            batch: How many.
            device: Of the indices.
        """
        drawn = np.random.default_rng([seed, step]).random(batch)
        return torch.from_numpy(np.searchsorted(self._up_to, drawn, side="right")).to(device)
