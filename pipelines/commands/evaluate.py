"""`scan evaluate`: the judge and the evaluation of a run, made where they are missing or out of date."""

import argparse
from pathlib import Path

from pipelines.commands import Command, add_device, place, run


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("run", metavar="RUN", type=place, help="a run folder with trained stages")
    add_device(parser)
    parser.add_argument("--fresh", action="store_true", help="train the judge and evaluate again")
    parser.add_argument("--json", action="store_true", help="print evaluate/metrics.json")
    parser.add_argument(
        "-o",
        "--output",
        type=place,
        metavar="JSON",
        help="write the measures to this file, and nothing into RUN, which may be read-only",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, only errors")


def main(options: argparse.Namespace) -> None:
    """Bring evaluate/metrics.json up to date, or write what it would be elsewhere."""
    from pipelines.commands import finished, outputs
    from pipelines.errors import printable
    from pipelines.runs.files import write_bytes

    path, measures = finished.folder(options.run), Path("evaluate", "metrics.json")
    output = options.output and outputs.check_ending(options.output, ".json", "the measures are written")
    current = run.up_to_date(path, ["evaluate"], options)
    if current or output is None:
        if not current:
            run.again(path, ["evaluate"], options)
        content = (path / measures).read_bytes()
    else:
        with finished.copied(path) as copy:
            run.again(copy, ["evaluate"], options)
            content = (copy / measures).read_bytes()
    if output is not None:
        write_bytes(output, content)
    print(content.decode().strip() if options.json else printable(str(output or path / measures)))


COMMAND = Command(
    summary="measure accuracy and diversity of a run",
    example="scan evaluate runs/rooms --json",
    configure=configure,
    main=main,
)
