"""The commands, one module each.

Each exports a `COMMAND` and imports nothing slow at the top: what it needs, its `main` imports.
"""

import argparse
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.errors import shortened

LARGEST_SEED = 2**63 - 1
MOST_SHOWN = 4096
"""Images of a picture."""


def whole(most: int) -> Callable[[str], int]:
    """The type of a command-line argument that is a whole number of at most `most`, whatever its sign."""

    def read(text: str) -> int:
        digits = text.strip()
        if not re.fullmatch(r"[+-]?[0-9]{1,30}", digits) or abs(int(digits)) > most:
            raise argparse.ArgumentTypeError(
                f"expected a whole number of at most {most}, got {shortened(text)}"
            )
        return int(digits)

    return read


def seed(text: str) -> int:
    """The type of a command-line argument that is a seed: 0 to LARGEST_SEED."""
    number = whole(LARGEST_SEED)(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more, got {number}")
    return number


def real(text: str) -> float:
    """The type of a command-line argument that is a finite number."""
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"expected a number, got {shortened(text)}")
    return number


def seeds(text: str) -> tuple[int, ...]:
    """The type of a command-line argument that is a list of different seeds."""
    words = text.split(",")
    if not all(re.fullmatch(r"[0-9]{1,19}", word.strip()) for word in words):
        raise argparse.ArgumentTypeError(f"expected seeds such as 0,1,2, got {shortened(text)}")
    numbers = tuple(int(word) for word in words)
    if len(set(numbers)) < len(numbers) or max(numbers) > LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"expected different seeds, got {shortened(text)}")
    return numbers


def place(text: str) -> Path:
    """The type of a command-line argument that is a path, of something that exists or is to be made."""
    if not text.strip():
        raise argparse.ArgumentTypeError("expected a path, got nothing")
    try:
        is_one = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        is_one = False
    if not is_one:
        raise argparse.ArgumentTypeError(f"no file can have the name {shortened(text)}")
    return Path(text)


def add_settings(parser: argparse.ArgumentParser, example: str = "vision.training.steps=2000") -> None:
    """Add `--set`, as a list of texts in `set`; see `pipelines.config.assignments`."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"change a setting, e.g. {example}",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add `--device`, which `pipelines.devices.machine` reads."""
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute")


class Command(NamedTuple):
    """A command of the command line."""

    summary: str
    """A phrase for the list of commands."""
    example: str
    configure: Callable[[argparse.ArgumentParser], None]
    """Adds the arguments."""
    main: Callable[[argparse.Namespace], None]
    """Does it; raises UsageError or RunError where it cannot."""
    trailing: str = ""
    """The list argument whose words may also follow the options, which argparse alone does not allow."""
    trailing_type: Callable[[str], Any] = str
    """The type of each of these words."""
