"""`scan compare`: several first stages on the same data, SCAN grounded on each, and one table of all."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.commands import Command, add_device, add_settings, place, seeds, whole
from pipelines.errors import UsageError, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.commands.cells import Cell, Processes
    from pipelines.devices import Machine

MOST_JOBS = 64
FORMAT = 1
"""Of compare.json."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "configs",
        metavar="CONFIG",
        nargs="+",
        help="names of shipped configs, or paths of YAML files, with the same data; `name` labels a row",
    )
    parser.add_argument(
        "--seeds", type=seeds, default=(0,), metavar="N,N,...", help="of the runs of each (default: 0)"
    )
    add_settings(parser)
    parser.add_argument(
        "--jobs", type=whole(MOST_JOBS), default=1, metavar="N", help="runs at a time (default: 1)"
    )
    parser.add_argument(
        "--out",
        type=place,
        default=Path("runs/compare"),
        metavar="DIR",
        help="where the runs, compare.json and compare.html lie (default: runs/compare); a comparison that "
        "was begun there goes on",
    )
    add_device(parser)
    parser.add_argument("--json", action="store_true", help="print compare.json instead of the table")
    parser.add_argument("--quiet", action="store_true", help="no progress, only the table")


def main(options: argparse.Namespace) -> None:
    """Bring every run up to date, measure it, and table what was found, also of what failed."""
    import json

    from pipelines import stopping
    from pipelines.commands import cells
    from pipelines.devices import machine, usable_cores
    from pipelines.errors import InterruptedRun, printable
    from pipelines.report import comparison

    if options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}: expected 1 or more")
    all_cells = cells.cells_of(options.configs, options.seeds, options.set, options.out)
    before = _before(options.out)
    here = machine(options.device, quiet=options.quiet)
    threads = max(1, usable_cores() // options.jobs) if options.jobs > 1 else 0
    processes = cells.Processes(options.device, options.set, threads)
    table = _Table(options, all_cells, before, here)
    here.say(f"{len(all_cells)} runs in {options.out}: {len(table.rows)} members, seeds {table.seeds}")
    try:
        with stopping.like_interrupt():
            _run_all(all_cells, processes, table, options.jobs)
    except KeyboardInterrupt:
        processes.stop()
        raise InterruptedRun("interrupted; the same command goes on") from None
    table.write()
    if options.json:
        print(json.dumps(table.content(), indent=1))
        return
    print(printable("\n".join(comparison.lines(table.rows)), lines=True))
    print(printable(f"\n{options.out / 'compare.html'}", lines=True))


def _before(out: Path) -> dict[str, Any]:
    """What an earlier comparison found in the folder, by the runs' folders.

    Raises:
        UsageError: When the folder holds anything else.
    """
    from pipelines.runs.files import read_json

    file = out / "compare.json"
    if not file.is_file():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"--out {out}: expected a new folder, an empty one, or that of a comparison")
        return {}
    content = read_json(file)
    if content.get("format") != FORMAT:
        raise UsageError(f"--out {out}: its compare.json is of another version; name another folder")
    return {cell["run"]: cell for row in content["rows"] for cell in row["cells"]}


