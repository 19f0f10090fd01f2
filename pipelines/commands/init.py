"""`scan init`: a first config for a folder of pictures or an .npz file."""

import argparse
from pathlib import Path

from pipelines.commands import MOST_SHOWN, Command, place, whole


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "path",
        metavar="FOLDER",
        type=place,
        help="a folder of pictures, with or without a table, or an .npz file",
    )
    parser.add_argument(
        "--bin",
        action="append",
        default=[],
        metavar="COLUMN=N",
        help="cut a column of numbers at its quantiles into N values, e.g. age=4",
    )
    parser.add_argument("-o", "--output", type=place, metavar="YAML", help="the config (default: NAME.yaml)")
    parser.add_argument("-n", type=whole(MOST_SHOWN), default=64, help="pictures on the sheet (default: 64)")
    parser.add_argument(
        "--force", action="store_true", help="write over a config and a picture that are there"
    )


def main(options: argparse.Namespace) -> None:
    """Write the config and a sheet of pictures, and print what was found."""
    from pipelines.commands import outputs
    from pipelines.config.places import name_of
    from pipelines.errors import UsageError, printable
    from pipelines.report.sheets import is_ours, sheet_of_samples
    from pipelines.runs import break_even, first_config
    from pipelines.runs.files import write_bytes

    path = options.path.expanduser()
    if not path.exists():
        raise UsageError(f"{path} does not exist: expected a folder of pictures or an .npz file")
    if not path.is_dir() and path.suffix != ".npz":
        raise UsageError(f"{path}: expected a folder of pictures or an .npz file")
    if options.n < 1:
        raise UsageError(f"-n {options.n}: expected at least one picture")
    output = options.output or Path(f"{name_of(path.absolute())}.yaml")
    if output.suffix not in (".yaml", ".yml"):
        raise UsageError(f"-o {output}: a config ends in .yaml")
    if output.exists() and not options.force:
        raise UsageError(f"{output} exists: --force writes over it, -o names another file")
    sheet = output.with_suffix(".png")
    outputs.check_output(output)
    outputs.check_output(sheet)
    if sheet.exists() and not is_ours(sheet) and not options.force:
        raise UsageError(
            f"{sheet} exists and was not written by scan: --force writes over it, -o names another file"
        )
    if path.is_dir() and sheet.absolute().resolve().is_relative_to(path.resolve()):
        raise UsageError(f"{sheet} would be one of the pictures: -o names a config outside of {path}")
    first = first_config.first_config(path, output, bins(options.bin))
    write_bytes(output, first.text.encode())
    write_bytes(sheet, sheet_of_samples(first.images, options.n, first.config.seed))
    found = [*first_config.described(first), *break_even.lines(first.config, first.images)]
    print(first_config.listed(found))
    print(f"sheet of pictures: {printable(str(sheet))}")
    print(f"config: {printable(str(output))}; next: scan run {printable(str(output))}")


def bins(texts: list[str]) -> dict[str, int]:
    """The columns of `--bin`, and into how many values each is cut.

    Raises:
        UsageError: For one that is not COLUMN=N, N from 2 to 64.
    """
    from pipelines.errors import UsageError, shortened

    found = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if not name or not number.isdecimal() or not 2 <= int(number[:4]) <= 64:
            raise UsageError(f"--bin {shortened(text)}: expected COLUMN=N with N from 2 to 64, e.g. age=4")
        found[name] = int(number)
    return found


COMMAND = Command(
    summary="look at a folder of pictures or an .npz file, and write a config for it",
    example="scan init photos --bin age=4 && scan run photos.yaml",
    configure=configure,
    main=main,
)
