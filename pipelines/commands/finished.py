"""What the commands on a finished run share: open it, read a user's words and images, write pictures.

Everything that a user can get wrong here becomes one clear line: `UsageError` for the request, `RunError` for
the run.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

import scan
from pipelines.errors import RunError, UsageError
from pipelines.report.sheets import WHITE
from pipelines.runs.contents import is_run
from pipelines.runs.files import read_json, write_bytes, write_json
from pipelines.runs.folder import check_format, config_of
from pipelines.runs.plan import STAGES
from scan.run_format import finished as is_finished
from symbols import Expression, ExpressionError, alternatives
from vision.data import DataError, to_bytes
from vision.data.pictures import read_picture
from vision.grids import make_grid, png

COLUMNS = 8
LISTED = 5
"""Files that an error names at most."""
SHOWN_PIXELS = 128
"""About how large a written picture shows one small image."""


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
        for file in (path / "data.json", config_of(path)):
            shutil.copyfile(file, copy / file.name)
        for stage in (path / name for name in STAGES if name != "report"):
            if is_finished(stage):
                shutil.copytree(stage, copy / stage.name)
        yield copy


class Picture(NamedTuple):
    """A user's image, as the visual model takes it."""

    pixels: Tensor
    """uint8 (C, H, W)."""
    note: str
    """What had to be done to it; empty where nothing."""


def pictures(paths: Sequence[Path], shape: Sequence[int]) -> list[Picture]:
    """Read image files and make them (C, H, W), as `vision.data.pictures` reads those of a data set.

    Raises:
        UsageError: Naming the files that cannot be read.
    """
    found, bad = [], []
    for path in paths:
        try:
            found.append(_picture(path, shape))
        except FileNotFoundError:
            bad.append(f"{path} (no such file)")
        except DataError as error:
            bad.append(f"{path} ({error})")
    if bad:
        more = f", ... ({len(bad) - LISTED} more)" if len(bad) > LISTED else ""
        raise UsageError(f"cannot read {len(bad)} of {len(paths)} images: {', '.join(bad[:LISTED])}{more}")
    return found


def _picture(path: Path, shape: Sequence[int]) -> Picture:
    channels, height, width = shape
    pixels, (had_height, had_width) = read_picture(path, 1 if channels == 1 else 3, (height, width))
    note = ""
    if (had_height, had_width) != (height, width):
        cropped = "" if had_width * height == had_height * width else ", cropped to the middle"
        note = f"{path}: {had_width}x{had_height} made {width}x{height}{cropped}"
    return Picture(pixels, note)


def write_grid(path: Path, x: Tensor, about: Mapping[str, Any], *, columns: int = COLUMNS) -> None:
    """Write images (N, C, H, W) in [0, 1] as one PNG, enlarged for the eye, with a JSON file beside it.

    Raises:
        UsageError: When the name is not that of a .png file, or something that is not such a picture's would
            be overwritten.
        RunError: When it cannot be written.
    """
    _check_free(check_png(path))
    images = to_bytes(x)
    scale = max(1, SHOWN_PIXELS // max(images.shape[-2:]))
    large = images.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    grid = make_grid(large, columns=min(columns, len(images)), padding=2 * scale, background=WHITE)
    write_bytes(path, png(grid))
    record = {**about, "images": len(images), "columns": min(columns, len(images)), "enlarged": scale}
    write_json(path.with_suffix(".json"), record)


def check_output(path: Path) -> Path:
    """The path of a file to write, checked.

    Raises:
        UsageError: When it is a folder, or a file of a run.
    """
    if path.is_dir():
        raise UsageError(f"-o {path}: is a folder, expected the name of a file")
    if path.exists() and any(is_run(folder) for folder in path.absolute().parents):
        raise UsageError(f"-o {path}: that is a file of a run, choose another name")
    return path


def _check_free(path: Path) -> None:
    """Refuse to overwrite a file of a run, or a JSON file that `write_grid` has not written."""
    check_output(path)
    about = path.with_suffix(".json")
    if about.exists():
        try:
            ours = {"images", "columns", "enlarged"} <= read_json(about).keys()
        except RunError:
            ours = False
        if not ours:
            raise UsageError(f"-o {path}: {about.name} would be overwritten, choose another name")


def check_png(path: Path) -> Path:
    """The path of a picture, checked.

    Raises:
        UsageError: When it does not end in .png.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"-o {path}: pictures are written as PNG, name it {path.with_suffix('.png').name}")
    return path


def file_name(text: str) -> str:
    """The name of a picture of an expression.

    >>> file_name("(wall: red) AND hat")
    'wall-red-and-hat.png'
    """
    return (re.sub(r"[^\w]+", "-", text.lower()).strip("-")[:80] or "picture") + ".png"
