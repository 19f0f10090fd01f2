"""Where commands write what a user asks for: paths, checked before anything is computed, and pictures.

Never replaced are a file that the command reads, a file of a run, and a picture or a JSON file that no
command has written. A picture of ours has a text chunk that says so (`pipelines.report.sheets.is_ours`), and
the JSON file beside it has keys that do.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from pipelines.errors import RunError, UsageError
from pipelines.report.sheets import SOFTWARE, WHITE, is_ours
from pipelines.runs.contents import FILES, is_run
from pipelines.runs.files import read_json, write_bytes, write_json
from vision.data import to_bytes
from vision.grids import make_grid, png

COLUMNS = 8
SHOWN_PIXELS = 128
"""About how large a written picture shows one small image."""


def check_picture(path: Path, inputs: Iterable[Path] = (), *, option: str = "-o") -> Path:
    """The path of a picture that `write_grid` is to write with its JSON file, checked.

    Args:
        path: The path, given or by default.
        inputs: Files that the command reads.
        option: The option that names another.

    Raises:
        UsageError: When it does not end in .png, is a folder, a file of a run or one of the inputs, or is
            there and was not written by a command; and for its JSON file likewise.
    """
    check_sheet(path, option=option)
    about = path.with_suffix(".json")
    check_output(about, option=option)
    known = list(inputs)
    for file in (path, about):
        if any(_is_same(file, one) for one in known):
            raise UsageError(f"{file} is one of the images that are read: name another {option}")
    check_ours(path, option=option)
    if about.exists() and not _is_record(about):
        raise UsageError(f"{option} {path}: {about.name} would be overwritten, choose another name")
    return path


def check_sheet(path: Path, *, option: str = "-o") -> Path:
    """The path of a picture without a JSON file, checked but for what is there.

    Raises:
        UsageError: When it does not end in .png, is a folder or a file of a run.
    """
    check_output(path, option=option)
    if path.suffix.lower() != ".png":
        name = path.with_suffix(".png").name
        raise UsageError(f"{option} {path}: pictures are written as PNG, name it {name}")
    return path


def check_ours(path: Path, *, option: str = "-o") -> None:
    """Refuse the path of a picture that is there and was not written by a command.

    Raises:
        UsageError: Then.
    """
    if path.exists() and not is_ours(path):
        raise UsageError(f"{path} exists and was not written by scan: name another {option}")


def check_ending(path: Path, ending: str, what: str) -> Path:
    """The path of a file that is to be written by -o, checked.

    Args:
        path: The path.
        ending: Such as ".html".
        what: What is written, such as "the page is written".

    Raises:
        UsageError: When it has another ending, is a folder or a file of a run.
    """
    check_output(path)
    if path.suffix.lower() != ending:
        name = path.with_suffix(ending).name
        raise UsageError(f"-o {path}: {what} as {ending[1:].upper()}, name it {name}")
    return path


def check_output(path: Path, *, option: str = "-o") -> Path:
    """The path of a file to write, checked.

    Raises:
        UsageError: When it is a folder, or a file of a run.
    """
    if path.is_dir():
        raise UsageError(f"{option} {path}: is a folder, expected the name of a file")
    runs = [folder for folder in path.absolute().parents if is_run(folder)]
    if runs and (path.exists() or path.name in FILES):
        raise UsageError(f"{option} {path}: that is a file of a run, choose another name")
    return path


def check_different(output: Path, sheet: Path) -> None:
    """Refuse two pictures of one command that would be the same file, or have the same JSON file.

    Raises:
        UsageError: Naming them.
    """
    written = {output.resolve(), output.with_suffix(".json").resolve()}
    if written & {sheet.resolve(), sheet.with_suffix(".json").resolve()}:
        raise UsageError(f"-o {output} and --sheet {sheet} would replace each other: name another --sheet")


def write_grid(path: Path, x: Tensor, about: Mapping[str, Any], *, columns: int = COLUMNS) -> None:
    """Write images as one PNG, enlarged for the eye, with a JSON file beside it.

    Args:
        path: One that `check_picture` accepts.
        x: Images (N, C, H, W) in [0, 1].
        about: What the JSON file says beside the sizes.
        columns: Images in a row at most.

    Raises:
        RunError: When it cannot be written.
    """
    images = to_bytes(x)
    scale = max(1, SHOWN_PIXELS // max(images.shape[-2:]))
    large = images.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    grid = make_grid(large, columns=min(columns, len(images)), padding=2 * scale, background=WHITE)
    write_bytes(path, png(grid, SOFTWARE))
    record = {**about, "images": len(images), "columns": min(columns, len(images)), "enlarged": scale}
    write_json(path.with_suffix(".json"), record)


def file_name(text: str) -> str:
    """The name of a picture of an expression.

    >>> file_name("(wall: red) AND hat")
    'wall-red-and-hat.png'
    """
    return (re.sub(r"[^\w]+", "-", text.lower()).strip("-")[:80] or "picture") + ".png"


def is_sheet_with(path: Path, key: str) -> bool:
    """Whether a picture and its JSON file were written by `write_grid`, about something called `key`."""
    about = path.with_suffix(".json")
    return is_ours(path) and _is_record(about) and key in read_json(about)


def _is_record(path: Path) -> bool:
    """Whether a file is a JSON file of `write_grid`."""
    try:
        return {"images", "columns", "enlarged"} <= read_json(path).keys()
    except RunError:
        return False


def _is_same(path: Path, other: Path) -> bool:
    """Whether two paths are of one file that is there."""
    other = other.expanduser()
    return path.exists() and other.exists() and path.samefile(other)
