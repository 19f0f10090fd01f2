"""Sheets: grids of images with words, saved as a picture and a JSON file that says what is where."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.runs.files import write_bytes, write_json
from vision.data import ImageSet
from vision.grids import make_grid, png
from vision.randomness import generator

WHITE = 255
WRONG = (200, 30, 45)
SHOWN_PIXELS = 64
"""About how large one image appears on the page, in pixels."""
SOFTWARE = "scan-concepts"
"""The text chunk Software of the pictures that commands write where a user says."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """R rows of C images, and what they show."""

    name: str
    """The stem of its files."""
    title: str
    images: Tensor
    """uint8 (R, C, channels, H, W)."""
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    wrong: np.ndarray | None = None
    """bool (R, C): the images that the judge reads otherwise than asked; None where nothing was asked."""
    parts: tuple[int, ...] = ()
    """Columns of each group that belongs together; all are one group where it is empty."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What else its JSON file says."""

    def __post_init__(self) -> None:
        rows, columns = self.images.shape[:2]
        assert self.images.ndim == 5, "the images of a sheet are (R, C, channels, H, W)"
        assert self.images.dtype == torch.uint8, "the images of a sheet are bytes"
        assert (len(self.rows), len(self.columns)) == (rows, columns), "every row and column has a name"
        assert not self.parts or sum(self.parts) == columns, "the parts of a sheet are all of it"

    def right(self, row: int) -> str:
        """How many images of a row the judge reads as asked: "7 of 8", or nothing where nothing was asked."""
        if self.wrong is None:
            return ""
        asked = self.parts[-1] if self.parts else len(self.columns)  # of recombinations, the results
        return f"{asked - int(self.wrong[row].sum())} of {asked}"


def save(sheet: Sheet, folder: Path) -> tuple[str, str]:
    """Write NAME.png and NAME.json; returns the names of the files."""
    grid = make_grid(sheet.images.flatten(0, 1), columns=len(sheet.columns), background=WHITE)
    write_bytes(folder / f"{sheet.name}.png", png(grid))
    about: dict[str, Any] = {
        "title": sheet.title,
        "rows": sheet.rows,
        "columns": sheet.columns,
        **sheet.about,
    }
    if sheet.wrong is not None:
        about["right"] = [sheet.right(row) for row in range(len(sheet.rows))]
    write_json(folder / f"{sheet.name}.json", about)
    return f"{sheet.name}.png", f"{sheet.name}.json"


def scale_of(sheet: Sheet) -> int:
    """By how much the images of a sheet are enlarged on the page."""
    return max(1, round(SHOWN_PIXELS / max(sheet.images.shape[-2:])))


def strips(sheet: Sheet, row: int) -> list[bytes]:
    """One row as PNG files, one for each of its parts; what the judge reads otherwise is underlined."""
    parts = sheet.parts or (len(sheet.columns),)
    wrong = np.zeros(len(sheet.columns), dtype=bool) if sheet.wrong is None else sheet.wrong[row]
    images = [_underlined(image, bool(w)) for image, w in zip(sheet.images[row], wrong, strict=True)]
    found, start = [], 0
    for columns in parts:
        grid = make_grid(
            torch.stack(images[start : start + columns]), columns=columns, padding=1, background=WHITE
        )
        found.append(png(grid))
        start += columns
    return found


def _underlined(image: Tensor, wrong: bool) -> Tensor:
    """An image (3, H + 2, W): below it a white line, and a line that is red where it is wrong."""
    image = image.expand(3, -1, -1)
    lines = torch.full((3, 2, image.shape[-1]), WHITE, dtype=torch.uint8)
    if wrong:
        lines[:, 1] = torch.tensor(WRONG, dtype=torch.uint8)[:, None]
    return torch.cat((image, lines), dim=1)


def sheet_of_samples(images: ImageSet, n: int, seed: int) -> bytes:
    """The PNG of n images of a set, drawn by a seed, enlarged for the eye; `is_ours` holds for it."""
    shown = generator(seed, "sheet").permutation(len(images))[:n]
    chosen = images.subset(np.sort(shown)).images
    scale = max(1, SHOWN_PIXELS // max(chosen.shape[-2:]))
    return png(make_grid(chosen.repeat_interleave(scale, -1).repeat_interleave(scale, -2)), SOFTWARE)


def is_ours(path: Path) -> bool:
    """Whether a path is of a PNG whose first text chunk says that `SOFTWARE` wrote it.

    Raises:
        OSError: When it cannot be read.
    """
    if not path.is_file():
        return False
    text = b"Software\0" + SOFTWARE.encode()
    with path.open("rb") as file:
        head = file.read(256)
    return head.startswith(b"\x89PNG") and struct.pack(">I", len(text)) + b"tEXt" + text in head
