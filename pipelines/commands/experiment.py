"""`scan experiment`: what a paper claims, measured on this machine, with a verdict."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.commands import Command, add_device, place, seeds, whole
from pipelines.errors import UsageError
from pipelines.experiments import EXPERIMENTS

MOST_STEPS = 10**9


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help=f"one of {', '.join(EXPERIMENTS)}; without it they are listed"
    )
    parser.add_argument(
        "--seeds", type=seeds, default=(0,), metavar="N,N,...", help="of its trainings (default: 0)"
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
        help="where NAME.json and the figures NAME-*.png are written (default: runs/experiments)",
    )
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
        print("\n".join(f"{known}: {asks}" for known, asks in EXPERIMENTS.items()))
        return
    if name not in EXPERIMENTS:
        hint = nearest(name, EXPERIMENTS, otherwise="; there are {}")
        raise UsageError(f"no experiment named '{name}'{hint}")
    if options.steps is not None and options.steps < 1:
        raise UsageError(f"--steps {options.steps}: expected 1 or more")
    if options.out.exists() and not options.out.is_dir():
        raise UsageError(f"--out {options.out}: is a file, expected a folder")
    here, began = machine(options.device, quiet=options.quiet), time.monotonic()
    outcome = experiments.run(name, experiments.Asked(options.seeds, options.steps), here)
    content = {
        "experiment": name,
        "asks": EXPERIMENTS[name],
        "reproduced": outcome.reproduced,
        "seeds": list(options.seeds),
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


COMMAND = Command(
    summary="measure a claim of the papers, with a verdict",
    example="scan experiment capacity --seeds 0,1",
    configure=configure,
    main=main,
)
