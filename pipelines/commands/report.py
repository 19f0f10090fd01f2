"""`scan report`: the page of a run, of whatever stages it has."""

import argparse

from pipelines.commands import Command, add_device, place, run


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("run", metavar="RUN", type=place, help="a run folder, finished or under way")
    add_device(parser)
    parser.add_argument("--fresh", action="store_true", help="write it again, also when it is up to date")
    parser.add_argument(
        "-o",
        "--output",
        type=place,
        metavar="HTML",
        help="write the page to this file, and nothing into RUN, which may be read-only",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, only errors")


def main(options: argparse.Namespace) -> None:
    """Bring RUN/report.html up to date, or write what it would be elsewhere."""
    from pipelines.commands import finished, outputs
    from pipelines.errors import printable
    from pipelines.runs.files import write_bytes

    path = finished.folder(options.run)
    output = options.output and outputs.check_ending(options.output, ".html", "the page is written")
    current = run.up_to_date(path, ["report"], options)
    if output is None:
        if not current:
            run.again(path, ["report"], options)
        print(printable(str(path / "report.html")))
        return
    if current:
        page = (path / "report.html").read_bytes()
    else:
        with finished.copied(path) as copy:
            run.again(copy, ["report"], options, quiet=True)  # what it says is about the copy
            page = (copy / "report.html").read_bytes()
    write_bytes(output, page)
    print(printable(str(output)))


COMMAND = Command(
    summary="write one self-contained page of a run",
    example="scan report runs/rooms -o rooms.html",
    configure=configure,
    main=main,
)
