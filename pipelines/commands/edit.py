"""`scan edit`: an image with only that changed which an expression says."""

import argparse
from pathlib import Path

from pipelines.commands import Command, place


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("run", metavar="RUN", type=place, help="a run folder, such as runs/rooms")
    parser.add_argument("image", metavar="IMAGE", type=place, help="an image file")
    parser.add_argument("expression", metavar="EXPRESSION", help='what it shall show, such as "wall: red"')
    parser.add_argument(
        "-o", "--output", type=place, metavar="PNG", help="the edited image (default: edited.png)"
    )
    parser.add_argument(
        "--sheet", type=place, metavar="PNG", help="also the image, its reconstruction and the edited one"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, with every attribute")


def main(options: argparse.Namespace) -> None:
    """Write the edited image, and print what changed."""
    import json

    import torch

    from pipelines.commands import finished, outputs
    from pipelines.errors import UsageError, printable

    output = outputs.check_picture(options.output or Path("edited.png"), [options.image])
    if options.sheet is not None:
        outputs.check_picture(options.sheet, [options.image], option="--sheet")
        outputs.check_different(output, options.sheet)
    model = finished.model(options.run)
    expression = finished.expression(options.expression, model)
    (picture,) = finished.pictures([options.image], model.picture_target)
    finished.print_note([picture])
    try:
        edit = model.edit(picture.pixels, expression)
    except ValueError as error:
        raise UsageError(str(error)) from error
    (changes,) = edit.changes()
    about = {
        "image": str(options.image),
        "expression": options.expression,
        "run": str(options.run),
        "attributes": edit.to_dicts()[0],
        "reached": None if edit.reached is None else edit.reached[0],
    }
    outputs.write_grid(output, edit.images, about)
    if options.sheet is not None:
        sheet = torch.cat((model.images(picture.pixels), edit.reconstructions, edit.images))
        shown = {"shown": ["image", "reconstruction", "edited"], **about}
        outputs.write_grid(options.sheet, sheet, shown)
    if options.json:
        print(json.dumps(about, indent=1))
        return
    for one in changes:
        what = one.before if one.before == one.after else f"{one.before} -> {one.after}"
        note = ("asked" if one.asked else "kept") if one.before == one.after or one.asked else "ALSO CHANGED"
        print(printable(f"{one.attribute}: {what} ({note}; moved {one.moved:.2f})"))
    if about["reached"] is False:
        print(printable(f'NOT REACHED: the edited image is not described as "{options.expression}"'))
    print(printable(str(output)))


COMMAND = Command(
    summary="change in an image what an expression names, and report what else changed",
    example='scan edit runs/rooms photo.png "wall: red" -o red.png --sheet before-after.png',
    configure=configure,
    main=main,
)
