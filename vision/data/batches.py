"""Batches for a training step: plain, pairs that differ in k factors, batches in which one factor varies.

Each is a function of (seed, step) to indices of images, so that a training can resume without the state of a
generator. `plain` needs no factors. The other two find images by their factors in a fixed set: every
(image, factor) is an integer, several images may have the same factors, and combinations may be missing.

    Pairs           changed factors S of size k ~ uniform; image ~ uniform among those with a partner; partner
                    ~ uniform among images that differ from it in every factor of S and in no other. Locatello
                    et al., "Weakly-Supervised Disentanglement Without Compromises", ICML 2020
    SingleFactor    factor ~ uniform; values of all others ~ uniform among those that occur with two values of
                    it; its own values as evenly as the batch allows; image ~ uniform among those with them
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vision.data.images import DataError, ImageSet, to_unit

MOST_SETS = 200
"""Sets of factors that `Pairs` prepares at most; each takes three integers of memory an image."""
MOST_GROUPS = 2**40
"""Numbers of groups before they are numbered anew."""
ROUNDS = 8
"""Draws of a partner before all of its candidates are compared."""


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
        k: How many factors differ, 1 to the number of those that may.
        changing: The columns that may differ; by default all.

    Raises:
        DataError: When some k of them never change while the others stay, which is named.
        ValueError: For an impossible k or column.
    """

    def __init__(self, factors: np.ndarray, k: int = 1, changing: Sequence[int] | None = None) -> None:
        self.factors = _checked(factors)
        columns = _columns(self.factors, changing)
        if not 1 <= k <= len(columns):
            raise ValueError(f"pairs can differ in 1 to {len(columns)} factors, got {k}")
        sets = list(itertools.islice(itertools.combinations(columns, k), MOST_SETS + 1))
        if len(sets) > MOST_SETS:
            raise ValueError(
                f"more than {MOST_SETS} sets of {k} among {len(columns)} factors: name fewer that may change"
            )
        self.sets = [_Contexts(self.factors, changed) for changed in sets]
        for contexts in self.sets:
            if not len(contexts.images):
                raise DataError(f"no two images differ in exactly the factors {list(contexts.changed)}")

    def __call__(self, seed: int, step: int, batch: int, device: torch.device | str = "cpu") -> PairBatch:
        """The pairs of one step.

        Args:
            seed: At least 0.
            step: From 0.
            batch: How many pairs.
            device: Of the results.
        """
        rng = np.random.default_rng([seed, step])
        chosen = rng.integers(len(self.sets), size=batch)
        indices = np.empty((2, batch), dtype=np.int64)
        changed = np.zeros((batch, self.factors.shape[1]), dtype=bool)
        for number in np.unique(chosen):
            rows, contexts = np.flatnonzero(chosen == number), self.sets[number]
            indices[:, rows] = contexts.pairs(self.factors, len(rows), rng)
            changed[np.ix_(rows, contexts.changed)] = True
        one, other = torch.from_numpy(indices).to(device)
        return PairBatch(one, other, torch.from_numpy(changed).to(device))


class FactorBatch(NamedTuple):
    """Images of which one factor varies."""

    indices: Tensor
    """(batch,) int64."""
    factor: int
    """The column of the factor."""


class SingleFactor:
    """Batches in which one factor varies and all others stay.

    Args:
        factors: Integers (N, K), as `ImageSet.factors`.
        varying: The columns among which the one that varies is drawn; by default all.

    Raises:
        DataError: When one of them never varies while the others stay, which is named.
        ValueError: For a column that does not exist.
    """

    def __init__(self, factors: np.ndarray, varying: Sequence[int] | None = None) -> None:
        self.factors = _checked(factors)
        self.contexts = [_Contexts(self.factors, (column,)) for column in _columns(self.factors, varying)]
        for contexts in self.contexts:
            if not len(contexts.images):
                raise DataError(f"no two images differ in factor {contexts.changed[0]} alone")

    def __call__(self, seed: int, step: int, batch: int, device: torch.device | str = "cpu") -> FactorBatch:
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
            raise ValueError(f"one factor varies in a batch of at least 2 images, got {batch}")
        rng = np.random.default_rng([seed, step])
        contexts = self.contexts[rng.integers(len(self.contexts))]
        (factor,) = contexts.changed
        group = contexts.draw(rng)
        order = group[np.argsort(self.factors[group, factor], kind="stable")]
        _, starts, counts = np.unique(self.factors[order, factor], return_index=True, return_counts=True)
        values = np.resize(rng.permutation(len(starts)), batch)
        indices = order[starts[values] + rng.integers(counts[values])]
        return FactorBatch(torch.from_numpy(indices).to(device), factor)


