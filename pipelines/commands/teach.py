"""`scan teach`: a new word from a few images, without training; list, rename and forget such words."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands import Command, place, seed

if TYPE_CHECKING:
    from scan.concept_model import ConceptModel

SAMPLES = 16
"""Images of the sheet."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("run", metavar="RUN", type=place, help="a run folder, such as runs/rooms")
    parser.add_argument("name", metavar="NAME", nargs="?", help="the new word")
    parser.add_argument(
        "images",
        metavar="IMAGE",
        type=place,
        nargs="*",
        help="image files that show it: five or more, none are needed with --expression",
    )
    parser.add_argument(
        "--expression",
        metavar="TEXT",
        help="its meaning; with images, its meaning in the latents that these leave open",
    )
    parser.add_argument(
        "-o", "--output", type=place, metavar="PNG", help="a sheet of samples (default: NAME.png)"
    )
    parser.add_argument("--seed", type=seed, help="other seeds give other samples (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--list", action="store_true", help="the words that were taught, and their meanings")
    parser.add_argument("--rename", nargs=2, metavar=("OLD", "NEW"), help="give a word another name")
    parser.add_argument("--forget", metavar="WORD", help="remove a word")


def main(options: argparse.Namespace) -> None:
    """Teach, list, rename or forget."""
    from pipelines.commands import finished
    from pipelines.errors import UsageError
    from pipelines.runs.folder import RunFolder

    chosen = [options.name is not None, options.list, options.rename is not None, options.forget is not None]
    if sum(chosen) != 1:
        raise UsageError("scan teach takes one of NAME IMAGE..., --list, --rename OLD NEW, --forget WORD")
    _check_taken(options)
    finished.folder(options.run)
    if options.list:
        _list(options)
        return
    with RunFolder(options.run):  # no other process may write the words meanwhile
        if options.name is not None:
            _teach(options)
        else:
            _change(options)


def _check_taken(options: argparse.Namespace) -> None:
    """Refuse an option that would have no effect."""
    from pipelines.errors import UsageError

    if options.name is not None:
        return
    way = "--list" if options.list else "--rename" if options.rename else "--forget"
    given = {
        "--expression": options.expression is not None,
        "-o": options.output is not None,
        "--seed": options.seed is not None,
        "--json": options.json and not options.list,
    }
    for option, is_given in given.items():
        if is_given:
            raise UsageError(f"{option}: has no effect with {way}")


def _teach(options: argparse.Namespace) -> None:
    import json
    import sys

    import torch

    from pipelines.commands import finished, outputs
    from pipelines.errors import UsageError, printable

    output = outputs.check_picture(options.output or Path(outputs.file_name(options.name)), [*options.images])
    model = finished.model(options.run)
    _check_lesson(options, model)
    expression = options.expression and finished.expression(options.expression, model)
    pictures = finished.pictures(options.images, model.picture_target)
    finished.print_note(pictures)
    images = torch.stack([p.pixels for p in pictures]) if pictures else None
    try:
        taught = model.teach(options.name, images, expression or None)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if repeated := len(pictures) - taught.images:
        print(f"note: {repeated} of {len(pictures)} images repeat another and are left out", file=sys.stderr)
    seed = options.seed or 0
    x = model.sym2img(taught.q, SAMPLES, torch.Generator().manual_seed(seed))
    about = {"concept": options.name, "run": str(options.run), "seed": seed}
    outputs.write_grid(output, x, about)
    _save(model, options.run)
    if options.json:
        print(json.dumps(_record(model, options.name), indent=1))
        return
    _show(model, options.name)
    print(printable(f"{SAMPLES} samples: {output}"))


def _check_lesson(options: argparse.Namespace, model: "ConceptModel") -> None:
    """Refuse what no images can teach, before they are read."""
    from pipelines.errors import UsageError
    from scan.teaching import check_count, check_new

    try:
        check_new(options.name, model.vocabulary, model.taught)
        if not options.expression:
            check_count(options.name, len(options.images))
    except ValueError as error:
        raise UsageError(str(error)) from error


def _list(options: argparse.Namespace) -> None:
    import json

    from pipelines.commands import finished

    model = finished.model(options.run)
    if options.json:
        print(json.dumps([_record(model, name) for name in model.taught], indent=1))
        return
    if not model.taught:
        print("no words were taught")
    for name in model.taught:
        _show(model, name)


def _change(options: argparse.Namespace) -> None:
    import sys

    from pipelines.commands import finished
    from pipelines.errors import UsageError, nearest, printable
    from scan.teaching import defined_by

    model = finished.model(options.run)
    old = options.forget if options.rename is None else options.rename[0]
    if old not in model.taught:
        known = nearest(
            old, model.taught, otherwise="; there are {}" if model.taught else "; none was taught"
        )
        raise UsageError(f'no word "{printable(old)}" was taught{known}')
    if options.rename is None:
        model.forget(old)
        if defined := defined_by(model.taught, old):
            names = ", ".join(f'"{name}"' for name in defined)
            note = f'note: the definition of {names} names "{old}"; its meaning stays as it is'
            print(printable(note), file=sys.stderr)
    else:
        try:
            model.rename(*options.rename)
        except ValueError as error:
            raise UsageError(str(error)) from error
    _save(model, options.run)
    print(printable(f'forgot "{old}"' if options.rename is None else f'"{old}" is "{options.rename[1]}" now'))


def _save(model: "ConceptModel", run: Path) -> None:
    from pipelines.errors import RunError, explain
    from scan.taught_file import NAME, save_taught

    try:
        save_taught(run, model.taught.values())
    except OSError as error:
        raise RunError(f"cannot write {run / NAME}: {explain(error)}") from error


def _record(model: "ConceptModel", name: str) -> dict[str, object]:
    taught = model.taught[name]
    about = {"name": name, "images": taught.images, "expression": taught.expression}
    return {**about, **model.meaning(name).to_dict()}


def _show(model: "ConceptModel", name: str) -> None:
    from pipelines.errors import counted, printable

    taught, meaning = model.taught[name], model.meaning(name)
    origin = [counted(taught.images, "image")] if taught.images else []
    origin += [taught.expression] if taught.expression else []
    latents = ", ".join(f"{latent} ({nats:.2f})" for latent, nats in meaning.specific) or "none"
    nearest = ", ".join(f"{word} ({nats:.2f})" for word, nats in meaning.nearest)
    print(printable(f"{name}: from {' and '.join(origin)}"))
    print(f"  {len(meaning.specific)} of {model.latents} latents specific, with their nats: {latents}")
    print(printable(f"  nearest words, with their distance in nats: {nearest}"))


COMMAND = Command(
    summary="teach a new word from five images or more, without training",
    example="scan teach runs/rooms cosy a.png b.png c.png d.png e.png",
    configure=configure,
    main=main,
    trailing="images",
    trailing_type=place,
)
