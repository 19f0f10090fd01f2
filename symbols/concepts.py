"""Concepts as sets of attribute = value, and exactly what AND, IN COMMON and IGNORE mean on them.

A concept is C = {(k, v_k) | k in S}: the attributes in S have one value each; every other attribute is left
open. On two concepts C1 over S1 and C2 over S2 ("SCAN: Learning Hierarchical Compositional Visual Concepts",
Higgins et al., 2018, section 3):

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
    """Two different values for one attribute of a concept.

    Args:
        first: The (attribute, value) that the concept has.
        second: The (attribute, value) that contradicts it.
    """

    def __init__(self, first: Item, second: Item) -> None:
        self.first, self.second = first, second
        super().__init__(
            f'"{shortened(": ".join(first))}" and "{shortened(": ".join(second))}" exclude each other: '
            f'a concept gives one value to "{shortened(first[0])}"'
        )


class Concept:
    """An immutable set of attribute = value, with at most one value per attribute.

    Two concepts are equal when they have the same pairs, whatever their order.

    Args:
        items: The (attribute, value) pairs, as a mapping, a concept or an iterable; a pair may repeat.
        order: Names of attributes in the order in which `items()` and `str` list them. Attributes that are
            not in it come last, as given. Results of operators keep it.

    >>> dub = Concept({"shape": "ice lolly", "wall": "white"})
    >>> dub & Concept({"floor": "red"})
    Concept('shape: ice lolly, wall: white, floor: red')
    >>> dub.level, dub.get("wall"), dub.get("floor")
    (2, 'white', None)

    Raises:
        VocabularyError: For a name or value that is not a string, and for text in place of items.
        ConflictError: For two values of one attribute.
    """

    __slots__ = ("_items", "_order", "_set")

    _items: tuple[Item, ...]
    _order: tuple[str, ...]
    _set: frozenset[Item]

    def __init__(
        self, items: Concept | Mapping[str, str] | Iterable[Item] = (), order: tuple[str, ...] = ()
    ) -> None:
        if isinstance(items, str):
            raise VocabularyError(f"{shortened(items)!r} is text: read it with parse(text, vocabulary)")
        values: dict[str, str] = {}
        for name, value in items.items() if isinstance(items, Concept | Mapping) else items:
            name = check_name(name, "attribute")
            value = check_name(value, f'value of "{name}"')
            if values.setdefault(name, value) != value:
                raise ConflictError((name, values[name]), (name, value))
        names = [name for name in order if name in values]
        known = set(names)
        names += [name for name in values if name not in known]
        self._fill(tuple((name, values[name]) for name in names), order)

    def _fill(self, items: tuple[Item, ...], order: tuple[str, ...]) -> None:
        self._items = items
        self._order = order
        # The set rather than its hash: hashes of strings differ between processes, and concepts are pickled.
        self._set = frozenset(items)

    @classmethod
    def unchecked(cls, items: Iterable[Item], order: tuple[str, ...]) -> Concept:
        """A concept of pairs that are known to be valid: 12 times as fast as the constructor for 20 pairs.

        Args:
            items: Pairs of valid names, one for each attribute, in the order of `order`.
            order: As in the constructor.
        """
        concept = cls.__new__(cls)
        concept._fill(tuple(items), order)
        return concept

    def items(self) -> tuple[Item, ...]:
        """The (attribute, value) pairs in reading order."""
        return self._items

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes that have a value, in reading order."""
        return tuple(name for name, _ in self._items)

    @property
    def level(self) -> int:
        """The number of attributes that have a value: 0 at the root of the hierarchy."""
        return len(self._items)

    def get(self, attribute: str) -> str | None:
        """The value of an attribute, or None where it is left open."""
        return next((value for name, value in self._items if name == attribute), None)

    def __and__(self, other: Concept) -> Concept:
        """AND: the union of both concepts.

        Raises:
            ConflictError: Where they give different values to one attribute.
        """
        return Concept(self._items + other._items, self._order or other._order)

    def in_common(self, other: Concept) -> Concept:
        """IN COMMON: the pairs of both concepts; an attribute with two different values is left open."""
        common = [item for item in self._items if item in other._set]
        if not self._order:
            return Concept(common, other._order)
        return Concept.unchecked(common, self._order)

    def ignore(self, other: Concept) -> Concept:
        """IGNORE: this concept without the attributes of the other, whatever their values."""
        dropped = {name for name, _ in other._items}
        return Concept.unchecked((item for item in self._items if item[0] not in dropped), self._order)

    def is_superordinate_to(self, other: Concept) -> bool:
        """Whether this concept is a proper subset of the other."""
        return self._set < other._set

    def is_subordinate_to(self, other: Concept) -> bool:
        """Whether this concept is a proper superset of the other."""
        return self._set > other._set

    def is_orthogonal_to(self, other: Concept) -> bool:
        """Whether no attribute has a value in both."""
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
    """Apply an operator by its name.

    Args:
        op: One of OPERATORS: "AND", "IN COMMON", "IGNORE".
        left: The first concept.
        right: The second concept; for IGNORE the one whose attributes are removed.

    Raises:
        ConflictError: For an AND of concepts that give different values to one attribute.
        ValueError: For an unknown operator.

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
