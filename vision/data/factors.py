"""From what a file says about its images, numbers or words, to integer factors with named values."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vision.data.images import DataError
from vision.spelling import nearest

MOST_VALUES = 256
"""A column with more distinct values than this is a measurement, not a factor."""
MOST_NUMBERS = 64
"""The same, of text that spells numbers, and of numbers that are not integers."""

_BINARY = (
    {"0": 0, "1": 1},
    {"no": 0, "yes": 1},
    {"false": 0, "true": 1},
    {"-1": 0, "1": 1},
)


class Factors(NamedTuple):
    """Integer factors and their names, as `ImageSet` takes them."""

    indices: np.ndarray
    """int64 (N, A)."""
    names: tuple[str, ...]
    value_names: tuple[tuple[str, ...], ...]


def factors(
    columns: Mapping[str, np.ndarray],
    values: Mapping[str, Sequence[str]] | None = None,
    binary: Collection[str] = (),
    bins: Mapping[str, int] | None = None,
) -> Factors:
    """Name and number the columns of a table.

    Args:
        columns: Each factor's column (N,) by name. It holds numbers or words, which are numbered in ascending
            order, at most MOST_VALUES different ones, of text that spells numbers and of floats MOST_NUMBERS.
        values: The names of the values of the columns that hold indices instead.
        binary: The columns that are absent (0) or present (1); they must have exactly the two values 0 and 1,
            no and yes, false and true, or -1 and 1.
        bins: The columns of numbers that are cut at their quantiles, and into how many values.

    Raises:
        DataError: Naming the column.
    """
    if not columns:
        raise DataError("no factors: name one column at least")
    values = {} if values is None else values
    bins = {} if bins is None else bins
    for name in (*values, *binary, *bins):
        if name not in columns:
            raise DataError(f"no factor {name!r}{nearest(name, columns)}: there are {', '.join(columns)}")
    indices, value_names = [], []
    for name, column in columns.items():
        if name in bins:
            index, names = _binned(name, column, bins[name])
        elif name in values:
            index, names = _checked(name, column, values[name])
        else:
            index, names = _distinct(name, column)
        if name in binary:
            index, names = _present(name, index, names)
        indices.append(index)
        value_names.append(names)
    return Factors(np.stack(indices, axis=1), tuple(columns), tuple(value_names))


def numbered(column: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The distinct values of a column (N,), numbers or words, as indices (N,) and their names, ascending.

    Names keep their spelling; a whole number that is stored as a float is named without ".0". Words that all
    spell numbers are ordered as these.

    Raises:
        DataError: For what is neither number nor word, for values that are not finite, and for words that
            spell one number in two ways; the column is not named.
    """
    if column.dtype.kind not in "biufUS":
        raise DataError(f"holds {column.dtype}: expected numbers or words")
    if column.dtype.kind == "f":
        if not np.isfinite(column).all():
            raise DataError(f"has {(~np.isfinite(column)).sum()} missing values (NaN or infinite)")
        column = column + 0.0  # so that -0 is 0
    distinct, index = np.unique(column, return_inverse=True)
    match distinct.dtype.kind:
        case "f":
            return index, tuple(str(value).removesuffix(".0") for value in distinct)
        case "b" | "i" | "u":
            return index, tuple(str(value) for value in distinct)
    names = _decoded(distinct)
    order = _numeric_order(names)
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return rank[index], tuple(names[i] for i in order)


def _checked(name: str, column: np.ndarray, values: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    if column.dtype == np.bool_:
        column = column.astype(np.int64)
    whole = column.dtype.kind in "iuf" and bool((column == np.floor(column)).all())
    if not whole or column.min() < 0 or column.max() >= len(values):
        raise DataError(f"factor {name!r} must hold indices 0 to {len(values) - 1} of its named values")
    return column.astype(np.int64), tuple(values)


def _distinct(name: str, column: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    try:
        index, names = numbered(column)
    except DataError as error:
        raise DataError(f"factor {name!r} {error}") from error
    most = MOST_NUMBERS if column.dtype.kind not in "biu" and spell_numbers(names) else MOST_VALUES
    if len(names) > most:
        what = "numbers" if most == MOST_NUMBERS else "values"
        raise DataError(
            f"factor {name!r} has {len(names)} distinct {what}: a factor has at most {most}, "
            "leave this column out (attributes) or bin it (bins)"
        )
    return index, names


def quantile_bins(column: np.ndarray, n: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers (N,) cut at their quantiles, as indices (N,) and names: the least and the largest of each bin.

    Bins hold as many numbers each as ties allow; of equal numbers all are in the same bin, and empty bins are
    left out.

    >>> quantile_bins(np.array([1.0, 2.0, 3.0, 10.0]), 2)
    (array([0, 0, 1, 1]), ('1 to 2', '3 to 10'))
    """
    edges = np.quantile(column, np.arange(1, n) / n)
    _, index = np.unique(np.searchsorted(edges, column, side="left"), return_inverse=True)
    names = []
    for place in range(int(index.max()) + 1):
        inside = column[index == place]
        least, most = _plain(inside.min()), _plain(inside.max())
        names.append(least if least == most else f"{least} to {most}")
    return index, tuple(names)


def spell_numbers(words: Sequence[str]) -> bool:
    """Whether all words spell finite numbers.

    >>> spell_numbers(["1", "2.5"]), spell_numbers(["1", "red"])
    (True, False)
    """
    try:
        return bool(np.isfinite([float(word) for word in words]).all())
    except ValueError:
        return False


def _plain(value: float) -> str:
    return str(float(value)).removesuffix(".0")


def _binned(name: str, column: np.ndarray, n: int) -> tuple[np.ndarray, tuple[str, ...]]:
    _, words = numbered(column)
    if not spell_numbers(words):
        raise DataError(f"factor {name!r} does not hold numbers alone: it cannot be cut into bins")
    index, names = quantile_bins(column.astype(np.float64), n)
    if len(names) < 2:
        raise DataError(f"factor {name!r} has no two bins: nearly all of its numbers are {names[0]}")
    return index, names


def _decoded(words: np.ndarray) -> list[str]:
    if words.dtype.kind != "S":
        return list(words.tolist())
    try:
        return [word.decode("utf-8") for word in words.tolist()]
    except UnicodeDecodeError as error:
        raise DataError("has bytes that are not UTF-8") from error


def _numeric_order(names: Sequence[str]) -> np.ndarray:
    """The order of words, or of numbers where all words are numbers: 9 before 10."""
    try:
        values = [float(name) for name in names]
    except ValueError:
        return np.arange(len(names))
    if not np.isfinite(values).all():
        return np.arange(len(names))
    order = np.argsort(values, kind="stable")
    for one, next_one in itertools.pairwise(order):
        if values[one] == values[next_one]:
            raise DataError(f"spells one number in two ways: {names[one]} and {names[next_one]}")
    return order


def _present(name: str, index: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    words = [value.lower() for value in names]
    for present in _BINARY:
        if set(words) == set(present):
            return np.array([present[word] for word in words], dtype=np.int64)[index], ("no", "yes")
    raise DataError(
        f"binary attribute {name!r} must have exactly the values 0/1, no/yes, false/true or -1/1, "
        f"it has {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
    )
