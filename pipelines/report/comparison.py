"""The table of a comparison: means and spreads over seeds, for the terminal, and a page with drawings."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.report import plots
from pipelines.report.columns import columns
from pipelines.report.page import environment
from pipelines.report.tables import Table, number
from vision.gaussian import ACTIVE

TEMPLATE = Path(__file__).parent / "comparison.html.j2"


class Column(NamedTuple):
    """A measure of the members."""

    head: str
    meaning: str
    """With the unit, and which way is better."""


GROUPS: dict[str, dict[str, Column]] = {
    "Images and codes": {
        "rmse": Column("recon. error", "root mean square of reconstructed test pixels in [0, 1]; lower"),
        "kl": Column("KL", "nats, of codes with variance 1"),
        "active_latents": Column("active", f"latents with a KL above {ACTIVE:g} nats"),
        "latents": Column("of", "all latents"),
        "total_correlation": Column("TC", "total correlation of q(z) as a Gaussian, nats; lower"),
        "mig": Column("MIG", "higher"),
        "sap": Column("SAP", "higher"),
        "factor_vae": Column("FactorVAE", "score of 800 votes of 64 points, higher"),
    },
    "Codes and factors": {
        "dci_disentanglement": Column("DCI D", "disentanglement; higher, as all of these"),
        "dci_completeness": Column("DCI C", "completeness"),
        "dci_informativeness": Column("DCI I", "informativeness, test accuracy"),
        "infom": Column("InfoM", "modularity"),
        "infoe": Column("InfoE", "explicitness"),
        "infoc": Column("InfoC", "compactness"),
    },
    "SCAN: accuracy": {
        "accuracy_train": Column("train", "of images of taught symbols; higher, as all accuracies"),
        "accuracy_validation": Column("validation", "of images of symbols never taught"),
        "accuracy_test": Column("test", "of images of others never taught"),
        "accuracy_operators": Column("operators", "of images of recombined symbols"),
        "held_out_strict": Column("held out, strict", "combinations never seen, all attributes right"),
        "img2sym": Column("img2sym", "attributes of real images described rightly"),
    },
    "SCAN: diversity, and time": {
        "diversity_train": Column("train", "nats from uniform per open attribute; lower, as all diversities"),
        "diversity_validation": Column("validation", "of symbols never taught"),
        "diversity_test": Column("test", "of others never taught"),
        "diversity_operators": Column("operators", "of recombined symbols"),
        "vision_seconds": Column("vision, s", "of training the visual model"),
        "seconds": Column("run, s", "of the whole run"),
    },
}
"""The measures, by the tables that show them."""
DRAWN = {
    "rmse": "reconstruction error",
    "kl": "KL",
    "mig": "MIG",
    "dci_disentanglement": "DCI disentanglement",
    "infom": "InfoM",
    "factor_vae": "FactorVAE score",
    "accuracy_test": "test accuracy",
    "accuracy_operators": "operators accuracy",
    "diversity_test": "test diversity",
    "img2sym": "img2sym",
}
"""The measures that are drawn, and the titles of their panels."""
FEW_DIGITS = ("kl", "active_latents", "latents", "vision_seconds", "seconds")
"""Measures that are shown with a single decimal."""


def summarised(cells: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean and spread of each measure over the finished runs; the standard deviation needs two.

    >>> cells = [{"status": "done", "measures": {"mig": mig}} for mig in (0.25, 0.75)]
    >>> summarised(cells)["mean"]
    {'mig': 0.5}
    """
    values: dict[str, list[float]] = {}
    for measures in _measured(cells):
        for name, value in measures.items():
            if value is not None:
                values.setdefault(name, []).append(value)
    return {
        "mean": {name: statistics.fmean(some) for name, some in values.items()},
        "spread": {name: statistics.stdev(some) for name, some in values.items() if len(some) > 1},
    }


def _measured(cells: Iterable[Mapping[str, Any]]) -> list[Mapping[str, float | None]]:
    return [cell["measures"] for cell in cells if cell["status"] == "done"]


def tables(rows: Sequence[Mapping[str, Any]]) -> dict[str, Table]:
    """One table for each of `GROUPS`, a member a row; columns that no member has are left out."""
    found = {}
    for title, group in GROUPS.items():
        there = {name: column for name, column in group.items() if any(name in row["mean"] for row in rows)}
        if not there:
            continue
        digits = {name: 1 if name in FEW_DIGITS else 3 for name in there}
        lines = [[row["label"], *(cell(row, name, digits[name]) for name in there)] for row in rows]
        caption = "; ".join(f"{column.head}: {column.meaning}" for column in there.values()) + "."
        found[title] = Table(("member", *(column.head for column in there.values())), lines, caption)
    return found


def cell(row: Mapping[str, Any], name: str, digits: int) -> str:
    """Mean and spread of a measure of a row, "failed" where all its runs did, and a dash without a value."""
    mean, spread = row["mean"].get(name), row["spread"].get(name)
    if mean is None:
        return "failed" if {one["status"] for one in row["cells"]} == {"failed"} else "–"
    return f"{mean:.{digits}f}" + ("" if spread is None else f" ± {spread:.{digits}f}")


def members(rows: Sequence[Mapping[str, Any]]) -> Table:
    """What the members are, and how much each was trained."""
    keys = ("objective", "network", "likelihood", "steps", "batch", "prior_knowledge")
    lines = [
        [
            row["label"],
            *(row[key] for key in keys),
            f"{sum(cell['status'] == 'done' for cell in row['cells'])} of {len(row['cells'])}",
        ]
        for row in rows
    ]
    return Table(("member", *(key.replace("_", " ") for key in keys), "seeds done"), lines)


def failures(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each run that failed, with the reason."""
    return [
        f"{row['label']}, seed {cell['seed']}: {cell['why']}"
        for row in rows
        for cell in row["cells"]
        if cell["status"] == "failed"
    ]


def lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The tables for the terminal, and what failed."""
    shown: list[str] = []
    for title, table in tables(rows).items():
        shown += ["", title, *aligned(table)]
    shown += ["", "told beside the images", *(f"  {row['label']}: {row['prior_knowledge']}" for row in rows)]
    failed = failures(rows)
    return [*shown[1:], *(["", "failed:"] if failed else []), *(f"  {line}" for line in failed)]


def aligned(table: Table) -> list[str]:
    """A table for the terminal: the first column to the left, the others to the right."""
    cells = [list(map(str, table.head)), *([number(one) for one in row] for row in table.rows)]
    return columns(cells, right=range(1, len(table.head)))


def drawing(rows: Sequence[Mapping[str, Any]]) -> bytes | None:
    """The measures as dots, one panel each, as PNG; None where nothing is measured."""
    panels = {}
    for name, title in DRAWN.items():
        values = [[measures.get(name) for measures in _measured(row["cells"])] for row in rows]
        numbers = [[value for value in some if value is not None] for some in values]
        if any(numbers):
            panels[title] = numbers
    return plots.dots([row["label"] for row in rows], panels) if panels else None


def page(found: Mapping[str, Any]) -> str:
    """The page of a comparison, one self-contained HTML file.

    Args:
        found: The content of compare.json.
    """
    rows = found["rows"]
    return (
        environment()
        .get_template(TEMPLATE.name)
        .render(
            found=found,
            tables=tables(rows),
            drawn=drawing(rows),
            members=members(rows),
            failures=failures(rows),
        )
    )
