"""Which concepts to teach, to test and to hold out, drawn from a given generator.

SCAN (Higgins et al., 2018) is taught 133 concepts sampled from all levels of the implicit hierarchy, and 300
full combinations are held out, never seen either visually or symbolically. How the levels were weighted is
not known: here a level is drawn uniformly, then a concept of that level uniformly, without replacement. Only
the concepts that are drawn are ever made, so that forty attributes are as quick as four; where images show
less than a hundredth of a level's concepts, they are drawn from what images show. Which concepts must not be
drawn is the matter of `symbols.unseen`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import combinations
from math import prod

import numpy as np
from numpy.typing import NDArray

from symbols.concepts import Concept, Item
from symbols.ranks import Deck, Ranks
from symbols.unseen import Images, Unseen
from symbols.vocabulary import Vocabulary

DENSE = 100
"""Concepts are dealt from all of a level where images show one in so many or more, else from those shown."""
LISTED = 100_000
"""How many concepts of a level are dealt, or listed, to the last one."""
MISSES = 1_000
"""After how many refused concepts in a row a level that is larger than that gives up."""

REPAIRS = 50
"""How many changes of each kind are tried so that a concept mentions a symbol that none does."""


class ShortageError(ValueError):
    """More is asked for than can be drawn: `most` is the number that there is, drawn from the same stream."""

    def __init__(self, message: str, most: int) -> None:
        self.most = most
        super().__init__(message)


def held_out_concepts(
    vocabulary: Vocabulary,
    n: int,
    rng: np.random.Generator,
    *,
    images: Images | None = None,
    pairs: Iterable[Concept] = (),
) -> tuple[Concept, ...]:
    """Draw n full combinations of factors to hold out, uniformly and without replacement.

    Every pair of factor values (every single value, where there are no more than two attributes) stays
    visible in at least one combination that is not held out, and with `images` every value that an image
    shows in at least one image. None contains one of the held-out `pairs`. A binary attribute that is absent
    from a combination is not mentioned. Where images show less than a tenth of the combinations, only
    combinations that they show are drawn.

    Args:
        images: Those that show none of the held-out `pairs`.

    Raises:
        ShortageError: where fewer than n combinations can be held out.
    """
    sizes = vocabulary.factor_sizes
    groups = list(combinations(range(len(sizes)), 2 if len(sizes) > 2 else 1))
    visible = {group: prod(sizes) // prod(sizes[place] for place in group) for group in groups}
    hidden: Counter[tuple[tuple[int, ...], tuple[int, ...]]] = Counter()
    unseen = Unseen(vocabulary, pairs=pairs)
    stock = _Stock(images) if images is not None else None
    drawn: list[Concept] = []
    rows = _combinations(sizes, rng, images)
    while len(drawn) < n:
        row = next(rows, None)
        if row is None:
            raise ShortageError(
                f"cannot hold out {n} combinations: after {len(drawn)} the rest would hide a pair of values",
                len(drawn),
            )
        values = [(group, tuple(row[place] for place in group)) for group in groups]
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

    Each pair is shown by an image. Without the images that show a drawn pair, every factor value that an
    image shows stays visible.

    Raises:
        ShortageError: where fewer than n pairs can be held out.
    """
    level = _Level(Ranks(vocabulary), 2, images) if len(vocabulary.attributes) > 1 else None
    left, values = np.ones(len(images.rows), dtype=bool), _values(images.rows)
    drawn: list[Concept] = []
    while len(drawn) < n:
        pair = level.deal(rng) if level is not None else None
        if pair is None:
            raise ShortageError(
                f"cannot hold out {n} pairs: after {len(drawn)} the rest would hide a value", len(drawn)
            )
        without = left & ~vocabulary.matches(images.rows, pair)
        if (without != left).any() and _values(images.rows[without]) == values:
            left = without
            drawn.append(pair)
    return tuple(drawn)


def training_concepts(
    vocabulary: Vocabulary,
    n: int,
    rng: np.random.Generator,
    *,
    held_out: Iterable[Concept] | Unseen,
    exclude: Iterable[Concept] = (),
) -> tuple[Concept, ...]:
    """Draw n distinct concepts to teach: a level uniformly, then a concept of that level uniformly.

    None is unseen or in `exclude`, and every symbol of the vocabulary that an image can show is mentioned by
    one of them at least: where one is not, a value that others mention too gives way to it.

    Raises:
        ShortageError: where there are fewer than n such concepts.
        ValueError: where n of them cannot mention every symbol.
    """
    unseen, banned = _unseen(vocabulary, held_out), set(exclude)
    concepts = _draw(vocabulary, n, rng, unseen, banned)
    mentions = Counter(item for concept in concepts for item in concept.items)
    for attribute in vocabulary.attributes:
        for value in attribute.values:
            item = (attribute.name, value)
            if not mentions[item] and unseen.teachable(item):
                place, concept = _made_to_mention(item, vocabulary, concepts, mentions, unseen, banned, rng)
                mentions.subtract(concepts[place].items)
                mentions.update(concept.items)
                concepts[place] = concept
    return tuple(concepts)


