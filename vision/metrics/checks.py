"""What every metric accepts: codes (N, D) of finite numbers, factors (N, K) of integer values.

A metric of malformed arrays would return a number like any other. So each one checks its arguments here
first, and the error names the array, what is wrong with it and where.

`check_codes` gives a latent that varies by rounding alone a single value, so that "range > 0" means the same
in every metric.
"""

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vision.metrics.arrays import Booleans, Floats, Integers, MetricError, numbers, real, varies

MIN_RANGE = 1e-70
"""A latent with a smaller range counts as constant: its fourth power is 0 in a double."""
ROUNDING_UNITS = 4
"""A latent counts as constant if its range is at most so many times the rounding of its values."""
TEST_SHARE = 0.33
"""Share of the points that are drawn to test on where no test part is given."""
FEWEST_TO_SPLIT = 6
"""Points that a test part is drawn from at least."""


class Split(NamedTuple):
    """A part (N, D), (N, K) to fit on and a part (M, D), (M, K) to test on."""

    codes: Floats
    factors: Integers
    codes_test: Floats
    factors_test: Integers


# ---- arrays


def check_codes(codes: ArrayLike, name: str = "codes") -> Floats:
    """Return `codes` as float64 (N, D), latents that vary by rounding alone with a single value.

    Rounding is that of the type given: 4 units in the last place of single precision for float32, none for
    integers. Raises `MetricError` unless two-dimensional, non-empty and finite.

    >>> check_codes([[0, 1], [2, float("nan")]])
    Traceback (most recent call last):
    vision.metrics.arrays.MetricError: codes holds nan at row 1, column 1
    """
    given = numbers(codes, name)
    if given.ndim != 2:
        raise MetricError(f"{name} must have shape (N, D), not {given.shape}")
    if given.shape[0] < 2 or given.shape[1] < 1:
        raise MetricError(f"{name} of shape {given.shape}: at least 2 points and 1 latent are needed")
    array = real(given, name)
    unit = float(np.finfo(given.dtype).eps) if given.dtype.kind == "f" else 0.0
    width = np.ptp(array, axis=0)
    still = (width > 0) & (width <= np.maximum(ROUNDING_UNITS * unit * np.abs(array).max(0), MIN_RANGE))
    return np.where(still, array[0], array) if still.any() else array


def check_factors(factors: ArrayLike, points: int, name: str = "factors") -> Integers:
    """Return `factors` (points, K), or a single factor (points,), as int64 (points, K).

    Whole numbers stored as floats pass up to where that type tells neighbours apart (2^53 for float64, 2^24
    for float32); fractions and integers beyond 64 bits do not.
    """
    array = numbers(factors, name)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] < 1:
        raise MetricError(f"{name} must have shape (N, K), not {array.shape}")
    if len(array) != points:
        raise MetricError(f"{name} has {len(array)} rows but the codes have {points}")
    if array.dtype.kind == "f":
        _refuse(
            ~np.isfinite(array) | (array != np.round(array)),
            array,
            name,
            "factor values are integers (discretise a continuous factor first)",
        )
        exact = min(2.0 ** (np.finfo(array.dtype).nmant + 1), 2.0**62)
        _refuse(
            np.abs(array) >= exact,
            array,
            name,
            f"{array.dtype} cannot tell such a value from its neighbours, store factors as integers",
        )
    elif array.dtype.kind == "u":
        _refuse(array > np.iinfo(np.int64).max, array, name, "factor values are 64-bit integers")
    return array.astype(np.int64)


def _refuse(wrong: NDArray[np.bool_], array: NDArray[Any], name: str, why: str) -> None:
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise MetricError(f"{name} holds {array[row, column]} at row {row}, column {column}: {why}")


def check_pair(codes: ArrayLike, factors: ArrayLike) -> tuple[Floats, Integers]:
    """Check a code and its factors together; every factor must vary, or nothing can be said about it."""
    checked = check_codes(codes)
    values = check_factors(factors, len(checked))
    constant = np.flatnonzero(~varies(values))
    if len(constant):
        raise MetricError(
            f"factor {constant[0]} has the single value {values[0, constant[0]]}: drop the column, "
            "a constant factor cannot be scored"
        )
    return checked, values


