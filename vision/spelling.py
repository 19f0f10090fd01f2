"""The nearest valid name to a misspelt one, for error messages."""

import difflib
import reprlib
from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


def closest(name: str, choices: Iterable[str]) -> str | None:
    """The choice whose spelling is most like that of `name`, None where none is like it."""
    return next(iter(difflib.get_close_matches(name, list(choices), n=1)), None)


def nearest(name: str, choices: Iterable[str]) -> str:
    """The end of an error message: " (did you mean 'x'?)" with the nearest of the choices, or "".

    >>> nearest("wal", ["wall", "floor"])
    " (did you mean 'wall'?)"
    """
    close = closest(name, choices)
    return "" if close is None else f" (did you mean {close!r}?)"


def choose(choices: Mapping[str, T], name: object, what: str) -> T:
    """The choice of a name; ValueError with the nearest valid spelling for any other.

    Args:
        choices: By name.
        name: Of one of them.
        what: The choices are, for the message.
    """
    if not isinstance(name, str) or name not in choices:
        shown = reprlib.repr(name)
        near = nearest(shown.strip("'"), choices)
        raise ValueError(f"unknown {what} {shown}{near}: choose from {', '.join(choices)}")
    return choices[name]
