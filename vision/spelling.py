"""The nearest valid name to a misspelt one, for error messages."""

import difflib
from collections.abc import Iterable


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
