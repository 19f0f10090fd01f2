"""What the sections of a report are made from, read from the run folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from pipelines.config import Config
from pipelines.devices import Machine
from pipelines.report.figures import Sampler
from pipelines.report.sheets import Sheet, save
from pipelines.runs import datasets
from pipelines.runs.files import read_json, write_bytes, write_json
from pipelines.runs.folder import RunFolder
from pipelines.runs.models import load_concept_model, load_judge, load_vision
from pipelines.runs.plan import shown
from scan.data import Data
from scan.evaluation import reader
from symbols import Splits
from vision.models import VisionModel
from vision.randomness import derive_seed


class FigureFolder:
    """The folder of the report's figures; `files` lists what was written, relative to the stage's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[str] = []

    def add_sheet(self, sheet: Sheet) -> Sheet:
        """Write a sheet; returns it."""
        self.files += [f"{self.folder.name}/{name}" for name in save(sheet, self.folder)]
        return sheet

    def add_plot(self, name: str, content: bytes, about: Mapping[str, Any]) -> bytes:
        """Write a PNG file, and a JSON file about it; returns the PNG."""
        write_bytes(self.folder / f"{name}.png", content)
        write_json(self.folder / f"{name}.json", dict(about))
        self.files += [f"{self.folder.name}/{name}.png", f"{self.folder.name}/{name}.json"]
        return content


class ReportContext(NamedTuple):
    """A run as its report finds it; what a stage that is not done would give is None."""

    config: Config
    run: RunFolder
    data: Data
    done: tuple[str, ...]
    """The finished stages."""
    vision: VisionModel | None
    sampler: Sampler | None
    """None before both the vision and the symbols are done."""
    metrics: Mapping[str, Any] | None
    """Of the evaluation."""
    figures: FigureFolder

    @property
    def splits(self) -> Splits:
        """The lists of images and concepts."""
        return self.data.splits


def read(config: Config, run: RunFolder, machine: Machine) -> ReportContext:
    """Load the data set, and the models and measurements of the finished stages.

    Raises:
        RunError: When one of them is damaged or does not fit the data.
    """
    done = tuple(name for name in shown(config) if (run.stage(name) / "done.json").exists())
    data, device = datasets.load(config, run), machine.device
    vision = load_vision(run, data, device) if "vision" in done else None
    sampler = None
    if vision is not None and "symbols" in done:
        model = load_concept_model(run, data, device, operators="operators" in done)
        judge = load_judge(run, data, device) if "judge" in done else None
        generator = torch.Generator(device).manual_seed(derive_seed(config.seed, "report samples"))
        sampler = Sampler(model, reader(model, judge) if judge else None, generator)
    metrics = read_json(run.stage("evaluate") / "metrics.json") if "evaluate" in done else None
    return ReportContext(
        config, run, data, done, vision, sampler, metrics, FigureFolder(run.stage("report") / "figures")
    )