class _Table:
    """The rows so far, written after every run.

    Args:
        options: Of the command.
        all_cells: The runs.
        before: What an earlier comparison found, by the runs' folders.
        here: The machine.
    """

    def __init__(
        self, options: argparse.Namespace, all_cells: Sequence[Cell], before: dict[str, Any], here: Machine
    ) -> None:
        self.out = options.out
        self.here = here
        self.seeds = ", ".join(map(str, options.seeds))
        self.asked = {"seeds": list(options.seeds), "command": _command(options)}
        self.rows: list[dict[str, Any]] = []
        self.entries: dict[Path, dict[str, Any]] = {}
        self.done = 0
        for cell in all_cells:
            run = cell.folder.relative_to(self.out).as_posix()
            entry = before.get(run, {"measures": None, "state": ""})
            self.entries[cell.folder] = {
                **entry,
                "seed": cell.seed,
                "run": run,
                "status": "missing",
                "why": "",
            }
        for label in dict.fromkeys(cell.member for cell in all_cells):
            of_member = [cell for cell in all_cells if cell.member == label]
            entries = [self.entries[cell.folder] for cell in of_member]
            self.rows.append({"label": label, **_described(of_member[0]), "cells": entries})
        self.write()

    def is_current(self, cell: Cell) -> bool:
        """Whether a run is finished as it is asked for, and measured."""
        entry = self.entries[cell.folder]
        return bool(entry["measures"]) and cell.is_finished() and entry["state"] == cell.state()

    def add(self, cell: Cell, why: str, *, kept: bool = False) -> None:
        """Measure a run that ended, unless it failed or is current; write everything, and say a line."""
        from pipelines.commands.measures import measures_of
        from pipelines.errors import RunError
        from pipelines.runs.folder import RunFolder

        entry = self.entries[cell.folder]
        if not why and not kept:
            try:
                entry["measures"] = measures_of(RunFolder(cell.folder), self.here.device)
                entry["state"] = cell.state()
            except (RunError, RuntimeError, MemoryError, ArithmeticError) as error:
                why = f"cannot be measured: {shortened(str(error), 300)}"
        if why:
            entry |= {"measures": None, "state": ""}
        entry |= {"status": "failed" if why else "done", "why": why}
        self.done += 1
        if not kept:
            self.write()
        told = f"failed: {why}" if why else _line(entry["measures"], kept=kept)
        self.here.say(f"[{self.done}/{len(self.entries)}] {cell.member}, seed {cell.seed}: {told}")

    def content(self) -> dict[str, Any]:
        """What compare.json holds."""
        from pipelines.devices import cpu_name
        from pipelines.report.comparison import summarised
        from pipelines.runs.folder import versions

        for row in self.rows:
            row |= summarised(row["cells"])
        machine = f"{cpu_name()}, {self.here.device}"
        return {"format": FORMAT, **self.asked, "machine": machine, "versions": versions(), "rows": self.rows}

    def write(self) -> None:
        """Write compare.json and compare.html."""
        from pipelines.report import comparison
        from pipelines.runs.files import write_bytes, write_json

        content = self.content()
        write_json(self.out / "compare.json", content)
        write_bytes(self.out / "compare.html", comparison.page(content).encode())


def _run_all(all_cells: Sequence[Cell], processes: Processes, table: _Table, jobs: int) -> None:
    """Bring every run up to date, some at a time; the rows are written as they come."""
    from concurrent.futures import ThreadPoolExecutor, as_completed

    from pipelines.commands.cells import share_judge

    todo = []
    for cell in all_cells:
        if table.is_current(cell):
            table.add(cell, "", kept=True)
        else:
            todo.append(cell)

    def train(cell: Cell, *stages: str) -> str:
        share_judge(cell, all_cells)
        return processes.run(cell, stages)

    pool = ThreadPoolExecutor(jobs)
    try:
        if jobs > 1:  # one run of each seed trains the judge that the others, which would begin with it, copy
            first = {cell.seed: cell for cell in reversed(todo) if cell.config.has_words}
            list(pool.map(lambda cell: train(cell, "judge"), first.values()))
        asked = {pool.submit(train, cell): cell for cell in todo}
        for ended in as_completed(asked):
            table.add(asked[ended], ended.result())
    except BaseException:
        processes.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _command(options: argparse.Namespace) -> str:
    """The command, for the page."""
    words = ["scan compare", *options.configs, "--seeds", ",".join(map(str, options.seeds))]
    return " ".join([*words, *(f"--set {text}" for text in options.set)])


def _described(cell: Cell) -> dict[str, Any]:
    """What a member is, and how much it is trained."""
    from pipelines.config.told import told

    vision, joint = cell.config.vision, cell.config.joint
    network, training = vision.network.model_dump(), vision.training if joint is None else joint
    return {
        "config": cell.config_name,
        "objective": (vision.objective if joint is None else joint).kind,
        "network": vision.network.kind,
        "likelihood": vision.likelihood.kind,
        "told": told(vision, joint),
        "latents": network.get("latents") or network.get("mask_latents"),
        "steps": training.steps,
        "batch": training.batch,
    }


def _line(measures: dict[str, Any], *, kept: bool) -> str:
    """What is said of a run that is done."""
    shown = {"test": "accuracy_test", "operators": "accuracy_operators", "MIG": "mig", "error": "rmse"}
    found = [f"{what} {measures[name]:.3f}" for what, name in shown.items() if measures.get(name) is not None]
    seconds = measures.get("seconds") or measures["vision_seconds"]
    return f"{'up to date' if kept else f'{seconds:.0f} s'}; {', '.join(found)}"


COMMAND = Command(
    summary="compare first stages: one table of several configs over several seeds",
    example="scan compare mine.yaml other.yaml --seeds 0,1,2 --out runs/compare",
    configure=configure,
    main=main,
    trailing="configs",
)
