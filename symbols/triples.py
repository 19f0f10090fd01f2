"""Examples of the operators: two concepts, an operator, and the concept that it makes of them.

The result is drawn first, then two inputs that lead to it. A result never equals one of its inputs: an
operator that changes nothing would score there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from symbols.concepts import OPERATORS, Concept, Operator
from symbols.ranks import Ranks, ShortageError
from symbols.unseen import Images, Unseen
from symbols.vocabulary import Attribute, Vocabulary

ATTEMPTS = 200
"""How many inputs are tried for one operator and result, and how many results for one operator."""
FIRST = 20
"""Of these, how many are drawn from all concepts before they are drawn from what images show."""


class Triple(NamedTuple):
    """Two concepts, an operator's name, and the concept that the operator makes of them."""

    op: Operator
    left: Concept
    right: Concept
    result: Concept


def operator_triples(
    vocabulary: Vocabulary,
    n: int,
    rng: np.random.Generator,
    *,
    held_out: Iterable[Concept] | Unseen,
    exclude: Iterable[Concept] = (),
    results: Sequence[Concept] | None = None,
    taught: Iterable[Concept] = (),
) -> tuple[Triple, ...]:
    """Draw n examples of the operators, each operator with the same probability where all can be drawn.

    The level of the result is drawn uniformly, then the result, then two inputs that lead to it. AND joins
    two orthogonal, non-empty concepts; IN COMMON compares two different concepts that share one value or
    more and may contradict each other elsewhere; IGNORE takes a part from a concept, but not all of it.
    Neither inputs nor results are unseen, no result is in `exclude`, and none equals one of its inputs.

    Args:
        results: What to reach, in turn; the triples are then distinct.
        taught: With `results`, concepts of which both inputs of about half of each operator's triples are,
            as far as there are such triples.

    Raises:
        ShortageError: where there are fewer than n such triples.
        ValueError: for a vocabulary of one attribute, and for a wanted result that is excluded, unseen or
            empty.
    """
    unseen = held_out if isinstance(held_out, Unseen) else Unseen(vocabulary, held_out)
    banned = set(exclude)
    if len(vocabulary.attributes) < 2:
        raise ValueError("operators need a vocabulary of two attributes at least")
    if results is None:
        return tuple(_any(vocabulary, n, rng, unseen, banned))
    wanted = [vocabulary.concept(result) for result in results]
    for result in wanted:
        if result in banned or result in unseen or not result.level:
            raise ValueError(
                f'no operator may reach "{result}": it is {"excluded" if result.level else "empty"}'
            )
    if not wanted and n:
        raise ShortageError("no results to reach", 0)
    return tuple(_reaching(vocabulary, n, rng, unseen, wanted, dict.fromkeys(taught)))


def _any(
    vocabulary: Vocabulary, n: int, rng: np.random.Generator, unseen: Unseen, banned: Collection[Concept]
) -> list[Triple]:
    ranks = Ranks(vocabulary)
    top = len(vocabulary.attributes) if unseen.images is None else unseen.images.top
    levels = {"AND": range(2, top + 1), "IN COMMON": range(1, top), "IGNORE": range(1, top)}
    able: list[Operator] = [op for op in OPERATORS if levels[op]]
    drawn: list[Triple] = []
    while len(drawn) < n:
        if not able:
            raise ShortageError(f"found {len(drawn)} of {n} triples: exclusions leave too little", len(drawn))
        op = able[rng.integers(len(able))]
        for _ in range(ATTEMPTS):
            level = int(rng.integers(levels[op].start, levels[op].stop))
            result = _result(ranks, level, rng, unseen, banned)
            inputs = result and _inputs(vocabulary, op, result, rng, unseen)
            if result and inputs:
                drawn.append(Triple(op, *inputs, result))
                break
        else:
            able.remove(op)
    return drawn


def _result(
    ranks: Ranks, level: int, rng: np.random.Generator, unseen: Unseen, banned: Collection[Concept]
) -> Concept | None:
    """A concept of a level that may be reached; None where chance finds none."""
    for attempt in range(2 * FIRST):
        result: Concept | None
        if attempt < FIRST or unseen.images is None:
            result = ranks.draw(level, rng)
        else:
            result = unseen.images.draw(level, rng)
        if result is not None and result not in banned and result not in unseen:
            return result
    return None


def _reaching(
    vocabulary: Vocabulary,
    n: int,
    rng: np.random.Generator,
    unseen: Unseen,
    wanted: Sequence[Concept],
    taught: Mapping[Concept, None],
) -> list[Triple]:
    """Distinct triples that reach the wanted results in turn, by an operator drawn from those that can."""
    drawn: dict[Triple, None] = {}
    balance: Counter[Operator] = Counter()  # triples of taught inputs, less the others
    able = {result: list(OPERATORS) for result in wanted}
    while len(drawn) < n:
        before = len(drawn)
        for result in wanted[: n - before]:
            while able[result]:
                op = able[result][rng.integers(len(able[result]))]
                found = _one(vocabulary, op, result, rng, unseen, taught, drawn, prefer=balance[op] <= 0)
                if found is None:
                    able[result].remove(op)
                    continue
                drawn[found] = None
                balance[op] += 1 if _both(found, taught) else -1
                break
        if len(drawn) == before:
            raise ShortageError(f"found {before} of {n} triples: there are no more", before)
    return list(drawn)


def _both(triple: Triple, taught: Mapping[Concept, None]) -> bool:
    return triple.left in taught and triple.right in taught


