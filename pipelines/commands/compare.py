"""`scan compare`: several first stages on the same data, SCAN grounded on each, and one table of all."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.commands import Command, add_device, add_settings, place, seeds
from pipelines.commands.engines import add_engine, engine_of

if TYPE_CHECKING:
    from pipelines.commands.cells import Cell

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
    add_engine(parser)
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

    from pipelines.commands.cells import cells_of
    from pipelines.commands.results import Results, by_run, earlier
    from pipelines.devices import cpu_name, machine
    from pipelines.errors import printable
    from pipelines.report import comparison
    from pipelines.runs.files import write_bytes, write_json
    from pipelines.runs.folder import versions

    engine = engine_of(options)
    cells = cells_of(options.configs, options.seeds, options.set, options.out)
    before = earlier(options.out / "compare.json", FORMAT, "comparison")
    here = machine(options.device, quiet=options.quiet)
    content: dict[str, Any] = {
        "format": FORMAT,
        "seeds": list(options.seeds),
        "command": _command(options),
        "machine": f"{cpu_name()}, {here.device}",
        "versions": versions(),
    }

    def write() -> None:
        for row in rows:
            row |= comparison.summarised(row["cells"])
        content["rows"] = rows
        write_json(options.out / "compare.json", content)
        write_bytes(options.out / "compare.html", comparison.page(content).encode())

    results = Results(options.out, by_run(before.get("rows", ())), here, write)
    rows: list[dict[str, Any]] = []
    for label in dict.fromkeys(cell.member for cell in cells):
        some = [cell for cell in cells if cell.member == label]
        entries = [results.expect(cell.job, label, cell.config) for cell in some]
        rows.append({"label": label, **_described(some[0]), "cells": entries})
    write()
    seeds = ", ".join(map(str, options.seeds))
    here.say(f"{len(cells)} runs in {options.out}: {len(rows)} members, seeds {seeds}")
    results.run([cell.job for cell in cells], engine)
    if options.json:
        print(json.dumps(content, indent=1), flush=True)
    else:
        print(printable("\n".join(comparison.lines(rows)), lines=True))
        print(printable(f"\n{options.out / 'compare.html'}", lines=True), flush=True)
    results.check()


def _command(options: argparse.Namespace) -> str:
    """The command, for the page."""
    words = ["scan compare", *options.configs, "--seeds", ",".join(map(str, options.seeds))]
    return " ".join([*words, *(f"--set {text}" for text in options.set)])


def _described(cell: Cell) -> dict[str, Any]:
    """What a member is, and how much it is trained."""
    from pipelines.config.prior_knowledge import prior_knowledge

    vision, joint = cell.config.vision, cell.config.joint
    training = vision.training if joint is None else joint
    return {
        "config": cell.job.config,
        "objective": (vision.objective if joint is None else joint).kind,
        "network": vision.network.kind,
        "likelihood": vision.likelihood.kind,
        "prior_knowledge": prior_knowledge(vision, joint),
        "steps": training.steps,
        "batch": training.batch,
    }


COMMAND = Command(
    summary="compare first stages: one table of several configs over several seeds",
    example="scan compare mine.yaml other.yaml --seeds 0,1,2 --out runs/compare",
    configure=configure,
    main=main,
    trailing="configs",
)
