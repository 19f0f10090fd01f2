"""The experiments of `scan experiment`: what the papers claim, measured, each with a verdict of its own.

An experiment is one module here, of its name with `_` for `-`, with `run(asked, machine) -> Outcome`. It is
imported when it runs, so that the list costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from pipelines.devices import Machine


class Experiment(NamedTuple):
    """An entry of the list."""

    asks: str
    """What is claimed or asked, in one sentence without a full stop."""
    source: str
    """Who claims it: paper and section; "" where it is a question of ours."""
    minutes: int
    """On two CPU cores, with the seeds that are made by default."""
    seeds: tuple[int, ...] = (0,)
    """Made by default."""


EXPERIMENTS = {
    "capacity": Experiment(
        "which factors of dSprites a decoder spends its nats on as capacity grows",
        "Burgess et al. 2018, 4.2",
        4,
    ),
}
"""All of them by name, in the order in which they are listed."""

Verdict = Literal["reproduced", "refuted", "undecided"]
"""Undecided: seeds disagree, or what was measured is within the noise, or too little was trained to tell."""


class Asked(NamedTuple):
    """How an experiment is to be made."""

    seeds: tuple[int, ...]
    folder: Path
    """Its own, for runs and for results of parts (`pipelines.experiments.parts`), from which it resumes."""
    steps: int | None = None
    """Of each training, for a trial; None for as many as the verdict needs."""
    full: bool = False
    """As large as the source made it, for a GPU."""


class Outcome(NamedTuple):
    """What an experiment found."""

    lines: tuple[str, ...]
    """For the terminal: a table or a few lines, and then the verdict with its numbers."""
    verdict: Verdict
    measures: Mapping[str, Any]
    """JSON-able."""
    figures: Mapping[str, bytes]
    """PNG files by the ends of their names."""


def run(name: str, asked: Asked, machine: Machine) -> Outcome:
    """Make an experiment of `EXPERIMENTS`."""
    module = import_module(f"pipelines.experiments.{name.replace('-', '_')}")
    outcome: Outcome = module.run(asked, machine)
    return outcome
