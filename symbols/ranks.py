"""Concepts by number: how many a level has, and the one of a given rank, without listing the others.

A concept of level k takes one value from each of k attributes, so that the number of them is the k-th
elementary symmetric polynomial of the attributes' sizes; those over the remaining attributes say which
concepts a rank skips. Counts are exact integers, for a level may hold more concepts than 64 bits number.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symbols.concepts import Concept, Item
from symbols.vocabulary import Vocabulary


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


def below(n: int, rng: np.random.Generator) -> int:
    """A uniform integer in 0..n-1, for n of any size."""
    bits = n.bit_length()
    while True:
        number = int.from_bytes(rng.bytes((bits + 7) // 8), "little") % 2**bits
        if number < n:
            return number