class _Contexts:
    """Images grouped by the factors outside `changed`; `images` are those with a partner in their group."""

    def __init__(self, factors: np.ndarray, changed: tuple[int, ...]) -> None:
        self.changed = changed
        self.group, self.counts = _grouped(factors, changed)
        self.order = np.argsort(self.group, kind="stable")
        self.starts = np.cumsum(self.counts) - self.counts
        self.images = np.flatnonzero(_partners(factors, changed))
        self.groups = np.flatnonzero(np.bincount(self.group[self.images], minlength=len(self.counts)))

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """The images of a group that has partners, each such group as likely as any other."""
        group = self.groups[rng.integers(len(self.groups))]
        return self.order[self.starts[group] :][: self.counts[group]]

    def pairs(self, factors: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """Images and a partner of each, (2, n).

        Partners are drawn from the group until they differ; rows that had no luck are searched. Both give
        every partner the same chance.
        """
        one = self.images[rng.integers(len(self.images), size=n)]
        other, left = np.empty_like(one), np.arange(n)
        for _ in range(ROUNDS):
            group = self.group[one[left]]
            other[left] = self.order[self.starts[group] + rng.integers(self.counts[group])]
            left = left[~self._differ(factors, one[left], other[left])]
            if not len(left):
                return np.stack((one, other))
        group = self.group[one[left]]
        members = np.arange(self.counts[group].max())
        inside = members < self.counts[group][:, None]
        found = self.order[np.where(inside, self.starts[group][:, None] + members, 0)]
        partners = inside & self._differ(factors, one[left][:, None], found)
        rank = rng.integers(partners.sum(1))
        place = (partners.cumsum(1) > rank[:, None]).argmax(1)
        other[left] = np.take_along_axis(found, place[:, None], 1)[:, 0]
        return np.stack((one, other))

    def _differ(self, factors: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        changed = list(self.changed)
        return (factors[one][..., changed] != factors[other][..., changed]).all(-1)


def _partners(factors: np.ndarray, changed: tuple[int, ...]) -> np.ndarray:
    """How many images differ from each in all of `changed` and no other, (N,), by inclusion-exclusion."""
    total = np.zeros(len(factors), dtype=np.int64)
    for size in range(len(changed) + 1):
        for same in itertools.combinations(changed, size):
            group, counts = _grouped(factors, tuple(set(changed) - set(same)))
            total += (-1) ** size * counts[group]
    return total


def _grouped(factors: np.ndarray, without: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Images numbered by their factors but those `without`: group (N,), and the size of each group."""
    group, groups = np.zeros(len(factors), dtype=np.int64), 1
    for column in np.delete(factors, list(without), axis=1).T:
        values = column - column.min()
        size = int(values.max()) + 1
        if groups * size > MOST_GROUPS:  # number anew, without gaps, what would overflow
            group = np.unique(group, return_inverse=True)[1]
            groups = len(group)
        group, groups = group * size + values, groups * size
    group = np.unique(group, return_inverse=True)[1]
    return group, np.bincount(group)


def _checked(factors: np.ndarray) -> np.ndarray:
    factors = np.asarray(factors)
    if factors.ndim != 2 or factors.dtype.kind not in "iu" or not factors.size:
        raise DataError(
            f"images are found by their factors, integers (N, K), got {factors.dtype} {factors.shape}"
        )
    return factors.astype(np.int64)


def _columns(factors: np.ndarray, chosen: Sequence[int] | None) -> tuple[int, ...]:
    columns = tuple(range(factors.shape[1]) if chosen is None else sorted(set(chosen)))
    if not columns or not 0 <= columns[0] <= columns[-1] < factors.shape[1]:
        raise ValueError(f"factors are columns 0 to {factors.shape[1] - 1}, got {chosen}")
    return columns


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, n: int, device: torch.device | str) -> Tensor:
    return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(n)).to(device)
