"""`scan find`: the images of a folder that show an expression best."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands import MOST_SHOWN, Command, place, whole

if TYPE_CHECKING:
    from torch import Tensor

    from scan.concept_model import ConceptModel
    from scan.mixture import Mixture

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
"""Of the files that are looked at, in any case."""
BATCH = 256
NAMED = 3
"""Unreadable files that the note names."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("run", metavar="RUN", type=place, help="a run folder, such as runs/rooms")
    parser.add_argument(
        "expression",
        metavar="EXPRESSION",
        help="what the images shall show; scores are in nats, 0 for an image that says nothing of it",
    )
    parser.add_argument("folder", metavar="FOLDER", type=place, help="where the images are, at any depth")
    parser.add_argument("-n", type=whole(MOST_SHOWN), default=20, help="how many (default: 20)")
    parser.add_argument(
        "-o", "--output", type=place, metavar="PNG", help="a sheet of them, the best first (default: none)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> None:
    """Print the best images with their scores in nats, the best first."""
    import json
    import sys

    from pipelines.commands import finished, outputs
    from pipelines.errors import UsageError, printable

    if options.n < 1:
        raise UsageError(f"-n {options.n}: expected at least one image")
    if not options.folder.is_dir():
        raise UsageError(f"{options.folder}: no such folder")
    paths = _searched(options.folder, options.output)
    if options.output is not None:
        outputs.check_picture(options.output, paths)
    model = finished.model(options.run)
    expression = finished.expression(options.expression, model)
    try:
        concept = model.mixture(expression)
    except ValueError as error:
        raise UsageError(str(error)) from error
    unreadable: list[Path] = []
    found: list[tuple[float, Path, Tensor]] = []
    for scores, names, pixels in _scored(model, concept, paths, unreadable):
        found += zip(scores.tolist(), names, pixels, strict=True)
        found = sorted(found, key=lambda one: (-one[0], one[1]))[: options.n]
    if unreadable:
        named = ", ".join(printable(str(path)) for path in unreadable[:NAMED])
        more = ", ..." if len(unreadable) > NAMED else ""
        print(f"note: left out what cannot be read ({len(unreadable)}): {named}{more}", file=sys.stderr)
    if not found:
        raise UsageError(f"{options.folder}: no image that can be read ({', '.join(ENDINGS)})")
    if found[0][0] <= 0:
        print("note: no image shows it: 0 is the score of one that says nothing of it", file=sys.stderr)
    if options.output is not None:
        _write(options, found)
    if options.json:
        print(json.dumps([{"image": str(path), "score": round(s, 4)} for s, path, _ in found], indent=1))
        return
    for score, path, _ in found:
        print(printable(f"{score:8.2f}  {path}"))


def _searched(folder: Path, output: Path | None) -> list[Path]:
    """The pictures in a folder, without the sheet that an earlier search left where this one's will be."""
    from pipelines.commands import outputs

    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    if output is None or not outputs.is_sheet_with(output, "found"):
        return paths
    return [path for path in paths if not (path.exists() and path.samefile(output))]


def _scored(
    model: "ConceptModel", concept: "Mixture", paths: list[Path], unreadable: list[Path]
) -> Iterator[tuple["Tensor", list[Path], "Tensor"]]:
    """The scores of the images by batches, with their paths and pixels; notes what cannot be read."""
    import torch

    from vision.data import DataError
    from vision.data.pictures import read_picture

    for start in range(0, len(paths), BATCH):
        names, images = [], []
        for path in paths[start : start + BATCH]:
            try:
                images.append(read_picture(path, *model.picture_target).pixels)
                names.append(path)
            except (DataError, FileNotFoundError):
                unreadable.append(path)
        if images:
            pixels = torch.stack(images)
            yield model.score(pixels, concept), names, pixels


def _write(options: argparse.Namespace, found: list[tuple[float, Path, "Tensor"]]) -> None:
    import torch

    from pipelines.commands import outputs
    from vision.data import to_unit

    about = {
        "expression": options.expression,
        "run": str(options.run),
        "found": [{"image": str(path), "score": round(score, 4)} for score, path, _ in found],
    }
    outputs.write_grid(options.output, to_unit(torch.stack([pixels for *_, pixels in found])), about)


COMMAND = Command(
    summary="find the images of a folder that show an expression best",
    example='scan find runs/rooms "wall: red AND NOT hat" photos -n 20 -o found.png',
    configure=configure,
    main=main,
)
