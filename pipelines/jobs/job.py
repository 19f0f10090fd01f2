"""A job, which is one `scan run` in a folder of its own, and what an engine does with jobs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from pipelines.config import Config, config_files
from pipelines.errors import shortened
from pipelines.runs.files import fingerprint
from pipelines.runs.plan import plan
from pipelines.stopping import INTERRUPTED

FAILURE = "scan: error: "
"""How the last line of a run that failed begins."""


class Job(NamedTuple):
    """A run that is to be brought up to date."""

    config: str
    """What `scan run` takes: the name of a shipped config, or a path."""
    assignments: tuple[str, ...]
    """`KEY=VALUE` each, for `--set`; that of the seed among them."""
    folder: Path
    """Of the run; no other job has it."""
    stages: tuple[str, ...] = ()
    """Only these; none for the whole run."""

    @property
    def log(self) -> Path:
        """What the run says: a file beside its folder, to which every start appends."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def resolved(self) -> Config:
        """The config with the assignments, as `scan run` reads it.

        Raises:
            UsageError: When it cannot be read or is wrong, in one line.
        """
        return config_files.load(config_files.find(self.config), self.assignments, quiet=True)

    def arguments(self, device: str = "auto") -> list[str]:
        """The words of the command line after `scan`."""
        words = ["run", self.config, *self.stages, "--run-dir", str(self.folder), "--device", device]
        return words + [word for text in self.assignments for word in ("--set", text)]

    def command(self, device: str = "auto") -> str:
        """The command, for a shell.

        >>> Job("rooms-mini", ("seed=1",), Path("runs/a")).command("cpu")
        'scan run rooms-mini --run-dir runs/a --device cpu --set seed=1'
        """
        return shlex.join(["scan", *self.arguments(device)])

    def absolute(self) -> Job:
        """The same job for a process with another working folder, which has the same files."""
        named = self.config in config_files.shipped_names()
        config = self.config if named else os.path.abspath(self.config)
        return self._replace(config=config, folder=self.folder.absolute())

    def is_finished(self, config: Config) -> bool:
        """Whether all stages that it asks for are there; `config` is `resolved()`."""
        return all((self.folder / stage / "done.json").is_file() for stage in self.stages or plan(config))

    def state(self, config: Config) -> str:
        """A digest of what a finished job asked for and of what was made; it changes when either does."""
        stages = self.stages or plan(config)
        receipts = [(self.folder / stage / "done.json").read_text("utf-8") for stage in stages]
        return fingerprint({"config": config_files.dump(config), "receipts": receipts})


Done = Callable[[Job, str], None]
"""What is called when a job ends: with it, and with why it failed in one line, "" where it did not."""


class Engine(Protocol):
    """Where jobs run."""

    @property
    def at_once(self) -> int | None:
        """Jobs at a time; None for as many as it finds place for."""
        ...

    def run(self, jobs: Sequence[Job], done: Done, finished: Sequence[Job] = ()) -> None:
        """Bring jobs up to date; each goes on from its checkpoint where it has one, and one that fails ends
        no other.

        Args:
            jobs: With different folders.
            done: Called in this thread as each ends, in the order in which they end.
            finished: Others that need nothing done, whose judges these may copy (`pipelines.jobs.judges`).

        Raises:
            InterruptedRun: After Ctrl-C or SIGTERM, when all that ran have written a checkpoint and ended.
            UsageError: When the config of a job is wrong; nothing was started then.
        """


def failure(code: int, log: Path) -> str:
    """Why a run ended with an exit code: the error that its log ends with; "" where it did not fail.

    Args:
        code: The exit code, or minus the number of the signal that killed it.
        log: What it said.
    """
    if code == 0:
        return ""
    if code == INTERRUPTED:
        return "interrupted"
    lines = log.read_text("utf-8", errors="replace").splitlines()
    if lines and lines[-1].startswith(FAILURE):
        return shortened(lines[-1].removeprefix(FAILURE), 300)
    return f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
