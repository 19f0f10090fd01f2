"""The page of a run: one self-contained HTML file, `report.html.j2` filled in.

The template escapes every text. Pictures are data URIs, the style sheet is inside, and there are no scripts.
"""

import base64
import io
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from pipelines.config import Config
from pipelines.devices import Machine
from pipelines.errors import printable
from pipelines.report import health, tables, verdicts
from pipelines.report.context import ReportContext, read
from pipelines.report.sections import SECTIONS
from pipelines.report.sheets import scale_of, strips
from pipelines.runs.files import write_json
from pipelines.runs.folder import RunFolder
from pipelines.runs.plan import shown
from symbols import hierarchy, to_node_link
from vision.grids import png

FOLDER = Path(__file__).parent
TEMPLATE = FOLDER / "report.html.j2"
STYLE = FOLDER / "report.css"
PIECES = FOLDER / "pieces.html.j2"
"""Included by the templates."""


class Report(NamedTuple):
    """The page, and the files beside it in the stage's folder."""

    page: str
    files: tuple[str, ...]


def compose(config: Config, run: RunFolder, machine: Machine) -> Report:
    """Draw the figures into report/figures, and fill in the page with whatever stages are done."""
    context = read(config, run, machine)
    write_json(run.stage("report") / "hierarchy.json", to_node_link(hierarchy(context.splits.train_symbols)))
    template = environment().get_template(TEMPLATE.name)
    page = template.render(
        name=config.name,
        warnings=_warnings(context),
        done=context.done,
        missing=[name for name in shown(config) if name not in context.done],
        examples=config.symbols.examples,
        data=context.data,
        metrics=context.metrics,
        main_numbers=tables.main_numbers(context.metrics) if context.metrics else [],
        verdicts=_verdicts(context),
        sections={name: section(context) for name, section in SECTIONS.items()},
    )
    return Report(page, ("hierarchy.json", *context.figures.files))


def environment() -> Environment:
    """The template engine: every value that a template shows is made printable and escaped."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "number": tables.number,
        "percent": tables.percent,
        "spaced": tables.spaced,
        "data_uri": _data_uri,
        "png_size": _png_size,
        "png": png,
        "strips": strips,
        "scale": scale_of,
    }
    return made


def _warnings(context: ReportContext) -> list[str]:
    """Those of the evaluation, or before it of the stages that are done."""
    if context.metrics is not None:
        return context.metrics["warnings"]
    return health.warnings(health.measured(context.run))


def _verdicts(context: ReportContext) -> tables.Table | None:
    """What became of each attribute; None before the evaluation."""
    found = (context.metrics or {}).get("attributes")  # evaluations of before have none
    return verdicts.table(found, context.config) if found else None


def _printable(value: Any) -> Any:
    return value if isinstance(value, Markup) else printable(str(value), lines=True)


def _data_uri(content: bytes) -> Markup:
    return Markup("data:image/png;base64," + base64.b64encode(content).decode())


def _png_size(content: bytes) -> tuple[int, int]:
    """Width and height."""
    with Image.open(io.BytesIO(content)) as image:
        return image.size
