"""A folder of image files with a table of their attributes, one row per image.

    file,colour,shape,glasses
    0001.png,red,cup,yes

All problems of the files and the table are collected and reported in one line. Without a table the images are
all picture files in the folder and below, and have no factors.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from vision.data.background import BACKGROUND
from vision.data.factors import factors
from vision.data.images import DataError, ImageSet
from vision.data.paths import is_inside
from vision.data.pictures import read_picture
from vision.data.tables import Problems, Table, hint, quoted, read_table
from vision.spelling import nearest

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
"""Of the files that are taken for pictures where no table names them."""


def load_folder(
    folder: str | os.PathLike[str],
    table: str | os.PathLike[str] | None,
    size: int | tuple[int, int] | None = None,
    *,
    attributes: Sequence[str] | None = None,
    binary: Collection[str] = (),
    bins: Mapping[str, int] | None = None,
    file_column: str = "file",
    channels: Literal[1, 3] = 3,
    resize: bool = True,
    allow_outside: bool = False,
    background: str = BACKGROUND,
) -> ImageSet:
    """The images that the rows of a `table` name, relative to `folder`, with its columns as factors.

    Args:
        folder: Where the images are; "~" is expanded.
        table: A file in the folder, or an absolute path (`vision.data.tables` has the formats); None for all
            pictures, without factors.
        size: The side or (height, width) to which all images are cropped about their centre and scaled; by
            default all must have that of the first.
        attributes: The columns to use, by default all; none for images without factors.
        binary: Those that are present or absent; those of CelebA's own list are so without being listed.
        bins: Columns of numbers that are cut at their quantiles, and into how many values.
        file_column: The column with the names of the files.
        channels: 3 for RGB, 1 for grey.
        resize: False refuses images of another `size` instead of scaling them.
        allow_outside: Whether files may lie outside `folder`, by "..", an absolute path or a symbolic link.
        background: What transparent pictures are laid over (`vision.data.pictures`).

    Raises:
        DataError: One line that counts and names missing, unreadable, repeated and outside files, wrong
            sizes, lines of a wrong length, empty cells, values that differ only in case, unknown columns.
    """
    folder = Path(folder).expanduser()
    if table is None:
        return _without_table(folder, size, channels, resize, allow_outside, background)
    bins = {} if bins is None else bins
    read = read_table(folder / Path(table).expanduser(), file_column)
    names = [name for name in read.names if name != file_column] if attributes is None else list(attributes)
    for name in (file_column, *names, *binary, *bins):
        if name not in read.names:
            raise DataError(
                f"{read.path}: no column {name!r}{nearest(name, read.names)}: it has {', '.join(read.names)}"
            )
    problems = read.problems
    total = read.total
    rows = _own_files(folder, read, file_column, allow_outside, _filled(read, (file_column, *names)))
    files = [read.columns[file_column][row] for row in rows]
    images = read_images(folder, files, size, channels, resize, problems, background)
    for name in names:
        if name not in bins:
            _note_alike(read, name, rows)
    problems.raise_any(read.path, total)
    if not names:
        return _unnamed(images, folder, read.path.name)
    chosen = {*binary, *read.binary}
    try:
        found = factors(
            {name: np.array(read.columns[name])[rows] for name in names},
            binary=[name for name in names if name in chosen]
            + [name for name in binary if name not in names],
            bins=bins,
        )
        kept = tuple(name for name in found.names if name in chosen)
        return ImageSet(images, *found, binary=kept, name=folder.name, source=read.path.name)
    except DataError as error:
        raise DataError(f"{read.path}: {error}") from error


def picture_files(folder: Path) -> list[str]:
    """The picture files in a folder and below, by their suffix, relative to it and sorted; hidden files and
    folders are left out."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                found.append(os.path.relpath(os.path.join(place, name), folder))
    return sorted(found)


def _without_table(
    folder: Path,
    size: int | tuple[int, int] | None,
    channels: Literal[1, 3],
    resize: bool,
    allow_outside: bool,
    background: str,
) -> ImageSet:
    problems = Problems()
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    files = picture_files(folder)
    if not files:
        raise DataError(f"{folder}: holds no pictures ({', '.join(SUFFIXES)})")
    root = os.path.realpath(folder)
    for file in files:
        if not allow_outside and not is_inside(root, folder / file):
            problems.add("files outside the folder, see allow_outside", quoted(file))
    images = read_images(folder, files, size, channels, resize, problems, background)
    problems.raise_any(folder, len(files))
    return _unnamed(images, folder, folder.name)


def _unnamed(images: Tensor, folder: Path, source: str) -> ImageSet:
    """Images without factors."""
    none = np.empty((len(images), 0), dtype=np.int64)
    return ImageSet(images, none, (), (), name=folder.name, source=source)


def _note_alike(table: Table, name: str, rows: Sequence[int]) -> None:
    """Note the rows of values that differ only in case, spaces or underscores from a more frequent one."""
    counts = Counter(table.columns[name][row] for row in rows)
    for usual, others in alike(counts).items():
        for row in rows:
            value = table.columns[name][row]
            if value in others:
                where = f"line {table.lines[row]} column {name!r}: {quoted(value)} beside {quoted(usual)}"
                table.problems.add("values that differ only in case or spaces", where)


def alike(counts: Mapping[str, int]) -> dict[str, list[str]]:
    """Values that differ only in case, spaces or underscores: the most frequent one, and the others.

    >>> alike({"red": 7, "Red": 1, "blue": 2})
    {'red': ['Red']}
    """
    spelt: dict[str, list[str]] = {}
    for value in sorted(counts, key=lambda value: (-counts[value], value)):
        spelt.setdefault(" ".join(value.casefold().replace("_", " ").split()), []).append(value)
    return {usual: others for usual, *others in spelt.values() if others}


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


def read_images(
    folder: Path,
    files: Sequence[str],
    size: int | tuple[int, int] | None,
    channels: Literal[1, 3],
    resize: bool,
    problems: Problems,
    background: str = BACKGROUND,
) -> Tensor:
    """The picture files of a folder as uint8 (N, C, H, W).

    Args:
        folder: Where they are.
        files: Their names (N,).
        size: As for `load_folder`, as `channels` and `resize` are.
        channels: 3 for RGB, 1 for grey.
        resize: Whether images of another size are scaled.
        problems: Where files that are missing, damaged or of another size are noted; their rows stay black.
        background: What transparent ones are laid over.
    """
    target = (size, size) if isinstance(size, int) else size
    images: Tensor | None = None
    for i, file in enumerate(files):
        try:
            pixels, found, _ = read_picture(
                folder / file, channels, target if resize and size is not None else None, background
            )
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
