"""Images of a fixed set grouped by the factors that they share."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from vision.data.images import DataError

MOST_GROUPS = 2**40
"""Numbers of groups before they are numbered anew."""
ROUNDS = 8
"""Draws of a partner before all of its candidates are compared."""


class NoPartnersError(DataError):
    """No two images differ in exactly some factors.

    Args:
        changed: The columns of these factors.
    """

    def __init__(self, changed: Sequence[int]) -> None:
        super().__init__(f"no two images differ in exactly the factors {list(changed)}")
        self.changed = tuple(changed)


class Contexts:
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

    def spread(self, factors: np.ndarray, batch: int, rng: np.random.Generator) -> np.ndarray:
        """Images of one group, (batch,), the values of the one factor that varies as evenly as possible."""
        (factor,) = self.changed
        group = self.draw(rng)
        order = group[np.argsort(factors[group, factor], kind="stable")]
        _, starts, counts = np.unique(factors[order, factor], return_index=True, return_counts=True)
        values = np.resize(rng.permutation(len(starts)), batch)
        return order[starts[values] + rng.integers(counts[values])]

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


def checked(factors: np.ndarray) -> np.ndarray:
    """The factors as int64 (N, K); DataError unless they are integers, one at least."""
    factors = np.asarray(factors)
    if factors.ndim != 2 or factors.dtype.kind not in "iu" or not factors.size:
        raise DataError(
            f"images are found by their factors, integers (N, K), got {factors.dtype} {factors.shape}"
        )
    return factors.astype(np.int64)


def columns_of(factors: np.ndarray, chosen: Sequence[int] | None) -> tuple[int, ...]:
    """The chosen columns in ascending order, by default all; ValueError for none or one that is not there."""
    columns = tuple(range(factors.shape[1]) if chosen is None else sorted(set(chosen)))
    if not columns or not 0 <= columns[0] <= columns[-1] < factors.shape[1]:
        raise ValueError(f"factors are columns 0 to {factors.shape[1] - 1}, got {chosen}")
    return columns
