"""The nearest valid name to a misspelt one, for error messages."""

import difflib
from collections.abc import Iterable


def nearest(name: str, choices: Iterable[str]) -> str:
    """The end of an error message: " (did you mean 'x'?)" with the nearest of the choices, or "".

    >>> nearest("wal", ["wall", "floor"])
    " (did you mean 'wall'?)"
    """
    close = difflib.get_close_matches(name, list(choices), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
