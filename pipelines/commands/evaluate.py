"""`scan evaluate`: the judge and the evaluation of a run, made where they are missing or out of date."""

import argparse

from pipelines.commands import Command, place, run


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("run", metavar="RUN", type=place, help="a run folder with trained stages")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute")
    parser.add_argument("--fresh", action="store_true", help="train the judge and evaluate again")
    parser.add_argument("--json", action="store_true", help="print evaluate/metrics.json")
    parser.add_argument("--quiet", action="store_true", help="no progress, only errors")


def main(options: argparse.Namespace) -> None:
    """Bring evaluate/metrics.json up to date."""
    from pipelines import finished
    from pipelines.errors import printable

    path = finished.folder(options.run)
    run.again(path, ["evaluate"], options)
    metrics = path / "evaluate" / "metrics.json"
    print(metrics.read_text(encoding="utf-8").strip() if options.json else printable(str(metrics)))


COMMAND = Command(
    summary="measure accuracy and diversity of a run",
    example="scan evaluate runs/rooms --json",
    configure=configure,
    main=main,
)