def _one(
    vocabulary: Vocabulary,
    op: Operator,
    result: Concept,
    rng: np.random.Generator,
    unseen: Unseen,
    taught: Mapping[Concept, None],
    drawn: Collection[Triple],
    *,
    prefer: bool,
) -> Triple | None:
    """A triple that is not drawn yet, of taught inputs if that is preferred; else, or if not, of any."""
    if prefer and (found := _of_taught(op, result, rng, unseen, taught, drawn)) is not None:
        return found
    last = None
    for _ in range(FIRST):
        inputs = _inputs(vocabulary, op, result, rng, unseen)
        if inputs is None:
            break
        triple = Triple(op, *inputs, result)
        if triple not in drawn:
            last = triple
            if prefer or not _both(triple, taught):
                break
    return last or (None if prefer else _of_taught(op, result, rng, unseen, taught, drawn))


def _of_taught(
    op: Operator,
    result: Concept,
    rng: np.random.Generator,
    unseen: Unseen,
    taught: Mapping[Concept, None],
    drawn: Collection[Triple],
) -> Triple | None:
    """A triple of taught inputs that is not drawn yet, uniformly; None where there is none."""
    above = [concept for concept in taught if concept.is_superordinate_to(result)]
    below = [concept for concept in taught if concept.is_subordinate_to(result)]
    if op == "AND":
        pairs = [(left, result.ignore(left)) for left in above]
    elif op == "IGNORE":
        pairs = [(left, left.ignore(result)) for left in below]
    else:
        pairs = [(a, b) for a in below for b in below if a.in_common(b) == result]
    options = [
        triple
        for left, right in pairs
        if right in taught and left not in unseen and right not in unseen
        if (triple := Triple(op, left, right, result)) not in drawn
    ]
    return options[rng.integers(len(options))] if options else None


Inputs = tuple[Concept, Concept]


def _inputs(
    vocabulary: Vocabulary,
    op: Operator,
    result: Concept,
    rng: np.random.Generator,
    unseen: Unseen,
) -> Inputs | None:
    """Two concepts from which an operator makes a result; None where chance finds none."""
    for attempt in range(ATTEMPTS if unseen.images is None else 2 * FIRST):
        inputs = (
            _INPUTS[op](vocabulary, result, rng)
            if attempt < FIRST or unseen.images is None
            else _shown(unseen.images, op, result, rng)
        )
        if inputs is not None and not any(c in unseen or c == result for c in inputs):
            return inputs
    return None


def _shown(images: Images, op: Operator, result: Concept, rng: np.random.Generator) -> Inputs | None:
    """Inputs that images show, as parts of the descriptions of images that show the result.

    A low level of what the inputs add is likelier than a high one, for fewer images show that.
    """
    if op == "AND":
        return _split(images.vocabulary, result, rng)
    more = images.top - result.level
    if more < 1:
        return None
    left, right = (
        images.draw(result.level + 1 + int(rng.integers(more) * rng.random()), rng, result) for _ in range(2)
    )
    if left is None or right is None:
        return None
    if op == "IGNORE":
        return left, left.ignore(result)
    clash = left.in_common(right).ignore(result)
    dropped = [rng.random() < 0.5 for _ in clash.items]
    return (
        left.ignore(Concept(item for item, drop in zip(clash.items, dropped, strict=True) if drop)),
        right.ignore(Concept(item for item, drop in zip(clash.items, dropped, strict=True) if not drop)),
    )


def _split(vocabulary: Vocabulary, union: Concept, rng: np.random.Generator) -> Inputs | None:
    """Two orthogonal, non-empty concepts whose union is given."""
    if union.level < 2:
        return None
    first = rng.permutation(union.level)[: rng.integers(1, union.level)]
    left = vocabulary.concept(union.items[place] for place in first)
    return left, union.ignore(left)


def _overlapping(vocabulary: Vocabulary, shared: Concept, rng: np.random.Generator) -> Inputs | None:
    """Two different concepts that share what is given; elsewhere none, one or both (in conflict) speak."""
    free = _left_open(vocabulary, shared)
    if not free:
        return None
    sizes = np.array([attribute.size for attribute in free])
    speaks = rng.integers(np.where(sizes > 1, 4, 3))
    first = rng.integers(sizes)
    second = (first + 1 + rng.integers(np.maximum(sizes - 1, 1))) % sizes
    left = [(a.name, a.values[v]) for a, v, s in zip(free, first, speaks, strict=True) if s in (1, 3)]
    right = [(a.name, a.values[v]) for a, v, s in zip(free, second, speaks, strict=True) if s in (2, 3)]
    return vocabulary.concept([*shared.items, *left]), vocabulary.concept([*shared.items, *right])


def _extended(vocabulary: Vocabulary, rest: Concept, rng: np.random.Generator) -> Inputs | None:
    """A concept, and the non-empty part to ignore of it so that the given rest remains."""
    free = _left_open(vocabulary, rest)
    if not free:
        return None
    chosen = rng.permutation(len(free))[: rng.integers(1, len(free) + 1)]
    ignored = vocabulary.concept(
        (free[place].name, free[place].values[rng.integers(free[place].size)]) for place in chosen
    )
    return rest & ignored, ignored


def _left_open(vocabulary: Vocabulary, concept: Concept) -> list[Attribute]:
    return [attribute for attribute in vocabulary.attributes if concept.get(attribute.name) is None]


_INPUTS: dict[Operator, Callable[[Vocabulary, Concept, np.random.Generator], Inputs | None]] = {
    "AND": _split,
    "IN COMMON": _overlapping,
    "IGNORE": _extended,
}
