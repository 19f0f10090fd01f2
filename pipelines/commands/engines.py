"""The arguments of commands that make many runs: which engine works through them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pipelines.commands import whole
from pipelines.errors import UsageError

if TYPE_CHECKING:
    from pipelines.jobs import Engine

MOST_JOBS = 4096


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add `--engine`, `--address` and `--jobs`, which `engine_of` reads."""
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="what runs them: processes on this machine, or tasks of Ray (extra ray; default: local)",
    )
    parser.add_argument(
        "--address", default="", metavar="HOST:PORT", help="of a Ray cluster (default: Ray on this machine)"
    )
    parser.add_argument(
        "--jobs",
        type=whole(MOST_JOBS),
        metavar="N",
        help="runs at a time, 0 for as many as the cores hold (default: 1; with Ray, what its machines hold)",
    )


def engine_of(options: argparse.Namespace) -> Engine:
    """The engine that `options` asks for, with their `--device`.

    Raises:
        UsageError: When the options contradict each other, or Ray is not installed.
    """
    if options.jobs is not None and options.jobs < 0:
        raise UsageError(f"--jobs {options.jobs}: expected 1 or more, or 0")
    if options.address and options.engine != "ray":
        raise UsageError("--address is that of a Ray cluster: it needs --engine ray")
    if options.engine == "ray":
        from pipelines.jobs.on_ray import Ray

        return Ray(options.address, options.jobs or None, device=options.device)
    from pipelines.jobs import Local

    return Local(1 if options.jobs is None else options.jobs or None, device=options.device)
