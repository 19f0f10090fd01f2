"""What a folder of pictures or an .npz file has to offer, before anything is asked of it.

The table of a folder is the file of text in it that names most pictures, and its file column the one that
does. Every other column is a factor, a binary attribute, or left out for a reason that is said.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch

from vision.data.background import BACKGROUND
from vision.data.content import Box, content_box
from vision.data.factors import factors, numbered, quantile_bins, spell_numbers
from vision.data.folder import alike, picture_files
from vision.data.images import DataError
from vision.data.looks import looks, spread
from vision.data.npz import read_npz
from vision.data.tables import TABLES, Table, quoted, read_table
from vision.spelling import nearest

FEW_NUMBERS = 12
"""A column of more different numbers than this is a measurement, unless they are 0, 1, 2, ..."""
FEW_WORDS = 64
IMAGES_EACH = 4
"""A column with fewer images than this for each of its values, on the average, is a name or a key."""
LEAST_NAMED = 0.5
"""The share of its cells that must be files for a column to be that of the files."""
SAMPLED = 200
"""About as many cells of a column are looked at."""


class Column(NamedTuple):
    """A column of the table, and what becomes of it."""

    name: str
    kind: Literal["factor", "binary", "left out"]
    counts: dict[str, int]
    """Images of each value, in the order of the factor; empty where it is left out."""
    why: str = ""
    """It is left out."""


class Survey(NamedTuple):
    """A data set as it was found."""

    kind: Literal["folder", "npz"]
    path: Path
    """The folder that the files are relative to, or the .npz file."""
    images: int
    shape: tuple[int, int]
    """(height, width) of most of the images in pixels."""
    table: str | None = None
    """The table, relative to `path`; None where there is none."""
    file_column: str = "file"
    columns: tuple[Column, ...] = ()
    unnamed: tuple[str, ...] = ()
    """Pictures of the folder that the table does not name, relative to `path`."""
    other_tables: tuple[tuple[str, str], ...] = ()
    """Tables that were not taken, and why."""
    box: Box | None = None
    """Where the images differ, of some of them; None where these have several sizes."""
    sizes: int = 1
    """How many sizes some of the images have."""
    background: str = BACKGROUND
    """What transparent ones are best laid over."""

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that are not left out."""
        return tuple(column for column in self.columns if column.kind != "left out")


def survey(path: str | os.PathLike[str], bins: Mapping[str, int] | None = None) -> Survey:
    """Look at a folder of pictures, with or without a table, or at an .npz file.

    Args:
        path: The folder or the file; "~" is expanded.
        bins: Columns of numbers that are to be cut at their quantiles, and into how many values.

    Raises:
        DataError: When there are no pictures, the file cannot be read, or there is no such column to bin.
    """
    path = Path(path).expanduser()
    found = _folder(path, bins or {}) if path.is_dir() else _npz(path, bins or {})
    for name in bins or {}:
        names = [column.name for column in found.columns]
        if name not in names:
            raise DataError(
                f"{path}: no column {name!r} to bin{nearest(name, names)}: there are {', '.join(names)}"
            )
    return found


def _npz(path: Path, bins: Mapping[str, int]) -> Survey:
    try:
        content = read_npz(path)
        columns = [
            column_of(name, _worded(name, cells, content.values), bins.get(name))
            for name, cells in content.columns.items()
        ]
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    height, width = content.images.shape[2:]
    box = content_box(torch.from_numpy(content.images[spread(len(content.images))]))
    return Survey("npz", path, len(content.images), (height, width), columns=tuple(columns), box=box)


def _worded(name: str, cells: np.ndarray, values: Mapping[str, list[str]]) -> np.ndarray:
    """The cells of a column as numbers or words; the names of their values where these are given."""
    if name not in values:
        return cells
    found = factors({name: cells}, {name: values[name]})
    return np.array(found.value_names[0])[found.indices[:, 0]]


def _folder(folder: Path, bins: Mapping[str, int]) -> Survey:
    files = picture_files(folder)
    tables, unread = _tables(folder)
    candidates: list[tuple[float, str, Path, Table | None]] = []
    for one in tables:
        for base in _bases(folder, files):
            column, named = _file_column(one, base)
            candidates.append((named, column, base, one))
    named, column, base, table = max(candidates, key=lambda found: found[0], default=(0.0, "", folder, None))
    if table is None or named < LEAST_NAMED:
        if not files:
            raise DataError(f"{folder}: holds neither pictures nor a table that names any")
        best: dict[str, tuple[float, str]] = {}
        for share, name, _, tried in candidates:
            if tried is not None:
                best[tried.path.name] = max(best.get(tried.path.name, (0.0, "")), (share, name))
        others = {
            one: f"{share:.0%} of the names in its column {name!r} are pictures here"
            for one, (share, name) in best.items()
        }
        others |= {one.path.name: why for one in tables if (why := _without_endings(one, files))}
        other = tuple((others | unread).items())
        return Survey("folder", folder, len(files), other_tables=other, **looks(folder, files))
    for name in table.names:
        if os.path.isfile(base / name):
            raise DataError(
                f"{table.path}: the first line has {name!r}, which is a picture: it must name the columns"
            )
    others = {one.path.name: "another table names more pictures" for one in tables if one is not table}
    others |= {name: why for name, why in unread.items() if not name.lower().endswith(".txt")}
    binary = set(table.binary)
    columns = []
    for name in table.names:
        if name != column:
            cells = np.array(table.columns[name])
            columns.append(column_of(name, cells, bins.get(name), binary=name in binary))
    named_files = {os.path.normpath(cell) for cell in table.columns[column]}
    pictures = (os.path.relpath(folder / file, base) for file in files)
    unnamed = tuple(file for file in pictures if file not in named_files)
    files = table.columns[column]
    return Survey(
        "folder",
        base,
        len(table.lines),
        table=os.path.relpath(table.path, base),
        file_column=column,
        columns=tuple(columns),
        unnamed=unnamed,
        other_tables=tuple(others.items()),
        **looks(base, files),
    )


