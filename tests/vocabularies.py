"""Vocabularies, and what is asked of whatever is drawn from them, for several tests."""

import itertools
from collections.abc import Iterable

import numpy as np

from symbols import Attribute, Triple, Vocabulary, apply

COLOURS = tuple(f"colour {i}" for i in range(16))
ROOMS = Vocabulary(
    (
        Attribute("wall", COLOURS),
        Attribute("floor", COLOURS),
        Attribute("object", COLOURS),
        Attribute("shape", ("hat", "ice lolly", "suitcase")),
    )
)
SMALL = Vocabulary(
    (
        Attribute("wall", ("red", "blue", "green")),
        Attribute("shape", ("hat", "lolly")),
        Attribute("size", ("big", "small")),
    )
)
MIXED = Vocabulary(
    (
        Attribute("wall", ("red", "blue")),
        Attribute("shape", ("hat", "lolly")),
        Attribute("shiny", binary=True),
    )
)
FACES = Vocabulary(tuple(Attribute(f"attribute {i}", binary=True) for i in range(40)))
SPRITES = Vocabulary(
    tuple(
        Attribute(name, tuple(f"{name} {i}" for i in range(size)))
        for name, size in zip(
            ("body", "shirt", "pants", "hair_style", "hair_colour", "direction"),
            (6, 4, 4, 8, 10, 4),
            strict=True,
        )
    )
)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def chi_square(observed: Iterable[int]) -> float:
    """Pearson's statistic against equal frequencies, over its standard deviation from the mean."""
    array = np.array(list(observed), dtype=float)
    expected = array.mean()
    freedom = len(array) - 1
    return float((((array - expected) ** 2 / expected).sum() - freedom) / np.sqrt(2 * freedom))


def every_row(vocabulary: Vocabulary) -> np.ndarray:
    return np.array(list(itertools.product(*map(range, vocabulary.factor_sizes))))


def reaches(triple: Triple) -> bool:
    """The rules for one example of an operator, apart from those on levels and held-out concepts."""
    op, left, right, result = triple
    if not (left.level and right.level and result.level) or apply(op, left, right) != result:
        return False
    if op == "AND":
        return left.is_orthogonal_to(right)
    if op == "IN COMMON":
        return left != right
    return right.is_superordinate_to(left)
