"""What an expression denotes: a set of full combinations, as alternatives without OR and NOT inside.

Let D(C) be the full combinations that show a concept C. Then

    D(A AND B) = D(A) n D(B) ,    D(A OR B) = D(A) u D(B) ,    D(A NOT B) = D(A) \\ D(B) ,    D(w*A) = D(A) ,

while IN COMMON and IGNORE, which are defined on concepts, apply to each concept of an OR:
(A OR B) IGNORE C = (A IGNORE C) OR (B IGNORE C), and so for the right side and for IN COMMON. They do not
take a NOT: what it leaves is no concept. Every expression is then a union of differences,

    D = union over k of D(P_k) \\ (D(E_k1) u D(E_k2) u ...) ,

each P and E without OR and NOT, by (A OR B) AND C = (A AND C) OR (B AND C) and
A \\ (B \\ C) = (A \\ B) u (A n B n C).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symbols.concepts import Concept, ConflictError
from symbols.expressions import (
    Disjunction,
    Exclusion,
    Expression,
    Operation,
    Weighted,
    evaluate,
    excludes,
    taught_names,
)
from symbols.names import shortened
from symbols.vocabulary import Vocabulary

MOST_ALTERNATIVES = 256
"""Alternatives of an expression; AND multiplies those of its sides."""


class EmptyError(ValueError):
    """An expression that no full combination shows, because NOT leaves nothing of it."""


class Alternative(NamedTuple):
    """D(expression) without D(e) for each e that is excluded; neither has OR or NOT inside."""

    expression: Expression
    excluded: tuple[Expression, ...] = ()


def alternatives(expression: Expression, vocabulary: Vocabulary) -> tuple[Alternative, ...]:
    """The alternatives whose union an expression denotes, without those that are empty.

    An alternative with a taught name, which has no set in words, is taken for one that is not empty.

    >>> from symbols.attributes import Attribute
    >>> from symbols.parsing import parse
    >>> words = Vocabulary((Attribute("wall", ("red", "blue")), Attribute("shape", ("hat", "ice lolly"))))
    >>> for one in alternatives(parse("(hat OR ice lolly) NOT (red, hat)", words), words):
    ...     print(one.expression, one.excluded)
    shape: hat (Concept('wall: red, shape: hat'),)
    shape: ice lolly (Concept('wall: red, shape: hat'),)

    Args:
        expression: Of words of the vocabulary and taught names.
        vocabulary: The words.

    Raises:
        ConflictError: When no alternative is left, because an AND gives two values to one attribute.
        EmptyError: When no alternative is left, because NOT leaves nothing.
        ValueError: For IN COMMON or IGNORE of an expression with NOT, and for more than MOST_ALTERNATIVES.
    """
    found, conflict = [], None
    for alternative in _distribute(expression):
        try:
            if not _is_empty(alternative, vocabulary):
                found.append(alternative)
        except ConflictError as error:
            conflict = error
    if found:
        return tuple(dict.fromkeys(found))
    if conflict is not None:
        raise conflict
    raise EmptyError(f'"{shortened(str(expression))}" leaves nothing: NOT excludes all of it')


def matches(expression: Expression, factors: ArrayLike, vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """Which of N images, or full combinations, an expression denotes, bool (N,).

    Args:
        expression: Without taught names.
        factors: Integers (N, A), as in `Vocabulary.describe`.
        vocabulary: The words.

    Raises:
        ConflictError: Where an operand of IN COMMON or IGNORE gives two values to one attribute.
        ValueError: For taught names, for IN COMMON or IGNORE of an expression with NOT, and as
            `Vocabulary.matches` does.
    """
    match expression:
        case Disjunction(left, right):
            return matches(left, factors, vocabulary) | matches(right, factors, vocabulary)
        case Exclusion(left, right):
            return matches(left, factors, vocabulary) & ~matches(right, factors, vocabulary)
        case Operation("AND", left, right):
            return matches(left, factors, vocabulary) & matches(right, factors, vocabulary)
        case Operation():
            parts = [vocabulary.matches(factors, evaluate(one.expression)) for one in _distribute(expression)]
            return np.logical_or.reduce(parts)
        case Weighted(_, inner):
            return matches(inner, factors, vocabulary)
    return vocabulary.matches(factors, evaluate(expression))


def _distribute(expression: Expression) -> tuple[Alternative, ...]:
    """The alternatives of an expression, also those that are empty."""
    match expression:
        case Weighted(weight, inner):
            found = [Alternative(Weighted(weight, one), out) for one, out in _distribute(inner)]
        case Disjunction(left, right):
            found = [*_distribute(left), *_distribute(right)]
        case Exclusion(left, right):
            found = _without(_distribute(left), _distribute(right))
        case Operation(op, left, right):
            if op != "AND" and (excludes(left) or excludes(right)):
                raise ValueError(f"{op} takes concepts, and what NOT leaves is none: apply NOT last")
            pairs = product(_distribute(left), _distribute(right))
            found = [
                Alternative(Operation(op, a.expression, b.expression), a.excluded + b.excluded)
                for a, b in pairs
            ]
        case _:
            found = [Alternative(expression)]
    if len(found) > MOST_ALTERNATIVES:
        raise ValueError(f"more than {MOST_ALTERNATIVES} alternatives: use fewer OR inside of AND and NOT")
    return tuple(found)


def _without(left: Iterable[Alternative], right: Iterable[Alternative]) -> list[Alternative]:
    """A \\ (B \\ C) = (A \\ B) u (A n B n C), for each alternative B \\ C of the right side in turn."""
    found = list(left)
    for concept, spared in right:
        kept = [Alternative(one.expression, (*one.excluded, concept)) for one in found]
        for one, exception in product(found, spared):
            both = Operation("AND", Operation("AND", one.expression, concept), exception)
            kept.append(Alternative(both, one.excluded))
        if len(kept) > MOST_ALTERNATIVES:
            raise ValueError(
                f"more than {MOST_ALTERNATIVES} alternatives: use fewer OR and NOT inside of NOT"
            )
        found = kept
    return found


def _is_empty(alternative: Alternative, vocabulary: Vocabulary) -> bool:
    """Whether an alternative denotes no full combination; False where a taught name decides.

    Raises:
        ConflictError: Where its expression contradicts itself.
    """
    if taught_names(alternative.expression):
        return False
    concept = evaluate(alternative.expression)
    excluded = []
    for one in alternative.excluded:
        if taught_names(one):
            continue
        try:
            excluded.append(evaluate(one))
        except ConflictError:  # it denotes nothing, so nothing is excluded
            continue
    boxes = [_row(one, vocabulary) for one in excluded]
    return _covered(_row(concept, vocabulary), boxes, vocabulary.factor_sizes)


def _row(concept: Concept, vocabulary: Vocabulary) -> dict[int, int]:
    factors = vocabulary.factors(concept)
    return {column: int(factors[column]) for column in map(vocabulary.column, concept.attributes)}


def _covered(row: dict[int, int], boxes: Sequence[dict[int, int]], sizes: Sequence[int]) -> bool:
    """Whether every full combination with the values `row` has all values of one of the boxes.

    By cases on an attribute of a box that the row leaves open; the values that no box names are one case.
    """
    left = [box for box in boxes if all(row.get(column, value) == value for column, value in box.items())]
    if not left:
        return False
    smallest = min(left, key=lambda box: len(box.keys() - row.keys()))
    undecided = smallest.keys() - row.keys()
    if not undecided:
        return True
    column = min(undecided)
    named = {box[column] for box in left if column in box}
    cases = [*sorted(named), *(value for value in range(sizes[column]) if value not in named)]
    return all(_covered({**row, column: value}, left, sizes) for value in cases[: len(named) + 1])
