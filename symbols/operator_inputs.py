"""Two inputs of an operator for a given result, drawn from all concepts or from what images show."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symbols.attributes import Attribute
from symbols.concepts import Concept, Item, Operator
from symbols.unseen import Images, Unseen
from symbols.vocabulary import Vocabulary

ATTEMPTS = 200
"""How many inputs are tried for one operator and result, and how many results for one operator."""
FIRST = 20
"""How many of these are drawn from all concepts before they are drawn from what images show."""

Inputs = tuple[Concept, Concept]


def drawn_from_all(unseen: Unseen, attempt: int) -> bool:
    """Whether an attempt (from 0) draws from all concepts, or from what images show.

    Images come into play after FIRST attempts, or from the first where they show few of all combinations.
    """
    return unseen.images is None or (attempt < FIRST and not unseen.images.sparse)


def inputs_of(
    vocabulary: Vocabulary,
    op: Operator,
    result: Concept,
    rng: np.random.Generator,
    unseen: Unseen,
) -> Inputs | None:
    """Two inputs of an operator that give a result, neither unseen nor equal to it.

    Args:
        vocabulary: The words.
        op: The operator.
        result: A concept that is not empty.
        rng: Source of the draws.
        unseen: Concepts that are no inputs.

    Returns:
        The left and the right input, or None where none were found by chance.
    """
    for attempt in range(ATTEMPTS if unseen.images is None else 2 * FIRST):
        if drawn_from_all(unseen, attempt):
            inputs = _INPUTS[op](vocabulary, result, rng)
        else:
            assert unseen.images is not None
            inputs = _shown(unseen.images, op, result, rng)
            if inputs is None:
                break
        if inputs is not None and not any(c in unseen or c == result for c in inputs):
            return inputs
    return None


def _shown(images: Images, op: Operator, result: Concept, rng: np.random.Generator) -> Inputs | None:
    """Inputs that are parts of what images of the result show; None where none shows more than the result."""
    if op == "AND":
        return _split(images.vocabulary, result, rng)
    left, right = (images.draw(None, rng, result) for _ in range(2))
    if left is None or right is None:
        return None
    if op == "IGNORE":
        return left, left.ignore(result)
    from_left: list[Item] = []
    from_right: list[Item] = []
    for item in left.in_common(right).ignore(result).items():  # shared by both, but not part of the result
        dropped = from_left if rng.random() < 0.5 else from_right
        dropped.append(item)
    return left.ignore(Concept(from_left)), right.ignore(Concept(from_right))


def _split(vocabulary: Vocabulary, union: Concept, rng: np.random.Generator) -> Inputs | None:
    """Two orthogonal, non-empty concepts whose union is given."""
    if union.level < 2:
        return None
    chosen = rng.permutation(union.level)[: rng.integers(1, union.level)]
    items = union.items()
    left = vocabulary.concept(items[index] for index in chosen)
    return left, union.ignore(left)


def _overlapping(vocabulary: Vocabulary, shared: Concept, rng: np.random.Generator) -> Inputs | None:
    """Two different concepts that share what is given; any other attribute has a value in neither, in one or,
    if its values differ, in both."""
    free = _left_open(vocabulary, shared)
    if not free:
        return None
    sizes = np.array([attribute.size for attribute in free])
    in_which = rng.integers(np.where(sizes > 1, 4, 3))  # 0 neither, 1 left, 2 right, 3 both
    first = rng.integers(sizes)
    second = (first + 1 + rng.integers(np.maximum(sizes - 1, 1))) % sizes
    left: list[Item] = []
    right: list[Item] = []
    for index, attribute in enumerate(free):
        if in_which[index] in (1, 3):
            left.append((attribute.name, attribute.values[first[index]]))
        if in_which[index] in (2, 3):
            right.append((attribute.name, attribute.values[second[index]]))
    return vocabulary.concept([*shared.items(), *left]), vocabulary.concept([*shared.items(), *right])


def _extended(vocabulary: Vocabulary, rest: Concept, rng: np.random.Generator) -> Inputs | None:
    """A concept, and the non-empty part to ignore of it so that the given rest remains."""
    free = _left_open(vocabulary, rest)
    if not free:
        return None
    chosen = rng.permutation(len(free))[: rng.integers(1, len(free) + 1)]
    items: list[Item] = []
    for index in chosen:
        attribute = free[index]
        items.append((attribute.name, attribute.values[rng.integers(attribute.size)]))
    ignored = vocabulary.concept(items)
    return rest & ignored, ignored


def _left_open(vocabulary: Vocabulary, concept: Concept) -> list[Attribute]:
    named = set(concept.attributes)
    return [attribute for attribute in vocabulary.attributes if attribute.name not in named]


_INPUTS: dict[Operator, Callable[[Vocabulary, Concept, np.random.Generator], Inputs | None]] = {
    "AND": _split,
    "IN COMMON": _overlapping,
    "IGNORE": _extended,
}
