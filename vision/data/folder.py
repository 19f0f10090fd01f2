"""A folder of image files with a table of their attributes, one row per image.

    file,colour,shape,glasses
    0001.png,red,cup,yes

All problems of the files and the table are collected and reported in one line.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from vision.data.factors import factors
from vision.data.images import DataError, ImageSet
from vision.data.paths import is_inside
from vision.data.pictures import read_picture
from vision.data.tables import Problems, Table, hint, quoted, read_table
from vision.spelling import nearest


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
    allow_outside: bool = False,
) -> ImageSet:
    """The images that the rows of a `table` name, relative to `folder`, with its columns as factors.

    Args:
        folder: Where the images are; "~" is expanded.
        table: A file in the folder, or an absolute path (`vision.data.tables` has the formats).
        size: The side or (height, width) that all images must have, by default that of the first; with
            `resize` they are cropped about their centre to its proportions and scaled to it instead.
        attributes: The columns to use, by default all.
        binary: Those that are present or absent; those of CelebA's own list are so without being listed.
        file_column: The column with the names of the files.
        channels: 3 for RGB, 1 for grey.
        resize: See `size`.
        allow_outside: Whether files may lie outside `folder`, by "..", an absolute path or a symbolic link.

    Raises:
        DataError: One line that counts and names missing, unreadable, repeated and outside files, wrong
            sizes, lines of a wrong length, empty cells, unknown columns.
    """
    folder = Path(folder).expanduser()
    read = read_table(folder / Path(table).expanduser(), file_column)
    names = [name for name in read.names if name != file_column] if attributes is None else list(attributes)
    for name in (file_column, *names, *binary):
        if name not in read.names:
            raise DataError(
                f"{read.path}: no column {name!r}{nearest(name, read.names)}: it has {', '.join(read.names)}"
            )
    problems = read.problems
    total = read.total
    rows = _own_files(folder, read, file_column, allow_outside, _filled(read, (file_column, *names)))
    files = [read.columns[file_column][row] for row in rows]
    images = _read_images(folder, files, size, channels, resize, problems)
    problems.raise_any(read.path, total)
    chosen = {*binary, *read.binary}
    try:
        found = factors(
            {name: np.array(read.columns[name])[rows] for name in names},
            binary=[name for name in names if name in chosen]
            + [name for name in binary if name not in names],
        )
        kept = tuple(name for name in found.names if name in chosen)
        return ImageSet(images, *found, binary=kept, name=folder.name, source=read.path.name)
    except DataError as error:
        raise DataError(f"{read.path}: {error}") from error


def _filled(table: Table, needed: Sequence[str]) -> list[int]:
    """The rows without empty cells and decimal commas in the columns `needed`; the others are noted."""
    wrong = set()
    for name in needed:
        for row, (line, cell) in enumerate(zip(table.lines, table.columns[name], strict=True)):
            where = f"line {line} column {name!r}"
            if not cell:
                table.problems.add("empty cells", where)
                wrong.add(row)
            elif name != needed[0] and hint(cell):
                table.problems.add("decimal commas", f"{where}: {quoted(cell)}{hint(cell)}")
                wrong.add(row)
    return [row for row in range(len(table.lines)) if row not in wrong]


def _own_files(folder: Path, table: Table, column: str, outside: bool, rows: Sequence[int]) -> list[int]:
    """Those of `rows` whose file is named once and lies in the folder, or anywhere (`outside`); others are
    noted."""
    kept: list[int] = []
    root = os.path.realpath(folder)
    lines: dict[str, int] = {}
    for row in rows:
        file, line = table.columns[column][row], table.lines[row]
        first = lines.setdefault(os.path.normpath(folder / file), line)
        if first != line:
            table.problems.add("files named twice", f"{quoted(file)} in lines {first} and {line}")
        elif not outside and not is_inside(root, folder / file):
            kind = "files outside the folder, see allow_outside"
            table.problems.add(kind, f"{quoted(file)} in line {line}")
        else:
            kept.append(row)
    return kept


def _read_images(
    folder: Path,
    files: Sequence[str],
    size: int | tuple[int, int] | None,
    channels: Literal[1, 3],
    resize: bool,
    problems: Problems,
) -> Tensor:
    """uint8 (N, C, H, W); rows of images with a problem, which is noted, stay black."""
    target = (size, size) if isinstance(size, int) else size
    images: Tensor | None = None
    for i, file in enumerate(files):
        try:
            pixels, found = read_picture(folder / file, channels, target if resize else None)
        except FileNotFoundError:
            problems.add("missing files", file)
            continue
        except DataError as error:
            problems.add("unreadable or truncated files", f"{file}: {error}")
            continue
        target = found if target is None else target
        if tuple(pixels.shape[1:]) != target:
            problems.add(f"images that are not {target[0]}x{target[1]}", f"{file} is {found[0]}x{found[1]}")
            continue
        if images is None:
            images = torch.zeros((len(files), *pixels.shape), dtype=torch.uint8)
        images[i] = pixels
    return torch.zeros((0, channels, 1, 1), dtype=torch.uint8) if images is None else images
