"""`scan experiment`: what a paper claims, measured on this machine, with a verdict."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.commands import Command, add_device, place, seeds, whole
from pipelines.commands.engines import add_engine, engine_of
from pipelines.errors import UsageError
from pipelines.experiments import EXPERIMENTS, Option

MOST_STEPS = 10**9


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help=f"one of {', '.join(EXPERIMENTS)}; without it they are listed"
    )
    parser.add_argument(
        "--seeds", type=seeds, metavar="N,N,...", help="of its trainings (default: those that the list names)"
    )
    parser.add_argument(
        "--steps",
        type=whole(MOST_STEPS),
        metavar="N",
        help="of each training, for a trial (default: as many as the verdict needs)",
    )
    parser.add_argument(
        "--out",
        type=place,
        default=Path("runs/experiments"),
        metavar="DIR",
        help="where NAME.json, figures NAME-*.png and the folder NAME, from which it resumes, are written "
        "(default: runs/experiments)",
    )
    parser.add_argument(
        "--data",
        type=place,
        metavar="DIR",
        help="a data set that has to be obtained, for those that need one",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="as large as the source made it, for a GPU, where there are two sizes",
    )
    add_engine(parser, jobs=0)
    add_device(parser)
    parser.add_argument("--json", action="store_true", help="print NAME.json instead of the verdict")
    parser.add_argument("--quiet", action="store_true", help="no progress, only the verdict")


def main(options: argparse.Namespace) -> None:
    """List the experiments, or make one and write what it found."""
    import json
    import time

    from pipelines import experiments
    from pipelines.devices import cpu_name, machine
    from pipelines.errors import nearest, printable
    from pipelines.runs.files import write_bytes, write_json
    from pipelines.runs.folder import versions

    name = options.name
    if name is None:
        print("\n".join(_line(known) for known in EXPERIMENTS))
        return
    if name not in EXPERIMENTS:
        hint = nearest(name, EXPERIMENTS, otherwise="; there are {}")
        raise UsageError(f"no experiment named '{name}'{hint}")
    _check_taken(name, options)
    if options.steps is not None and options.steps < 1:
        raise UsageError(f"--steps {options.steps}: expected 1 or more")
    if options.data is not None and not options.data.is_dir():
        raise UsageError(f"--data {options.data}: no such folder")
    if options.out.exists() and not options.out.is_dir():
        raise UsageError(f"--out {options.out}: is a file, expected a folder")
    here, began = machine(options.device, quiet=options.quiet), time.monotonic()
    entry = EXPERIMENTS[name]
    chosen = options.seeds or entry.seeds
    data = options.data and options.data.absolute()
    asked = experiments.Asked(
        chosen, options.out / name, options.steps, options.full, data, engine_of(options)
    )
    outcome = experiments.run(name, asked, here)
    content = {
        "experiment": name,
        "asks": entry.asks,
        "source": entry.source,
        "verdict": outcome.verdict,
        "seeds": list(chosen),
        "steps": options.steps,
        "full": options.full,
        **outcome.measures,
        "seconds": round(time.monotonic() - began, 1),
        "machine": f"{cpu_name()}, {here.device}",
        "versions": versions(),
    }
    files = [options.out / f"{name}.json"]
    write_json(files[0], content)
    for ending, png in outcome.figures.items():
        files.append(options.out / f"{name}-{ending}.png")
        write_bytes(files[-1], png)
    lines = [*outcome.lines, f"{content['seconds']:.0f} s; {', '.join(map(str, files))}"]
    print(json.dumps(content, indent=1) if options.json else printable("\n".join(lines), lines=True))


def _check_taken(name: str, options: argparse.Namespace) -> None:
    """Refuse an option that would have no effect.

    Raises:
        UsageError: With the experiments that take it.
    """
    given: dict[str, tuple[Option, bool]] = {
        "--data": ("data", options.data is not None),
        "--full": ("full", options.full),
        "--engine": ("engine", options.engine != "local"),
        "--address": ("engine", bool(options.address)),
        "--jobs": ("engine", options.jobs is not None),
    }
    for option, (field, is_given) in given.items():
        if is_given and field not in EXPERIMENTS[name].takes:
            takers = [other for other, entry in EXPERIMENTS.items() if field in entry.takes]
            raise UsageError(f"{option}: has no effect on {name}; these take it: {', '.join(takers)}")


def _line(name: str) -> str:
    """An entry of the list."""
    entry = EXPERIMENTS[name]
    about = ", ".join(filter(None, (entry.source, f"about {entry.minutes} min on two cores")))
    plural = "s" if len(entry.seeds) > 1 else ""
    return f"{name}: {entry.asks} ({about}, seed{plural} {', '.join(map(str, entry.seeds))})"


COMMAND = Command(
    summary="measure a claim of the papers, with a verdict",
    example="scan experiment capacity --seeds 0,1",
    configure=configure,
    main=main,
)
