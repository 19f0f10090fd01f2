"""The experiments of `scan experiment`: what the papers claim, measured, each with a verdict of its own.

An experiment is one module here, of its name, with `run(asked, machine) -> Outcome`. It is imported when it
runs, so that the list costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pipelines.devices import Machine

EXPERIMENTS = {
    "capacity": "which factors of dSprites a decoder spends its nats on as capacity grows (about 4 minutes)",
}
"""What each of them asks, by name."""


class Asked(NamedTuple):
    """How an experiment is to be made."""

    seeds: tuple[int, ...] = (0,)
    steps: int | None = None
    """Of each training; None for as many as the verdict needs."""


class Outcome(NamedTuple):
    """What an experiment found."""

    lines: tuple[str, ...]
    """For the terminal."""
    reproduced: bool
    """Whether every seed shows what is claimed."""
    measures: Mapping[str, Any]
    """JSON-able."""
    figures: Mapping[str, bytes]
    """PNG files by the ends of their names."""


def run(name: str, asked: Asked, machine: Machine) -> Outcome:
    """Make an experiment of `EXPERIMENTS`."""
    outcome: Outcome = import_module(f"pipelines.experiments.{name}").run(asked, machine)
    return outcome
