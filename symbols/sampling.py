"""Training and test concepts, drawn from a given generator.

SCAN (Higgins et al., 2018) is trained on 133 concepts sampled from all levels of the implicit hierarchy. How
the levels were weighted is not known: here a level is drawn uniformly, then a concept of it uniformly and
without replacement. Concepts are not enumerated, so that the cost does not grow with their number; where
images show less than a twentieth of a level's concepts, they are drawn from what images show. Concepts that
must not be drawn are defined in `symbols.unseen`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence

import numpy as np

from symbols.concepts import Concept, Item
from symbols.enumeration import Level, ShortageError
from symbols.unseen import Unseen
from symbols.vocabulary import Vocabulary

REPAIRS = 50
"""How many replacements of each kind are tried for a symbol that no concept mentions."""


def training_concepts(
    vocabulary: Vocabulary,
    n: int,
    rng: np.random.Generator,
    *,
    held_out: Iterable[Concept] | Unseen,
    exclude: Iterable[Concept] = (),
) -> tuple[Concept, ...]:
    """Draw n distinct training concepts: a level uniformly, then a concept of that level uniformly.

    None is unseen or in `exclude`, and every symbol of the vocabulary that an image can show is mentioned by
    at least one of them: where one is not, it replaces a value that others mention too.

    Args:
        vocabulary: The words.
        n: How many to draw.
        rng: Source of the draws.
        held_out: The full combinations that are held out, or all that is unseen.
        exclude: Further concepts that are not drawn.

    Raises:
        ShortageError: Where there are fewer than n such concepts.
        ValueError: Where n of them cannot mention every symbol.
    """
    unseen, banned = _unseen(vocabulary, held_out), set(exclude)
    concepts = _draw(vocabulary, n, rng, unseen, banned)
    mentions = Counter(item for concept in concepts for item in concept.items())
    for attribute in vocabulary.attributes:
        for value in attribute.values:
            item = (attribute.name, value)
            if not mentions[item] and unseen.teachable(item):
                index, concept = _replacement(item, vocabulary, concepts, mentions, unseen, banned, rng)
                mentions.subtract(concepts[index].items())
                mentions.update(concept.items())
                concepts[index] = concept
    return tuple(concepts)


def novel_concepts(
    vocabulary: Vocabulary,
    n: int,
    rng: np.random.Generator,
    *,
    known: Iterable[Concept],
    held_out: Iterable[Concept] | Unseen,
) -> tuple[Concept, ...]:
    """Draw n distinct concepts to test with: a level uniformly, then a concept of that level uniformly.

    Args:
        vocabulary: The words.
        n: How many to draw.
        rng: Source of the draws.
        known: Concepts that are not drawn, such as those of the training.
        held_out: The full combinations that are held out, or all that is unseen; nothing unseen is drawn.

    Raises:
        ShortageError: Where there are fewer than n such concepts.
    """
    return tuple(_draw(vocabulary, n, rng, _unseen(vocabulary, held_out), set(known)))


def _unseen(vocabulary: Vocabulary, held_out: Iterable[Concept] | Unseen) -> Unseen:
    return held_out if isinstance(held_out, Unseen) else Unseen(vocabulary, held_out)


def _draw(
    vocabulary: Vocabulary, n: int, rng: np.random.Generator, unseen: Unseen, banned: Container[Concept]
) -> list[Concept]:
    images = unseen.images
    top = len(vocabulary.attributes) if images is None else images.top
    levels = {level: Level(vocabulary, level, images) for level in range(1, top + 1)}
    drawn: list[Concept] = []
    while len(drawn) < n:
        if not levels:
            raise ShortageError(
                f"{n} concepts are asked for, but only {len(drawn)} are left to draw", len(drawn)
            )
        level = list(levels)[rng.integers(len(levels))]
        concept = levels[level].draw(rng, (unseen, banned))
        if concept is None:
            del levels[level]
        else:
            drawn.append(concept)
    return drawn


def _replacement(
    missing: Item,
    vocabulary: Vocabulary,
    concepts: Sequence[Concept],
    mentions: Counter[Item],
    unseen: Unseen,
    exclude: Container[Concept],
    rng: np.random.Generator,
) -> tuple[int, Concept]:
    """The index of a concept to replace, and a concept in its place that mentions `missing`, so that all
    other symbols are still mentioned.

    At best it changes the value of an attribute, else which attribute is mentioned, else the level. Else, and
    where images show few combinations, a concept all of whose symbols others mention too is replaced by one
    that an image shows, or by `missing` alone.
    """
    same, other, more = [], [], []
    for index, concept in enumerate(concepts):
        spare = [item for item in concept.items() if mentions[item] > 1]
        same += [(index, item) for item in spare if item[0] == missing[0]]
        if concept.get(missing[0]) is None:
            other += [(index, item) for item in spare]
            more.append((index, missing))
    images = unseen.images
    for options in (same, other, more) if images is None or not images.sparse else ():
        for option in rng.permutation(len(options))[:REPAIRS]:
            index, dropped = options[option]
            kept = [item for item in concepts[index].items() if item != dropped]
            concept = vocabulary.concept([*kept, missing])
            if concept not in unseen and concept not in exclude:
                return index, concept
    alone = vocabulary.concept([missing])
    for index in rng.permutation(len(concepts)).tolist():
        if all(mentions[item] > 1 for item in concepts[index].items()):
            shown = images.draw(concepts[index].level, rng, alone) if images is not None else None
            for instead in (shown, alone):
                if instead is not None and instead not in unseen and instead not in exclude:
                    return index, instead
    raise ValueError(
        f'{len(concepts)} concepts cannot mention every symbol: none is left for "{missing[0]}: {missing[1]}"'
    )
