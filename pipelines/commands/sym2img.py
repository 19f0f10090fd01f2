"""`scan sym2img`: imagine what an expression says."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.commands import MOST_SHOWN, Command, place, seed, whole

if TYPE_CHECKING:
    from symbols import Concept, Expression

SHOWN = 16
"""Images by default."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("run", metavar="RUN", type=place, help="a run folder, such as runs/rooms")
    parser.add_argument(
        "expression",
        metavar="EXPRESSION",
        help="a concept; may use the learned operators AND (the attributes of both), IN COMMON (what both "
        "have) and IGNORE (the first without the attributes that the second names), OR, NOT, parentheses, "
        "and weights such as 2*(hat)",
    )
    parser.add_argument(
        "-n",
        type=whole(MOST_SHOWN),
        help="number of images (default: 16; with --mean alone, one for each alternative of an OR)",
    )
    parser.add_argument(
        "-o", "--output", type=place, metavar="PNG", help="the picture (default: named after the expression)"
    )
    parser.add_argument(
        "--complete",
        action="store_true",
        help="draw a value for each attribute of several that EXPRESSION leaves open, in each image: better "
        "images where what an attribute looks like depends on others",
    )
    parser.add_argument(
        "--mean",
        action="store_true",
        help="the mean of the latents in place of samples: with --complete, only what is drawn varies",
    )
    parser.add_argument("--seed", type=seed, default=0, help="other seeds give other images (default: 0)")


def main(options: argparse.Namespace) -> None:
    """Write a grid of images, and beside it a JSON file that says what they are."""
    import torch

    from pipelines.commands import finished, outputs
    from pipelines.errors import UsageError, counted, printable
    from symbols import is_weighted

    if options.n is not None and options.n < 1:
        raise UsageError(f"-n {options.n}: expected at least one image")
    output = outputs.check_picture(options.output or Path(outputs.file_name(options.expression)))
    model = finished.model(options.run)
    expression = finished.expression(options.expression, model)
    noise = torch.Generator().manual_seed(options.seed)
    about: dict[str, Any] = {"expression": options.expression}
    try:
        if options.complete:
            completed = model.complete(expression, options.n or SHOWN, noise, mean=options.mean)
            x, about["completions"] = completed.images, [dict(one.items()) for one in completed.concepts]
        else:
            mixture = model.mixture(expression)
            n = options.n or (len(mixture.components) if options.mean else SHOWN)
            x = model.sym2img(mixture, n, noise, mean=options.mean)
    except ValueError as error:  # an operator in a run without operators, or nothing that NOT leaves
        raise UsageError(str(error)) from error
    concept = _concept(expression)
    about |= {
        "concept": None if concept is None else dict(concept.items()),
        "run": str(options.run),
        "seed": options.seed,
        "mean": options.mean,
    }
    outputs.write_grid(output, x, about)
    shown = expression if concept is None or is_weighted(expression) else concept
    print(printable(f"{counted(len(x), 'image')} of {shown}: {output}"))


def _concept(expression: "Expression") -> "Concept | None":
    """The one concept that an expression stands for; None with OR, NOT or taught words."""
    from symbols import evaluate

    try:
        return evaluate(expression)
    except ValueError:
        return None


COMMAND = Command(
    summary="imagine what an expression says: symbols to images",
    example='scan sym2img runs/rooms "(wall: red) AND hat" -n 16 -o red-hats.png',
    configure=configure,
    main=main,
)
