"""Checks of the arguments of metrics: codes (N, D) of finite numbers, factors (N, K) of integer values.

A metric of malformed arrays could return a plausible number. So every metric checks its arguments here first,
and the error names the array, what is wrong with it and where.

`check_codes` gives a latent that varies by rounding alone a single value, so that "range > 0" means the same
in every metric.
"""

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vision.metric_names import TEST_SHARE
from vision.metrics.arrays import Booleans, Floats, Integers, MetricError, numbers, real, varies

MIN_RANGE = 1e-70
"""A latent with a smaller range counts as constant: its fourth power is 0 in a double."""
ROUNDING_UNITS = 4
"""A latent counts as constant if its range is at most so many times the rounding of its values."""
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
    """Return codes as float64 (N, D); latents that vary by rounding alone become constant.

    Rounding is that of the type given: 4 units in the last place of single precision for float32, none for
    integers.

    Args:
        codes: (N, D), N at least 2, D at least 1, finite.
        name: What error messages call it.

    Raises:
        MetricError: For anything else.

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
    """Return factors as int64 (points, K).

    Args:
        factors: (points, K), or (points,) for a single factor: integers, or whole numbers stored as floats
            that are small enough to be exact (2^53 for float64, 2^24 for float32).
        points: The number of points.
        name: What error messages call it.

    Raises:
        MetricError: For another shape, fractions, and integers beyond 64 bits.
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
    """Return codes as float64 (N, D) and factors as int64 (N, K).

    Args:
        codes: As for `check_codes`.
        factors: As for `check_factors`; every factor takes two values or more.

    Raises:
        MetricError: As these two, and for a factor with a single value.
    """
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
    """Draw a third of checked points, rounded from 0.33 N, to test on; the others are to fit on.

    Args:
        codes: (N, D).
        factors: (N, K).
        seed: Of the draw, at least 0.

    Raises:
        MetricError: For fewer than 6 points.
    """
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
    """Check a training part and a test part, or draw the test part.

    Every factor must take two values in both: on a test part with a single value a constant prediction is
    right, and the variance, by which R^2 is divided, is 0.

    Args:
        codes: (N, D).
        factors: (N, K), or (N,).
        codes_test: (M, D); None to draw a third of the points (`draw_split`).
        factors_test: (M, K), or (M,); None as `codes_test`.
        seed: Of the draw, at least 0.

    Raises:
        MetricError: For malformed arrays, one test array without the other, numbers of columns that differ,
            or a factor with a single value in either part.
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
    """Which latents to count: bool (D,).

    Args:
        active: Booleans (D,), or None for all latents.
        codes: Checked codes (N, D); latents that do not vary are not counted.

    Raises:
        MetricError: For `active` of another shape or type.
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
    """Return a setting as int.

    Args:
        name: What error messages call it.
        value: An integer of at least `least`.
        least: The smallest valid value.

    Raises:
        MetricError: For anything else, booleans included.

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
    """Return the numbers of values of factors as a tuple.

    Args:
        sizes: (K,), K at least 1, integers of at least `least`.
        least: The smallest valid number of values.

    Raises:
        MetricError: For anything else.
    """
    shape = numbers(sizes, "sizes").shape
    if len(shape) != 1 or shape[0] < 1:
        raise MetricError(f"sizes must hold a number of values for each factor, not shape {shape}")
    return tuple(check_count(f"sizes[{factor}]", size, least) for factor, size in enumerate(sizes))
