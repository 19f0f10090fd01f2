"""The table of a sweep: a row for each setting on the terminal, and one for each run as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.report.comparison import DRAWN, FEW_DIGITS, GROUPS, aligned, cell, failures
from pipelines.report.tables import Table

HEADS = {name: column.head for group in GROUPS.values() for name, column in group.items()}
COLUMNS = {
    "loss": "loss",
    "udr": "UDR",
    **{name: HEADS[name] for name in DRAWN},
    "diversity_test": "diversity",
    "vision_seconds": "vision, s",
}
"""What the terminal shows of each setting, by measure."""
Row = Mapping[str, Any]


def short(keys: Sequence[str]) -> dict[str, str]:
    """The last parts of dotted keys, or whole keys where two would be called alike.

    >>> short(["vision.objective.beta", "symbols.steps", "judge.steps"])
    {'vision.objective.beta': 'beta', 'symbols.steps': 'symbols.steps', 'judge.steps': 'judge.steps'}
    """
    ends = [key.rpartition(".")[2] for key in keys]
    return {key: end if ends.count(end) == 1 else key for key, end in zip(keys, ends, strict=True)}


def keys_of(rows: Sequence[Row]) -> list[str]:
    """The keys that the settings have, each once."""
    return list(dict.fromkeys(key for row in rows for key in row["setting"]))


def table(rows: Sequence[Row]) -> Table:
    """One row for each setting, mean and spread over its seeds; columns that no row has are left out."""
    names = short(keys_of(rows))
    there = [name for name in COLUMNS if any(name in row["mean"] for row in rows)]
    lines: list[list[Any]] = []
    for row in rows:
        done = sum(one["status"] == "done" for one in row["cells"])
        values = [row["setting"].get(key, "") for key in names]
        shown = [cell(row, name, 1 if name in (*FEW_DIGITS, "loss") else 3) for name in there]
        lines.append([*(values or ["base"]), f"{done} of {len(row['cells'])}", *shown])
    head = (*(names.values() or ["setting"]), "done", *(COLUMNS[name] for name in there))
    return Table(head, lines)


def lines(rows: Sequence[Row]) -> list[str]:
    """The table for the terminal, and what failed."""
    failed = failures(rows)
    return [*aligned(table(rows)), *(["", "failed:"] if failed else []), *(f"  {line}" for line in failed)]


def as_csv(rows: Sequence[Row]) -> str:
    """One line for each run: its setting, seed, status, why it failed, folder, and measures."""
    keys = keys_of(rows)
    found = (one["measures"] or {} for row in rows for one in row["cells"])
    measures = list(dict.fromkeys(name for some in found for name in some))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*keys, "seed", "status", "why", "run", *measures])
    for row in rows:
        values = [row["setting"].get(key, "") for key in keys]
        for one in row["cells"]:
            measured = one["measures"] or {}
            writer.writerow(
                [*values, one["seed"], one["status"], one["why"], one["run"]]
                + ["" if measured.get(name) is None else measured[name] for name in measures]
            )
    return text.getvalue()
