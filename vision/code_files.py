"""Codes and factors from a user's file: .npz with named arrays, or a table of text with named columns.

An .npz holds `codes` (N, D) and `factors` (N, K), and may hold `codes_test`, `factors_test` and
`factor_names`; factors are integers or words. A file with a name of another ending than a table's is read as
an .npz. In a .csv (`vision.data.tables` has the formats) the columns called `code_...`, or `z` and a number
(z0, z_1), are the latents, in the file's order; every other column is a factor. Without a test part of its
own a seeded share of the rows becomes it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vision.data.archives import names_of, read_arrays, words
from vision.data.factors import numbered
from vision.data.images import DataError
from vision.data.tables import TABLES, Table, hint, number, quoted, read_table
from vision.metrics import MetricError, Parts
from vision.metrics.checks import check_codes, check_factors, check_pair, check_split

LATENT = re.compile(r"code_.+|code\d+|z_?\d+", re.IGNORECASE)
ARRAYS = ("codes", "factors", "codes_test", "factors_test", "factor_names")
LISTED = 8
"""Names of columns or arrays that an error lists at most."""
INDEX_ROWS = 100
"""From this many rows on, a factor with a value of its own in every row is taken for a mistake."""


class Coded(NamedTuple):
    """What a file holds, split."""

    parts: Parts
    names: tuple[str, ...]
    """Of the factors."""
    split: str
    """Where the test part comes from, in words."""


def read(path: Path, *, share: float, seed: int, points: int | None = None) -> Coded:
    """Read, check and split a file.

    Args:
        path: The file.
        share: The share of the rows to test on, where the file has no test part.
        seed: Of the split, and of what is drawn.
        points: Fit on at most so many points and test on half as many, drawn without replacement; all by
            default.

    Raises:
        DataError: When the file cannot be read, or its arrays cannot be scored.
    """
    path = path.expanduser()
    try:
        arrays = _arrays(path)
        return _split(arrays, share, seed, points)
    except MetricError as error:
        raise DataError(f"{path}: {error}") from error


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if path.is_dir():
        raise DataError(f"{path} is a folder")
    if path.suffix.lower() in TABLES:
        return _table(path)
    try:
        arrays = read_arrays(path, ARRAYS.__contains__)
    except DataError as error:
        what = str(error)
        kinds = f"{', '.join(TABLES)} or .npz"
        raise DataError(f"{path}: {what}" + (f"; expected {kinds}" if "not an" in what else "")) from error
    for key in ("codes", "factors"):
        if key not in arrays:
            there = ", ".join(names_of(path)[:LISTED]) or "nothing"
            raise DataError(f"{path}: no array called {key} (there is {there})")
    return arrays


def _table(path: Path) -> dict[str, np.ndarray]:
    table = read_table(path)
    table.problems.raise_any(path, table.total)
    latents = [name for name in table.names if LATENT.fullmatch(name)]
    factors = [name for name in table.names if not LATENT.fullmatch(name)]
    if not latents or not factors:
        what = "no column of codes (code_0, z1, ...)" if not latents else "no column besides those of codes"
        raise DataError(f"{path}: {what} in its header: {', '.join(table.names[:LISTED])}")
    return {
        "codes": np.array([table.numbers(name) for name in latents]).T,
        "factors": np.stack([_factor(table, name) for name in factors], axis=1),
        "factor_names": np.array(factors),
    }


def _factor(table: Table, name: str) -> np.ndarray:
    """A column (N,): integers where all cells are numbers, else words, numbered in ascending order."""
    cells = table.columns[name]
    for line, cell in zip(table.lines, cells, strict=True):
        if not cell or hint(cell):
            what = f"{quoted(cell)} is no value of a factor{hint(cell)}" if cell else "empty"
            raise DataError(f"{table.path}: column {name}, line {line}: {what}")
    if any(number(cell) is None for cell in cells):
        return numbered(np.array(cells))[0]
    values = np.array(table.numbers(name))
    wrong = np.flatnonzero(values != np.round(values))
    if len(wrong):
        where = f"line {table.lines[wrong[0]]}: {quoted(cells[wrong[0]])}"
        raise DataError(
            f"{table.path}: column {name}, {where} is not an integer (discretise a continuous factor first)"
        )
    return values


def _numbered(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Words in the factors (N, K), and in those of the test part, as numbers that mean the same in both."""
    parts = [arrays[key] for key in ("factors", "factors_test") if key in arrays]
    if not any(part.dtype.kind in "US" for part in parts) or len({part.shape[1:] for part in parts}) != 1:
        return arrays
    if any(part.ndim != 2 for part in parts) or len({part.dtype.kind for part in parts}) != 1:
        return arrays
    try:
        both = np.stack([numbered(column)[0] for column in np.concatenate(parts).T], axis=1)
    except DataError as error:
        raise MetricError(f"factors: a column {error}") from error
    found = {**arrays, "factors": both[: len(parts[0])]}
    return found if len(parts) == 1 else {**found, "factors_test": both[len(parts[0]) :]}


