"""The words of a data set: attributes, their values, and the k-hot symbols y that stand for concepts.

An attribute is either a block of values that exclude each other (wall colour: one symbol per value) or free
and binary (smiling: one symbol, "yes"). y in {0, 1}^K concatenates the symbols of all attributes in order;
0 means "not mentioned", never "absent" (SCAN, Higgins et al., 2018). Images carry integer factors instead:
the index of the value for a block, 0 absent or 1 present for a binary attribute.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symbols.concepts import Concept, Item
from symbols.names import VocabularyError, check_name, did_you_mean, listing, quoted, spelling

YES = "yes"
LARGEST_KEY = 2**62
"""Vocabularies with fewer full combinations than this number them with 64-bit integers."""


@dataclass(frozen=True)
class Attribute:
    """A block of mutually exclusive values, or (`binary`) a free attribute with the one value "yes".

    >>> Attribute("smiling", binary=True).values
    ('yes',)

    Raises:
        VocabularyError: for names that are not strings, or that are the same but for case and spaces.
    """

    name: str
    values: tuple[str, ...] = ()
    binary: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", check_name(self.name, "attribute"))
        if re.search("[:=]", self.name):
            raise VocabularyError(
                f'attribute "{self.name}": ":" and "=" separate attribute and value in expressions'
            )
        if not isinstance(self.binary, bool):
            raise VocabularyError(
                f'attribute "{self.name}": binary must be true or false, not {quoted(self.binary)}'
            )
        if isinstance(self.values, str) or not isinstance(self.values, Sequence):
            raise VocabularyError(
                f'attribute "{self.name}": values must be a list of strings, not {quoted(self.values)}'
            )
        values = tuple(check_name(value, f'value of "{self.name}"') for value in self.values)
        if self.binary and values not in ((), (YES,)):
            raise VocabularyError(
                f'binary attribute "{self.name}" has the one value "{YES}", not {listing(values)}'
            )
        if not self.binary and not values:
            raise VocabularyError(
                f'attribute "{self.name}" has no values (a free attribute says binary: true)'
            )
        _check_distinct(values, f'values of "{self.name}"')
        object.__setattr__(self, "values", (YES,) if self.binary else values)

    @property
    def size(self) -> int:
        """The number of symbols."""
        return len(self.values)

    @property
    def factor_size(self) -> int:
        """The number of values of the integer factor: that of the symbols, or 2 for a binary attribute."""
        return 2 if self.binary else self.size


def _check_distinct(names: Iterable[str], what: str) -> None:
    seen: dict[str, str] = {}
    for name in names:
        spelt = spelling(name)
        if spelt in seen:
            raise VocabularyError(f'{what}: "{seen[spelt]}" and "{name}" cannot be told apart')
        seen[spelt] = name


@dataclass(frozen=True)
class Vocabulary:
    """Ordered attributes, and aliases that name whole concepts.

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
        VocabularyError: for names that repeat, and aliases that this vocabulary cannot say.
    """

    attributes: tuple[Attribute, ...]
    aliases: Mapping[str, Concept] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", tuple(self.attributes))
        if not self.attributes:
            raise VocabularyError("a vocabulary needs at least one attribute")
        _check_distinct(self.names, "attributes")
        aliases = {check_name(name, "alias"): self.concept(concept) for name, concept in self.aliases.items()}
        object.__setattr__(self, "aliases", aliases)
        _check_distinct(aliases, "aliases")
        taken = {spelling(name): f'attribute "{name}"' for name in self.names}
        taken |= {spelling(v): f'value "{a.name}: {v}"' for a in self.attributes for v in a.values}
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
        return tuple(name if a.binary else f"{name}: {value}" for a, (name, value) in self._symbols)

    def block(self, name: str) -> slice:
        """The place of an attribute's symbols in y (K,)."""
        place = self._place(name)
        start = sum(self.sizes[:place])
        return slice(start, start + self.sizes[place])

    def concept(self, items: Concept | Mapping[str, str] | Iterable[Item] = ()) -> Concept:
        """A concept of this vocabulary, in its order.

        Raises:
            VocabularyError: for an attribute or a value that it does not have; names the nearest one that
            it has. ConflictError: for two values of one attribute.
        """
        concept = Concept(items.items if isinstance(items, Concept) else items, order=self.names)
        for item in concept.items:
            self._index(item)
        return concept

    def encode(self, concept: Concept) -> NDArray[np.float32]:
        """The k-hot symbol y (K,) of a concept."""
        y = np.zeros(self.size, dtype=np.float32)
        for item in concept.items:
            y[self._index(item)] = 1
        return y

    def decode(self, y: ArrayLike) -> Concept:
        """The concept of a k-hot symbol y (K,), whose entries are 0 or 1 with at most one 1 per block.

        Raises:
            ValueError: for another shape or other entries; probabilities are not a symbol before they are
            thresholded. ConflictError: for two values in one block.
        """
        array = np.asarray(y)
        if array.shape != (self.size,):
            raise ValueError(f"a symbol of this vocabulary has shape ({self.size},), not {array.shape}")
        if not np.isin(array, (0, 1)).all():
            raise ValueError("a symbol is k-hot: entries are 0 or 1")
        return Concept([self._symbols[k][1] for k in np.flatnonzero(array)], order=self.names)

    def factors(self, concept: Concept) -> NDArray[np.int64]:
        """The factors (A,) that a concept asks for, and -1 for each attribute that it leaves open."""
        row = np.full(len(self.attributes), -1, dtype=np.int64)
        for name, value in self.concept(concept).items:
            place = self._place(name)
            attribute = self.attributes[place]
            row[place] = 1 if attribute.binary else attribute.values.index(value)
        return row

    def describe(self, row: ArrayLike) -> Concept:
        """The full concept of an image with factors `row` (A,): every block value, every binary attribute
        present.

        Raises:
            ValueError: for another length, or a factor out of its range.
        """
        factors = self._checked(np.asarray(row)[None])[0]
        return Concept(
            [
                (a.name, YES if a.binary else a.values[index])
                for a, index in zip(self.attributes, factors.tolist(), strict=True)
                if index or not a.binary
            ],
            order=self.names,
        )

    def matches(self, factors: ArrayLike, concept: Concept) -> NDArray[np.bool_]:
        """Which of N images, given by factors (N, A), are examples of a concept: bool (N,)."""
        wanted = self.factors(concept)
        return ((wanted < 0) | (wanted == self._checked(factors))).all(axis=1)

    def shows_any(self, factors: ArrayLike, full: Iterable[Concept]) -> NDArray[np.bool_]:
        """Which of N images (N, A) are described by one of some full concepts (the held-out ones): (N,)."""
        rows = self._checked(factors)
        wanted = np.array([np.maximum(self.factors(c), 0) for c in full], dtype=np.int64)
        if not len(wanted):
            return np.zeros(len(rows), dtype=bool)
        if math.prod(self.factor_sizes) < LARGEST_KEY:  # several times as fast as unique along an axis
            keys = (np.ravel_multi_index(tuple(part.T), self.factor_sizes) for part in (rows, wanted))
            return np.isin(*keys)
        _, labels = np.unique(np.concatenate([wanted, rows]), axis=0, return_inverse=True)
        labels = labels.reshape(-1)
        return np.isin(labels[len(wanted) :], labels[: len(wanted)])

    def to_dict(self) -> dict[str, list[dict[str, object]] | dict[str, dict[str, str]]]:
        """A JSON-able form, from which `from_dict` makes an equal vocabulary."""
        return {
            "attributes": [
                {"name": a.name, "binary": True} if a.binary else {"name": a.name, "values": list(a.values)}
                for a in self.attributes
            ],
            "aliases": {name: dict(concept.items) for name, concept in self.aliases.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Vocabulary:
        """The inverse of `to_dict`.

        Raises:
            VocabularyError: for unknown keys and for anything that is not a string where a name belongs.
        """
        _check_keys(data, ("attributes", "aliases"), "a vocabulary")
        listed, aliases = data.get("attributes"), data.get("aliases") or {}
        if not isinstance(listed, Sequence) or isinstance(listed, str):
            raise VocabularyError(f"attributes must be a list of {{name, values}}, not {quoted(listed)}")
        if not isinstance(aliases, Mapping):
            raise VocabularyError(f"aliases must map names to concepts, not {quoted(aliases)}")
        for name, concept in aliases.items():
            if not isinstance(concept, Mapping):
                raise VocabularyError(f'alias "{name}" must map attributes to values, not {quoted(concept)}')
        for entry in listed:
            _check_keys(entry, ("name", "values", "binary"), "an attribute")
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
            attribute = self.attributes[self._place(name)]
            near = did_you_mean(value, attribute.values) or f": it has {listing(attribute.values)}"
            raise VocabularyError(f'attribute "{name}" has no value "{value}"{near}')
        return self._positions[item]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def _place(self, name: str) -> int:
        if name not in self._places:
            near = did_you_mean(name, self.names) or f": there are {listing(self.names)}"
            raise VocabularyError(f'unknown attribute "{name}"{near}')
        return self._places[name]

    def _checked(self, factors: ArrayLike) -> NDArray[np.int64]:
        rows = np.asarray(factors)
        if rows.ndim != 2 or rows.shape[1] != len(self.attributes):
            raise ValueError(
                f"factors have shape (N, {len(self.attributes)}), a column per attribute, not {rows.shape}"
            )
        if not (np.issubdtype(rows.dtype, np.integer) or rows.dtype == bool):
            raise ValueError(f"factors are integers, not {rows.dtype}")
        rows = rows.astype(np.int64, copy=False)
        wrong = ((rows < 0) | (rows >= self.factor_sizes)).any(axis=0)
        if wrong.any():
            place = int(wrong.argmax())
            raise ValueError(
                f'factor "{self.names[place]}" must lie in 0..{self.factor_sizes[place] - 1}, '
                f"found {rows[:, place].min()}..{rows[:, place].max()}"
            )
        return rows


def _check_keys(data: object, known: tuple[str, ...], what: str) -> None:
    if not isinstance(data, Mapping):
        raise VocabularyError(f"{what} must be a mapping with {', '.join(known)}, not {quoted(data)}")
    for key in data:
        if key not in known:
            raise VocabularyError(f"{what} has no key {quoted(key)}{did_you_mean(str(key), known)}")