def novel_concepts(
    vocabulary: Vocabulary,
    n: int,
    rng: np.random.Generator,
    *,
    known: Iterable[Concept],
    held_out: Iterable[Concept] | Unseen,
) -> tuple[Concept, ...]:
    """Draw n distinct concepts to test with, neither known nor unseen: a level uniformly, then a concept of
    it.

    Raises:
        ShortageError: where there are fewer than n such concepts.
    """
    return tuple(_draw(vocabulary, n, rng, _unseen(vocabulary, held_out), set(known)))


class _Stock:
    """How many images still show each factor value, while combinations are held out."""

    def __init__(self, images: Images) -> None:
        self.images = dict(zip(map(tuple, images.rows.tolist()), images.repeats.tolist(), strict=True))
        self.left = [np.bincount(column, images.repeats).astype(int).tolist() for column in images.rows.T]

    def take(self, row: Sequence[int]) -> bool:
        """Take away the images of one combination, unless a value would be left without any."""
        number = self.images.get(tuple(row), 0)
        if number and any(self.left[place][value] <= number for place, value in enumerate(row)):
            return False
        if number:
            for place, value in enumerate(row):
                self.left[place][value] -= number
        return True


class _Level:
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


def _combinations(
    sizes: Sequence[int], rng: np.random.Generator, images: Images | None
) -> Iterator[Sequence[int]]:
    """Rows of factors in random order: all, or those of images where these are less than a tenth of all."""
    if images is not None and len(images.rows) * 10 < prod(sizes):
        for place in rng.permutation(len(images.rows)):
            yield images.rows[place].tolist()
        return
    deck = Deck(prod(sizes))
    while (rank := deck.deal(rng)) is not None:
        yield _digits(rank, sizes)


def _digits(rank: int, sizes: Sequence[int]) -> list[int]:
    digits = []
    for size in sizes:
        rank, digit = divmod(rank, size)
        digits.append(digit)
    return digits


def _values(rows: NDArray[np.integer]) -> list[list[int]]:
    return [np.unique(column).tolist() for column in rows.T]


def _unseen(vocabulary: Vocabulary, held_out: Iterable[Concept] | Unseen) -> Unseen:
    return held_out if isinstance(held_out, Unseen) else Unseen(vocabulary, held_out)


def _draw(
    vocabulary: Vocabulary, n: int, rng: np.random.Generator, unseen: Unseen, banned: Container[Concept]
) -> list[Concept]:
    ranks, images = Ranks(vocabulary), unseen.images
    top = len(vocabulary.attributes) if images is None else images.top
    levels = {level: _Level(ranks, level, images) for level in range(1, top + 1)}
    drawn: list[Concept] = []
    while len(drawn) < n:
        if not levels:
            raise ShortageError(
                f"{n} concepts are wanted, but only {len(drawn)} are left to draw", len(drawn)
            )
        level = list(levels)[rng.integers(len(levels))]
        concept = levels[level].deal(rng, (unseen, banned))
        if concept is None:
            del levels[level]
        else:
            drawn.append(concept)
    return drawn


def _made_to_mention(
    missing: Item,
    vocabulary: Vocabulary,
    concepts: Sequence[Concept],
    mentions: Counter[Item],
    unseen: Unseen,
    exclude: Container[Concept],
    rng: np.random.Generator,
) -> tuple[int, Concept]:
    """Which of `concepts` to replace by which one that mentions `missing`, so that no other symbol gets lost.

    At best it changes the value of an attribute, else which attribute is mentioned, else the level; else a
    concept that says nothing that others do not gives way to `missing` alone.
    """
    same, other, more = [], [], []
    for place, concept in enumerate(concepts):
        spare = [item for item in concept.items if mentions[item] > 1]
        same += [(place, item) for item in spare if item[0] == missing[0]]
        if concept.get(missing[0]) is None:
            other += [(place, item) for item in spare]
            more.append((place, missing))
    for options in (same, other, more):
        for option in rng.permutation(len(options))[:REPAIRS]:
            place, dropped = options[option]
            kept = [item for item in concepts[place].items if item != dropped]
            concept = vocabulary.concept([*kept, missing])
            if concept not in unseen and concept not in exclude:
                return place, concept
    alone = vocabulary.concept([missing])
    if alone not in unseen and alone not in exclude:
        for place in rng.permutation(len(concepts)).tolist():
            if all(mentions[item] > 1 for item in concepts[place].items):
                return place, alone
    raise ValueError(
        f'{len(concepts)} concepts cannot mention every symbol: none is left for "{missing[0]}: {missing[1]}"'
    )
