"""Names of attributes, values and aliases: which there can be, how they are compared and quoted in errors."""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

LONGEST_NAME = 200
"""Characters of an attribute, a value or an alias."""

_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]")
"""Controls, halves of surrogate pairs, spaces of no width, and marks that turn the direction of what
follows; not the joiners that some scripts and emoji need."""


class VocabularyError(ValueError):
    """A name that no vocabulary can hold, or that the vocabulary at hand does not know."""


def shortened(text: str, most: int = 80) -> str:
    """Text as an error message quotes it: at most `most` characters, without its middle where it is longer.

    >>> shortened("ice lolly, ice lolly", most=11)
    'ice ...olly'
    """
    return text if len(text) <= most else f"{text[: (most - 3) // 2]}...{text[-((most - 2) // 2) :]}"


def quoted(value: object) -> str:
    """`repr` of anything as an error message quotes it."""
    return shortened(repr(value))


def check_name(name: object, what: str) -> str:
    """Return `name` if it can name an attribute, a value or an alias.

    Args:
        name: A string of 1 to LONGEST_NAME visible characters, with single spaces between words only.
        what: What it names, for the error.

    Raises:
        VocabularyError: For anything else.

    >>> check_name(False, 'value of "hat"')
    Traceback (most recent call last):
    symbols.names.VocabularyError: value of "hat" must be a string, not False (bool): quote it in YAML
    """
    if not isinstance(name, str):
        kind = type(name).__name__
        raise VocabularyError(f"{what} must be a string, not {quoted(name)} ({kind}): quote it in YAML")
    return _checked(name, what)


@functools.lru_cache(maxsize=2**14)  # the same few names make up all concepts
def _checked(name: str, what: str) -> str:
    if not name.strip():
        raise VocabularyError(f"{what} is {shortened(name)!r}: empty")
    if name != " ".join(name.split()):
        space = "a line break" if len(name.splitlines()) > 1 else "stray white space"
        raise VocabularyError(f"{what} is {shortened(name)!r}: with {space}")
    if len(name) > LONGEST_NAME:
        raise VocabularyError(
            f'{what} "{shortened(name)}" has {len(name):,} characters, at most {LONGEST_NAME} are a name'
        )
    if _INVISIBLE.search(name):
        raise VocabularyError(f"{what} is {shortened(str(name))!a}: it has a character that cannot be seen")
    return str(name)


def check_distinct(names: Iterable[str], what: str) -> None:
    """Raise VocabularyError for two names with the same `spelling`; `what` says what they name."""
    seen: dict[str, str] = {}
    for name in names:
        spelt = spelling(name)
        if spelt in seen:
            raise VocabularyError(f'{what}: "{seen[spelt]}" and "{name}" cannot be told apart')
        seen[spelt] = name


def check_keys(data: object, known: tuple[str, ...], what: str) -> None:
    """Raise VocabularyError unless `data` is a mapping with no other keys than `known`; `what` names it."""
    if not isinstance(data, Mapping):
        raise VocabularyError(f"{what} must be a mapping with {', '.join(known)}, not {quoted(data)}")
    for key in data:
        if key not in known:
            raise VocabularyError(f"{what} has no key {quoted(key)}{did_you_mean(str(key), known)}")


def spelling(name: str) -> str:
    """A name as it is compared in expressions: without case, "_" as a space, "=" as ":", no spaces around it,
    accents composed (NFC).

    >>> spelling("Hair_Colour = Red")
    'hair colour:red'
    """
    words = " ".join(re.split(r"[\s_]+", unicodedata.normalize("NFC", name.casefold()))).strip()
    return re.sub(r"\s*[:=]\s*", ":", words) or name


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The end of an error message: the nearest known name, or nothing where none is near.

    Args:
        name: What was written.
        known: The valid names.
        cutoff: Similarity in 0..1 from which a name counts as near (that of `difflib.get_close_matches`).

    >>> did_you_mean("Wal", ["wall", "floor"])
    '; did you mean "wall"?'
    """
    by_spelling = {spelling(candidate): candidate for candidate in known}
    near = difflib.get_close_matches(spelling(name), by_spelling, n=1, cutoff=cutoff)
    return f'; did you mean "{shortened(by_spelling[near[0]])}"?' if near else ""


def listing(names: Sequence[str], most: int = 8) -> str:
    """At most `most` names for an error message, and how many there are where these are more."""
    shown = ", ".join(map(shortened, names[:most]))
    return f"{shown}, ... ({len(names)} in all)" if len(names) > most else shown
