"""`scan sweep`: a config with many settings and seeds, on this machine or on a cluster, and one table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.commands import Command, add_device, place
from pipelines.commands.engines import add_engine, engine_of
from pipelines.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipelines.commands.results import Results
    from pipelines.jobs import Engine
    from pipelines.jobs.sweep_file import Sweep
    from pipelines.jobs.sweep_runs import Planned

FORMAT = 1
"""Of sweep.json."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "sweep",
        metavar="SWEEP",
        type=place,
        help="a YAML file: base, seeds, and a grid, a list or a search of settings (docs/sweeps.md)",
    )
    parser.add_argument(
        "--out",
        type=place,
        metavar="DIR",
        help="where the runs, sweep.json and sweep.csv lie (default: runs/ and the name of the file); a "
        "sweep that was begun there goes on",
    )
    add_engine(parser)
    parser.add_argument(
        "--select",
        choices=("udr", "loss"),
        help="choose among the finished runs without labels: by UDR, the agreement of seeds, or by loss",
    )
    parser.add_argument(
        "--print",
        action="store_true",
        help="only print the command of each run, for a cluster's own queue; afterwards the same command "
        "without --print measures them",
    )
    add_device(parser)
    parser.add_argument("--json", action="store_true", help="print sweep.json instead of the table")
    parser.add_argument("--quiet", action="store_true", help="no progress, only the table")


def main(options: argparse.Namespace) -> None:
    """Bring every run up to date, measure it, and table what was found, also of what failed."""
    from pipelines.jobs import sweep_file, sweep_runs

    out = options.out or Path("runs") / options.sweep.stem
    sweep = sweep_file.load(options.sweep)
    _check_measure(sweep)
    if options.select == "udr" and len(sweep.seeds) < 2:
        raise UsageError(f"{options.sweep}: --select udr compares seeds of a setting: expected two or more")
    try:
        plans = sweep_runs.planned_all(sweep, out)
    except UsageError as error:
        raise UsageError(f"{options.sweep}: {error}") from None
    if not options.print:
        _make(options, engine_of(options), sweep, plans, out)
        return
    if sweep.search is not None:
        raise UsageError("--print: a search chooses each setting by what those before it gave")
    for plan in plans:
        for job in plan.jobs:
            print(job.command(options.device))


def _check_measure(sweep: Sweep) -> None:
    from pipelines.report.sweeps import HEADS

    search = sweep.search
    if search is not None and search.measure not in HEADS:
        hint = nearest(search.measure, HEADS, otherwise="; there are {}")
        raise UsageError(f"search: no measure '{search.measure}'{hint}")


def _make(options: argparse.Namespace, engine: Engine, sweep: Sweep, plans: list[Planned], out: Path) -> None:
    """Run a sweep, and say what it found."""
    import json

    from pipelines.commands import selection
    from pipelines.commands.results import Results, by_run, earlier
    from pipelines.devices import cpu_name, machine
    from pipelines.errors import printable
    from pipelines.report import comparison, sweeps
    from pipelines.runs.files import write_bytes, write_json
    from pipelines.runs.folder import versions

    before = earlier(out / "sweep.json", FORMAT, "sweep").get("rows", [])
    here = machine(options.device, quiet=options.quiet)
    content: dict[str, Any] = {
        "format": FORMAT,
        "sweep": sweep.model_dump(mode="json", by_alias=True, exclude_none=True),
        "machine": f"{cpu_name()}, {here.device}",
        "versions": versions(),
        "rows": [],
    }
    rows: list[dict[str, Any]] = content["rows"]

    def write() -> None:
        selection.add_loss(rows)
        for row in rows:
            row |= comparison.summarised(row["cells"])
        write_json(out / "sweep.json", content)
        write_bytes(out / "sweep.csv", sweeps.as_csv(rows).encode())

    def expect(some: Iterable[Planned]) -> None:
        for plan in some:
            runs = zip(plan.jobs, plan.configs, strict=True)
            entries = [results.expect(job, plan.label, config) for job, config in runs]
            for entry in entries:
                (entry["measures"] or {}).pop("udr", None)  # of these runs and no others
            rows.append({"label": plan.label, "setting": plan.setting, "cells": entries})
        write()

    results = Results(out, by_run(before), here, write)
    if sweep.search is None:
        expect(plans)
        here.say(
            f"{len(plans) * len(sweep.seeds)} runs in {out}: {len(plans)} settings, seeds {_seeds(sweep)}"
        )
        results.run([job for plan in plans for job in plan.jobs], engine)
    else:
        here.say(f"{sweep.search.trials} settings in {out}, seeds {_seeds(sweep)}")
        known = [row["setting"] for row in before if sweep.search.allows(row["setting"])]
        if engine.at_once is None:
            raise UsageError("a search with --engine ray needs --jobs N: it chooses so many runs at a time")
        at_once = max(1, engine.at_once // len(sweep.seeds))
        _search(sweep, known, out, expect, results, engine, rows, at_once)
    if options.select:
        selection.add_udr(rows, out, here.device)
        write()
    if not options.json:
        print(printable("\n".join([*sweeps.lines(rows), "", f"{out / 'sweep.csv'}"]), lines=True), flush=True)
    without_choice: UsageError | None = None
    if options.select:
        try:
            content["selected"], choices = selection.choose(rows, options.select)
        except UsageError as error:
            without_choice, choices = error, []
        write()
        if choices and not options.json:
            chosen = out / content["selected"]["run"]
            print(printable("\n".join(["", *choices, f"chosen by {options.select}: {chosen}"]), lines=True))
    if options.json:
        print(json.dumps(content, indent=1), flush=True)
    results.check()
    if without_choice is not None:
        raise without_choice


def _search(
    sweep: Sweep,
    known: list[dict[str, str]],
    out: Path,
    expect: Callable[[Iterable[Planned]], None],
    results: Results,
    engine: Engine,
    rows: list[dict[str, Any]],
    at_once: int,
) -> None:
    """Try settings until there are as many as asked for, those of an earlier call first.

    Args:
        sweep: With a search.
        known: The settings of an earlier call, in order.
        out: The folder of the sweep.
        expect: Adds settings to the table.
        results: Of the runs.
        engine: Where they run.
        rows: Of the table.
        at_once: Settings that are chosen before the next results are known.
    """
    from pipelines.jobs.search import Study
    from pipelines.jobs.sweep_runs import label_of, planned

    assert sweep.search is not None
    search = sweep.search
    study = Study(search, len(known))
    asked, tried, labels = known[: search.trials], 0, set[str]()
    while tried < search.trials:
        asked = asked or [study.ask() for _ in range(min(at_once, search.trials - tried))]
        fresh = {label_of(setting): setting for setting in asked if label_of(setting) not in labels}
        plans = []
        for label, setting in fresh.items():
            try:
                plans.append(planned(sweep, setting, out))
            except UsageError as error:  # two values that do not go together
                results.here.say(f"{label}: left out: {error}")
        expect(plans)
        results.run([job for plan in plans for job in plan.jobs], engine)
        means = {row["label"]: row["mean"].get(search.measure) for row in rows}
        for setting in asked:
            study.tell(setting, means.get(label_of(setting)))
        labels |= fresh.keys()
        tried += len(asked)
        asked = []


def _seeds(sweep: Sweep) -> str:
    return ", ".join(map(str, sweep.seeds))


COMMAND = Command(
    summary="train a config with many settings and seeds, resumably, and table the results",
    example="scan sweep beta.yaml --jobs 2 --select udr",
    configure=configure,
    main=main,
)
