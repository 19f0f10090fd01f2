"""What was found of the runs of a table: of each its measures, or why there are none, kept from call to call.

    {"seed": 0, "run": "beta=4/seed-0", "status": "done", "why": "", "measures": {"mig": 0.5}, "state": "..."}

Status is `missing` until the run has ended, then `done` or `failed`; `run` is its folder, seen from that of
the table; `state` tells whether what was measured is what the run is now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.commands.measures import measures_of
from pipelines.config import Config
from pipelines.devices import Machine
from pipelines.errors import RunError, UsageError, shortened
from pipelines.jobs import Engine, Job
from pipelines.runs import records
from pipelines.runs.files import read_json
from pipelines.runs.folder import RunFolder

Entry = dict[str, Any]


class Results:
    """The entries of the runs, written after every one that ends.

    Args:
        out: The folder of the table.
        before: The entries of earlier calls, by `run`.
        here: The machine, for measuring.
        write: Writes the table.
    """

    def __init__(
        self, out: Path, before: Mapping[str, Entry], here: Machine, write: Callable[[], object]
    ) -> None:
        self.out = out
        self.before = before
        self.here = here
        self.write = write
        self._entries: dict[Path, Entry] = {}
        self._configs: dict[Path, Config] = {}
        self._labels: dict[Path, str] = {}
        self._ended = 0
        self._done: list[Job] = []

    def expect(self, job: Job, label: str, config: Config) -> Entry:
        """The entry of a run that is to be made: an earlier one where there is one."""
        run = job.folder.relative_to(self.out).as_posix()
        entry = {"measures": None, "state": "", **self.before.get(run, {})}
        entry |= {"seed": config.seed, "run": run, "status": "missing", "why": ""}
        self._entries[job.folder], self._configs[job.folder] = entry, config
        self._labels[job.folder] = f"{label}, seed {config.seed}"
        return entry

    def is_current(self, job: Job) -> bool:
        """Whether a run is finished as it is asked for, and measured."""
        entry, config = self._entries[job.folder], self._configs[job.folder]
        return bool(entry["measures"]) and job.is_finished(config) and entry["state"] == job.state(config)

    def run(self, jobs: Sequence[Job], engine: Engine) -> None:
        """Bring expected runs up to date, and measure those that changed."""
        kept = [job for job in jobs if self.is_current(job)]
        for job in kept:
            self._end(job, "", kept=True)
        todo = [job for job in jobs if job not in kept]
        if todo:
            engine.run(todo, self._end, tuple(self._done))  # writes after each
        else:
            self.write()

    def check(self) -> None:
        """Fail where a run failed, after what was found has been shown.

        Raises:
            RunError: With how many.
        """
        failed = sum(entry["status"] == "failed" for entry in self._entries.values())
        if failed:
            raise RunError(f"{failed} of {len(self._entries)} runs failed, as the table says")

    def _end(self, job: Job, why: str, *, kept: bool = False) -> None:
        """Measure a run that ended, unless it failed or is current; write everything, and say a line."""
        entry = self._entries[job.folder]
        if not why and not kept:
            try:
                entry["measures"] = measures_of(RunFolder(job.folder), self.here.device)
                entry["state"] = job.state(self._configs[job.folder])
            except (RunError, RuntimeError, MemoryError, ArithmeticError) as error:
                why = f"cannot be measured: {shortened(str(error), 300)}"
        if why:
            entry |= {"measures": None, "state": ""}
        entry |= {"status": "failed" if why else "done", "why": why}
        self._ended += 1
        if not why:
            self._done.append(job)
        if not kept:
            self.write()
        outcome = f"failed: {why}" if why else _line(entry["measures"], kept=kept)
        self.here.say(f"[{self._ended}/{len(self._entries)}] {self._labels[job.folder]}: {outcome}")


def earlier(file: Path, version: int, what: str) -> dict[str, Any]:
    """The content of a table that a folder holds already; {} where the folder is new or empty.

    Args:
        file: The table.
        version: Its format.
        what: Of what it is a table, for the message.

    Raises:
        UsageError: When the folder holds anything else.
        RunError: When the table is damaged.
    """
    out = file.parent
    if not file.is_file():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"--out {out}: expected a new folder, an empty one, or that of a {what}")
        return {}
    content = read_json(file)
    if content.get("format") != version:
        raise UsageError(f"--out {out}: its {file.name} is of another version; name another folder")
    if found := records.damage_of_table(content):
        raise RunError(f"{file} is damaged ({found})")
    return content


def by_run(rows: Iterable[Mapping[str, Any]]) -> dict[str, Entry]:
    """The entries of the rows of a table, by `run`."""
    return {entry["run"]: entry for row in rows for entry in row["cells"]}


def _line(measures: Mapping[str, Any], *, kept: bool) -> str:
    """What is said of a run that is done."""
    shown = {"test": "accuracy_test", "operators": "accuracy_operators", "MIG": "mig", "error": "rmse"}
    found = [f"{what} {measures[name]:.3f}" for what, name in shown.items() if measures.get(name) is not None]
    seconds = measures.get("seconds") or measures["vision_seconds"]
    return f"{'up to date' if kept else f'{seconds:.0f} s'}; {', '.join(found)}"
