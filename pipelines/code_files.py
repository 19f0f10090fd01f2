"""Codes and factors from a user's file: .npz with named arrays, or .csv with named columns.

An .npz holds `codes` (N, D) and `factors` (N, K), and may hold `codes_test`, `factors_test` and
`factor_names`. In a .csv the columns called `code_...`, or `z` and a number (z0, z_1), are the latents, in
the file's order; every other column is a factor. Without a test part of its own a seeded share of the rows
becomes it.
"""

import csv
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipelines.errors import UsageError
from vision.metrics import MetricError, Parts
from vision.metrics.arrays import check_codes, check_factors, check_pair, check_split

LATENT = re.compile(r"code_.+|code\d+|z_?\d+", re.IGNORECASE)
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
        UsageError: When the file cannot be read, or its arrays cannot be scored.
    """
    try:
        arrays = _arrays(path)
        missing = [key for key in ("codes", "factors") if key not in arrays]
        if missing:
            there = ", ".join(arrays) or "nothing"
            raise UsageError(f"{path}: no array called {missing[0]} (there is {there})")
        return _split(arrays, share, seed, points)
    except MetricError as error:
        raise UsageError(f"{path}: {error}") from error


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; for a run: scan metrics --run {path}")
    try:
        if path.suffix.lower() == ".csv":
            return _csv(path)
        with open(path, "rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if isinstance(file, np.lib.npyio.NpzFile):
                return {key: file[key] for key in file.files}
        raise UsageError(f"{path}: a single array; expected an .npz file with codes and factors")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (OSError, EOFError, ValueError, csv.Error, zipfile.BadZipFile, zlib.error) as error:
        what = " ".join(str(error).split())
        raise UsageError(f"{path}: neither a .csv file nor an .npz file of plain arrays ({what})") from error


def _csv(path: Path) -> dict[str, np.ndarray]:
    with open(path, newline="", encoding="utf-8-sig") as stream:
        head, *rows = [row for row in csv.reader(stream) if row] or [[]]
    head = [name.strip() for name in head]
    latents = [column for column, name in enumerate(head) if LATENT.fullmatch(name)]
    factors = [column for column, name in enumerate(head) if not LATENT.fullmatch(name)]
    if not latents or not factors:
        what = "no column of codes (code_0, z1, ...)" if not latents else "no column besides those of codes"
        raise UsageError(f"{path}: {what} in its first line: {', '.join(head[:8])}")
    table = np.empty((len(rows), len(head)))
    for place, row in enumerate(rows):
        if len(row) != len(head):
            raise UsageError(f"{path}: row {place + 1} has {len(row)} cells, the first line {len(head)}")
        for column, cell in enumerate(row):
            try:
                table[place, column] = float(cell)
            except ValueError:
                wanted = "an integer" if column in factors else "a number"
                told = f"column {head[column]}, row {place + 1}: {cell!r} is not {wanted}"
                raise UsageError(f"{path}: {told}") from None
    names = np.array([head[column] for column in factors])
    return {"codes": table[:, latents], "factors": table[:, factors], "factor_names": names}


def _split(arrays: dict[str, np.ndarray], share: float, seed: int, points: int | None) -> Coded:
    """Check whole arrays first, so that an error names the row of the file."""
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
    return tuple(str(name) for name in found)


def counts(names: Sequence[str], factors: np.ndarray) -> dict[str, int]:
    """The number of values of each factor (N, K)."""
    return {name: len(np.unique(column)) for name, column in zip(names, factors.T, strict=True)}
