"""Schedules of weights: functions of the training step, without state.

>>> beta = geometric(100.0, 1.0, start=0, end=1000)
>>> [round(beta(step), 6) for step in (0, 500, 1000, 5000)]
[100.0, 10.0, 1.0, 1.0]
"""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[int], float]


def constant(value: float) -> Schedule:
    """`value` at every step."""
    return lambda step: value


def linear(a: float, b: float, start: int, end: int) -> Schedule:
    """`a` up to step `start`, `b` from step `end` on, linear between them.

    Raises:
        ValueError: Unless 0 <= start < end.
    """
    progress = _progress(start, end)
    return lambda step: a + (b - a) * progress(step)


def geometric(a: float, b: float, start: int, end: int) -> Schedule:
    """`a` up to step `start`, `b` from step `end` on, changing by a constant factor per step between them.

    Raises:
        ValueError: Unless 0 <= start < end, and `a` and `b` are positive.
    """
    if not (a > 0 and b > 0):
        raise ValueError(f"a geometric schedule needs positive ends, got {a} and {b}")
    progress = _progress(start, end)
    return lambda step: a * math.exp(math.log(b / a) * progress(step))


def _progress(start: int, end: int) -> Schedule:
    if not 0 <= start < end:
        raise ValueError(f"a schedule needs 0 <= start < end, got start {start} and end {end}")
    return lambda step: min(max((step - start) / (end - start), 0.0), 1.0)
