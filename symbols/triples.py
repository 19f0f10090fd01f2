"""Examples of the operators: two concepts, an operator, and the concept that it makes of them.

The result is drawn first, then two inputs that lead to it. A result never equals one of its inputs: an
operator that changes nothing would score there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import product
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
        taught: With `results`, both inputs of half of the triples are among these, as far as there are such
            triples: a third of them for each operator, and they come first. The others have an input that is
            not, as far as there are such.

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
    return tuple(_reaching(vocabulary, n, rng, unseen, wanted, list(dict.fromkeys(taught))))


def _any(
    vocabulary: Vocabulary, n: int, rng: np.random.Generator, unseen: Unseen, banned: Collection[Concept]
) -> list[Triple]:
    ranks = Ranks(vocabulary)
    top = len(vocabulary.attributes) if unseen.images is None else unseen.images.top
    levels = {"AND": range(2, top + 1), "IN COMMON": range(1, top), "IGNORE": range(1, top)}
    able: list[Operator] = [op for op in OPERATORS if levels[op]]
    drawn: list[Triple] = []
    out_of_reach: set[tuple[Operator, Concept]] = set()
    while len(drawn) < n:
        if not able:
            raise ShortageError(f"found {len(drawn)} of {n} triples: exclusions leave too little", len(drawn))
        op = able[rng.integers(len(able))]
        for _ in range(ATTEMPTS):
            level = int(rng.integers(levels[op].start, levels[op].stop))
            result = _result(ranks, level, rng, unseen, banned)
            if result is None or (op, result) in out_of_reach:
                continue
            inputs = _inputs(vocabulary, op, result, rng, unseen)
            if inputs is not None:
                drawn.append(Triple(op, *inputs, result))
                break
            out_of_reach.add((op, result))
        else:
            able.remove(op)
    return drawn


def _result(
    ranks: Ranks, level: int, rng: np.random.Generator, unseen: Unseen, banned: Collection[Concept]
) -> Concept | None:
    """A concept of a level that may be reached; None where chance finds none."""
    for attempt in range(2 * FIRST):
        result: Concept | None
        if _from_all(unseen, attempt):
            result = ranks.draw(level, rng)
        else:
            assert unseen.images is not None
            result = unseen.images.draw(level, rng)
        if result is not None and result not in banned and result not in unseen:
            return result
    return None


def _from_all(unseen: Unseen, attempt: int) -> bool:
    """Whether to draw from all concepts, or from what images show: these come later, or alone if few."""
    return unseen.images is None or (attempt < FIRST and not unseen.images.sparse)


def _reaching(
    vocabulary: Vocabulary,
    n: int,
    rng: np.random.Generator,
    unseen: Unseen,
    wanted: Sequence[Concept],
    taught: Sequence[Concept],
) -> list[Triple]:
    """Distinct triples: half of taught inputs where there are as many, the others to the results in turn."""
    drawn = dict.fromkeys(_of_taught(n // 2, rng, unseen, wanted, taught))
    known = set(taught)
    able: dict[Concept, list[Operator]] = {result: list(OPERATORS) for result in wanted}
    while len(drawn) < n:
        open_results = [result for result in wanted if able[result]]
        if not open_results:
            raise ShortageError(f"found {len(drawn)} of {n} triples: there are no more", len(drawn))
        for result in open_results:
            if len(drawn) == n:
                break
            while able[result]:
                op = able[result][rng.integers(len(able[result]))]
                found = _another(vocabulary, op, result, rng, unseen, known, drawn)
                if found is not None:
                    drawn[found] = None
                    break
                able[result].remove(op)
    return list(drawn)


def _another(
    vocabulary: Vocabulary,
    op: Operator,
    result: Concept,
    rng: np.random.Generator,
    unseen: Unseen,
    taught: Collection[Concept],
    drawn: Collection[Triple],
) -> Triple | None:
    """A triple that is not drawn yet, if possible one of which not both inputs are taught."""
    last = None
    for _ in range(FIRST):
        inputs = _inputs(vocabulary, op, result, rng, unseen)
        if inputs is None:
            break
        triple = Triple(op, *inputs, result)
        if triple not in drawn:
            last = triple
            if triple.left not in taught or triple.right not in taught:
                break
    return last


def _of_taught(
    n: int, rng: np.random.Generator, unseen: Unseen, wanted: Sequence[Concept], taught: Sequence[Concept]
) -> list[Triple]:
    """At most n distinct triples of taught inputs, a third for each operator, spread over the results."""
    usable = [(frozenset(c.items), frozenset(c.attributes), c) for c in taught if c not in unseen]
    results = {frozenset(result.items): result for result in wanted}
    options: dict[Operator, list[Triple]] = {op: [] for op in OPERATORS}
    for (one, names, left), (other, other_names, right) in product(usable, repeat=2):
        if names.isdisjoint(other_names):
            if (made := results.get(one | other)) is not None:
                options["AND"].append(Triple("AND", left, right, made))
            continue
        if (made := results.get(one & other)) is not None and made not in (left, right):
            options["IN COMMON"].append(Triple("IN COMMON", left, right, made))
        if other < one and (made := results.get(one - other)) is not None:
            options["IGNORE"].append(Triple("IGNORE", left, right, made))
    drawn: list[Triple] = []
    for op in OPERATORS:
        uses: Counter[Concept] = Counter()
        turns = []
        for place in rng.permutation(len(options[op])):
            triple = options[op][place]
            turns.append((uses[triple.result], triple))
            uses[triple.result] += 1
        turns.sort(key=lambda turn: turn[0])
        drawn += [triple for _, triple in turns[: n // len(OPERATORS)]]
    return drawn


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
        if _from_all(unseen, attempt):
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
