"""Which concepts must not be seen, and which ones the images at hand can show.

Three things make a concept unseen: it is a held-out combination itself; it mentions both values of a held-out
pair; or no image that may be trained on shows it, so that nothing can teach it. The third is answered from
the images' factors where they are given: for each symbol the set of distinct images that show it is kept as
the bits of one integer, and a concept is shown where the intersection of its symbols' sets is not empty.
Nothing is enumerated, so that forty attributes are as quick as four.
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
    """The concepts that no list may hold: `concept in unseen`.

    Args:
        vocabulary: The words.
        held_out: Full combinations that are unseen.
        pairs: Held-out pairs, concepts of level 2: everything that mentions both values is unseen.
        shown: Factors (N, A) of the images that may be trained on. Without them, a concept is also unseen
            when all full combinations that it could describe are held out.
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
            first, second = vocabulary.concept(pair).items
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
        items = set(concept.items)
        return any(not items.isdisjoint(self._partners[item]) for item in items if item in self._partners)

    def teachable(self, item: Item) -> bool:
        """Whether some image shows a symbol; without images, every symbol counts as shown."""
        return self.images is None or item in self.images.of_item


class Images:
    """The distinct images of a set, by their factors, and which of them show each symbol.

    Args:
        vocabulary: The words.
        factors: Integer factors (N, A) of the images.
    """

    def __init__(self, vocabulary: Vocabulary, factors: ArrayLike) -> None:
        self.vocabulary = vocabulary
        self.rows, self.repeats = distinct(np.asarray(factors), vocabulary.factor_sizes)
        self.of_item: dict[Item, int] = {}
        mentioned = np.ones(self.rows.shape, dtype=bool)
        for place, attribute in enumerate(vocabulary.attributes):
            column = self.rows[:, place]
            if attribute.binary:
                mentioned[:, place] = column == 1
            for index in np.unique(column[mentioned[:, place]]).tolist():
                value = attribute.values[0 if attribute.binary else index]
                self.of_item[attribute.name, value] = _as_bits(column == index)
        self.mentioned = mentioned
        self.levels: NDArray[np.int64] = mentioned.sum(axis=1)
        """How many attributes the full description of each distinct image mentions (R,)."""

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
        for item in concept.items:
            bits &= self.of_item.get(item, 0)
            if not bits:
                break
        return bits

    def parts(self, level: int) -> int:
        """How many (distinct image, concept of this level that it shows) there are."""
        sizes, numbers = np.unique(self.levels, return_counts=True)
        return sum(comb(size, level) * n for size, n in zip(sizes.tolist(), numbers.tolist(), strict=True))

    def describe(self, row: int, places: Iterable[int]) -> Concept:
        """What a distinct image shows at some places of its factors."""
        attributes = self.vocabulary.attributes
        return self.vocabulary.concept(
            (attributes[p].name, attributes[p].values[0 if attributes[p].binary else int(self.rows[row, p])])
            for p in sorted(places)
        )

    def draw(
        self, level: int | None, rng: np.random.Generator, within: Concept | None = None
    ) -> Concept | None:
        """A concept that says all of `within`: a part of the description of an image.

        Drawn by image, hence likelier the more distinct images show it. None where no image shows one.

        Args:
            level: The level of the concept; None for any above that of `within`, low ones likelier.
        """
        given = [] if within is None else [self.vocabulary.names.index(name) for name in within.attributes]
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
    """The distinct rows of integer factors (N, A), in lexical order, and how often each occurs."""
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

    In rows of factors, with -1 for an open place: opening one more place hides a row when all values of
    that place do.
    """
    covered: set[Concept] = set()
    sizes = vocabulary.factor_sizes
    rows = {tuple(np.maximum(vocabulary.factors(concept), 0).tolist()) for concept in full}
    while rows:
        opened = Counter(
            ((*row[:place], -1, *row[place + 1 :]), place)
            for row in rows
            for place in range(len(row))
            if row[place] >= 0
        )
        rows = {row for (row, place), count in opened.items() if count == sizes[place]}
        for row in rows:
            places = [(a, f) for a, f in zip(vocabulary.attributes, row, strict=True) if f >= 0]
            if not any(a.binary and not f for a, f in places):
                covered.add(vocabulary.concept((a.name, a.values[0 if a.binary else f]) for a, f in places))
    return covered
