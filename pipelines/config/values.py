"""What a single setting may be: numbers, text, sizes, each with an error that says what was expected."""

import math
import os
import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from pipelines.errors import printable, shortened

SIDES = 8, 512
"""The least and the most pixels of a side."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)
"""What text may spell: decimal numbers, and the infinities and NaN of YAML, which no setting takes."""
LARGEST = 1e15
"""Of weights, rates and scales: their squares and ratios are then numbers of float32."""
DIGITS = 30
"""The most of a whole number; Python takes quadratic time to read and write longer ones."""


def _float(value: object) -> object:
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        return float(re.sub(r"\.(?=[in])", "", value.strip().lower()))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, got {spelled(value)}")
    return float(value) if isinstance(value, float) or abs(value) < 10**DIGITS else math.inf


def _auto_or(least: float, range_: str) -> BeforeValidator:
    """Takes "auto", or a number from `least` on; `range_` says which these are."""

    def check(value: object) -> object:
        if value == "auto":
            return value
        try:
            number = _float(value)
        except ValueError:
            number = None
        if not isinstance(number, float) or not least <= number <= LARGEST:
            raise ValueError(f"expected auto or a number {range_}, got {spelled(value)}")
        return number

    return BeforeValidator(check)


def integer(value: object) -> object:
    """A whole number, or text that spells one; raises ValueError for anything else."""
    digits = value.strip() if isinstance(value, str) else ""
    if re.fullmatch(r"[+-]?\d+", digits, re.ASCII) and len(digits) <= DIGITS:
        return int(digits)  # not by way of a float, which has 53 bits
    number = _float(value) if isinstance(value, str) else value
    if isinstance(number, float) and number.is_integer() and abs(number) < 10.0**DIGITS:
        return int(number)
    if isinstance(number, bool) or not isinstance(number, int):
        raise ValueError(f"expected a whole number, got {spelled(value)}")
    return number


def _colour(value: object) -> object:
    from vision.data.background import check_background  # torch, which reading a config does without

    text = _text(value)
    check_background(str(text))
    return text


def _text(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"expected text, got {spelled(value)} (YAML reads yes, no, on, off so: quote it)")
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {spelled(value)}")
    if value != printable(value, lines=True):
        raise ValueError(f"expected text without control characters, got {spelled(value)}")
    return value


def _word(value: object) -> object:
    """Text, or a number as a value's name spells it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}"
    return _text(value)


def _size(value: object) -> object:
    sides = tuple(value) if isinstance(value, list | tuple) else (value, value)
    try:
        whole = [integer(side) for side in sides]
    except ValueError:
        whole = []
    if len(whole) != 2 or not all(isinstance(n, int) and SIDES[0] <= n <= SIDES[1] for n in whole):
        raise ValueError(
            f"expected a side or [height, width] from {SIDES[0]} to {SIDES[1]}, got {spelled(value)}"
        )
    return tuple(whole)


def _absolute_path(value: object) -> object:
    """The absolute path of one that is relative to the current folder, or begins with "~"."""
    if not isinstance(_text(value), str) or not value:
        raise ValueError("expected a path, got an empty text")
    return os.path.abspath(os.path.expanduser(str(value)))


def spelled(value: object) -> str:
    """A YAML value as an error message names it.

    >>> spelled(False)
    'the boolean false'
    """
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, str):
        shown = shortened(value)
        return shown if NUMBER.fullmatch(value.strip()) else f"the text '{shown}'"
    if isinstance(value, dict):
        return "a section"
    return "a list" if isinstance(value, list | tuple) else shortened(repr(value))


FiniteFloat = Annotated[float, BeforeValidator(_float), Field(allow_inf_nan=False)]
Integer = Annotated[int, BeforeValidator(integer)]
Text = Annotated[str, BeforeValidator(_text)]
Word = Annotated[str, BeforeValidator(_word)]
"""The name of a value, which may be a number."""
AbsolutePath = Annotated[str, BeforeValidator(_absolute_path)]
"""A file or folder, kept as an absolute path; a relative one is meant from the current folder."""
PositiveFloat = Annotated[FiniteFloat, Field(gt=0), Field(ge=1 / LARGEST, le=LARGEST)]
NonNegativeFloat = Annotated[FiniteFloat, Field(ge=0, le=LARGEST)]
PositiveOrAuto = Annotated[float | Literal["auto"], _auto_or(1 / LARGEST, "above 0")]
"""A number above 0, or "auto", which is resolved from the images when a run starts."""
NonNegativeOrAuto = Annotated[float | Literal["auto"], _auto_or(0, "from 0")]
PositiveInt = Annotated[Integer, Field(ge=1, le=10**9)]
NonNegativeInt = Annotated[Integer, Field(ge=0, le=10**9)]
Seed = Annotated[Integer, Field(ge=0, le=2**63 - 1)]
LargeCount = Annotated[Integer, Field(ge=1, le=10**7)]
"""Of what a run draws by the thousands: images, triples."""
BatchSize = Annotated[Integer, Field(ge=1, le=2**16)]
SmallCount = Annotated[Integer, Field(ge=1, le=1024)]
"""Of what a run has some tens: mask latents, layers, restarts."""
Latents = Annotated[Integer, Field(ge=1, le=4096)]
"""How many latents a network has; the challenge of 2019 was won with thousands."""
LayerWidth = Annotated[Integer, Field(ge=1, le=2**14)]
"""The width of a layer, channels or units."""
Size = Annotated[tuple[int, int], BeforeValidator(_size)]
"""(height, width) in pixels; a single number is a side."""
Colour = Annotated[str, BeforeValidator(_colour)]
"""A name that Pillow knows, or "#rrggbb"."""
Aliases = dict[Text, dict[Text, Text]]
Bins = dict[Text, Annotated[Integer, Field(ge=2, le=64)]]
LayerWidths = Annotated[tuple[LayerWidth, ...], Field(max_length=16)]
