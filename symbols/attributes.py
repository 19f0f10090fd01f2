"""An attribute of a vocabulary: the values that it can have, one symbol for each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symbols.names import VocabularyError, check_distinct, check_name, listing, quoted

YES = "yes"
"""The value of a binary attribute."""


@dataclass(frozen=True)
class Attribute:
    """A block of mutually exclusive values, or a binary attribute with the one value "yes".

    Args:
        name: Without ":" and "=", which separate attribute and value in expressions.
        values: At least one; none for a binary attribute.
        binary: Whether the attribute is present or absent; only its presence has a symbol.

    >>> Attribute("smiling", binary=True).values
    ('yes',)

    Raises:
        VocabularyError: For names that are not strings, or that are the same but for case and spaces, and
            for values that do not fit `binary`.
    """

    name: str
    values: tuple[str, ...] = ()
    binary: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", check_name(self.name, "attribute"))
        if re.search("[:=]", self.name):
            raise VocabularyError(
                f'attribute "{self.name}": ":" and "=" separate attribute and value in expressions'
            )
        if not isinstance(self.binary, bool):
            raise VocabularyError(
                f'attribute "{self.name}": binary must be true or false, not {quoted(self.binary)}'
            )
        if isinstance(self.values, str) or not isinstance(self.values, Sequence):
            raise VocabularyError(
                f'attribute "{self.name}": values must be a list of strings, not {quoted(self.values)}'
            )
        values = tuple(check_name(value, f'value of "{self.name}"') for value in self.values)
        if self.binary and values not in ((), (YES,)):
            raise VocabularyError(
                f'binary attribute "{self.name}" has the one value "{YES}", not {listing(values)}'
            )
        if not self.binary and not values:
            raise VocabularyError(
                f'attribute "{self.name}" has no values (a free attribute says binary: true)'
            )
        check_distinct(values, f'values of "{self.name}"')
        object.__setattr__(self, "values", (YES,) if self.binary else values)

    @property
    def size(self) -> int:
        """The number of symbols."""
        return len(self.values)

    @property
    def factor_size(self) -> int:
        """The number of values of the integer factor: that of the symbols, or 2 for a binary attribute."""
        return 2 if self.binary else self.size

    def value_of(self, index: int) -> str | None:
        """The value that a factor's index stands for; None for a binary attribute that is absent (0)."""
        if self.binary:
            return YES if index else None
        return self.values[index]


def check_factors(attributes: Sequence[Attribute], factors: ArrayLike) -> NDArray[np.int64]:
    """Return the factors of N images as int64 (N, A).

    Args:
        attributes: The A attributes.
        factors: Integers (N, A), column a in 0..attributes[a].factor_size - 1.

    Raises:
        ValueError: For another shape or type, or a factor out of its range.
    """
    rows = np.asarray(factors)
    if rows.ndim != 2 or rows.shape[1] != len(attributes):
        raise ValueError(
            f"factors have shape (N, {len(attributes)}), a column per attribute, not {rows.shape}"
        )
    if not (np.issubdtype(rows.dtype, np.integer) or rows.dtype == bool):
        raise ValueError(f"factors are integers, not {rows.dtype}")
    rows = rows.astype(np.int64, copy=False)
    wrong = ((rows < 0) | (rows >= [attribute.factor_size for attribute in attributes])).any(axis=0)
    if wrong.any():
        column = int(wrong.argmax())
        raise ValueError(
            f'factor "{attributes[column].name}" must lie in 0..{attributes[column].factor_size - 1}, '
            f"found {rows[:, column].min()}..{rows[:, column].max()}"
        )
    return rows
