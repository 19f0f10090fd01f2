"""Batches for a training step: plain, pairs that differ in k factors, batches in which one factor or group
varies.

Each is a function of (seed, step) to indices of images, so that a training can resume without the state of a
generator. `plain` needs no factors. The others find images by their factors in a fixed set: every
(image, factor) is an integer, several images may have the same factors, and combinations may be missing.

    Pairs           k given, or uniform below the number of factors; changed factors S of size k ~ uniform;
                    image ~ uniform among those with a partner; partner ~ uniform among images that differ
                    from it in every factor of S and in no other. Locatello et al., "Weakly-Supervised
                    Disentanglement Without Compromises", ICML 2020
    FactorGroups    group of factors ~ a given ratio; values of all others ~ uniform among those that occur
                    with two values of every factor of the group; image ~ uniform among those with them, and
                    for a group of one factor its values as evenly as the batch allows
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vision.data.contexts import Contexts, NoPartnersError, checked, columns_of
from vision.data.images import ImageSet, to_unit

MOST_SETS = 200
"""Sets of factors that `Pairs` prepares at most; each takes three integers of memory an image."""


def resident(image_set: ImageSet, indices: np.ndarray, device: torch.device) -> Tensor:
    """The images at `indices` on a device, uint8 (N, H, W, C): the order in which convolutions are fast."""
    return image_set.images[torch.from_numpy(indices)].permute(0, 2, 3, 1).contiguous().to(device)


def take(pixels: Tensor, rows: Tensor | slice) -> Tensor:
    """Rows of resident pixels as images (B, C, H, W) in [0, 1], channels last in memory."""
    return to_unit(pixels[rows]).permute(0, 3, 1, 2)


def plain(seed: int, step: int, n: int, batch: int, device: torch.device | str = "cpu") -> Tensor:
    """Indices (batch,) int64 of the images of one step.

    Batches are consecutive parts of a stream of permutations of range(n), one an epoch: within an epoch no
    image occurs twice, and a batch may contain the end of an epoch (or of several, when it is larger than n).

    Args:
        seed: Of the permutations, at least 0.
        step: From 0.
        n: The number of images.
        batch: How many indices.
        device: Of the indices.
    """
    start, stop = step * batch, (step + 1) * batch
    parts = []
    for epoch in range(start // n, (stop - 1) // n + 1):
        first = max(start - epoch * n, 0)
        parts.append(_permutation(seed, epoch, n, device)[first : stop - epoch * n])
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class PairBatch(NamedTuple):
    """Pairs of images that differ in some factors only."""

    one: Tensor
    """Indices (batch,) int64."""
    other: Tensor
    """Indices (batch,) int64 of their partners."""
    changed: Tensor
    """bool (batch, K): the factors in which the two differ."""


class Pairs:
    """Pairs that differ in exactly `k` factors.

    Args:
        factors: Integers (N, K), as `ImageSet.factors`.
        k: How many factors differ, 1 to the number of those that may; None draws it anew for every pair, 1 to
            one less than that number, each as likely.
        changing: The columns that may differ; by default all.

    Raises:
        NoPartnersError: When some k of them never change while the others stay, with their columns.
        ValueError: For an impossible k or column.
    """

    def __init__(self, factors: np.ndarray, k: int | None = 1, changing: Sequence[int] | None = None) -> None:
        self.factors = checked(factors)
        columns = columns_of(self.factors, changing)
        if k is not None and not 1 <= k <= len(columns):
            raise ValueError(f"pairs can differ in 1 to {len(columns)} factors, got {k}")
        if k is None and len(columns) < 2:
            raise ValueError("how many factors differ can be drawn where 2 at least may, got 1")
        sizes = range(1, len(columns)) if k is None else (k,)
        subsets = itertools.chain.from_iterable(itertools.combinations(columns, size) for size in sizes)
        sets = list(itertools.islice(subsets, MOST_SETS + 1))
        if len(sets) > MOST_SETS:
            many = f"of {k} " if k is not None else ""
            raise ValueError(
                f"more than {MOST_SETS} sets {many}among {len(columns)} factors: name fewer that may change"
            )
        self.counts = np.array([math.comb(len(columns), size) for size in sizes])
        self.starts = np.cumsum(self.counts) - self.counts
        self.sets = [Contexts(self.factors, changed) for changed in sets]
        for contexts in self.sets:
            if not len(contexts.images):
                raise NoPartnersError(contexts.changed)

    def __call__(self, seed: int, step: int, batch: int, device: torch.device | str = "cpu") -> PairBatch:
        """The pairs of one step.

        Args:
            seed: At least 0.
            step: From 0.
            batch: How many pairs.
            device: Of the results.
        """
        rng = np.random.default_rng([seed, step])
        chosen = self._draw(rng, batch)
        indices = np.empty((2, batch), dtype=np.int64)
        changed = np.zeros((batch, self.factors.shape[1]), dtype=bool)
        for number in np.unique(chosen):
            rows, contexts = np.flatnonzero(chosen == number), self.sets[number]
            indices[:, rows] = contexts.pairs(self.factors, len(rows), rng)
            changed[np.ix_(rows, contexts.changed)] = True
        one, other = torch.from_numpy(indices).to(device)
        return PairBatch(one, other, torch.from_numpy(changed).to(device))

    def _draw(self, rng: np.random.Generator, batch: int) -> np.ndarray:
        """Numbers of sets (batch,): first how many factors change, then which."""
        sizes = rng.integers(len(self.counts), size=batch)
        return self.starts[sizes] + rng.integers(self.counts[sizes])


class GroupBatch(NamedTuple):
    """Images of which the factors of one group vary."""

    indices: Tensor
    """(batch,) int64."""
    group: int
    """The number of the group."""


class FactorGroups:
    """Batches in which the factors of one group vary and all others stay, some groups more often than others.

    In a batch of a group of one factor its values are as even as the batch allows; with several,
    combinations are as frequent as among the images that share the other factors.

    Args:
        factors: Integers (N, K), as `ImageSet.factors`.
        groups: The columns of each group.
        ratio: How often batches of each group are drawn, relative to the others; equally often by default.

    Raises:
        NoPartnersError: When no two images differ in exactly the factors of a group, with its columns.
        ValueError: For a column that does not exist, and for a ratio that is not one positive number a group.
    """

    def __init__(
        self, factors: np.ndarray, groups: Sequence[Sequence[int]], ratio: Sequence[float] | None = None
    ) -> None:
        self.factors = checked(factors)
        self.contexts = [Contexts(self.factors, columns_of(self.factors, group)) for group in groups]
        weights = np.ones(len(groups)) if ratio is None else np.asarray(ratio, dtype=np.float64)
        if len(weights) != len(groups) or not (weights > 0).all():
            raise ValueError(f"a ratio has one positive number for each of {len(groups)} groups, got {ratio}")
        self.shares = weights / weights.sum()
        for contexts in self.contexts:
            if not len(contexts.images):
                raise NoPartnersError(contexts.changed)

    def __call__(self, seed: int, step: int, batch: int, device: torch.device | str = "cpu") -> GroupBatch:
        """The batch of one step.

        Args:
            seed: At least 0.
            step: From 0.
            batch: How many images, at least 2.
            device: Of the indices.

        Raises:
            ValueError: For a smaller batch.
        """
        if batch < 2:
            raise ValueError(f"factors vary in a batch of at least 2 images, got {batch}")
        rng = np.random.default_rng([seed, step])
        number = int(rng.choice(len(self.contexts), p=self.shares))
        contexts = self.contexts[number]
        if len(contexts.changed) == 1:
            indices = contexts.spread(self.factors, batch, rng)
        else:
            indices = rng.choice(contexts.draw(rng), batch)
        return GroupBatch(torch.from_numpy(indices).to(device), number)


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, n: int, device: torch.device | str) -> Tensor:
    return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(n)).to(device)