def _tables(folder: Path) -> tuple[list[Table], dict[str, str]]:
    """The files of text in a folder that can be read as tables, and why the others cannot."""
    found, unread = [], {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in TABLES and path.is_file() and not path.name.startswith("."):
            try:
                table = read_table(path)
                if not table.lines:
                    table.problems.raise_any(path, 0)
                found.append(table)
            except DataError as error:
                unread[path.name] = str(error).removeprefix(f"{path}: ")
    return found, unread


def _bases(folder: Path, files: list[str]) -> list[Path]:
    """The folders that the names in a table may be relative to: the folder, and those in it with pictures."""
    inside = sorted({file.split(os.sep)[0] for file in files if os.sep in file})
    return [folder, *(folder / name for name in inside)]


def _file_column(table: Table, base: Path) -> tuple[str, float]:
    """The column of a table most of whose cells name files, and the share of these cells."""
    shares = {}
    for name in table.names:
        some = table.columns[name][:: max(1, len(table.lines) // SAMPLED)]
        shares[name] = sum(bool(cell) and os.path.isfile(base / cell) for cell in some) / max(1, len(some))
    best = max(shares, key=lambda name: shares[name], default="")
    return best, float(shares.get(best, 0.0))


def _without_endings(table: Table, files: Sequence[str]) -> str:
    """Why none of a table's names is a picture, where a column has pictures' names without endings."""
    names = map(os.path.basename, files)
    stems = {os.path.splitext(name)[0]: name for name in names}
    for name in table.names:
        some = table.columns[name][:: max(1, len(table.lines) // SAMPLED)]
        found = [cell for cell in some if cell in stems]
        if len(found) >= LEAST_NAMED * max(1, len(some)):
            return (
                f"the names in its column {name!r} lack their endings: "
                f"{quoted(found[0])} for {quoted(stems[found[0]])}"
            )
    return ""


def column_of(name: str, cells: np.ndarray, bins: int | None = None, *, binary: bool = False) -> Column:
    """Decide what becomes of a column.

    Args:
        name: Of the column.
        cells: Its numbers or words (N,).
        bins: Into how many values to cut it at its quantiles; None not to.
        binary: Whether its format declares it to be present or absent.

    Raises:
        DataError: When words are to be cut into bins.
    """

    def left_out(why: str) -> Column:
        return Column(name, "left out", {}, why)

    if cells.dtype.kind in "US" and (empty := int((cells == cells.dtype.type()).sum())):
        return left_out("empty" if empty == len(cells) else f"{empty} of {len(cells)} cells are empty")
    try:
        index, names = numbered(cells)
    except DataError as error:
        return left_out(str(error))
    if bins is not None:
        if not spell_numbers(names):
            raise DataError(f"the column {name!r} cannot be cut into bins: not all of it are numbers")
        index, names = quantile_bins(cells.astype(np.float64), bins)
    counts = dict(zip(names, np.bincount(index, minlength=len(names)).tolist(), strict=True))
    if len(names) < 2:
        return left_out(f"the same everywhere ({quoted(names[0])})")
    if binary or _is_binary(name, cells):
        return Column(name, "binary", _present_last(counts))
    why = "" if bins is not None else _unusable(names, cells, counts)
    return left_out(why) if why else Column(name, "factor", counts)


def _unusable(names: tuple[str, ...], cells: np.ndarray, counts: Mapping[str, int]) -> str:
    """Why the values of a column are no words; empty where they are."""
    if spell_numbers(names):
        numbers = sorted(float(name) for name in names)
        if len(names) > FEW_NUMBERS and (
            numbers != [float(n) for n in range(len(names))] or len(names) * IMAGES_EACH > len(cells)
        ):
            return f"{len(names)} different numbers"
    elif len(names) > FEW_WORDS or len(names) * IMAGES_EACH > len(cells):
        return f"{len(names)} different words for {len(cells)} images"
    same = alike(counts)
    if same:
        usual, others = next(iter(same.items()))
        return f"{quoted(others[0])} and {quoted(usual)} differ only in case or spaces"
    return ""


def _is_binary(name: str, cells: np.ndarray) -> bool:
    try:
        factors({name: cells}, binary=[name])
    except DataError:
        return False
    return True


def _present_last(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts of absent and present, whatever the two are called."""
    absent = {"0", "no", "false", "-1"}
    found = Counter[str]()
    for value, n in counts.items():
        found["no" if value.lower() in absent else "yes"] += n
    return {"no": found["no"], "yes": found["yes"]}
