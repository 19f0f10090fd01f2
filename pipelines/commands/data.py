"""`scan data`: look at a data set."""

import argparse
from pathlib import Path

from pipelines.commands import MOST_SHOWN, Command, add_settings, place, whole


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("config", metavar="NAME", help="name of a shipped config, or path of a YAML file")
    add_settings(parser, "data.size=64")
    parser.add_argument("-o", "--output", type=place, metavar="PNG", help="the sheet (default: NAME.png)")
    parser.add_argument("-n", type=whole(MOST_SHOWN), default=64, help="images on the sheet (default: 64)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> None:
    """Write a sheet of samples, and print the factors, their values and the counts."""
    import json

    import numpy as np

    from pipelines.config import config_files
    from pipelines.errors import UsageError, printable
    from pipelines.runs import datasets
    from pipelines.runs.files import write_bytes
    from symbols import counts
    from vision.grids import make_grid, png
    from vision.randomness import generator

    if options.n < 1:
        raise UsageError(f"-n {options.n}: expected at least one image")
    config = config_files.load(config_files.find(options.config), options.set)
    image_set = datasets.images(config)
    words = datasets.vocabulary(config, image_set)
    shown = generator(config.seed, "sheet").permutation(len(image_set))[: options.n]
    grid = make_grid(image_set.subset(np.sort(shown)).images)
    output = options.output or Path(f"{config.name}.png")
    write_bytes(output, png(grid))
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
            "sheet": str(output),
        }
        print(json.dumps(described, indent=1))
        return
    print(
        f"{len(image_set):,} images, {' x '.join(map(str, image_set.shape))}, {printable(image_set.source)}"
    )
    for name, values in factors.items():
        print(f"  {name} ({len(values)}): " + ", ".join(f"{v} {n:,}" for v, n in values.items()))
    print(f"{words.size} symbols; concepts per level: {', '.join(f'{n:,}' for n in counts(words))}")
    print(f"sheet of samples: {printable(str(output))}")


COMMAND = Command(
    summary="look at a data set: a sheet of samples, factors, counts",
    example="scan data rooms -o rooms.png",
    configure=configure,
    main=main,
)
