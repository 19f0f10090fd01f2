"""`scan report`: the page of a run, of whatever stages it has."""

import argparse

from pipelines.commands import Command, place, run


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("run", metavar="RUN", type=place, help="a run folder, finished or under way")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute")
    parser.add_argument("--fresh", action="store_true", help="write it again, also when it is up to date")
    parser.add_argument("--quiet", action="store_true", help="no progress, only errors")


def main(options: argparse.Namespace) -> None:
    """Bring RUN/report.html up to date."""
    from pipelines import finished
    from pipelines.errors import printable

    path = finished.folder(options.run)
    run.again(path, ["report"], options)
    print(printable(str(path / "report.html")))


COMMAND = Command(
    summary="write one self-contained page of a run",
    example="scan report runs/rooms",
    configure=configure,
    main=main,
)
