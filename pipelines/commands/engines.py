"""The arguments of commands that make many runs: which engine works through them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pipelines.commands import whole
from pipelines.errors import UsageError

if TYPE_CHECKING:
    from pipelines.jobs import Engine

MOST_JOBS = 4096


def add_engine(parser: argparse.ArgumentParser, jobs: int = 1) -> None:
    """Add `--engine`, `--address` and `--jobs`, which `engine_of` reads.

    Args:
        parser: Of the command.
        jobs: How many run at a time on this machine by default; 0 for as many as the cores hold.
    """
    parser.set_defaults(local_jobs=jobs)
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
        help=f"runs at a time, 0 for as many as the cores hold (default: {jobs}; with Ray, what its machines "
        "hold)",
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

    jobs = options.local_jobs if options.jobs is None else options.jobs
    return Local(jobs or None, device=options.device)
