"""Sheets: grids of images with words, saved as a picture and a JSON file that says what is where."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from pipelines.runs.files import write_bytes, write_json
from pipelines.runs.randomness import generator
from vision.data import ImageSet

WHITE = 255
WRONG = (200, 30, 45)
SHOWN_PIXELS = 64
"""About how large one image appears on the page, in pixels."""


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


def make_grid(images: Tensor, *, columns: int = 8, padding: int = 2, background: float = 0) -> Tensor:
    """Images (N, C, H, W), C of 1 or 3, in rows of `columns`, as one image (3, height, width) of their type.

    Equal to `torchvision.utils.make_grid`, without the import of torchvision: it takes 1.7 s of the 6 s in
    which `scan sym2img` starts.

    Args:
        images: At least one; a single one is returned as it is.
        columns: Images in a row; the last row is filled with the background.
        padding: Width in pixels of the background between and around the images.
        background: The value of its pixels.
    """
    images = images.expand(-1, 3, -1, -1)
    n = len(images)
    if n == 1:
        return images[0]
    columns = min(columns, n)
    missing = -n % columns
    cells = F.pad(images, (padding, 0, padding, 0, 0, 0, 0, missing), value=background)
    rows = cells.unflatten(0, (-1, columns)).permute(2, 0, 3, 1, 4)
    grid = rows.flatten(3, 4).flatten(1, 2)
    return F.pad(grid, (0, padding, 0, padding), value=background)


def sheet_of_samples(images: ImageSet, n: int, seed: int) -> bytes:
    """The PNG of n images of a set, drawn by a seed, enlarged for the eye."""
    shown = generator(seed, "sheet").permutation(len(images))[:n]
    chosen = images.subset(np.sort(shown)).images
    scale = max(1, SHOWN_PIXELS // max(chosen.shape[-2:]))
    return png(make_grid(chosen.repeat_interleave(scale, -1).repeat_interleave(scale, -2)))


def png(image: Tensor) -> bytes:
    """An image uint8 (channels, H, W), grey or RGB, as the content of a PNG file."""
    pixels = image.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
