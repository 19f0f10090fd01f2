"""Concepts by number: how many a level has, and the one of a given rank, without listing the others.

A concept of level k takes one value from each of k attributes, so that the number of them is the k-th
elementary symmetric polynomial of the attributes' sizes; those over the remaining attributes say how many
concepts to skip for a rank. Counts are exact integers: a level may have more concepts than 64 bits number.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np

from symbols.concepts import Concept, Item
from symbols.unseen import Images, Unseen
from symbols.vocabulary import Vocabulary

DENSE = 20
"""Concepts are drawn from a whole level where images show 1 in DENSE or more of it, else from those shown."""
LISTED = 100_000
"""Levels of at most so many concepts are drawn from, or listed, to the last concept."""
MISSES = 1_000
"""Refused concepts in a row after which a larger level counts as exhausted."""


class ShortageError(ValueError):
    """More is asked for than can be drawn.

    Args:
        message: The error message.
        most: How many can be drawn, with the same generator state.
    """

    def __init__(self, message: str, most: int) -> None:
        self.most = most
        super().__init__(message)


def level_counts(sizes: Sequence[int]) -> tuple[int, ...]:
    """The numbers of concepts at levels 0, 1, ..., A, the coefficients of prod_a (1 + sizes[a] t).

    Args:
        sizes: The numbers of symbols of the A attributes.

    >>> level_counts((16, 16, 16, 3))
    (1, 51, 912, 6400, 12288)
    """
    counts = [1]
    for size in sizes:
        counts = [a + size * b for a, b in zip([*counts, 0], [0, *counts], strict=True)]
    return tuple(counts)


@lru_cache(maxsize=16)
def _suffix_counts(sizes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """`level_counts` of sizes[0:], sizes[1:], ..., sizes[A:]."""
    return tuple(level_counts(sizes[first:]) for first in range(len(sizes) + 1))


def unrank(vocabulary: Vocabulary, level: int, rank: int) -> Concept:
    """The concept of a level with a given number.

    Args:
        vocabulary: The words.
        level: The number of attributes, 0 to A.
        rank: 0 to level_counts(vocabulary.sizes)[level] - 1.
    """
    counts = _suffix_counts(vocabulary.sizes)
    items: list[Item] = []
    for attribute, rest in zip(vocabulary.attributes, counts[1:], strict=True):
        without = rest[level] if level < len(rest) else 0
        if rank < without:
            continue
        if not level:
            break
        level -= 1
        value, rank = divmod(rank - without, rest[level])
        items.append((attribute.name, attribute.values[value]))
    return Concept.unchecked(items, vocabulary.names)


def random_concept(vocabulary: Vocabulary, level: int, rng: np.random.Generator) -> Concept:
    """Draw a concept of a level uniformly.

    Args:
        vocabulary: The words.
        level: The number of attributes, 0 to A.
        rng: Source of the draw.
    """
    return unrank(vocabulary, level, randbelow(_suffix_counts(vocabulary.sizes)[0][level], rng))


class LazyShuffle:
    """0, ..., size - 1 in random order, each once: a Fisher-Yates shuffle that stores only its swaps.

    Args:
        size: Of any size; memory grows with the number of draws.
    """

    def __init__(self, size: int) -> None:
        self.left = size
        self.moved: dict[int, int] = {}

    def draw(self, rng: np.random.Generator) -> int | None:
        """The next number, or None when all are drawn."""
        if not self.left:
            return None
        position = randbelow(self.left, rng)
        self.left -= 1
        number = self.moved.get(position, position)
        self.moved[position] = self.moved.pop(self.left, self.left)
        return number


class Level:
    """The concepts of one level in random order, each once: all of them, or only what images show.

    Args:
        vocabulary: The words.
        level: The number of attributes, 1 to A.
        images: Where these show fewer than 1 in DENSE concepts of the level, only what they show is drawn.
    """

    def __init__(self, vocabulary: Vocabulary, level: int, images: Images | None) -> None:
        self.vocabulary, self.level, self.images = vocabulary, level, images
        self.size = level_counts(vocabulary.sizes)[level]
        self.shuffle = LazyShuffle(self.size)
        self.drawn: set[Concept] = set()
        self.parts: Iterator[Concept] | None = None
        self.misses = 0
        if images is not None and images.parts(level) * DENSE < self.size:
            self.shuffle.left = 0

    def draw(
        self, rng: np.random.Generator, banned: Sequence[Unseen | Container[Concept]] = ()
    ) -> Concept | None:
        """The next concept, or None when none is left or none was found in MISSES attempts.

        Args:
            rng: Source of the draws.
            banned: Containers of concepts that are passed over.
        """
        while (concept := self._next(rng)) is not None:
            if not any(concept in container for container in banned):
                self.misses = 0
                return concept
            self.misses += 1
        return None

    def _next(self, rng: np.random.Generator) -> Concept | None:
        if self.shuffle.left > LISTED and self.misses > MISSES:
            self.shuffle.left = 0
        rank = self.shuffle.draw(rng)
        concept: Concept | None
        if rank is not None:
            concept = unrank(self.vocabulary, self.level, rank)
        elif self.images is None or len(self.drawn) == self.size:
            return None
        else:
            if self.parts is None:
                self.parts, self.misses = self._shown(self.images, rng), 0
            concept = next(self.parts, None)
        if concept is not None and self.images is not None:
            self.drawn.add(concept)
        return concept

    def _shown(self, images: Images, rng: np.random.Generator) -> Iterator[Concept]:
        """Concepts that images show: all, where they can be listed, else by image until none is new."""
        if images.parts(self.level) <= LISTED:
            listed: set[tuple[int, tuple[int, ...]]] = set()
            for row in np.flatnonzero(images.levels >= self.level).tolist():
                columns = np.flatnonzero(images.mentioned[row]).tolist()
                listed.update((row, chosen) for chosen in combinations(columns, self.level))
            ordered = sorted(listed)
            for index in rng.permutation(len(ordered)):
                concept = images.describe(*ordered[index])
                if concept not in self.drawn:
                    yield concept
            return
        while self.misses <= MISSES:
            drawn = images.draw(self.level, rng)
            if drawn is None:
                return
            if drawn in self.drawn:
                self.misses += 1
            else:
                yield drawn


def randbelow(n: int, rng: np.random.Generator) -> int:
    """A uniform integer in 0..n-1, for n of any size."""
    bits = n.bit_length()
    while True:
        number = int.from_bytes(rng.bytes((bits + 7) // 8), "little") % 2**bits
        if number < n:
            return number
