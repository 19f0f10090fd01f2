"""What the command line can say in one line, and the exit code that goes with it.

0 fine, 1 a run that failed (`RunError`, also of `scan.load`), 2 a wrong request, 130 interrupted after a
checkpoint.
"""

import errno
import re
from collections.abc import Iterable

from scan.run_format import RunError as RunError
from vision.spelling import closest


class UsageError(Exception):
    """The request is wrong (config, command line, a path that is not there): exit code 2."""


class DivergedRun(RunError):
    """A training whose loss or weights are no longer finite."""


class InterruptedRun(Exception):
    """Stopped by SIGINT, SIGTERM or SIGHUP after a checkpoint; the same command goes on: exit code 130."""


def explain(error: OSError) -> str:
    """The reason of an `OSError` in words for a user."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no space left on the disk"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "the folder is not writable"
    return (error.strerror or str(error)).lower()


def nearest(name: str, choices: Iterable[str], *, otherwise: str = "") -> str:
    """The end of a message about a name that is none of the choices.

    Args:
        name: The name.
        choices: What is valid.
        otherwise: What the message says where none is near, with "{}" for the choices.

    >>> nearest("vison", ["vision", "symbols"])
    '; did you mean vision?'
    >>> nearest("x", ["vision", "symbols"], otherwise="; there are {}")
    '; there are vision, symbols'
    """
    choices = list(choices)
    close = closest(name, choices)
    return f"; did you mean {close}?" if close else otherwise.format(", ".join(choices))


def counted(n: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "image"), counted(1200, "image")
    ('1 image', '1200 images')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def printable(text: str, *, lines: bool = False) -> str:
    r"""Text from outside (paths, names) as a terminal or a page can show it; `lines` keeps line ends and
    tabs.

    Escaped are control characters, halves of surrogate pairs, and marks that turn the direction of text.

    >>> printable("a\x1b[2J.png") == r"a\x1b[2J.png"
    True
    """
    return _UNPRINTABLE.sub(
        lambda found: found[0] if lines and found[0] in "\n\t" else _escaped(found[0]), text
    )


def _escaped(character: str) -> str:
    return ascii(character)[1:-1]


_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]")

QUOTED = 100
"""Characters of one piece of a user's input that a message quotes at most; few messages quote two."""


def shortened(text: str, most: int = QUOTED) -> str:
    """Text as a message quotes it: printable, and without its middle where it is long.

    >>> shortened("a" * 50 + "b" * 50, most=20)
    'aaaaaaaa...bbbbbbbbb'
    """
    shown = printable(text if len(text) <= most else text[:most] + text[-most:])
    if len(shown) <= most:
        return shown
    kept = most - 3
    return f"{shown[: kept // 2]}...{shown[len(shown) - (kept - kept // 2) :]}"