def _split(arrays: dict[str, np.ndarray], share: float, seed: int, points: int | None) -> Coded:
    """Check whole arrays first, so that an error names the row of the file."""
    arrays = _numbered(arrays)
    codes = check_codes(arrays["codes"])
    factors = check_factors(arrays["factors"], len(codes))
    check_pair(codes, factors)
    names = _names(arrays.get("factor_names"), factors.shape[1])
    for name, column in zip(names, factors.T, strict=True):
        if len(codes) >= INDEX_ROWS and len(np.unique(column)) == len(codes):
            raise MetricError(
                f"{name} has another value in every row: leave out an index, discretise a continuous factor"
            )
    tests = [key for key in ("codes_test", "factors_test") if key in arrays]
    if len(tests) == 1:
        raise MetricError(f"{tests[0]} without {'codes' if 'factors' in tests[0] else 'factors'}_test")
    rng = np.random.default_rng(seed)
    if tests:
        test = check_codes(arrays["codes_test"], "codes_test")
        values = check_factors(arrays["factors_test"], len(test), "factors_test")
        split = "the file's own test part"
    else:
        order = rng.permutation(len(codes))
        few = round(len(codes) * share)
        if not 2 <= few <= len(codes) - 2:
            raise MetricError(
                f"a test share of {share} leaves {len(codes) - few} points to fit, {few} to test"
            )
        test, values = codes[order[:few]], factors[order[:few]]
        codes, factors = codes[order[few:]], factors[order[few:]]
        split = f"a test share of {share:g} drawn with seed {seed}"
    if points is not None and (len(codes) > points or len(test) > points // 2):
        split += f", of these at most {points:,} and {points // 2:,} points"
        some = rng.permutation(len(codes))[:points], rng.permutation(len(test))[: points // 2]
        codes, factors, test, values = codes[some[0]], factors[some[0]], test[some[1]], values[some[1]]
    return Coded(Parts(*check_split(codes, factors, test, values), seed), names, split)


def _names(found: np.ndarray | None, factors: int) -> tuple[str, ...]:
    if found is None:
        return tuple(f"factor {k}" for k in range(factors))
    if found.shape != (factors,):
        raise MetricError(f"factor_names has shape {found.shape} for {factors} factors")
    try:
        names = words(found, "factor_names")
    except DataError as error:
        raise MetricError(str(error)) from error
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise MetricError(f"factor_names has {twice[0]!r} twice")
    return tuple(names)


def counts(names: Sequence[str], factors: np.ndarray) -> dict[str, int]:
    """The number of values that each factor takes.

    Args:
        names: Of K factors.
        factors: (N, K).
    """
    return {name: len(np.unique(column)) for name, column in zip(names, factors.T, strict=True)}
