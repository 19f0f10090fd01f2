"""A folder of image files with a CSV table of their attributes, one row per image.

    file,colour,shape,glasses
    0001.png,red,cup,yes

Everything that is wrong with the files and the table is collected and told at once, in one line.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from vision.data.factors import factors, nearest
from vision.data.images import DataError, ImageSet

NAMED = 3
"""How many culprits of a kind an error names."""


class _Problems:
    """What is wrong, by kind."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def add(self, kind: str, culprit: str) -> None:
        self.found.setdefault(kind, []).append(culprit)

    def raise_any(self, table: Path, rows: int) -> None:
        if not self.found:
            return
        parts = []
        for kind, culprits in self.found.items():
            more = ", ..." if len(culprits) > NAMED else ""
            parts.append(f"{len(culprits)} {kind} ({', '.join(culprits[:NAMED])}{more})")
        total = sum(map(len, self.found.values()))
        raise DataError(f"{table}: {total} problem{'s' * (total > 1)} in {rows} rows: {'; '.join(parts)}")


def load_folder(
    folder: str | os.PathLike[str],
    table: str | os.PathLike[str],
    size: int | tuple[int, int] | None = None,
    *,
    attributes: Sequence[str] | None = None,
    binary: Collection[str] = (),
    file_column: str = "file",
    channels: Literal[1, 3] = 3,
    resize: bool = False,
) -> ImageSet:
    """The images that the rows of a CSV `table` name, relative to `folder`, with its columns as factors.

    `table` is a path, or the name of a file in the folder. `size` is the side or (height, width) that all
    images must have, by default that of the first; with `resize` they are cropped about their centre to its
    proportions and scaled instead. `attributes` chooses columns, by default all; `binary` lists those that
    are present or absent. Transparent pixels become black. Raises DataError that counts and names missing,
    unreadable or truncated files, wrong sizes, rows of a wrong length, empty cells and unknown columns.
    """
    folder, table = Path(folder), Path(table)
    table = table if table.is_file() else folder / table
    header, rows = _read_table(table)
    names = [name for name in header if name != file_column] if attributes is None else list(attributes)
    for name in (file_column, *names, *binary):
        if name not in header:
            raise DataError(f"{table}: no column {name!r}{nearest(name, header)}: it has {', '.join(header)}")
    problems = _Problems()
    whole = _whole_rows(header, rows, (file_column, *names), problems)
    images = _read_images(folder, [row[file_column] for row in whole], size, channels, resize, problems)
    problems.raise_any(table, len(rows))
    try:
        found = factors({name: np.array([row[name] for row in whole]) for name in names}, binary=binary)
    except DataError as error:
        raise DataError(f"{table}: {error}") from error
    kept = tuple(name for name in found.names if name in binary)
    return ImageSet(images, *found, binary=kept, name=folder.name, source=table.name)


def _read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the rows, stripped; blank lines are skipped."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = [[cell.strip() for cell in line] for line in csv.reader(file) if line]
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such table of attributes") from error
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable CSV table ({error})") from error
    if len(lines) < 2:
        raise DataError(f"{path}: expected a header and at least one row")
    twice = [name for name, count in Counter(lines[0]).items() if count > 1]
    if twice:
        raise DataError(f"{path}: column {twice[0]!r} occurs twice")
    return lines[0], lines[1:]


def _whole_rows(
    header: Sequence[str], rows: Sequence[Sequence[str]], needed: Sequence[str], problems: _Problems
) -> list[dict[str, str]]:
    """Rows as dictionaries, without those that cannot be used; these are noted."""
    whole = []
    for number, cells in enumerate(rows, start=1):
        if len(cells) != len(header):
            problems.add(f"rows without exactly {len(header)} cells", f"row {number} has {len(cells)}")
            continue
        row = dict(zip(header, cells, strict=True))
        empty = [name for name in needed if not row[name]]
        for name in empty:
            problems.add("empty cells", f"row {number} column {name!r}")
        if not empty:
            whole.append(row)
    return whole


def _read_images(
    folder: Path,
    files: Sequence[str],
    size: int | tuple[int, int] | None,
    channels: Literal[1, 3],
    resize: bool,
    problems: _Problems,
) -> Tensor:
    """uint8 (N, C, H, W); rows of images with a problem, which is noted, stay black."""
    wanted = (size, size) if isinstance(size, int) else size
    images: Tensor | None = None
    for i, file in enumerate(files):
        try:
            pixels = _read_image(folder / file, channels, wanted if resize else None)
        except FileNotFoundError:
            problems.add("missing files", file)
            continue
        except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
            problems.add("unreadable or truncated files", f"{file}: {error}")
            continue
        height, width = pixels.shape[1:]
        wanted = (height, width) if wanted is None else wanted
        if (height, width) != wanted:
            problems.add(f"images that are not {wanted[0]}x{wanted[1]}", f"{file} is {height}x{width}")
            continue
        if images is None:
            images = torch.zeros((len(files), *pixels.shape), dtype=torch.uint8)
        images[i] = pixels
    return torch.zeros((0, channels, 1, 1), dtype=torch.uint8) if images is None else images


def _read_image(path: Path, channels: Literal[1, 3], size: tuple[int, int] | None) -> Tensor:
    """uint8 (C, H, W), upright, over black, cropped and scaled to `size` (H, W) where given."""
    with Image.open(path) as file:
        image = ImageOps.exif_transpose(file)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
        image = image.convert("RGB" if channels == 3 else "L")
        if size is not None:
            image = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(image))
    return pixels.permute(2, 0, 1) if channels == 3 else pixels[None]
