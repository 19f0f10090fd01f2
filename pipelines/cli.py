"""The command line: `scan` or `python -m pipelines`.

Every command is one module of `pipelines.commands`; what it needs is imported when it runs, so that help and
usage errors are instant. Errors are one line; `--debug` shows where they come from.
"""

import argparse
import io
import os
import re
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from pipelines.commands import (
    Command,
    bench,
    compare,
    data,
    doctor,
    edit,
    evaluate,
    experiment,
    find,
    img2sym,
    init,
    metrics,
    report,
    run,
    serve,
    sweep,
    sym2img,
    teach,
    traverse,
)
from pipelines.errors import InterruptedRun, RunError, UsageError, explain, printable, shortened

LONGEST_LINE = 600
LONGEST_WORD = 150
"""Characters of a line on stderr, and of a piece without spaces in it, whatever a message quotes."""

COMMANDS: dict[str, Command] = {
    "init": init.COMMAND,
    "run": run.COMMAND,
    "sym2img": sym2img.COMMAND,
    "img2sym": img2sym.COMMAND,
    "teach": teach.COMMAND,
    "edit": edit.COMMAND,
    "find": find.COMMAND,
    "traverse": traverse.COMMAND,
    "serve": serve.COMMAND,
    "evaluate": evaluate.COMMAND,
    "report": report.COMMAND,
    "metrics": metrics.COMMAND,
    "compare": compare.COMMAND,
    "sweep": sweep.COMMAND,
    "experiment": experiment.COMMAND,
    "data": data.COMMAND,
    "doctor": doctor.COMMAND,
    "bench": bench.COMMAND,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 fine, 1 failed, 2 wrong request, 130 interrupted."""
    _escape_what_cannot_be_encoded()
    options = parse(arguments)
    try:
        COMMANDS[options.command].main(options)
        sys.stdout.flush()
    except (InterruptedRun, KeyboardInterrupt) as stop:
        return _end(str(stop) or "interrupted", 130, debug=options.debug)
    except UsageError as error:
        return _end(f"error: {error}", 2, debug=options.debug)
    except RunError as error:
        return _end(f"error: {error}", 1, debug=options.debug)
    except BrokenPipeError:  # the reader of our output, such as head, had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, MemoryError, RecursionError) as error:
        return _end(f"error: {_reason(error)}", 1, debug=options.debug)
    except Exception as error:  # the last line of defence: whatever it is, the user gets one line
        if "allocate memory" in str(error) or type(error).__name__ == "OutOfMemoryError":  # torch's own
            return _end(f"error: {_reason(MemoryError())}", 1, debug=options.debug)
        what = shortened(" ".join(str(error).split()), LONGEST_LINE // 2)
        return _end(f"error: {type(error).__name__}: {what} (--debug shows where)", 1, debug=options.debug)
    return 0


def _reason(error: OSError | MemoryError | RecursionError) -> str:
    """What the machine could not do, in words for a user."""
    if isinstance(error, MemoryError):
        return "not enough memory: ask for fewer or smaller images, a smaller batch or narrower networks"
    if isinstance(error, RecursionError):
        return "something that was read is nested too deeply"
    where = f"{shortened(str(error.filename))}: " if error.filename else ""
    return f"{where}{explain(error)}"


def _end(message: str, code: int, *, debug: bool) -> int:
    lines = (_readable(line) for line in message.splitlines())
    with suppress(OSError):  # the terminal may be gone
        if debug:
            traceback.print_exc()
        print(f"scan: {printable(chr(10).join(lines), lines=True)}", file=sys.stderr)
    return code


def _readable(line: str) -> str:
    """A line of a message: its indentation, long pieces without their middles, and no control characters."""
    pieces = re.sub(r"\S+", lambda found: shortened(found[0], LONGEST_WORD), line)
    return shortened(pieces, LONGEST_LINE)


def _escape_what_cannot_be_encoded() -> None:
    """Let no name or value end a command because the terminal's encoding lacks its letters."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of a command line; ends the program with a usage error where it is wrong."""
    top = parser()
    options, rest = top.parse_known_args(arguments)
    command = COMMANDS[options.command]
    trailing = command.trailing
    if rest and (not trailing or any(word.startswith("-") for word in rest)):
        top.error(f"unrecognised: {shortened(' '.join(rest))} (see scan {options.command} --help)")
    if rest:
        try:
            words = [command.trailing_type(word) for word in rest]
        except argparse.ArgumentTypeError as error:
            top.error(f"argument {trailing}: {error}")
        setattr(options, trailing, [*vars(options)[trailing], *words])
    return options


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors quote little of what they refuse."""

    def error(self, message: str) -> NoReturn:
        """End the program with a usage error."""
        super().error(_readable(message))


class _Version(argparse.Action):
    """Prints the version, which is looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print it and end the program."""
        from pipelines.runs.folder import versions

        found = versions()
        print(f"scan-concepts {found['scan-concepts']}, torch {found['torch']}, Python {found['python']}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    shared = _Parser(add_help=False)
    shared.add_argument("--debug", action="store_true", help="show a traceback with an error")
    top = _Parser(
        prog="scan",
        description="See, name, recombine: visual concepts from images and words.",
        epilog="example: scan run rooms-mini",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(
            name,
            parents=[shared],
            help=command.summary,
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            epilog=f"example: {command.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.configure(sub)
    return top
