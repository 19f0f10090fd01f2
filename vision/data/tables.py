"""Tables of text: the one reader for the attributes of a folder of images and for codes with factors.

Accepted are UTF-8 text, with or without a byte order mark, with cells between commas, semicolons or tabs (the
one that fits all lines; a first line "sep=;" decides), and the `list_attr_celeba.txt` of CelebA: a line with
the number of rows, a line with the names of the attributes, then a file and -1 or 1 for each attribute.

Blank lines are skipped. Columns without a name are left out where they are an index, as pandas and R write
one, or empty. Errors count lines as an editor does.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from vision.data.images import DataError
from vision.data.paths import regular

TABLES = (".csv", ".tsv", ".txt")
"""How the names of text tables end."""
NAMED = 3
"""How many culprits of a kind an error names."""
QUOTED = 60
"""Characters of a cell that an error quotes, at most."""
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
MOST_BYTES = 2**31

_NAMELESS = re.compile(r"(Unnamed: \d+(\.\d+)*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")


class Problems:
    """What is wrong with a table, by kind."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def add(self, kind: str, culprit: str) -> None:
        """Add a problem.

        Args:
            kind: A plural noun, such as "missing files".
            culprit: Where it is.
        """
        self.found.setdefault(kind, []).append(culprit)

    def raise_any(self, table: Path, rows: int) -> None:
        """Raise a DataError of one line if there are problems.

        Args:
            table: The path of the table.
            rows: The number of its rows.
        """
        if not self.found:
            return
        parts = []
        for kind, culprits in self.found.items():
            more = ", ..." if len(culprits) > NAMED else ""
            parts.append(f"{len(culprits)} {kind} ({', '.join(culprits[:NAMED])}{more})")
        total = sum(map(len, self.found.values()))
        raise DataError(f"{table}: {total} problem{'s' * (total != 1)} in {rows} rows: {'; '.join(parts)}")


class Table(NamedTuple):
    """Named columns of text."""

    path: Path
    columns: dict[str, list[str]]
    """Of the rows that have a cell for each column."""
    lines: list[int]
    """Where in the file each of these begins, from 1."""
    problems: Problems
    """The other rows; the reader of the table adds its own problems and raises all of them."""
    binary: tuple[str, ...] = ()
    """Columns that the format declares to be present (1) or absent (-1)."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(self.columns)

    @property
    def total(self) -> int:
        """The number of rows, those with a problem included."""
        return len(self.lines) + sum(map(len, self.problems.found.values()))

    def numbers(self, name: str) -> list[float]:
        """A column as numbers.

        Raises:
            DataError: Naming the line of the first cell that is no finite number.
        """
        found = []
        for line, cell in zip(self.lines, self.columns[name], strict=True):
            value = number(cell)
            if value is None or not math.isfinite(value):
                raise DataError(
                    f"{self.path}: column {name}, line {line}: {quoted(cell)} is not a number{hint(cell)}"
                )
            found.append(value)
        return found


def number(cell: str) -> float | None:
    """The number that a cell spells, or None; "1_000" and digits of other scripts spell none.

    >>> number("-1e3"), number("1_000"), number("0,5")
    (-1000.0, None, None)
    """
    try:
        return None if "_" in cell or not cell.isascii() else float(cell)
    except ValueError:
        return None


def hint(cell: str) -> str:
    """For an error message: how to write a cell that is no number, or "" where that is not known.

    >>> hint("0,5")
    ' (a decimal comma: write 0.5)'
    """
    if _DECIMAL_COMMA.fullmatch(cell):
        return f" (a decimal comma: write {cell.replace(',', '.')})"
    return ""


def quoted(cell: str) -> str:
    """A cell as an error shows it."""
    return repr(cell if len(cell) <= QUOTED else f"{cell[:QUOTED]}...")


def read_table(path: str | os.PathLike[str], file_column: str = "file") -> Table:
    """Read a table as the module describes.

    Args:
        path: The file; "~" is expanded.
        file_column: The name of the first column of CelebA's list, which has none.

    Raises:
        DataError: One line that names the file, for one that is absent, empty, not text in UTF-8, separated
            by several delimiters, or whose columns are nameless or repeat.
    """
    path = Path(path).expanduser()
    text = _text(path)
    problems = Problems()
    celeba = _celeba(path, text, file_column)
    lines = list(_split(path, text)) if celeba is None else celeba
    if not lines:
        raise DataError(f"{path}: empty; expected a header and at least one row")
    (_, names), *body = lines
    if not body:
        raise DataError(f"{path}: expected a header and at least one row, found only the header")
    whole = [record for record in body if len(record[1]) == len(names)]
    for line, cells in body:
        if len(cells) != len(names):
            kind = f"lines without exactly {len(names)} cells{_ragged_hint(names, cells)}"
            problems.add(kind, f"line {line} has {len(cells)}")
    kept = _kept_columns(path, names, [cells for _, cells in whole])
    columns: dict[str, list[str]] = {}
    for index in kept:
        columns[names[index]] = [sys.intern(cells[index]) for _, cells in whole]
    binary = tuple(columns)[1:] if celeba else ()
    return Table(path, columns, [line for line, _ in whole], problems, binary)


def _text(path: Path) -> str:
    try:
        path = regular(path)
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"larger than {MOST_BYTES // 2**30} GiB, expected a table of text")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such table") from error
    except (DataError, OSError) as error:
        raise DataError(
            f"{path}: not a readable table ({getattr(error, 'strerror', None) or error})"
        ) from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}: not a readable table (text in UTF-16: save it as UTF-8)")
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise DataError(f"{path}: not a readable table (a NUL byte in line {line}: no text, or not in UTF-8)")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        byte = content[error.start]
        raise DataError(
            f"{path}: not a readable table (line {line} is not UTF-8, byte 0x{byte:02x}: save it as UTF-8)"
        ) from error


def _split(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and stripped cells, the header first."""
    declared = re.match(r"sep=(.)\r?\n", text)
    if declared:
        text = "\n" + text[declared.end() :]  # an empty line in its place keeps the numbers
    delimiter = declared[1] if declared else _delimiter(path, text)
    yield from _records(path, text, delimiter)


