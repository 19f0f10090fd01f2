"""What the commands on a finished run share: open it, read a user's words and images.

Everything that a user can get wrong here becomes one clear line: `UsageError` for the request, `RunError` for
the run.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

import scan
from pipelines.errors import RunError, UsageError, counted, printable
from pipelines.runs.files import read_json
from pipelines.runs.folder import check_format, config_of
from pipelines.runs.plan import STAGES
from pipelines.training.budget import FILE as BUDGET
from scan.run_format import finished as is_finished
from symbols import Expression, ExpressionError, alternatives
from vision.data import DataError
from vision.data.pictures import Target, read_picture

LISTED = 5
"""Files that an error names at most."""


def folder(path: Path) -> Path:
    """A run folder, checked.

    Raises:
        UsageError: When there is none.
        RunError: When it is of another format.
    """
    if not (path / "data.json").is_file():
        what = "is not a run folder" if path.is_dir() else "does not exist"
        raise UsageError(f"{path} {what}: scan run CONFIG makes one (runs/NAME)")
    check_format(read_json(path / "data.json"), path / "data.json")
    return path


def model(run: Path) -> scan.ConceptModel:
    """The models of a run.

    Raises:
        UsageError: When there is no such run.
        RunError: When it is not finished, or a file of it cannot be trusted.
    """
    return scan.load(folder(run))


def kl_per_latent(run: Path, latents: int) -> Tensor | None:
    """The KL of each latent (D,) from the prior in nats, mean over test images.

    Args:
        run: A run folder whose stage vision is there.
        latents: D, of its visual model.

    Returns:
        None of the user's own model, of which nothing was measured.

    Raises:
        RunError: When the measures are damaged, or of another model.
    """
    path = run / "vision" / "metrics.json"
    if not path.exists():
        return None
    content = read_json(path)
    try:
        nats = torch.tensor(content["test_images"]["kl_per_latent"], dtype=torch.float32)
    except (KeyError, TypeError, ValueError):
        raise RunError(f"{path} is damaged (no test_images.kl_per_latent)") from None
    if nats.shape != (latents,):
        raise RunError(f"{path}: kl_per_latent is not of the {latents} latents of the model")
    return nats


def expression(text: str, model: scan.ConceptModel) -> Expression:
    """Read an expression in the words of a model, the taught ones included.

    Raises:
        UsageError: With the place in the text, or the two values that contradict each other.
    """
    try:
        found = model.parse(text)
        alternatives(found, model.vocabulary)
    except ExpressionError as error:
        pointed = "\n".join(f"    {line}" for line in error.caret.splitlines())
        raise UsageError(f"{error}\n{pointed}") from error
    except ValueError as error:  # a contradiction, or nothing that NOT leaves
        raise UsageError(f'"{text}": {error}') from error
    return found


@contextmanager
def copied(path: Path) -> Iterator[Path]:
    """A run folder that holds copies of the finished stages of another, for as long as the context lasts.

    Raises:
        UsageError: When the run has no config.
    """
    with tempfile.TemporaryDirectory(prefix="scan-") as place:
        copy = Path(place) / "run"
        copy.mkdir()
        for file in (path / "data.json", config_of(path), path / BUDGET):
            if file.is_file() or file.name != BUDGET:
                shutil.copyfile(file, copy / file.name)
        for stage in (path / name for name in STAGES if name != "report"):
            if is_finished(stage):
                shutil.copytree(stage, copy / stage.name)
        yield copy


class Picture(NamedTuple):
    """A user's image, as the visual model takes it."""

    pixels: Tensor
    """uint8 (C, H, W)."""
    path: Path
    found: tuple[int, int]
    """(height, width) in the file, upright."""

    @property
    def is_cropped(self) -> bool:
        """Whether the file has other proportions than the model's images."""
        (had_height, had_width), (height, width) = self.found, self.pixels.shape[1:]
        return had_width * height != had_height * width

    @property
    def note(self) -> str:
        """What had to be done to it; empty where nothing."""
        if self.found == tuple(self.pixels.shape[1:]):
            return ""
        cropped = ", cropped to the middle" if self.is_cropped else ""
        return f"{self.path}: {_size(self.found)} made {_size(self.pixels.shape[1:])}{cropped}"


def pictures(paths: Sequence[Path], target: Target) -> list[Picture]:
    """Read image files and make them what a model takes, as `vision.data.pictures` reads those of a data set.

    Raises:
        UsageError: Naming the files that cannot be read.
    """
    found, bad = [], []
    for path in paths:
        try:
            picture = read_picture(path, *target)
            found.append(Picture(picture.pixels, path, picture.found))
        except FileNotFoundError:
            bad.append(f"{path} (no such file)")
        except DataError as error:
            bad.append(f"{path} ({error})")
    if bad:
        more = f", ... ({len(bad) - LISTED} more)" if len(bad) > LISTED else ""
        raise UsageError(
            f"cannot read {len(bad)} of {counted(len(paths), 'image')}: {', '.join(bad[:LISTED])}{more}"
        )
    return found


def print_note(found: Sequence[Picture]) -> None:
    """Say on stderr in one line which pictures had to be changed, where any had."""
    changed = [picture for picture in found if picture.note]
    if not changed:
        return
    line = changed[0].note
    if len(changed) > 1:
        cropped = sum(picture.is_cropped for picture in changed)
        middle = f", {cropped} of them cropped to the middle" if cropped else ""
        made = f"made {_size(changed[0].pixels.shape[1:])}{middle}"
        line = f"{len(changed)} pictures of other sizes are {made}, the first: {changed[0].path}"
    print(f"note: {printable(line)}", file=sys.stderr)


def _size(sides: Sequence[int]) -> str:
    height, width = sides
    return f"{width}x{height}"
