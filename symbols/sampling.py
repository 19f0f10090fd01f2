"""Which concepts to teach, to test and to hold out, drawn from a given generator.

SCAN (Higgins et al., 2018) is taught 133 concepts sampled from all levels of the implicit hierarchy, and 300
full combinations are held out, never seen either visually or symbolically. How the levels were weighted is
not known: here a level is drawn uniformly, then a concept of that level uniformly, without replacement. Only
the concepts that are drawn are ever made, so that forty attributes are as quick as four.

A concept is unseen when it is held out, and also when every image that it could describe is: nothing can
teach it then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import combinations
from math import prod
from typing import NamedTuple

import numpy as np

from symbols.concepts import OPERATORS, Concept, Item, Operator
from symbols.ranks import Deck, Ranks
from symbols.vocabulary import Attribute, Vocabulary

ATTEMPTS = 1000


class Triple(NamedTuple):
    """Two concepts, an operator's name, and the concept that the operator makes of them."""

    op: Operator
    left: Concept
    right: Concept
    result: Concept


def held_out_concepts(vocabulary: Vocabulary, n: int, rng: np.random.Generator) -> tuple[Concept, ...]:
    """Draw n full combinations of factors to hold out, uniformly and without replacement.

    Every pair of factor values (every single value, where there are no more than two attributes) stays
    visible in at least one combination that is not held out. A binary attribute that is absent from a
    combination is not mentioned.

    Raises:
        ValueError: where fewer than n combinations can be held out.
    """
    sizes = vocabulary.factor_sizes
    groups = list(combinations(range(len(sizes)), 2 if len(sizes) > 2 else 1))
    visible = {group: prod(sizes) // prod(sizes[place] for place in group) for group in groups}
    hidden: Counter[tuple[tuple[int, ...], tuple[int, ...]]] = Counter()
    deck = Deck(prod(sizes))
    drawn: list[Concept] = []
    while len(drawn) < n:
        rank = deck.deal(rng)
        if rank is None:
            raise ValueError(
                f"cannot hold out {n} combinations: after {len(drawn)} the rest would hide a pair of values"
            )
        row = _digits(rank, sizes)
        values = [(group, tuple(row[place] for place in group)) for group in groups]
        concept = vocabulary.describe(row)
        if concept.level and all(hidden[key] + 1 < visible[key[0]] for key in values):
            hidden.update(values)
            drawn.append(concept)
    return tuple(drawn)


def training_concepts(
    vocabulary: Vocabulary,
    n: int,
    rng: np.random.Generator,
    *,
    held_out: Iterable[Concept],
    exclude: Iterable[Concept] = (),
) -> tuple[Concept, ...]:
    """Draw n distinct concepts to teach: a level uniformly, then a concept of that level uniformly.

    None is unseen or in `exclude`, and every symbol of the vocabulary is mentioned by one of them at least:
    where one is not, a value that others mention too gives way to it.

    Raises:
        ValueError: where there are fewer than n such concepts, or n of them cannot mention every symbol.
    """
    banned = _unseen(vocabulary, held_out) | set(exclude)
    concepts = _draw(vocabulary, n, rng, banned)
    for attribute in vocabulary.attributes:
        for value in attribute.values:
            item = (attribute.name, value)
            mentions = Counter(mentioned for concept in concepts for mentioned in concept.items)
            if not mentions[item]:
                place, concept = _made_to_mention(item, vocabulary, concepts, mentions, banned, rng)
                concepts[place] = concept
    return tuple(concepts)


def novel_concepts(
    vocabulary: Vocabulary,
    n: int,
    rng: np.random.Generator,
    *,
    known: Iterable[Concept],
    held_out: Iterable[Concept],
) -> tuple[Concept, ...]:
    """Draw n distinct concepts to test with, neither known nor unseen: a level uniformly, then a concept of
    it.

    Raises:
        ValueError: where there are fewer than n such concepts.
    """
    return tuple(_draw(vocabulary, n, rng, _unseen(vocabulary, held_out) | set(known)))


def operator_triples(
    vocabulary: Vocabulary,
    n: int,
    rng: np.random.Generator,
    *,
    held_out: Iterable[Concept],
    exclude: Iterable[Concept] = (),
    results: Sequence[Concept] | None = None,
) -> tuple[Triple, ...]:
    """Draw n examples of the operators, each operator with the same probability.

    The level of the result is drawn uniformly, then the result, then two inputs that lead to it. AND joins
    two orthogonal, non-empty concepts; IN COMMON compares two different concepts that share one value or
    more and may contradict each other elsewhere; IGNORE takes a part from a concept, but not all of it.
    Neither inputs nor results are unseen, and no result is in `exclude`. Given `results`, the i-th triple
    reaches results[i % len(results)], by an operator drawn from those that can.

    Raises:
        ValueError: for a vocabulary of one attribute, for a wanted result that is excluded, unseen or empty,
            and where exclusions leave nothing to draw.
    """
    unseen = _unseen(vocabulary, held_out)
    banned = unseen | set(exclude)
    if len(vocabulary.attributes) < 2:
        raise ValueError("operators need a vocabulary of two attributes at least")
    wanted = None if results is None else [vocabulary.concept(result) for result in results]
    for result in wanted or ():
        if result in banned or not result.level:
            raise ValueError(
                f'no operator may reach "{result}": it is {"excluded" if result.level else "empty"}'
            )
    if wanted == [] and n:
        raise ValueError("no results to reach")
    ranks = Ranks(vocabulary)
    return tuple(
        _triple(ranks, rng, unseen, banned, None if wanted is None else wanted[i % len(wanted)])
        for i in range(n)
    )


def _digits(rank: int, sizes: Sequence[int]) -> list[int]:
    digits = []
    for size in sizes:
        rank, digit = divmod(rank, size)
        digits.append(digit)
    return digits


def _unseen(vocabulary: Vocabulary, held_out: Iterable[Concept]) -> set[Concept]:
    """The held-out concepts, and those of which every image is held out.

    In rows of factors, with -1 for an open place: opening one more place hides a row when all values of
    that place do.
    """
    unseen = {vocabulary.concept(concept) for concept in held_out}
    sizes = vocabulary.factor_sizes
    rows = {tuple(np.maximum(vocabulary.factors(concept), 0).tolist()) for concept in unseen}
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
                unseen.add(vocabulary.concept((a.name, a.values[0 if a.binary else f]) for a, f in places))
    return unseen


def _draw(
    vocabulary: Vocabulary, n: int, rng: np.random.Generator, banned: Collection[Concept]
) -> list[Concept]:
    ranks = Ranks(vocabulary)
    decks = {level: Deck(count) for level, count in enumerate(ranks.counts[0]) if level}
    drawn: list[Concept] = []
    while len(drawn) < n:
        if not decks:
            raise ValueError(f"{n} concepts are wanted, but only {len(drawn)} are left to draw")
        level = list(decks)[rng.integers(len(decks))]
        while (rank := decks[level].deal(rng)) is not None:
            concept = ranks.concept(level, rank)
            if concept not in banned:
                drawn.append(concept)
                break
        else:
            del decks[level]
    return drawn


def _made_to_mention(
    missing: Item,
    vocabulary: Vocabulary,
    concepts: Sequence[Concept],
    mentions: Counter[Item],
    banned: Collection[Concept],
    rng: np.random.Generator,
) -> tuple[int, Concept]:
    """Which of `concepts` to replace by which one that mentions `missing`, so that no other symbol gets lost.

    At best it changes the value of an attribute, else which attribute is mentioned, else the level.
    """
    same, other, more = [], [], []
    for place, concept in enumerate(concepts):
        spare = [item for item in concept.items if mentions[item] > 1]
        same += [(place, item) for item in spare if item[0] == missing[0]]
        if concept.get(missing[0]) is None:
            other += [(place, item) for item in spare]
            more.append((place, missing))
    for options in (same, other, more):
        for option in rng.permutation(len(options)):
            place, dropped = options[option]
            kept = [item for item in concepts[place].items if item != dropped]
            concept = vocabulary.concept([*kept, missing])
            if concept not in banned:
                return place, concept
    raise ValueError(
        f'{len(concepts)} concepts cannot mention every symbol: none is left for "{missing[0]}: {missing[1]}"'
    )


def _triple(
    ranks: Ranks,
    rng: np.random.Generator,
    unseen: Collection[Concept],
    banned: Collection[Concept],
    wanted: Concept | None,
) -> Triple:
    top = len(ranks.vocabulary.attributes)
    levels = {"AND": range(2, top + 1), "IN COMMON": range(1, top), "IGNORE": range(1, top)}
    able = [op for op in OPERATORS if wanted is None or wanted.level in levels[op]]
    op = able[rng.integers(len(able))]
    for _ in range(ATTEMPTS):
        result = wanted or ranks.draw(int(rng.integers(levels[op].start, levels[op].stop)), rng)
        if result not in banned:
            left, right = _INPUTS[op](ranks.vocabulary, result, rng)
            if left not in unseen and right not in unseen:
                return Triple(op, left, right, result)
    raise ValueError(
        f"found no example of {op}{f' that reaches {wanted}' if wanted else ''}: exclusions leave too little"
    )


def _split(vocabulary: Vocabulary, union: Concept, rng: np.random.Generator) -> tuple[Concept, Concept]:
    """Two orthogonal, non-empty concepts whose union is given."""
    first = rng.permutation(union.level)[: rng.integers(1, union.level)]
    left = vocabulary.concept(union.items[place] for place in first)
    return left, union.ignore(left)


def _overlapping(
    vocabulary: Vocabulary, shared: Concept, rng: np.random.Generator
) -> tuple[Concept, Concept]:
    """Two different concepts that share what is given; elsewhere none, one or both (in conflict) speak."""
    free = _left_open(vocabulary, shared)
    sizes = np.array([attribute.size for attribute in free])
    left, right = list(shared.items), list(shared.items)
    while left == right:
        speaks = rng.integers(np.where(sizes > 1, 4, 3))
        first = rng.integers(sizes)
        second = (first + 1 + rng.integers(np.maximum(sizes - 1, 1))) % sizes
        left += [(a.name, a.values[v]) for a, v, s in zip(free, first, speaks, strict=True) if s in (1, 3)]
        right += [(a.name, a.values[v]) for a, v, s in zip(free, second, speaks, strict=True) if s in (2, 3)]
    return vocabulary.concept(left), vocabulary.concept(right)


def _extended(vocabulary: Vocabulary, rest: Concept, rng: np.random.Generator) -> tuple[Concept, Concept]:
    """A concept, and the non-empty part to ignore of it so that the given rest remains."""
    free = _left_open(vocabulary, rest)
    chosen = rng.permutation(len(free))[: rng.integers(1, len(free) + 1)]
    ignored = vocabulary.concept(
        (free[place].name, free[place].values[rng.integers(free[place].size)]) for place in chosen
    )
    return rest & ignored, ignored


def _left_open(vocabulary: Vocabulary, concept: Concept) -> list[Attribute]:
    return [attribute for attribute in vocabulary.attributes if concept.get(attribute.name) is None]


_INPUTS: dict[Operator, Callable[[Vocabulary, Concept, np.random.Generator], tuple[Concept, Concept]]] = {
    "AND": _split,
    "IN COMMON": _overlapping,
    "IGNORE": _extended,
}
