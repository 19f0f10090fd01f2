"""Which concepts are held out of training, and which ones the given images show.

A concept is unseen when it is a held-out combination itself, when it mentions both values of a held-out pair,
or when no training image shows it. The third is computed from the images' factors where they are given: for
each symbol the set of distinct images that show it is stored as the bits of one integer, and a concept is
shown where the intersection of its symbols' sets is not empty. Concepts are not enumerated, so that the cost
does not grow with their number.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cached_property
from math import comb, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symbols.concepts import Concept, Item
from symbols.vocabulary import LARGEST_KEY, Vocabulary


class Unseen:
    """The set of concepts that must not be drawn for training or test: `concept in unseen`.

    Args:
        vocabulary: The words.
        held_out: Full combinations, as `Vocabulary.describe` returns them.
        pairs: Held-out pairs, concepts of level 2: every concept that mentions both values is unseen.
        shown: Integer factors (N, A) of the training images. Without them, a concept is also unseen when all
            full combinations that it describes are held out.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        held_out: Iterable[Concept] = (),
        pairs: Iterable[Concept] = (),
        shown: ArrayLike | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self._concepts = {vocabulary.concept(concept) for concept in held_out}
        self._partners: dict[Item, set[Item]] = defaultdict(set)
        for pair in pairs:
            first, second = vocabulary.concept(pair).items()
            self._partners[first].add(second)
            self._partners[second].add(first)
        self.images: Images | None = None
        if shown is None:
            self._concepts |= _covered(vocabulary, self._concepts)
        else:
            self.images = Images(vocabulary, shown)

    def __contains__(self, concept: Concept) -> bool:
        if concept in self._concepts or self.hides_pair(concept):
            return True
        return self.images is not None and not self.images.showing(concept)

    def hides_pair(self, concept: Concept) -> bool:
        """Whether a concept mentions both values of a held-out pair."""
        if not self._partners:
            return False
        items = set(concept.items())
        return any(not items.isdisjoint(self._partners[item]) for item in items if item in self._partners)

    def teachable(self, item: Item) -> bool:
        """Whether some image shows a symbol (attribute, value); without images, True for every symbol."""
        return self.images is None or item in self.images.of_item


class Images:
    """The R distinct images of a set, by their factors, and which of them show each symbol.

    Args:
        vocabulary: The words.
        factors: Integer factors (N, A) of the images.

    Attributes:
        rows: Factors (R, A) int64 of the distinct images.
        repeats: How many of the N images have these factors (R,).
        of_item: For each (attribute, value) the images that show it: bit r is set for row r.
        mentioned: Whether the full description of an image mentions an attribute, bool (R, A).
        levels: How many attributes it mentions (R,).
    """

    def __init__(self, vocabulary: Vocabulary, factors: ArrayLike) -> None:
        self.vocabulary = vocabulary
        self.rows, self.repeats = distinct(np.asarray(factors), vocabulary.factor_sizes)
        self.of_item: dict[Item, int] = {}
        mentioned = np.ones(self.rows.shape, dtype=bool)
        for number, attribute in enumerate(vocabulary.attributes):
            column = self.rows[:, number]
            if attribute.binary:
                mentioned[:, number] = column == 1
            for index in np.unique(column[mentioned[:, number]]).tolist():
                value = attribute.value_of(index)
                assert value is not None, "an absent binary attribute is not mentioned"
                self.of_item[attribute.name, value] = _as_bits(column == index)
        self.mentioned = mentioned
        self.levels: NDArray[np.int64] = mentioned.sum(axis=1)

    @cached_property
    def sparse(self) -> bool:
        """Whether the images show less than a tenth of all combinations."""
        return len(self.rows) * 10 < prod(self.vocabulary.factor_sizes)

    @cached_property
    def top(self) -> int:
        """The highest level of a concept that an image shows; 0 without images."""
        return int(self.levels.max(initial=0))

    def showing(self, concept: Concept) -> int:
        """The distinct images that show a concept, as the bits of an integer: 0 when there are none."""
        bits = -1
        for item in concept.items():
            bits &= self.of_item.get(item, 0)
            if not bits:
                break
        return bits

    def parts(self, level: int) -> int:
        """The number of pairs (distinct image, concept of this level that it shows)."""
        sizes, numbers = np.unique(self.levels, return_counts=True)
        return sum(comb(size, level) * n for size, n in zip(sizes.tolist(), numbers.tolist(), strict=True))

    def describe(self, row: int, columns: Iterable[int]) -> Concept:
        """The concept that a distinct image shows in some columns of its factors.

        Args:
            row: 0 to R - 1.
            columns: 0 to A - 1 each; a binary attribute among them must be present.
        """
        factors = self.rows[row].tolist()
        items: list[Item] = []
        for column in sorted(columns):
            attribute = self.vocabulary.attributes[column]
            value = attribute.value_of(factors[column])
            assert value is not None, "an absent binary attribute is not mentioned"
            items.append((attribute.name, value))
        return Concept.unchecked(items, self.vocabulary.names)

    def draw(
        self, level: int | None, rng: np.random.Generator, within: Concept | None = None
    ) -> Concept | None:
        """Draw a concept that an image shows; None where no image shows one.

        An image is drawn first, so that concepts which many distinct images show are likelier.

        Args:
            level: The number of attributes; None for any number above that of `within`, low ones likelier.
            rng: Source of the draws.
            within: What the concept must contain.
        """
        given = [] if within is None else [self.vocabulary.column(name) for name in within.attributes]
        able = self.levels >= (len(given) + 1 if level is None else level)
        if within is not None and given:
            able &= _from_bits(self.showing(within), len(able))
        found = np.flatnonzero(able)
        if not len(found) or (level is not None and level < len(given)):
            return None
        row = int(found[rng.integers(len(found))])
        more = int(self.levels[row]) - len(given)
        number = 1 + int(more * rng.random() * rng.random()) if level is None else level - len(given)
        left_open = self.mentioned[row].copy()
        left_open[given] = False
        chosen = rng.permutation(np.flatnonzero(left_open))[:number]
        return self.describe(row, [*given, *chosen.tolist()])