def draw_split(codes: Floats, factors: Integers, seed: int) -> Split:
    """Draw a third of checked points, rounded from 0.33 N, to test on; the others are to fit on."""
    points = len(codes)
    if points < FEWEST_TO_SPLIT:
        raise MetricError(
            f"{points} points are too few to draw a test part from: give codes_test and factors_test"
        )
    order = np.random.default_rng(seed).permutation(points)
    test, fit = np.split(order, [round(points * TEST_SHARE)])
    return Split(codes[fit], factors[fit], codes[test], factors[test])


def check_split(
    codes: ArrayLike,
    factors: ArrayLike,
    codes_test: ArrayLike | None = None,
    factors_test: ArrayLike | None = None,
    *,
    seed: int = 0,
) -> Split:
    """Check a training part and a test part, which must agree in their columns.

    Without a test part `draw_split` draws one from the points given, by `seed` (>= 0). Every factor must vary
    in both: on a test part with one value of it, guessing that value is always right, and its variance, by
    which R^2 is divided, is 0.
    """
    train, values = check_pair(codes, factors)
    if codes_test is None and factors_test is None:
        return check_split(*draw_split(train, values, seed))
    if codes_test is None or factors_test is None:
        given, missing = "codes_test", "factors_test"
        if codes_test is None:
            given, missing = missing, given
        raise MetricError(f"{given} without {missing}: give both, or neither")
    test = check_codes(codes_test, "codes_test")
    values_test = check_factors(factors_test, len(test), "factors_test")
    if train.shape[1] != test.shape[1]:
        raise MetricError(f"codes have {train.shape[1]} latents, codes_test {test.shape[1]}")
    if values.shape[1] != values_test.shape[1]:
        raise MetricError(f"factors have {values.shape[1]} columns, factors_test {values_test.shape[1]}")
    constant = np.flatnonzero(~varies(values_test))
    if len(constant):
        raise MetricError(
            f"factor {constant[0]} has the single value {values_test[0, constant[0]]} in the test part "
            "(factors_test): take more points to test on, or drop the column from both parts"
        )
    return Split(train, values, test, values_test)


def check_active(active: ArrayLike | None, codes: Floats) -> Booleans:
    """Latents (D,) to count: those that vary and, where `active` (D,) is given, that it marks as well.

    Raises:
        MetricError: Unless `active` holds a boolean for each latent.
    """
    if active is None:
        return varies(codes)
    mask = numbers(active, "active")
    if mask.dtype.kind != "b" or mask.shape != (codes.shape[1],):
        raise MetricError(
            f"active must hold {codes.shape[1]} booleans, one a latent, "
            f"not {mask.dtype} of shape {mask.shape}"
        )
    return mask.astype(np.bool_) & varies(codes)


# ---- settings


def check_count(name: str, value: Any, least: int) -> int:
    """Return a setting as int; raises `MetricError` unless it is an integer of at least `least`.

    >>> check_count("bins", 2.5, 2)
    Traceback (most recent call last):
    vision.metrics.arrays.MetricError: bins=2.5 must be an integer of at least 2
    """
    try:
        count = operator.index(value)
    except TypeError:
        count = least - 1
    if isinstance(value, (bool, np.bool_)) or count < least:
        raise MetricError(f"{name}={str(value)[:40]} must be an integer of at least {least}")
    return count


def check_sizes(sizes: Sequence[int], least: int) -> tuple[int, ...]:
    """Return the numbers of values of at least one factor; raises `MetricError` below `least` values each."""
    shape = numbers(sizes, "sizes").shape
    if len(shape) != 1 or shape[0] < 1:
        raise MetricError(f"sizes must hold a number of values for each factor, not shape {shape}")
    return tuple(check_count(f"sizes[{factor}]", size, least) for factor, size in enumerate(sizes))
