"""Which images of a set with known factors are used, and which of its factors become attributes.

A set is a table (N, F) of value indices, one row for each image. Of each factor, the values may be cut into
bins, and one value (or bin) may be held fixed. What is neither fixed nor an attribute varies without a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vision.data.images import DataError
from vision.data.joint import joint_probabilities
from vision.spelling import nearest

BIN_NAMES: Mapping[str, Mapping[int, tuple[str, ...]]] = {
    "x": {2: ("left", "right"), 3: ("left", "centre", "right")},
    "y": {2: ("top", "bottom"), 3: ("top", "middle", "bottom")},
    "scale": {2: ("small", "large"), 3: ("small", "medium", "large")},
}
"""Words for the bins of factors whose values ascend to the right, downwards, or with the size."""


@dataclass(frozen=True)
class Selection:
    """What a user asks of a set with known factors."""

    images: int | None = None
    """At most so many, drawn without replacement; None for all."""
    attributes: Sequence[str] | None = None
    """The factors that are attributes; by default all. A fixed factor is none."""
    bins: Mapping[str, int] = field(default_factory=dict)
    """Factors whose values are cut, in their order, into so many bins of equal size."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """The name of the only value, or bin, of a factor."""
    joint: Sequence[str] = ()
    """Factors that depend on each other (`vision.data.joint`); images are then drawn with replacement."""
    ratio: float = 4.0
    """How many times as likely their most likely combination is as the least likely."""


def grid(sizes: Sequence[int]) -> np.ndarray:
    """All combinations of factors with so many values each, (N, F) int64, the last factor fastest.

    >>> grid([2, 2]).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    return np.indices(sizes).reshape(len(sizes), -1).T


class FactorSpace:
    """The factors of a set as a selection sees them.

    Args:
        factors: The names of each factor's values.
        chosen: What is asked for.

    Raises:
        DataError: For a factor or a value that does not exist, naming the nearest, for more bins than values,
            or when all attributes are fixed.
    """

    def __init__(self, factors: Mapping[str, Sequence[str]], chosen: Selection) -> None:
        listed = factors if chosen.attributes is None else chosen.attributes
        for name in (*listed, *chosen.bins, *chosen.fixed, *chosen.joint):
            if name not in factors:
                raise DataError(f"no factor {name!r}{nearest(name, factors)}: there are {', '.join(factors)}")
        self.bin_of: list[np.ndarray] = []
        """For each factor, the bin of each value."""
        self.allowed: list[np.ndarray] = []
        """For each factor, the values that may occur."""
        words: dict[str, tuple[str, ...]] = {}
        for name, values in factors.items():
            bin_of, words[name] = _cut(name, values, chosen.bins.get(name, len(values)))
            self.bin_of.append(bin_of)
            self.allowed.append(_allowed(name, bin_of, words[name], chosen.fixed))
        self.names = tuple(name for name in listed if name not in chosen.fixed)
        """Of the attributes (A,)."""
        if listed and not self.names:
            raise DataError("every attribute is fixed: none is left, set attributes to [] for a set without")
        self.value_names = tuple(words[name] for name in self.names)
        """Of each attribute's values."""
        self._columns = [list(factors).index(name) for name in self.names]
        self._joint = [list(factors).index(name) for name in chosen.joint]
        self._chosen = chosen

    def rows(self, table: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Rows to use of a table (N, G) of the first G factors: ascending indices (M,).

        They are different, unless factors depend on each other.

        Raises:
            DataError: When no row has the values that are fixed.
        """
        kept = np.ones(len(table), dtype=bool)
        for column, allowed, bin_of in zip(table.T, self.allowed, self.bin_of, strict=False):
            if len(allowed) < len(bin_of):
                kept &= np.isin(column, allowed)
        rows = np.flatnonzero(kept)
        if not len(rows):
            raise DataError("no image has the values that are fixed")
        most = self._chosen.images
        if self._joint:
            n = len(rows) if most is None else most
            return np.sort(rng.choice(rows, n, p=self._probabilities(table[rows])))
        if most is not None and most < len(rows):
            rows = np.sort(rng.choice(rows, most, replace=False))
        return rows

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n rows (n, F) of all factors, uniform but for those that depend on each other."""
        if not self._joint:
            return np.stack([rng.choice(allowed, n) for allowed in self.allowed], axis=1)
        table = np.stack([part.ravel() for part in np.meshgrid(*self.allowed, indexing="ij")], axis=1)
        return table[rng.choice(len(table), n, p=self._probabilities(table))]

    def _probabilities(self, table: np.ndarray) -> np.ndarray:
        names = self._chosen.joint
        if max(self._joint) >= table.shape[1]:
            raise DataError(
                f"{names[int(np.argmax(self._joint))]!r} is drawn by itself: no factor depends on it"
            )
        for name in names:
            if name in self._chosen.fixed:
                raise DataError(f"factor {name!r} is fixed: no factor depends on it")
        return joint_probabilities(table, self._joint, self._chosen.ratio)

    def labels(self, table: np.ndarray) -> np.ndarray:
        """The attributes (N, A) int64 of a table (N, F) of all factors."""
        found = np.empty((len(table), len(self.names)), dtype=np.int64)
        for place, column in enumerate(self._columns):
            found[:, place] = self.bin_of[column][table[:, column]]
        return found

    def draw(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Rows (N, F) of all factors with these attributes (N, A), uniform over the values that may occur."""
        table = np.empty((len(labels), len(self.bin_of)), dtype=np.int64)
        for column, (allowed, bin_of) in enumerate(zip(self.allowed, self.bin_of, strict=True)):
            if column not in self._columns:
                table[:, column] = rng.choice(allowed, len(labels))
                continue
            bins = labels[:, self._columns.index(column)]
            counts = np.bincount(bin_of)
            first = np.cumsum(counts) - counts
            table[:, column] = first[bins] + rng.integers(counts[bins])
        return table


def _cut(name: str, values: Sequence[str], bins: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """The bin of each value, and the names of the bins."""
    if not 1 <= bins <= len(values):
        raise DataError(f"factor {name!r} has {len(values)} values: it cannot be cut into {bins} bins")
    bin_of = np.arange(len(values)) * bins // len(values)
    if bins == len(values):
        return bin_of, tuple(values)
    if bins in BIN_NAMES.get(name, {}):
        return bin_of, BIN_NAMES[name][bins]
    names = []
    for place in range(bins):
        inside = np.flatnonzero(bin_of == place)
        first, last = values[inside[0]], values[inside[-1]]
        names.append(first if first == last else f"{first} to {last}")
    return bin_of, tuple(names)


def _allowed(name: str, bin_of: np.ndarray, words: Sequence[str], fixed: Mapping[str, str]) -> np.ndarray:
    if name not in fixed:
        return np.arange(len(bin_of))
    if fixed[name] not in words:
        close = nearest(fixed[name], words)
        raise DataError(f"factor {name!r} has no value {fixed[name]!r}{close}: it has {', '.join(words)}")
    return np.flatnonzero(bin_of == list(words).index(fixed[name]))
