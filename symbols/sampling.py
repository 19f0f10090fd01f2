"""Which concepts to teach and to test, drawn from a given generator.

SCAN (Higgins et al., 2018) is taught 133 concepts sampled from all levels of the implicit hierarchy. How the
levels were weighted is not known: here a level is drawn uniformly, then a concept of that level uniformly,
without replacement. Only the concepts that are drawn are ever made, so that forty attributes are as quick as
four; where images show less than a twentieth of a level's concepts, they are drawn from what images show.
Which concepts must not be drawn is the matter of `symbols.unseen`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence

import numpy as np

from symbols.concepts import Concept, Item
from symbols.ranks import Level, Ranks, ShortageError
from symbols.unseen import Unseen
from symbols.vocabulary import Vocabulary

REPAIRS = 50
"""How many changes of each kind are tried so that a concept mentions a symbol that none does."""


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


def _unseen(vocabulary: Vocabulary, held_out: Iterable[Concept] | Unseen) -> Unseen:
    return held_out if isinstance(held_out, Unseen) else Unseen(vocabulary, held_out)


def _draw(
    vocabulary: Vocabulary, n: int, rng: np.random.Generator, unseen: Unseen, banned: Container[Concept]
) -> list[Concept]:
    ranks, images = Ranks(vocabulary), unseen.images
    top = len(vocabulary.attributes) if images is None else images.top
    levels = {level: Level(ranks, level, images) for level in range(1, top + 1)}
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

    At best it changes the value of an attribute, else which attribute is mentioned, else the level. Else, and
    where images show few combinations, a concept that says nothing that others do not gives way to one that
    an image shows, or to `missing` alone.
    """
    same, other, more = [], [], []
    for place, concept in enumerate(concepts):
        spare = [item for item in concept.items if mentions[item] > 1]
        same += [(place, item) for item in spare if item[0] == missing[0]]
        if concept.get(missing[0]) is None:
            other += [(place, item) for item in spare]
            more.append((place, missing))
    images = unseen.images
    for options in (same, other, more) if images is None or not images.sparse else ():
        for option in rng.permutation(len(options))[:REPAIRS]:
            place, dropped = options[option]
            kept = [item for item in concepts[place].items if item != dropped]
            concept = vocabulary.concept([*kept, missing])
            if concept not in unseen and concept not in exclude:
                return place, concept
    alone = vocabulary.concept([missing])
    for place in rng.permutation(len(concepts)).tolist():
        if all(mentions[item] > 1 for item in concepts[place].items):
            shown = images.draw(concepts[place].level, rng, alone) if images is not None else None
            for instead in (shown, alone):
                if instead is not None and instead not in unseen and instead not in exclude:
                    return place, instead
    raise ValueError(
        f'{len(concepts)} concepts cannot mention every symbol: none is left for "{missing[0]}: {missing[1]}"'
    )
