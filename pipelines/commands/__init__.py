"""The commands, one module each.

Each exports a `COMMAND` and imports nothing slow at the top: what it needs, its `main` imports.
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple


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
