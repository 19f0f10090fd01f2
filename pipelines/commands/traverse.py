"""`scan traverse`: see what each latent of the visual model does."""

import argparse
from pathlib import Path

from pipelines.commands import Command, place, seed, whole


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("run", metavar="RUN", type=place, help="a run folder; its stage vision is enough")
    parser.add_argument(
        "-o", "--output", type=place, metavar="PNG", default=Path("traversals.png"), help="the picture"
    )
    parser.add_argument(
        "--image", type=place, help="start from this image (default: from the prior's middle)"
    )
    parser.add_argument("--columns", type=whole(200), default=11, help="values of each latent (default: 11)")
    parser.add_argument("--seed", type=seed, help="start from a draw of the prior with this seed")


def main(options: argparse.Namespace) -> None:
    """Write one row a latent, sorted by KL, with a JSON file beside it."""
    import torch

    from pipelines.commands import finished, outputs
    from pipelines.errors import UsageError, printable
    from pipelines.report import figures
    from pipelines.runs.folder import RunFolder
    from pipelines.runs.models import load_vision
    from scan.loading import picture_target
    from vision.data import to_unit

    if options.columns < 2:
        raise UsageError(f"--columns {options.columns}: expected at least two")
    if options.seed is not None and options.image is not None:
        raise UsageError("--seed: has no effect with --image, from which the traversals start")
    output = outputs.check_picture(options.output, [] if options.image is None else [options.image])
    run = RunFolder(finished.folder(options.run))
    vision = load_vision(run, None, torch.device("cpu"))
    start = torch.zeros(vision.latents)
    if options.seed is not None:
        start = torch.randn(vision.latents, generator=torch.Generator().manual_seed(options.seed))
    if options.image is not None:
        (picture,) = finished.pictures([options.image], picture_target(run.path, vision.shape))
        finished.print_note([picture])
        start = figures.code(vision, picture.pixels.unsqueeze(0))[0]
    measured = finished.kl_per_latent(options.run, vision.latents)
    nats = torch.ones(vision.latents) if measured is None else measured
    sheet = figures.traversals(vision, nats, start, columns=options.columns)
    about = {"title": sheet.title, "rows": sheet.rows, "values": sheet.columns, **sheet.about}
    outputs.write_grid(output, to_unit(sheet.images.flatten(0, 1)), about, columns=options.columns)
    for row in sheet.rows:
        print(row)
    extent = f"{len(sheet.rows)} of {vision.latents} latents, {sheet.columns[0]} to {sheet.columns[-1]}"
    print(f"{extent}: {printable(str(output))}")


COMMAND = Command(
    summary="see what each latent of the visual model does",
    example="scan traverse runs/rooms -o traversals.png",
    configure=configure,
    main=main,
)