def distinct(
    rows: NDArray[np.integer], sizes: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct rows of integer factors (N, A), in lexical order, and how often each occurs.

    Args:
        rows: Integers (N, A), column a in 0..sizes[a] - 1.
        sizes: The number of values of each factor.
    """
    if prod(sizes) < LARGEST_KEY and len(rows):  # several times as fast as unique along an axis
        keys, repeats = np.unique(np.ravel_multi_index(tuple(rows.T), sizes), return_counts=True)
        return np.stack(np.unravel_index(keys, sizes), axis=1).astype(np.int64), repeats
    found, repeats = np.unique(rows.astype(np.int64), axis=0, return_counts=True)
    return found, repeats


def _as_bits(chosen: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(chosen, bitorder="little").tobytes(), "little")


def _from_bits(bits: int, n: int) -> NDArray[np.bool_]:
    packed = np.frombuffer(bits.to_bytes((n + 7) // 8, "little"), dtype=np.uint8)
    return np.unpackbits(packed, count=n, bitorder="little").astype(bool)


def _covered(vocabulary: Vocabulary, full: Iterable[Concept]) -> set[Concept]:
    """The concepts of which every full combination is among the given ones.

    In rows of factors, with -1 for an open attribute: a row is covered when the rows with each value of one
    more attribute are.
    """
    covered: set[Concept] = set()
    sizes = vocabulary.factor_sizes
    rows = {tuple(np.maximum(vocabulary.factors(concept), 0).tolist()) for concept in full}
    while rows:
        opened: Counter[tuple[tuple[int, ...], int]] = Counter()
        for row in rows:
            for column, index in enumerate(row):
                if index >= 0:
                    opened[(*row[:column], -1, *row[column + 1 :]), column] += 1
        rows = {row for (row, column), count in opened.items() if count == sizes[column]}
        for row in rows:
            concept = _mentioning(vocabulary, row)
            if concept is not None:
                covered.add(concept)
    return covered


def _mentioning(vocabulary: Vocabulary, row: tuple[int, ...]) -> Concept | None:
    """The concept of a row of factors, -1 for an open attribute; None where a binary attribute is absent."""
    items: list[Item] = []
    for attribute, index in zip(vocabulary.attributes, row, strict=True):
        if index >= 0:
            value = attribute.value_of(index)
            if value is None:
                return None
            items.append((attribute.name, value))
    return vocabulary.concept(items)
