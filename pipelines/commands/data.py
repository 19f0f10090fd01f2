"""`scan data`: look at a data set."""

import argparse
from pathlib import Path

from pipelines.commands import MOST_SHOWN, Command, add_settings, place, whole


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "config",
        metavar="NAME",
        help="name of a shipped config, path of a YAML file, of a folder of pictures or of an .npz file",
    )
    add_settings(parser, "data.size=64")
    parser.add_argument("-o", "--output", type=place, metavar="PNG", help="the sheet (default: NAME.png)")
    parser.add_argument("-n", type=whole(MOST_SHOWN), default=64, help="images on the sheet (default: 64)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> None:
    """Write a sheet of samples, and print the factors, their values and the counts."""
    import json

    import numpy as np

    from pipelines.commands import outputs
    from pipelines.config import FolderData, config_files
    from pipelines.errors import UsageError, printable
    from pipelines.report.sheets import sheet_of_samples
    from pipelines.runs import break_even, datasets, first_config
    from pipelines.runs.files import write_bytes
    from symbols import counts

    if options.n < 1:
        raise UsageError(f"-n {options.n}: expected at least one image")
    if options.output is not None:
        outputs.check_ours(outputs.check_sheet(options.output))
    if first_config.is_own_data(options.config):
        place = Path("init.yaml")
        text = first_config.first_config(Path(options.config), place).text
        config = config_files.load_text(text, place, options.set)
    else:
        config = config_files.load(config_files.find(options.config), options.set)
    output = options.output or Path(f"{config.name}.png")
    if isinstance(config.data, FolderData) and config.data.path is not None:
        folder = Path(config.data.path)
        if output.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"{output} would be one of the pictures: -o names a file outside of {folder}")
    outputs.check_ours(outputs.check_sheet(output))
    image_set = datasets.images(config)
    words = datasets.vocabulary(config, image_set)
    write_bytes(output, sheet_of_samples(image_set, options.n, config.seed))
    factors = {
        name: dict(zip(values, np.bincount(column, minlength=len(values)).tolist(), strict=True))
        for name, values, column in zip(
            image_set.names, image_set.value_names, image_set.factors.T, strict=True
        )
    }
    if options.json:
        described = {
            "name": config.name,
            "source": image_set.source,
            "images": len(image_set),
            "shape": image_set.shape,
            "factors": factors,
            "symbols": words.size,
            "concepts_per_level": counts(words),
            "break_even": break_even.as_json(config, image_set),
            "sheet": str(output),
        }
        print(json.dumps(described, indent=1))
        return
    print(
        f"{len(image_set):,} images, {' x '.join(map(str, image_set.shape))}, {printable(image_set.source)}"
    )
    for name, values in factors.items():
        print(f"  {name} ({len(values)}): " + ", ".join(f"{v} {n:,}" for v, n in values.items()))
    if words.attributes:
        print(f"{words.size} symbols; concepts per level: {', '.join(f'{n:,}' for n in counts(words))}")
    for line in break_even.lines(config, image_set):
        print(printable(line))
    print(f"sheet of samples: {printable(str(output))}")


COMMAND = Command(
    summary="look at a data set: a sheet of samples, factors, counts",
    example="scan data rooms -o rooms.png",
    configure=configure,
    main=main,
)
