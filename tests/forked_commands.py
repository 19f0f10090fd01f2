"""Commands in processes of their own, without the seconds that each would import for: forks of one process
that has imported everything and done nothing."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest import mock

from pipelines.__main__ import main

STAGES = ("dae", "vision", "symbols", "operators", "judge")
IMPORTED = ("pipelines.cli", "pipelines.commands.run", "torch._dynamo")
FORKS = multiprocessing.get_context("forkserver")


def prepare(**environment: str) -> None:
    """Start the process that is forked, which has these variables and hands them on."""
    FORKS.set_forkserver_preload([*IMPORTED, *(f"pipelines.stages.{stage}" for stage in STAGES)])
    with mock.patch.dict(os.environ, environment):
        forkserver.ensure_running()


def start(arguments: Sequence[str], output: Path) -> BaseProcess:
    """Start a command.

    Args:
        arguments: The words after `scan`.
        output: A file for all that it prints.
    """
    process = FORKS.Process(target=_main, args=(list(arguments), output))
    process.start()
    return process


def _main(arguments: list[str], output: Path) -> None:
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as in an ordinary session: nohup ignores it
    sys.argv = ["scan", *arguments]
    sys.exit(main())
