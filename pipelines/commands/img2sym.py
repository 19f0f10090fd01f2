"""`scan img2sym`: describe images in symbols."""

import argparse

from pipelines.commands import Command, place, real, seed


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("run", metavar="RUN", type=place, help="a run folder, such as runs/rooms")
    parser.add_argument("images", metavar="IMAGE", type=place, nargs="+", help="image files")
    parser.add_argument(
        "--json", action="store_true", help="print JSON, with the probability of every symbol"
    )
    parser.add_argument(
        "--threshold",
        type=real,
        default=0.5,
        help="from which probability a concept is predicted (default: 0.5)",
    )
    parser.add_argument(
        "--seed",
        type=seed,
        help="describe a sample of q(z|x), drawn with this seed, instead of its mean",
    )


def main(options: argparse.Namespace) -> None:
    """Print a description of every image."""
    import json

    import torch

    from pipelines.commands import finished
    from pipelines.errors import UsageError, printable

    if not 0 <= options.threshold <= 1:
        raise UsageError(f"--threshold {options.threshold}: expected a probability, 0 to 1")
    model = finished.model(options.run)
    pictures = finished.pictures(options.images, model.picture_target)
    finished.print_note(pictures)
    generator = None if options.seed is None else torch.Generator().manual_seed(options.seed)
    found = model.img2sym(torch.stack([p.pixels for p in pictures]), generator, mean=generator is None)
    names = [str(path) for path in options.images]
    if options.json:
        records = zip(names, found.to_dicts(options.threshold), strict=True)
        print(json.dumps([{"image": name, **record} for name, record in records], indent=1))
        return
    concepts = found.concepts(threshold=options.threshold)
    aliases = model.vocabulary.aliases
    for name, line, predicted in zip(names, str(found).splitlines(), concepts, strict=True):
        also = [f"{one.name} ({one.probability:.2f})" for one in predicted if one.name in aliases]
        print(f"{printable(name)}: {line}" + (f"; that is: {', '.join(also)}" if also else ""))


COMMAND = Command(
    summary="describe images in symbols",
    example="scan img2sym runs/rooms photo.png --json",
    configure=configure,
    main=main,
    trailing="images",
    trailing_type=place,
)
