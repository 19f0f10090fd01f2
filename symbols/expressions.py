"""Expressions: concepts, and what operators, OR, NOT and weights make of them.

    A AND B, A IN COMMON B, A IGNORE B    the operators on concepts (`symbols.concepts`)
    A OR B                                what is A, or B, or both
    A NOT B                               what is A and not B: the complement of B within A
    2*(A)                                 A with a weight; the same set

`symbols.alternatives` says what sets they denote, `symbols.parsing` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

from symbols.concepts import Concept, Operator, apply

LEAST_WEIGHT, MOST_WEIGHT = 0.01, 100.0


@dataclass(frozen=True)
class TaughtName:
    """The name of a concept that was taught by images: it has no set in words.

    Args:
        name: As it was taught.
    """

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Operation:
    """An operator on two expressions."""

    op: Operator
    left: Expression
    right: Expression

    def __str__(self) -> str:
        return f"({self.left}) {self.op} ({self.right})"


@dataclass(frozen=True)
class Disjunction:
    """`left` OR `right`."""

    left: Expression
    right: Expression

    def __str__(self) -> str:
        return f"({self.left}) OR ({self.right})"


@dataclass(frozen=True)
class Exclusion:
    """`left` NOT `right`: the complement of `right` within `left`."""

    left: Expression
    right: Expression

    def __str__(self) -> str:
        return f"({self.left}) NOT ({self.right})"


@dataclass(frozen=True)
class Weighted:
    """An expression with a weight.

    Args:
        weight: LEAST_WEIGHT to MOST_WEIGHT; 1 changes nothing.
        expression: What is weighted.

    Raises:
        ValueError: For a weight outside of its range.
    """

    weight: float
    expression: Expression

    def __post_init__(self) -> None:
        if not LEAST_WEIGHT <= self.weight <= MOST_WEIGHT:
            raise ValueError(
                f"a weight is a number from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}, not {self.weight:g}"
            )

    def __str__(self) -> str:
        return f"{float(self.weight)!r}".removesuffix(".0") + f"*({self.expression})"


Expression = Concept | TaughtName | Operation | Disjunction | Exclusion | Weighted


def evaluate(expression: Expression) -> Concept:
    """The one concept that an expression without OR, NOT and taught names stands for.

    >>> evaluate(Weighted(2, Operation("AND", Concept({"wall": "red"}), Concept({"shape": "hat"}))))
    Concept('wall: red, shape: hat')

    Raises:
        ConflictError: Where an AND gives two values to one attribute.
        ValueError: For an expression that stands for no single concept.
    """
    match expression:
        case Concept():
            return expression
        case Operation(op, left, right):
            return apply(op, evaluate(left), evaluate(right))
        case Weighted(_, inner):
            return evaluate(inner)
    raise ValueError(f'"{expression}" stands for no single concept in words')


def taught_names(expression: Expression) -> frozenset[str]:
    """The names of taught concepts in an expression."""
    match expression:
        case TaughtName(name):
            return frozenset((name,))
        case Operation(_, left, right) | Disjunction(left, right) | Exclusion(left, right):
            return taught_names(left) | taught_names(right)
        case Weighted(_, inner):
            return taught_names(inner)
    return frozenset()


def attributes_of(expression: Expression) -> frozenset[str]:
    """The attributes that the concepts in an expression give a value, also inside of NOT."""
    match expression:
        case Concept():
            return frozenset(expression.attributes)
        case Operation(_, left, right) | Disjunction(left, right) | Exclusion(left, right):
            return attributes_of(left) | attributes_of(right)
        case Weighted(_, inner):
            return attributes_of(inner)
    return frozenset()


def is_weighted(expression: Expression) -> bool:
    """Whether there is a weight in an expression."""
    match expression:
        case Weighted():
            return True
        case Operation(_, left, right) | Disjunction(left, right) | Exclusion(left, right):
            return is_weighted(left) or is_weighted(right)
    return False


def excludes(expression: Expression) -> bool:
    """Whether there is a NOT in an expression."""
    match expression:
        case Exclusion():
            return True
        case Operation(_, left, right) | Disjunction(left, right):
            return excludes(left) or excludes(right)
        case Weighted(_, inner):
            return excludes(inner)
    return False
