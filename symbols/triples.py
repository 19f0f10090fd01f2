"""Examples of the operators: two concepts, an operator, and the resulting concept.

The result is drawn first, then two inputs that lead to it. A result never equals one of its inputs, for there
an operator that returns an input unchanged would be right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from symbols.concepts import OPERATORS, Concept, Operator
from symbols.enumeration import ShortageError, random_concept
from symbols.operator_inputs import ATTEMPTS, FIRST, drawn_from_all, inputs_of
from symbols.unseen import Unseen
from symbols.vocabulary import Vocabulary


class Triple(NamedTuple):
    """An operator's name, its two inputs and its result."""

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
    """Draw n examples of the operators, each operator with the same probability while all can be drawn.

    The level of the result is drawn uniformly, then the result, then two inputs that lead to it. AND joins
    two orthogonal, non-empty concepts; IN COMMON compares two different concepts that share one value or
    more and may contradict each other elsewhere; IGNORE takes a part from a concept, but not all of it.
    Neither inputs nor results are unseen, no result is in `exclude`, and none equals one of its inputs.

    Args:
        vocabulary: The words, of two attributes at least.
        n: How many triples to draw.
        rng: Source of the draws.
        held_out: The full combinations that are held out, or all that is unseen.
        exclude: Concepts that are no results.
        results: The results, in turn, in place of drawn ones; the triples are then distinct.
        taught: With `results`, both inputs of half of the triples are among these, as far as there are such
            triples: a third of them for each operator, and they come first. The other triples have at least
            one input that is not among these, as far as there are such.

    Raises:
        ShortageError: Where there are fewer than n such triples.
        ValueError: For a vocabulary of one attribute, and for one of `results` that is excluded, unseen or
            empty.
    """
    unseen = held_out if isinstance(held_out, Unseen) else Unseen(vocabulary, held_out)
    banned = set(exclude)
    if len(vocabulary.attributes) < 2:
        raise ValueError("operators need a vocabulary of two attributes at least")
    if results is None:
        return tuple(_any(vocabulary, n, rng, unseen, banned))
    targets = [vocabulary.concept(result) for result in results]
    for result in targets:
        if result in banned or result in unseen or not result.level:
            raise ValueError(
                f'no operator may reach "{result}": it is {"excluded" if result.level else "empty"}'
            )
    if not targets and n:
        raise ShortageError("no results to reach", 0)
    return tuple(_reaching(vocabulary, n, rng, unseen, targets, list(dict.fromkeys(taught))))


def _any(
    vocabulary: Vocabulary, n: int, rng: np.random.Generator, unseen: Unseen, banned: Collection[Concept]
) -> list[Triple]:
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
            result = _result(vocabulary, level, rng, unseen, banned)
            if result is None or (op, result) in out_of_reach:
                continue
            inputs = inputs_of(vocabulary, op, result, rng, unseen)
            if inputs is not None:
                drawn.append(Triple(op, *inputs, result))
                break
            out_of_reach.add((op, result))
        else:
            able.remove(op)
    return drawn


def _result(
    vocabulary: Vocabulary, level: int, rng: np.random.Generator, unseen: Unseen, banned: Collection[Concept]
) -> Concept | None:
    """A concept of a level that may be a result; None where none was found by chance."""
    for attempt in range(2 * FIRST):
        result: Concept | None
        if drawn_from_all(unseen, attempt):
            result = random_concept(vocabulary, level, rng)
        else:
            assert unseen.images is not None
            result = unseen.images.draw(level, rng)
        if result is not None and result not in banned and result not in unseen:
            return result
    return None


def _reaching(
    vocabulary: Vocabulary,
    n: int,
    rng: np.random.Generator,
    unseen: Unseen,
    targets: Sequence[Concept],
    taught: Sequence[Concept],
) -> list[Triple]:
    """Distinct triples: half with taught inputs where there are as many, the others by result in turn."""
    drawn = dict.fromkeys(_of_taught(n // 2, rng, unseen, targets, taught))
    known = set(taught)
    able: dict[Concept, list[Operator]] = {result: list(OPERATORS) for result in targets}
    while len(drawn) < n:
        open_results = [result for result in targets if able[result]]
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
        inputs = inputs_of(vocabulary, op, result, rng, unseen)
        if inputs is None:
            break
        triple = Triple(op, *inputs, result)
        if triple not in drawn:
            last = triple
            if triple.left not in taught or triple.right not in taught:
                break
    return last


def _of_taught(
    n: int, rng: np.random.Generator, unseen: Unseen, targets: Sequence[Concept], taught: Sequence[Concept]
) -> list[Triple]:
    """At most n distinct triples of taught inputs, a third for each operator, spread over the results."""
    usable = [(frozenset(c.items()), frozenset(c.attributes), c) for c in taught if c not in unseen]
    results = {frozenset(result.items()): result for result in targets}
    options: dict[Operator, list[Triple]] = {op: [] for op in OPERATORS}
    for (one, names, left), (other, other_names, right) in product(usable, repeat=2):
        if names.isdisjoint(other_names):
            if (result := results.get(one | other)) is not None:
                options["AND"].append(Triple("AND", left, right, result))
            continue
        if (result := results.get(one & other)) is not None and result not in (left, right):
            options["IN COMMON"].append(Triple("IN COMMON", left, right, result))
        if other < one and (result := results.get(one - other)) is not None:
            options["IGNORE"].append(Triple("IGNORE", left, right, result))
    drawn: list[Triple] = []
    for op in OPERATORS:
        uses: Counter[Concept] = Counter()
        turns = []
        for index in rng.permutation(len(options[op])):
            triple = options[op][index]
            turns.append((uses[triple.result], triple))
            uses[triple.result] += 1
        turns.sort(key=lambda turn: turn[0])
        drawn += [triple for _, triple in turns[: n // len(OPERATORS)]]
    return drawn