def _records(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield line, stripped
            line = reader.line_num + 1
    except csv.Error as error:
        what = 'a quote " is not closed' if "unexpected end" in str(error) else str(error)
        raise DataError(f"{path}: not a readable table (line {line}: {what})") from error


def _delimiter(path: Path, text: str) -> str:
    """The delimiter with which all lines have the same number of cells, more than one."""
    widths = {one: _width(path, text, one) for one in DELIMITERS}
    columns = {one: width for one, width in widths.items() if width > 1}
    if len(columns) <= 1:
        return next(iter(columns), ",")
    even = [one for one, count in columns.items() if _is_even(path, text, one, count)]
    if len(even) == 1:
        return even[0]
    choices = " or ".join(f"{DELIMITERS[one]} ({columns[one]} columns)" for one in even or columns)
    raise DataError(
        f"{path}: cells may be separated by {choices}: quote the cells that hold one of these, "
        'or begin the file with a line such as "sep=,"'
    )


def _width(path: Path, text: str, delimiter: str) -> int:
    """Cells of the header; 1 where it cannot be read so."""
    try:
        return len(next(_records(path, text, delimiter), (0, [""]))[1])
    except DataError:
        return 1


def _is_even(path: Path, text: str, delimiter: str, columns: int) -> bool:
    try:
        return all(len(cells) == columns for _, cells in _records(path, text, delimiter))
    except DataError:  # a quote that only another delimiter explains
        return False


def _celeba(path: Path, text: str, file_column: str) -> list[tuple[int, list[str]]] | None:
    """Lines as of a table where the text is in the format of CelebA's list of attributes, else None."""
    lines = text.splitlines()
    if len(lines) < 3 or not re.fullmatch(r"\s*[0-9]{1,9}\s*", lines[0]):
        return None
    names, first = lines[1].split(), lines[2].split()
    if len(first) != len(names) + 1 or not set(first[1:]) <= {"-1", "1"}:
        return None
    body = [(number, line.split()) for number, line in enumerate(lines[2:], start=3) if line.strip()]
    if int(lines[0]) != len(body):
        raise DataError(f"{path}: its first line says {int(lines[0])} rows, there are {len(body)}")
    return [(2, [file_column, *names]), *body]


def _ragged_hint(names: Sequence[str], cells: Sequence[str]) -> str:
    """More cells of digits than columns are what a decimal comma between commas leaves."""
    digits = sum(cell.lstrip("+-").isdigit() for cell in cells)
    return " (decimal commas?)" if len(cells) > len(names) and digits > len(names) else ""


def _kept_columns(path: Path, names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """The indices of the columns that have a name."""
    kept = []
    for column, name in enumerate(names):
        if not _NAMELESS.fullmatch(name):
            kept.append(column)
            continue
        cells = [row[column] for row in rows]
        is_index = all(cell.isdecimal() for cell in cells) and len(set(cells)) == len(cells)
        if not is_index and any(cells):
            raise DataError(f"{path}: column {column + 1} of the header has no name")
    counts = Counter(names[column] for column in kept)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise DataError(f"{path}: column {quoted(twice[0])} occurs twice")
    return kept
