"""What every metric accepts: codes (N, D) of finite numbers, factors (N, K) of integer values.

A metric computed on malformed arrays returns a number that looks like any other, so each one passes its
arguments through here first and the error names the array, what is wrong with it and where.

Whether a latent is constant is decided here, too, and by its range: the variance of N times 0.1 is not 0 in
floating point. `check_codes` gives a latent that varies by rounding alone a single value, and `centred` gives
it exact zeros, so that "range > 0" means the same in every metric.
"""

import operator
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Single = NDArray[np.float32]
Unsigned = NDArray[np.unsignedinteger]

LARGEST = 1e70
"""Of a code, in absolute value: the fourth power of a range must fit into a double."""
SMALLEST = 1e-70
"""A latent with a smaller range counts as constant, for the same reason."""
ROUNDING = 4
"""A latent counts as constant if its range is at most so many times the rounding of its values."""
WHOLE = 2.0**53
"""From here on, doubles hold even integers only."""


class MetricError(ValueError):
    """The arrays cannot be scored; the message says which one and why."""


class Split(NamedTuple):
    """A part (N, D), (N, K) to fit on and a part (M, D), (M, K) to test on."""

    codes: Floats
    factors: Integers
    codes_test: Floats
    factors_test: Integers


# ---- arrays


def numbers(values: Any, name: str) -> NDArray[Any]:
    """Return `values` as an array of booleans, integers or real floating-point numbers.

    Raises:
        MetricError: For anything that numpy would have to reinterpret: complex numbers, dates, text, masked
            entries, rows of unlike lengths, tensors on another device or that require a gradient.
    """
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.getmaskarray(values).any():
            row = ", ".join(str(place) for place in np.argwhere(np.ma.getmaskarray(values))[0])
            raise MetricError(f"{name} is masked at ({row}): leave such rows out, or fill them")
        values = values.data
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: a tensor that requires a gradient
        why = (str(error).splitlines() or [""])[0][:160]
        raise MetricError(f"{name} must be an array of numbers: {why}") from None
    if array.dtype.kind == "O":
        array = _unboxed(array, name)
    if array.dtype.kind not in "biuf":
        raise MetricError(f"{name} must hold real numbers, not {array.dtype}")
    return array


def _unboxed(array: NDArray[np.object_], name: str) -> NDArray[Any]:
    """Python's own numbers in an array of objects, as int64 if all are integers and else as float64."""
    whole = True
    for place, value in np.ndenumerate(array):
        if not isinstance(value, Real):
            where = f" at ({', '.join(map(str, place))})" if place else ""
            raise MetricError(
                f"{name} must hold real numbers, not the {type(value).__name__} {str(value)[:40]!r}{where}"
            )
        whole = whole and isinstance(value, Integral)
    try:
        return array.astype(np.int64 if whole else np.float64)
    except OverflowError:
        raise MetricError(f"{name} holds a number that is beyond 64 bits") from None


def real(values: Any, name: str) -> Floats:
    """Return `values` as finite float64 of any shape; raises `MetricError` where that would change them.

    >>> real([0.5, float("inf")], "kl")
    Traceback (most recent call last):
    vision.metrics.arrays.MetricError: kl holds inf at (1)
    """
    array = numbers(values, name)
    if array.dtype.kind in "iu" and array.size and max(int(array.max()), -int(array.min())) > WHOLE:
        worst = max((int(array.max()), int(array.min())), key=abs)
        raise MetricError(
            f"{name} holds {worst}: integers of 2^53 or more lose their last digits as floating-point "
            "numbers, subtract an offset"
        )
    converted = np.asarray(array, dtype=np.float64)
    wrong = ~(np.abs(converted) <= LARGEST)
    if wrong.any():
        place = np.argwhere(wrong)[0]
        where = f"row {place[0]}, column {place[1]}" if len(place) == 2 else f"({', '.join(map(str, place))})"
        limit = f", beyond {LARGEST:g}" if np.isfinite(converted[tuple(place)]) else ""
        raise MetricError(f"{name} holds {converted[tuple(place)]} at {where}{limit}")
    return converted


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
    still = (width > 0) & (width <= np.maximum(ROUNDING * unit * np.abs(array).max(0), SMALLEST))
    return np.where(still, array[0], array) if still.any() else array


def check_factors(factors: ArrayLike, points: int, name: str = "factors") -> Integers:
    """Return `factors` as int64 (points, K).

    Whole numbers stored as floats pass up to where that type tells neighbours apart (2^53 for float64, 2^24
    for float32); fractions and integers beyond 64 bits do not.
    """
    array = numbers(factors, name)
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


def check_split(
    codes: ArrayLike, factors: ArrayLike, codes_test: ArrayLike, factors_test: ArrayLike
) -> Split:
    """Check a training part and a test part, which must agree in their columns.

    Every factor must vary in both: on a test part with one value of it, guessing that value is always right,
    and its variance, by which R^2 is divided, is 0.
    """
    train, values = check_pair(codes, factors)
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


# ---- what metrics compute from them


def varies(array: NDArray[Any]) -> Booleans:
    """Which columns of checked codes or factors (N, D) take more than one value."""
    return (array != array[0]).any(0)


def centred(array: Floats) -> Floats:
    """Subtract each column's mean from it; a constant column becomes exactly 0."""
    offset = array - array[0]
    return offset - offset.mean(0)


def standardised(array: Floats, *others: Floats) -> tuple[Floats, ...]:
    """Centre columns and divide them by their deviation, `others` by the same numbers.

    Columns that are constant in `array` become 0 there, and in the others, since nothing can be learned from
    them.
    """
    origin = array[0]
    offset = array - origin
    live = varies(array)
    mean, deviation = offset.mean(0), np.where(live, offset.std(0), 1.0)
    return tuple(np.where(live, (other - origin - mean) / deviation, 0.0) for other in (array, *others))


def dense(values: Integers) -> tuple[Integers, int]:
    """Renumber one factor's values (N,) to 0..V-1 in increasing order; return them and V."""
    unique, index = np.unique(values, return_inverse=True)
    return index.astype(np.int64), len(unique)


def heights(values: Integers, least: Integers | None = None) -> Floats:
    """Values (N, K) above `least` (K,), their own least by default, as float64.

    What correlations and regressions take: they do not depend on an offset, in which large labels would lose
    their last digits.
    """
    floor = values.min(0) if least is None else least
    above = (values - floor).view(np.uint64).astype(np.float64)  # the difference may take all 64 bits
    below = (floor - values).view(np.uint64).astype(np.float64)
    return np.where(values >= floor, above, -below)
