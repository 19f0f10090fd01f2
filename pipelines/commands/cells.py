"""The runs of a comparison: one for each member and seed, each an ordinary run folder.

    DIR/compare.json  DIR/compare.html  DIR/MEMBER/seed-N/  DIR/MEMBER/seed-N.log

A run is a process of its own, so that one that fails, or is killed for memory, ends no other. Members with
the same data have the same judge for a seed: it depends on nothing of a member, so that the first that is
trained is copied into the other runs, whose own receipts tell whether it suits them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pipelines.config import Config, config_files
from pipelines.errors import UsageError, shortened
from pipelines.runs.files import fingerprint
from pipelines.runs.folder import differences
from pipelines.runs.plan import plan
from pipelines.stages.graph import flat
from pipelines.stopping import INTERRUPTED

SAME = ("data", "splits", "judge", "evaluate")
"""Sections in which members must agree, so that their rows can be compared."""
FAILURE = "scan: error: "
"""How the last line of a run that failed begins."""


class Cell(NamedTuple):
    """A member with a seed."""

    member: str
    """Its label."""
    config_name: str
    """What `scan run` takes: a shipped name, or a path."""
    config: Config
    folder: Path

    @property
    def seed(self) -> int:
        """Of the run."""
        return self.config.seed

    @property
    def log(self) -> Path:
        """What the run said."""
        return self.folder.with_suffix(".log")

    def is_finished(self) -> bool:
        """Whether every stage of the run is done."""
        return all((self.folder / stage / "done.json").is_file() for stage in plan(self.config))

    def state(self) -> str:
        """A digest of what was asked for and of what was made; it changes when either does."""
        receipts = [(self.folder / stage / "done.json").read_text("utf-8") for stage in plan(self.config)]
        return fingerprint({"config": config_files.dump(self.config), "receipts": receipts})


def cells_of(names: Sequence[str], seeds: Sequence[int], assignments: Sequence[str], out: Path) -> list[Cell]:
    """The cells, seed by seed.

    Args:
        names: Of configs: shipped ones, or paths.
        seeds: Of the runs.
        assignments: `KEY=VALUE`, for all members.
        out: The folder of the comparison.

    Raises:
        UsageError: When a config cannot be read, two have one name, or members have other data.
    """
    if any(text.replace(" ", "").startswith("seed=") for text in assignments):
        raise UsageError("--set seed: the seeds of a comparison are those of --seeds")
    paths = [config_files.find(name) for name in names]
    configs = [config_files.load(path, assignments) for path in paths]
    labels = [config.name for config in configs]
    if len(set(labels)) < len(labels):
        labels = [path.stem for path in paths]  # a name may be that of the data
    twice = [label for label in labels if labels.count(label) > 1]
    if twice:
        raise UsageError(f"two configs are called {twice[0]}: give one another `name`")
    _check_same(labels, configs)
    return [
        Cell(label, name, config.model_copy(update={"seed": seed}), out / label / f"seed-{seed}")
        for seed in seeds
        for label, name, config in zip(labels, names, configs, strict=True)
    ]


def _check_same(labels: Sequence[str], configs: Sequence[Config]) -> None:
    first = flat({name: getattr(configs[0], name).model_dump(mode="json") for name in SAME})
    for label, config in zip(labels, configs, strict=True):
        other = flat({name: getattr(config, name).model_dump(mode="json") for name in SAME})
        if first != other:
            raise UsageError(
                f"{label} is not comparable with {labels[0]}: {differences(first, other)}; members share "
                f"{', '.join(SAME)} (--set gives all of them the same)"
            )


def share_judge(cell: Cell, cells: Iterable[Cell]) -> None:
    """Copy a finished judge of the same seed into a run that has none."""
    target = cell.folder / "judge"
    if target.exists() or "judge" not in plan(cell.config):
        return
    donors = (other.folder / "judge" for other in cells if other.seed == cell.seed)
    donor = next((judge for judge in donors if (judge / "done.json").is_file()), None)
    if donor is None:
        return
    draft = cell.folder / ".judge.discarded"  # a name that is cleared away, should this process be killed
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(donor, draft)
    draft.rename(target)


class Processes:
    """Starts `scan run`, and stops what runs.

    Args:
        device: Of `--device`.
        assignments: Of `--set`.
        threads: Of each process; 0 leaves it to them.
    """

    def __init__(self, device: str, assignments: Sequence[str], threads: int = 0) -> None:
        self.device = device
        self.assignments = assignments
        self.threads = threads
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, cell: Cell, stages: Sequence[str] = ()) -> str:
        """Bring a cell up to date, or some stages of it; returns why it failed, empty where it did not."""
        assigned = [*self.assignments, f"seed={cell.seed}"]
        arguments = ["run", cell.config_name, *stages, "--run-dir", str(cell.folder), "--device", self.device]
        arguments += [word for text in assigned for word in ("--set", text)]
        cell.log.parent.mkdir(parents=True, exist_ok=True)
        code = self.call(arguments, cell.log)
        return "" if code == 0 else _why(code, cell.log)

    def call(self, arguments: Sequence[str], log: Path) -> int:
        """The exit code of a `scan` command whose output is appended to a log."""
        with log.open("ab") as output:
            with self._lock:
                if self._stopped:
                    return INTERRUPTED
                process = subprocess.Popen(
                    [sys.executable, "-m", "pipelines", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=self._environment(),
                    start_new_session=True,  # Ctrl-C reaches it once, by `stop`
                )
                self._running.add(process)
            code = process.wait()
        with self._lock:
            self._running.discard(process)
        return code

    def stop(self) -> None:
        """Tell all that run to write a checkpoint and end, wait for that, and start no more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait()

    def _environment(self) -> dict[str, str]:
        threads = {"OMP_NUM_THREADS": str(self.threads)} if self.threads else {}
        return {**threads, **os.environ}


def _why(code: int, log: Path) -> str:
    """Why a run failed: the error that it ended with, or else its exit code."""
    if code == INTERRUPTED:
        return "interrupted"
    lines = log.read_text("utf-8", errors="replace").splitlines()
    if lines and lines[-1].startswith(FAILURE):
        return shortened(lines[-1].removeprefix(FAILURE), 300)
    return f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
