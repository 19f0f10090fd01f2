"""The words of a data set: attributes, their values, and the k-hot symbols y that stand for concepts.

An attribute is either a block of values that exclude each other (wall colour: one symbol per value) or free
and binary (smiling: one symbol, "yes"). y in {0, 1}^K concatenates the symbols of all attributes in order;
0 means "not mentioned", never "absent" (SCAN, Higgins et al., 2018). Images carry integer factors instead:
the index of the value for a block, 0 absent or 1 present for a binary attribute.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symbols.attributes import Attribute, check_factors
from symbols.concepts import Concept, Item
from symbols.names import (
    VocabularyError,
    check_distinct,
    check_keys,
    check_name,
    did_you_mean,
    listing,
    quoted,
    spelling,
)

LARGEST_KEY = 2**62
"""Vocabularies with fewer full combinations than this number them with 64-bit integers."""


@dataclass(frozen=True)
class Vocabulary:
    """Ordered attributes, and aliases that name whole concepts.

    Args:
        attributes: Their symbols are concatenated in this order; none for images without words.
        aliases: Concepts by their alias; an alias is no attribute's name and no value.

    >>> words = Vocabulary(
    ...     (Attribute("wall", ("red", "white")), Attribute("shape", ("hat", "ice lolly"))),
    ...     aliases={"dub": Concept({"shape": "ice lolly", "wall": "white"})},
    ... )
    >>> words.size, words.symbols
    (4, ('wall: red', 'wall: white', 'shape: hat', 'shape: ice lolly'))
    >>> words.encode(words.aliases["dub"])
    array([0., 1., 0., 1.], dtype=float32)
    >>> words.decode([0, 0, 1, 0])
    Concept('shape: hat')

    Raises:
        VocabularyError: For names that repeat, and for aliases of unknown attributes or values, or of the
            empty concept.
    """

    attributes: tuple[Attribute, ...]
    aliases: Mapping[str, Concept] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", tuple(self.attributes))
        check_distinct(self.names, "attributes")
        aliases = {check_name(name, "alias"): self.concept(concept) for name, concept in self.aliases.items()}
        object.__setattr__(self, "aliases", aliases)
        check_distinct(aliases, "aliases")
        taken = {spelling(name): f'attribute "{name}"' for name in self.names}
        for attribute in self.attributes:
            for value in attribute.values:
                taken[spelling(value)] = f'value "{attribute.name}: {value}"'
        for name, concept in aliases.items():
            if spelling(name) in taken:
                raise VocabularyError(f'alias "{name}" is already the {taken[spelling(name)]}')
            if not concept.level:
                raise VocabularyError(f'alias "{name}" names the empty concept')

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the attributes, in order."""
        return tuple(attribute.name for attribute in self.attributes)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The number of symbols of each attribute; they add up to `size`."""
        return tuple(attribute.size for attribute in self.attributes)

    @cached_property
    def factor_sizes(self) -> tuple[int, ...]:
        """The number of values of each integer factor (2 for a binary attribute)."""
        return tuple(attribute.factor_size for attribute in self.attributes)

    @property
    def size(self) -> int:
        """The number of symbols, K."""
        return len(self.symbols)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The K labels of y: "wall: red", and the bare name of a binary attribute."""
        labels: list[str] = []
        for attribute, (name, value) in self._symbols:
            labels.append(name if attribute.binary else f"{name}: {value}")
        return tuple(labels)

    def block(self, name: str) -> slice:
        """The slice of an attribute's symbols in y (K,).

        Raises:
            VocabularyError: For an unknown attribute; names the nearest one.
        """
        column = self.column(name)
        start = sum(self.sizes[:column])
        return slice(start, start + self.sizes[column])

    def concept(self, items: Concept | Mapping[str, str] | Iterable[Item] = ()) -> Concept:
        """A concept of this vocabulary, with its attributes in the vocabulary's order.

        Args:
            items: A concept, or (attribute, value) pairs as a mapping or an iterable.

        Raises:
            VocabularyError: For an unknown attribute or value; names the nearest known one.
            ConflictError: For two values of one attribute.
        """
        concept = Concept(items, order=self.names)
        for item in concept.items():
            self._index(item)
        return concept

    def encode(self, concept: Concept) -> NDArray[np.float32]:
        """The k-hot symbol y (K,) float32 of a concept.

        Raises:
            VocabularyError: For an unknown attribute or value; names the nearest known one.
        """
        y = np.zeros(self.size, dtype=np.float32)
        for item in concept.items():
            y[self._index(item)] = 1
        return y

    def decode(self, y: ArrayLike) -> Concept:
        """The concept of a k-hot symbol.

        Args:
            y: (K,), entries 0 or 1, at most one 1 in each block. Probabilities must be thresholded first.

        Raises:
            ValueError: For another shape or other entries.
            ConflictError: For two values in one block.
        """
        array = np.asarray(y)
        if array.shape != (self.size,):
            raise ValueError(f"a symbol of this vocabulary has shape ({self.size},), not {array.shape}")
        if not np.isin(array, (0, 1)).all():
            raise ValueError("a symbol is k-hot: entries are 0 or 1")
        return Concept([self._symbols[k][1] for k in np.flatnonzero(array)], order=self.names)

    def factors(self, concept: Concept) -> NDArray[np.int64]:
        """The factors (A,) int64 of a concept, -1 for each attribute that it leaves open.

        Raises:
            VocabularyError: For an unknown attribute or value; names the nearest known one.
        """
        row = np.full(len(self.attributes), -1, dtype=np.int64)
        for name, value in self.concept(concept).items():
            column = self.column(name)
            attribute = self.attributes[column]
            row[column] = 1 if attribute.binary else attribute.values.index(value)
        return row

    def describe(self, row: ArrayLike) -> Concept:
        """The full concept of an image: the value of every block, and every binary attribute that is present.

        Args:
            row: The factors (A,) of the image, integers: `attribute.factor_size` values from 0 each.

        Raises:
            ValueError: For another length, or a factor out of its range.
        """
        factors = check_factors(self.attributes, np.asarray(row)[None])[0]
        items: list[Item] = []
        for attribute, index in zip(self.attributes, factors.tolist(), strict=True):
            value = attribute.value_of(index)
            if value is not None:
                items.append((attribute.name, value))
        return Concept.unchecked(items, self.names)

    def matches(self, factors: ArrayLike, concept: Concept) -> NDArray[np.bool_]:
        """Which of N images are examples of a concept, bool (N,).

        Args:
            factors: Integers (N, A), as in `describe`.
            concept: Its open attributes match any factor.

        Raises:
            ValueError: For factors of another shape or out of their range.
            VocabularyError: For an unknown attribute or value.
        """
        required = self.factors(concept)
        return ((required < 0) | (required == check_factors(self.attributes, factors))).all(axis=1)

    def shows_any(self, factors: ArrayLike, full: Iterable[Concept]) -> NDArray[np.bool_]:
        """Which of N images show one of some full combinations, bool (N,).

        Args:
            factors: Integers (N, A), as in `describe`.
            full: Full concepts, as `describe` returns them; such are the held-out combinations.

        Raises:
            ValueError: For factors of another shape or out of their range.
        """
        rows = check_factors(self.attributes, factors)
        listed = np.array([np.maximum(self.factors(c), 0) for c in full], dtype=np.int64)
        if not len(listed):
            return np.zeros(len(rows), dtype=bool)
        if math.prod(self.factor_sizes) < LARGEST_KEY:  # several times as fast as unique along an axis
            keys = np.ravel_multi_index(tuple(rows.T), self.factor_sizes)
            return np.isin(keys, np.ravel_multi_index(tuple(listed.T), self.factor_sizes))
        _, labels = np.unique(np.concatenate([listed, rows]), axis=0, return_inverse=True)
        labels = labels.reshape(-1)
        return np.isin(labels[len(listed) :], labels[: len(listed)])

    def to_dict(self) -> dict[str, list[dict[str, object]] | dict[str, dict[str, str]]]:
        """A JSON-able form, from which `from_dict` makes an equal vocabulary."""
        attributes: list[dict[str, object]] = []
        for attribute in self.attributes:
            if attribute.binary:
                attributes.append({"name": attribute.name, "binary": True})
            else:
                attributes.append({"name": attribute.name, "values": list(attribute.values)})
        aliases = {name: dict(concept.items()) for name, concept in self.aliases.items()}
        return {"attributes": attributes, "aliases": aliases}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Vocabulary:
        """The inverse of `to_dict`.

        Args:
            data: {"attributes": [{"name", "values" or "binary"}, ...]}, and optionally "aliases": {alias:
                {attribute: value}}.

        Raises:
            VocabularyError: For unknown keys, and for anything but a string where a name is expected.
        """
        check_keys(data, ("attributes", "aliases"), "a vocabulary")
        listed, aliases = data.get("attributes"), data.get("aliases") or {}
        if not isinstance(listed, Sequence) or isinstance(listed, str):
            raise VocabularyError(f"attributes must be a list of {{name, values}}, not {quoted(listed)}")
        if not isinstance(aliases, Mapping):
            raise VocabularyError(f"aliases must map names to concepts, not {quoted(aliases)}")
        for name, concept in aliases.items():
            if not isinstance(concept, Mapping):
                raise VocabularyError(f'alias "{name}" must map attributes to values, not {quoted(concept)}')
        for entry in listed:
            check_keys(entry, ("name", "values", "binary"), "an attribute")
        attributes = (Attribute(e.get("name"), e.get("values") or (), e.get("binary", False)) for e in listed)
        return cls(tuple(attributes), aliases)

    @cached_property
    def _symbols(self) -> tuple[tuple[Attribute, Item], ...]:
        return tuple((a, (a.name, value)) for a in self.attributes for value in a.values)

    @cached_property
    def _positions(self) -> dict[Item, int]:
        return {item: k for k, (_, item) in enumerate(self._symbols)}

    def _index(self, item: Item) -> int:
        if item not in self._positions:
            name, value = item
            attribute = self.attributes[self.column(name)]
            near = did_you_mean(value, attribute.values) or f": it has {listing(attribute.values)}"
            raise VocabularyError(f'attribute "{name}" has no value "{value}"{near}')
        return self._positions[item]

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {name: column for column, name in enumerate(self.names)}

    def column(self, name: str) -> int:
        """The column of an attribute in factors (N, A).

        Raises:
            VocabularyError: For an unknown attribute; names the nearest one.
        """
        if name not in self._columns:
            near = did_you_mean(name, self.names) or f": there are {listing(self.names)}"
            raise VocabularyError(f'unknown attribute "{name}"{near}')
        return self._columns[name]
