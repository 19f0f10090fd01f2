"""Measurements as the JSON files of a run hold them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def jsonable(value: Any, digits: int | None = 5) -> Any:
    """Numbers as plain Python, what is not a finite number as null, so that the JSON is valid.

    Args:
        value: Numbers, also of numpy, in mappings and lists of any depth.
        digits: Decimals that floats are rounded to; None for all of them.

    >>> jsonable({"a": float("nan"), 1: np.float64(0.123456789)})
    {'a': None, '1': 0.12346}
    """
    if isinstance(value, Mapping):
        return {str(key): jsonable(inner, digits) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(inner, digits) for inner in value]
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            return None
        return float(value) if digits is None else round(float(value), digits)
    return int(value) if isinstance(value, np.integer) else value
