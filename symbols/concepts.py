"""Concepts as sets of attribute = value, and exactly what AND, IN COMMON and IGNORE mean on them.

A concept is C = {(k, v_k) | k in S}: the attributes S that matter, each with one value; every other
attribute is left open. On two concepts C1 over S1 and C2 over S2 ("SCAN: Learning Hierarchical
Compositional Visual Concepts", Higgins et al., 2018, section 3):

    AND        conjunction  C1 u C2                            a conflict of values is an error
    IN COMMON  overlap      {(k, v) | in C1 and in C2}
    IGNORE     difference   {(k, v) in C1 | k not in S2}       whatever value C2 gives to k

C1 is superordinate to C2 when it is a proper subset of it, and orthogonal to it when S1 and S2 are disjoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from symbols.names import VocabularyError, check_name, shortened

Operator = Literal["AND", "IN COMMON", "IGNORE"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)

Item = tuple[str, str]


class ConflictError(ValueError):
    """Two values for one attribute, where a concept has room for one."""

    def __init__(self, first: Item, second: Item) -> None:
        self.first, self.second = first, second
        super().__init__(
            f'"{shortened(": ".join(first))}" and "{shortened(": ".join(second))}" exclude each other: '
            f'a concept gives one value to "{shortened(first[0])}"'
        )


class Concept:
    """An immutable set of attribute = value, with at most one value per attribute.

    Equality is that of sets. `order` is only the order in which to read the attributes: a vocabulary hands
    in its own, and results of operators keep it; attributes that it does not list come last, as given.

    >>> dub = Concept({"shape": "ice lolly", "wall": "white"})
    >>> dub & Concept({"floor": "red"})
    Concept('shape: ice lolly, wall: white, floor: red')
    >>> dub.level, dub.get("wall"), dub.get("floor")
    (2, 'white', None)

    Raises:
        VocabularyError: for a name or value that is not a string, and for text in place of items.
        ConflictError: for two values of one attribute.
    """

    __slots__ = ("_items", "_order", "_set")

    def __init__(self, items: Mapping[str, str] | Iterable[Item] = (), order: tuple[str, ...] = ()) -> None:
        if isinstance(items, str):
            raise VocabularyError(f"{shortened(items)!r} is text: read it with parse(text, vocabulary)")
        values: dict[str, str] = {}
        for name, value in items.items() if isinstance(items, Mapping) else items:
            name = check_name(name, "attribute")
            value = check_name(value, f'value of "{name}"')
            if values.setdefault(name, value) != value:
                raise ConflictError((name, values[name]), (name, value))
        names = [name for name in order if name in values]
        known = set(names)
        names += [name for name in values if name not in known]
        self._items: tuple[Item, ...] = tuple((name, values[name]) for name in names)
        self._order = order
        # The set rather than its hash: hashes of strings differ between processes, and concepts are pickled.
        self._set = frozenset(self._items)

    @property
    def items(self) -> tuple[Item, ...]:
        """(attribute, value) pairs in reading order."""
        return self._items

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that matter, in reading order."""
        return tuple(name for name, _ in self._items)

    @property
    def level(self) -> int:
        """The number of attributes that matter: 0 at the root of the hierarchy."""
        return len(self._items)

    def get(self, attribute: str) -> str | None:
        """The value of an attribute, or None where it is left open."""
        return next((value for name, value in self._items if name == attribute), None)

    def __and__(self, other: Concept) -> Concept:
        """AND: everything that either concept says. Raises ConflictError where they contradict each other."""
        return Concept(self._items + other._items, self._order or other._order)

    def in_common(self, other: Concept) -> Concept:
        """IN COMMON: what both concepts say; an attribute with two different values is left open."""
        return Concept([item for item in self._items if item in other._set], self._order or other._order)

    def ignore(self, other: Concept) -> Concept:
        """IGNORE: this concept without the attributes of the other, whatever their values."""
        dropped = other.attributes
        return Concept([item for item in self._items if item[0] not in dropped], self._order)

    def is_superordinate_to(self, other: Concept) -> bool:
        """Whether this concept says less than the other and nothing else (a proper subset)."""
        return self._set < other._set

    def is_subordinate_to(self, other: Concept) -> bool:
        """Whether this concept says all that the other says, and more (a proper superset)."""
        return self._set > other._set

    def is_orthogonal_to(self, other: Concept) -> bool:
        """Whether no attribute matters to both."""
        return set(self.attributes).isdisjoint(other.attributes)

    def __eq__(self, other: object) -> bool:
        return self._set == other._set if isinstance(other, Concept) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._set)

    def __str__(self) -> str:
        """'wall: red, shape: hat'; the empty concept reads 'anything'."""
        return ", ".join(f"{name}: {value}" for name, value in self._items) or "anything"

    def __repr__(self) -> str:
        return f"Concept({str(self)!r})"


def apply(op: str, left: Concept, right: Concept) -> Concept:
    """Apply one of OPERATORS by its name.

    >>> hat = Concept({"wall": "red", "shape": "hat"})
    >>> apply("IN COMMON", hat, Concept({"wall": "blue", "shape": "hat"}))
    Concept('shape: hat')
    >>> apply("IGNORE", hat, Concept({"shape": "hat"}))
    Concept('wall: red')
    """
    if op == "AND":
        return left & right
    if op == "IN COMMON":
        return left.in_common(right)
    if op == "IGNORE":
        return left.ignore(right)
    raise ValueError(f"unknown operator {op!r}: expected one of {', '.join(OPERATORS)}")
