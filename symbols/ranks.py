"""Concepts by number: how many a level has, and the one of a given rank, without listing the others.

A concept of level k takes one value from each of k attributes, so that the number of them is the k-th
elementary symmetric polynomial of the attributes' sizes; those over the remaining attributes say which
concepts a rank skips. Counts are exact integers, for a level may hold more concepts than 64 bits number.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from itertools import combinations

import numpy as np

from symbols.concepts import Concept, Item
from symbols.unseen import Images, Unseen
from symbols.vocabulary import Vocabulary

DENSE = 20
"""Concepts are dealt from all of a level where images show one in so many or more, else from those shown."""
LISTED = 100_000
"""How many concepts of a level are dealt, or listed, to the last one."""
MISSES = 1_000
"""After how many refused concepts in a row a level that is larger than that gives up."""


class ShortageError(ValueError):
    """More is asked for than can be drawn: `most` is the number that there is, drawn from the same stream."""

    def __init__(self, message: str, most: int) -> None:
        self.most = most
        super().__init__(message)


def level_counts(sizes: Sequence[int]) -> tuple[int, ...]:
    """The numbers of concepts at levels 0, 1, ..., len(sizes), for blocks of these sizes.

    A concept of level k takes one value from each of k blocks, so that the count is the k-th elementary
    symmetric polynomial of the sizes: the coefficients of prod (1 + size t).

    >>> level_counts((16, 16, 16, 3))
    (1, 51, 912, 6400, 12288)
    """
    counts = [1]
    for size in sizes:
        counts = [a + size * b for a, b in zip([*counts, 0], [0, *counts], strict=True)]
    return tuple(counts)


class Deck:
    """0..size-1 in random order, dealt one at a time: a Fisher-Yates shuffle that keeps only its swaps."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.moved: dict[int, int] = {}

    def deal(self, rng: np.random.Generator) -> int | None:
        """The next number, or None when all are dealt."""
        if not self.left:
            return None
        place = below(self.left, rng)
        self.left -= 1
        card = self.moved.get(place, place)
        self.moved[place] = self.moved.pop(self.left, self.left)
        return card


class Ranks:
    """The concepts of each level, numbered, each made from its number alone."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        sizes = vocabulary.sizes
        self.counts = [level_counts(sizes[place:]) for place in range(len(sizes) + 1)]

    def concept(self, level: int, rank: int) -> Concept:
        """The concept number `rank` among the counts[0][level] concepts of a level."""
        items: list[Item] = []
        for place, attribute in enumerate(self.vocabulary.attributes, start=1):
            rest = self.counts[place]
            without = rest[level] if level < len(rest) else 0
            if rank < without:
                continue
            if not level:
                break
            level -= 1
            value, rank = divmod(rank - without, rest[level])
            items.append((attribute.name, attribute.values[value]))
        return self.vocabulary.concept(items)

    def draw(self, level: int, rng: np.random.Generator) -> Concept:
        """A concept of a level, uniformly."""
        return self.concept(level, below(self.counts[0][level], rng))


class Level:
    """The concepts of one level in random order, each once: all of them, or only what images show."""

    def __init__(self, ranks: Ranks, level: int, images: Images | None) -> None:
        self.ranks, self.level, self.images = ranks, level, images
        self.deck = Deck(ranks.counts[0][level])
        self.dealt: set[Concept] = set()
        self.parts: Iterator[Concept] | None = None
        self.misses = 0
        if images is not None and images.parts(level) * DENSE < self.deck.left:
            self.deck.left = 0

    def deal(
        self, rng: np.random.Generator, banned: Sequence[Unseen | Container[Concept]] = ()
    ) -> Concept | None:
        """The next concept that is in none of `banned`, or None when none is left or none is found."""
        while (concept := self._next(rng)) is not None:
            if not any(concept in container for container in banned):
                self.misses = 0
                return concept
            self.misses += 1
        return None

    def _next(self, rng: np.random.Generator) -> Concept | None:
        if self.deck.left > LISTED and self.misses > MISSES:
            self.deck.left = 0
        rank = self.deck.deal(rng)
        concept: Concept | None
        if rank is not None:
            concept = self.ranks.concept(self.level, rank)
        elif self.images is None or len(self.dealt) == self.ranks.counts[0][self.level]:
            return None
        else:
            if self.parts is None:
                self.parts, self.misses = self._shown(self.images, rng), 0
            concept = next(self.parts, None)
        if concept is not None and self.images is not None:
            self.dealt.add(concept)
        return concept

    def _shown(self, images: Images, rng: np.random.Generator) -> Iterator[Concept]:
        """Concepts that images show: all, where they can be listed, else by image until none is new."""
        if images.parts(self.level) <= LISTED:
            listed = {
                (row, places)
                for row in np.flatnonzero(images.levels >= self.level).tolist()
                for places in combinations(np.flatnonzero(images.mentioned[row]).tolist(), self.level)
            }
            ordered = sorted(listed)
            for index in rng.permutation(len(ordered)):
                concept = images.describe(*ordered[index])
                if concept not in self.dealt:
                    yield concept
            return
        while self.misses <= MISSES:
            drawn = images.draw(self.level, rng)
            if drawn is None:
                return
            if drawn in self.dealt:
                self.misses += 1
            else:
                yield drawn


def below(n: int, rng: np.random.Generator) -> int:
    """A uniform integer in 0..n-1, for n of any size."""
    bits = n.bit_length()
    while True:
        number = int.from_bytes(rng.bytes((bits + 7) // 8), "little") % 2**bits
        if number < n:
            return number
