"""Arrays as the metrics compute with them: types, conversion of what a user has, arithmetic by column.

Whether a latent is constant is decided by its range: the variance of N times 0.1 is not 0 in floating point.
`centred` gives a constant column exact zeros.
"""

import sys
from numbers import Integral, Real
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Single = NDArray[np.float32]
Unsigned = NDArray[np.unsignedinteger]

MAX_CODE = 1e70
"""Largest absolute value of a code: the fourth power of a range must fit into a double."""
EXACT_INTEGERS = 2.0**53
"""From here on, doubles hold even integers only."""


class MetricError(ValueError):
    """The arrays cannot be scored; the message says which one and why."""


@runtime_checkable
class Frame(Protocol):
    """A data frame of any library."""

    def to_numpy(self) -> NDArray[Any]:
        """Its values (N, columns)."""


# ---- conversion


def numbers(values: Any, name: str) -> NDArray[Any]:
    """Return `values` as an array of booleans, integers or real floating-point numbers, of any shape.

    Every array that a user hands to a metric is converted here.

    Args:
        values: A numpy array; a torch tensor, which is copied from its device; a data frame; (nested) lists
            of numbers; anything else with `__array__` or `to_numpy`.
        name: What error messages call it.

    Raises:
        MetricError: For anything that numpy would have to reinterpret: complex numbers, dates, text, masked
            entries, rows of unlike lengths, a tensor's bfloat16; for a tensor that requires a gradient, since
            no metric has one.
    """
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.getmaskarray(values).any():
            row = ", ".join(str(place) for place in np.argwhere(np.ma.getmaskarray(values))[0])
            raise MetricError(f"{name} is masked at ({row}): leave such rows out, or fill them")
        values = values.data
    try:
        array = _as_array(values)
    except (TypeError, ValueError, RuntimeError) as error:
        why = (str(error).splitlines() or [""])[0][:160]
        raise MetricError(f"{name} must be an array of numbers: {why}") from None
    if array.dtype.kind == "O":
        array = _unboxed(array, name)
    if array.dtype.kind not in "biuf":
        raise MetricError(f"{name} must hold real numbers, not {array.dtype}")
    return array


def _as_array(values: Any) -> NDArray[Any]:
    torch = sys.modules.get("torch")  # there is no tensor where nobody has imported it
    if torch is not None and isinstance(values, torch.Tensor):
        return np.asarray(values.cpu())
    return np.asarray(values.to_numpy() if isinstance(values, Frame) else values)


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
    """Return `values` as finite float64 of any shape.

    Args:
        values: As for `numbers`, at most MAX_CODE in absolute value.
        name: What error messages call it.

    Raises:
        MetricError: As `numbers`; for integers of 2^53 or more, and for numbers that are not finite or too
            large.

    >>> real([0.5, float("inf")], "kl")
    Traceback (most recent call last):
    vision.metrics.arrays.MetricError: kl holds inf at (1)
    """
    array = numbers(values, name)
    if array.dtype.kind in "iu" and array.size and max(int(array.max()), -int(array.min())) > EXACT_INTEGERS:
        worst = max((int(array.max()), int(array.min())), key=abs)
        raise MetricError(
            f"{name} holds {worst}: integers of 2^53 or more lose their last digits as floating-point "
            "numbers, subtract an offset"
        )
    converted = np.asarray(array, dtype=np.float64)
    wrong = ~(np.abs(converted) <= MAX_CODE)
    if wrong.any():
        place = np.argwhere(wrong)[0]
        where = f"row {place[0]}, column {place[1]}" if len(place) == 2 else f"({', '.join(map(str, place))})"
        limit = f", beyond {MAX_CODE:g}" if np.isfinite(converted[tuple(place)]) else ""
        raise MetricError(f"{name} holds {converted[tuple(place)]} at {where}{limit}")
    return converted


# ---- columns


def varies(array: NDArray[Any]) -> Booleans:
    """Which columns of checked codes or factors (N, D) take more than one value."""
    return (array != array[0]).any(0)


def centred(array: Floats) -> Floats:
    """Subtract each column's mean from it; a constant column becomes exactly 0."""
    offset = array - array[0]
    return offset - offset.mean(0)


def standardised(array: Floats, *others: Floats) -> tuple[Floats, ...]:
    """Standardise columns; those that are constant in `array` become 0 in all parts.

    Args:
        array: (N, D), whose means and standard deviations are used.
        others: Further parts (M, D), which are shifted and scaled alike.
    """
    origin = array[0]
    offset = array - origin
    varying = varies(array)
    mean, deviation = offset.mean(0), np.where(varying, offset.std(0), 1.0)
    return tuple(np.where(varying, (part - origin - mean) / deviation, 0.0) for part in (array, *others))


def dense(values: Integers) -> tuple[Integers, int]:
    """Renumber one factor's values (N,) to 0..V-1 in increasing order; return them and V."""
    unique, index = np.unique(values, return_inverse=True)
    return index.astype(np.int64), len(unique)


def above_minimum(values: Integers, least: Integers | None = None) -> Floats:
    """Subtract each column's minimum from integers and return float64 (N, K).

    For correlations and regressions, which do not depend on an offset: integers above 2^53 would lose their
    last digits as float64.

    Args:
        values: (N, K).
        least: (K,), what to subtract in place of the minimum.
    """
    floor = values.min(0) if least is None else least
    above = (values - floor).view(np.uint64).astype(np.float64)  # the difference may take all 64 bits
    below = (floor - values).view(np.uint64).astype(np.float64)
    return np.where(values >= floor, above, -below)
