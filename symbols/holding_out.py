"""Which combinations and which pairs of values to hold out, drawn from a given generator.

SCAN (Higgins et al., 2018) holds out 300 full combinations, never seen either visually or symbolically; each
of their pairs of values is seen in other combinations. A held-out pair is harder: its two values are never
seen together, each of them only beside others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from math import prod

import numpy as np
from numpy.typing import NDArray

from symbols.concepts import Concept
from symbols.enumeration import LazyShuffle, Level, ShortageError
from symbols.unseen import Images, Unseen
from symbols.vocabulary import Vocabulary


def held_out_concepts(
    vocabulary: Vocabulary,
    n: int,
    rng: np.random.Generator,
    *,
    images: Images | None = None,
    pairs: Iterable[Concept] = (),
    rendered: bool = False,
) -> tuple[Concept, ...]:
    """Draw n full combinations of factors to hold out, uniformly and without replacement.

    Every pair of factor values (every single value, where there are no more than two attributes) stays
    visible in at least one combination that is not held out, and with `images` every value that an image
    shows in at least one image. None contains one of the held-out `pairs`. A binary attribute that is absent
    from a combination is not mentioned.

    Args:
        vocabulary: The words.
        n: How many to draw.
        rng: Source of the draws.
        images: Those that show none of the held-out `pairs`. Where they show less than a tenth of the
            combinations, only combinations that they show are drawn, and at most half of them.
        pairs: Concepts of level 2 that are held out.
        rendered: Whether images of any combination can be rendered: all are then drawn from, however few
            `images` show.

    Raises:
        ShortageError: Where fewer than n combinations can be held out.
    """
    sizes = vocabulary.factor_sizes
    groups = list(combinations(range(len(sizes)), 2 if len(sizes) > 2 else 1))
    visible: dict[tuple[int, ...], int] = {}
    for group in groups:
        visible[group] = prod(sizes) // prod(sizes[column] for column in group)
    hidden: Counter[tuple[tuple[int, ...], tuple[int, ...]]] = Counter()
    unseen = Unseen(vocabulary, pairs=pairs)
    stock = _Stock(images) if images is not None else None
    drawn: list[Concept] = []
    rows = _combinations(sizes, rng, None if rendered else images)
    while len(drawn) < n:
        row = next(rows, None)
        if row is None:
            raise ShortageError(
                f"cannot hold out {n} combinations: after {len(drawn)} the rest would hide a pair of values",
                len(drawn),
            )
        values = [(group, _values_at(row, group)) for group in groups]
        concept = vocabulary.describe(row)
        if not concept.level or any(hidden[key] + 1 >= visible[key[0]] for key in values):
            continue
        if unseen.hides_pair(concept) or (stock is not None and not stock.take(row)):
            continue
        hidden.update(values)
        drawn.append(concept)
    return tuple(drawn)


def held_out_pairs(
    vocabulary: Vocabulary, n: int, rng: np.random.Generator, images: Images
) -> tuple[Concept, ...]:
    """Draw n pairs of values of two different attributes that are never to be seen together.

    Each pair is shown by an image. Without the images that show a drawn pair, at least half of the images are
    left, and every factor value that an image shows stays visible.

    Args:
        vocabulary: The words.
        n: How many pairs to draw.
        rng: Source of the draws.
        images: The images at hand.

    Raises:
        ShortageError: Where fewer than n pairs can be held out.
    """
    level = Level(vocabulary, 2, images) if len(vocabulary.attributes) > 1 else None
    left, values = np.ones(len(images.rows), dtype=bool), _values(images.rows)
    drawn: list[Concept] = []
    while len(drawn) < n:
        pair = level.draw(rng) if level is not None else None
        if pair is None:
            raise ShortageError(
                f"cannot hold out {n} pairs: after {len(drawn)} the rest would hide a value", len(drawn)
            )
        without = left & ~vocabulary.matches(images.rows, pair)
        enough = images.repeats[without].sum() * 2 >= images.repeats.sum()
        if enough and (without != left).any() and _values(images.rows[without]) == values:
            left = without
            drawn.append(pair)
    return tuple(drawn)


class _Stock:
    """How many images still show each factor value, while combinations are held out."""

    def __init__(self, images: Images) -> None:
        self.images = dict(zip(map(tuple, images.rows.tolist()), images.repeats.tolist(), strict=True))
        self.left = [np.bincount(column, images.repeats).astype(int).tolist() for column in images.rows.T]

    def take(self, row: Sequence[int]) -> bool:
        """Take away the images of one combination, unless a value would be left without any."""
        number = self.images.get(tuple(row), 0)
        if number and any(left[value] <= number for left, value in zip(self.left, row, strict=True)):
            return False
        if number:
            for left, value in zip(self.left, row, strict=True):
                left[value] -= number
        return True


def _combinations(
    sizes: Sequence[int], rng: np.random.Generator, images: Images | None
) -> Iterator[Sequence[int]]:
    """Rows of factors in random order: all, or those of images where these are less than a tenth of all."""
    if images is not None and images.sparse:
        for index in rng.permutation(len(images.rows))[: len(images.rows) // 2]:
            yield images.rows[index].tolist()
        return
    shuffle = LazyShuffle(prod(sizes))
    while (rank := shuffle.draw(rng)) is not None:
        yield _digits(rank, sizes)


def _digits(rank: int, sizes: Sequence[int]) -> list[int]:
    digits = []
    for size in sizes:
        rank, digit = divmod(rank, size)
        digits.append(digit)
    return digits


def _values_at(row: Sequence[int], columns: Iterable[int]) -> tuple[int, ...]:
    return tuple(row[column] for column in columns)


def _values(rows: NDArray[np.integer]) -> list[list[int]]:
    return [np.unique(column).tolist() for column in rows.T]
