"""What every metric accepts: codes (N, D) of finite numbers, factors (N, K) of integer values.

A metric computed on malformed arrays returns a number that looks like any other, so each one passes its
arguments through here first and the error names the array, what is wrong with it and where.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Single = NDArray[np.float32]
Unsigned = NDArray[np.unsignedinteger]


class MetricError(ValueError):
    """The arrays cannot be scored; the message says which one and why."""


def check_codes(codes: ArrayLike, name: str = "codes") -> Floats:
    """Return `codes` as float64 (N, D); raises `MetricError` unless two-dimensional, non-empty and finite.

    >>> check_codes([[0, 1], [2, float("nan")]])
    Traceback (most recent call last):
    vision.metrics.arrays.MetricError: codes holds nan at row 1, column 1
    """
    try:
        array = np.asarray(codes, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MetricError(f"{name} must be an array of numbers (N, D): {error}") from None
    if array.ndim != 2:
        raise MetricError(f"{name} must have shape (N, D), not {array.shape}")
    if array.shape[0] < 2 or array.shape[1] < 1:
        raise MetricError(f"{name} of shape {array.shape}: at least 2 points and 1 latent are needed")
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise MetricError(f"{name} holds {array[row, column]} at row {row}, column {column}")
    return array


def check_factors(factors: ArrayLike, points: int, name: str = "factors") -> Integers:
    """Return `factors` as int64 (points, K); whole numbers stored as floats pass, fractions do not."""
    array = np.asarray(factors)
    if array.ndim != 2 or array.shape[1] < 1:
        raise MetricError(f"{name} must have shape (N, K), not {array.shape}")
    if len(array) != points:
        raise MetricError(f"{name} has {len(array)} rows but the codes have {points}")
    if array.dtype.kind not in "biuf":
        raise MetricError(f"{name} must hold integers, not {array.dtype}")
    if array.dtype.kind == "f":
        wrong = ~np.isfinite(array) | (array != np.round(array))
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise MetricError(
                f"{name} holds {array[row, column]} at row {row}, column {column}: factor values are "
                "integers (discretise a continuous factor first)"
            )
    return array.astype(np.int64)


def check_pair(codes: ArrayLike, factors: ArrayLike) -> tuple[Floats, Integers]:
    """Check a code and its factors together; every factor must vary, or nothing can be said about it."""
    checked = check_codes(codes)
    values = check_factors(factors, len(checked))
    constant = np.flatnonzero((values == values[0]).all(0))
    if len(constant):
        raise MetricError(
            f"factor {constant[0]} has the single value {values[0, constant[0]]}: drop the column, "
            "a constant factor cannot be scored"
        )
    return checked, values


def check_split(
    codes: ArrayLike, factors: ArrayLike, codes_test: ArrayLike, factors_test: ArrayLike
) -> tuple[Floats, Integers, Floats, Integers]:
    """Check a training part and a test part, which must agree in their columns."""
    train, values = check_pair(codes, factors)
    test = check_codes(codes_test, "codes_test")
    values_test = check_factors(factors_test, len(test), "factors_test")
    if train.shape[1] != test.shape[1]:
        raise MetricError(f"codes have {train.shape[1]} latents, codes_test {test.shape[1]}")
    if values.shape[1] != values_test.shape[1]:
        raise MetricError(f"factors have {values.shape[1]} columns, factors_test {values_test.shape[1]}")
    return train, values, test, values_test


def dense(values: Integers) -> tuple[Integers, int]:
    """Renumber one factor's values (N,) to 0..V-1 in increasing order; return them and V."""
    unique, index = np.unique(values, return_inverse=True)
    return index.astype(np.int64), len(unique)
