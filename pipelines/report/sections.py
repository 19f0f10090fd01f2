"""The sections of the report: each draws its figures and returns the values that its part of the page shows.

A section that needs a stage which is not done returns None, and is left out of the page.
"""

import dataclasses
import platform
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from pipelines.config import config_files
from pipelines.config.prior_knowledge import prior_knowledge
from pipelines.devices import usable_cores
from pipelines.report import figures, image_tables, plots, tables
from pipelines.report.context import ReportContext
from pipelines.report.lattice import concept_hierarchy
from pipelines.report.layers import layers
from pipelines.report.tables import Table
from pipelines.runs.files import read_json, read_lines
from scan.completion import has_completions
from symbols import OPERATORS, counts
from vision.disentanglement import by_kl
from vision.randomness import generator

RECONSTRUCTED = 10
DIVIDED = 6
PER_LEVEL = 3
COMPLETED = 6
HELD_OUT = 8
PER_OPERATOR = 4
DESCRIBED = 18
TRAVERSED = 1024
"""Images over which the KL of a latent is averaged."""

Values = Mapping[str, Any]


def data(context: ReportContext) -> Values:
    """Training images, and the symbols where there are any."""
    vocabulary, seed = context.data.vocabulary, context.config.seed
    sheet = context.figures.add_sheet(figures.samples(context.data, generator(seed, "report samples")))
    rows = []
    for attribute in vocabulary.attributes:
        values = "yes or not mentioned" if attribute.binary else ", ".join(attribute.values)
        rows.append([attribute.name, values])
    return {
        "concepts_per_level": counts(vocabulary),
        "sheet": dataclasses.replace(sheet, rows=("",) * len(sheet.rows)),
        "attributes": Table(("attribute", "values"), rows, text=True),
    }


def vision(context: ReportContext) -> Values | None:
    """Reconstructions and traversals."""
    if context.vision is None:
        return None
    found, rng = context.data, generator(context.config.seed, "report images")
    sets = {
        "reconstructions": ("test images", context.splits.test_images),
        "reconstructions_held_out": ("images of held-out combinations", found.held_out),
    }
    reconstructions = []
    for name, (kind, indices) in sets.items():
        if len(indices):
            chosen = rng.permutation(indices)[:RECONSTRUCTED]
            title = f"Reconstructions of {kind}"
            sheet = figures.reconstructions(context.vision, found, chosen, name, title)
            reconstructions.append(context.figures.add_sheet(sheet))
    images = found.images.images[torch.from_numpy(context.splits.test_images[:TRAVERSED])]
    kl = figures.kl_per_latent(context.vision, images)
    start = figures.code(context.vision, images[:1])[0]
    traversals = context.figures.add_sheet(figures.traversals(context.vision, kl, start))
    components = layers(context.vision, found, rng.permutation(context.splits.test_images)[:DIVIDED])
    return {
        "prior_knowledge": prior_knowledge(context.config.vision, context.config.joint),
        "reconstructions": reconstructions,
        "reach": figures.REACH,
        "traversals": traversals,
        "layers": components and context.figures.add_sheet(components),
    }


def sym2img(context: ReportContext) -> Values | None:
    """Images of concepts of every level of the hierarchy, taught ones and new ones."""
    if context.sampler is None:
        return None
    levels = {}
    for level in range(1, len(context.data.vocabulary.attributes) + 1):
        taught = [c for c in context.splits.train_symbols if c.level == level][:PER_LEVEL]
        new = [c for c in context.splits.test_symbols if c.level == level][:PER_LEVEL]
        if not taught + new:
            continue
        title = f"{level} attribute{'s' if level > 1 else ''}"
        sheet = figures.concept_images(context.sampler, taught + new, f"sym2img_{level}", f"sym2img, {title}")
        rows = (*map(str, taught), *(f"{concept} (new)" for concept in new))
        levels[title] = context.figures.add_sheet(dataclasses.replace(sheet, rows=rows))
    if not has_completions(context.data.vocabulary):
        return {"levels": levels, "completed": None}
    asked = sorted(context.splits.test_symbols or context.splits.train_symbols, key=lambda c: c.level)
    sheet = figures.completed_images(
        context.sampler, asked[:COMPLETED], "sym2img_completed", "sym2img, completed"
    )
    return {"levels": levels, "completed": context.figures.add_sheet(sheet)}


def held_out(context: ReportContext) -> Values | None:
    """Images of combinations that no stage learned from."""
    combinations = context.splits.held_out
    if context.sampler is None or not combinations:
        return None
    sheet = figures.concept_images(
        context.sampler, combinations[:HELD_OUT], "held_out", "Held-out combinations"
    )
    return {"sheet": context.figures.add_sheet(sheet)}


def operators(context: ReportContext) -> Values | None:
    """Images of both inputs of each operator, and of its result."""
    if context.sampler is None or context.sampler.model.operators is None:
        return None
    sheets = {}
    for op in OPERATORS:
        triples = [t for t in context.splits.test_operators if t.op == op][:PER_OPERATOR]
        if triples:
            name = f"operator_{op.lower().replace(' ', '_')}"
            sheet = figures.recombinations(context.sampler, triples, name, f"The operator {op}")
            sheets[op] = context.figures.add_sheet(sheet)
    return {"sheets": sheets}


def img2sym(context: ReportContext) -> Values | None:
    """Real images, and their descriptions."""
    if context.sampler is None:
        return None
    found = context.data
    indices, kind = found.held_out, "held-out combinations"
    if not len(indices):
        indices, kind = context.splits.test_images, "the test images"
    chosen = generator(context.config.seed, "report descriptions").permutation(indices)[:DESCRIBED]
    predictions = figures.predictions(context.sampler.model, found, chosen)
    sheet = figures.descriptions(found, chosen, predictions, f"img2sym on {kind}")
    context.figures.add_sheet(sheet)
    correct = [prediction.right for of_image in predictions for prediction in of_image]
    return {
        "kind": kind,
        "sheet": sheet,
        "predictions": predictions,
        "right": sum(correct),
        "words": len(correct),
        "tables": image_tables.describing(context.metrics) if context.metrics else [],
    }


def measures(context: ReportContext) -> Values | None:
    """Accuracy and diversity."""
    metrics, folder = context.metrics, context.run.stage("evaluate")
    if metrics is None:
        return None
    confusion = read_json(folder / "confusion.json")["test_symbols"]
    about = {
        "title": "Confusions on test symbols, shares of each row",
        "rows": "asked for",
        "columns": "read",
        "attributes": {name: table["values"] for name, table in confusion.items()},
    }
    concepts = read_json(folder / "concepts.json")["test_symbols"]
    return {
        "by_split": [
            tables.purposes(metrics),
            tables.accuracy(metrics),
            *tables.completions(metrics),
            tables.levels(metrics),
        ],
        "by_operator": [*tables.operators(metrics), *tables.pairs(metrics)],
        "by_attribute": [*tables.attributes(metrics), image_tables.reading(metrics)],
        "realism": image_tables.realism(metrics),
        "confusion": context.figures.add_plot("confusion", plots.confusions(confusion), about),
        "hardest": tables.hardest(concepts),
    }


def disentanglement(context: ReportContext) -> Values | None:
    """Scores of the visual model's latents, and the matrices that they are read from."""
    if context.metrics is None:
        return None
    codes = context.metrics["disentanglement"]
    if "not_measured" in codes:
        return {"not_measured": codes["not_measured"]}
    matrices = read_json(context.run.stage("evaluate") / codes["matrices"])
    information = np.array(matrices["mutual_information"]) / np.array(matrices["factor_entropy"])
    maps = {
        "Mutual information, as a share of the factor's entropy": information,
        "DCI: importance for predicting the factor": np.array(matrices["dci_importance"]),
        "SAP: test accuracy from the latent alone": np.array(matrices["sap"]),
    }
    order = by_kl(matrices)
    about = {
        "title": "Latents and factors",
        "rows": matrices["factors"],
        "columns": [f"z{latent}" for latent in order[: plots.LATENTS]],
        "maps": list(maps),
        "source": f"evaluate/{codes['matrices']}",
    }
    drawn = plots.heat_maps(maps, matrices["factors"], order)
    return {
        "not_measured": None,
        "scores": tables.disentanglement(codes),
        "plot": context.figures.add_plot("disentanglement", drawn, about),
    }


def training(context: ReportContext) -> Values | None:
    """The terms of every training."""
    curves = {}
    for name in context.done:
        if lines := _log(context, name):
            about = {"title": f"Training of {name}", "x": "step", "source": f"{name}/log.jsonl"}
            curves[name] = context.figures.add_plot(f"training_{name}", plots.curves(lines), about)
    return {"curves": curves} if curves else None


def _log(context: ReportContext, stage: str) -> list[dict[str, float]]:
    """The lines of a training's log, the last step last; none where nothing was trained."""
    path = context.run.stage(stage) / "log.jsonl"
    return read_lines(path, "step") if path.exists() else []


def run(context: ReportContext) -> Values:
    """Times, versions, data and configuration."""
    receipts = {name: read_json(context.run.stage(name) / "done.json") for name in context.done}
    versions = receipts[context.done[-1]]["versions"] if receipts else {}
    record = read_json(context.run.path / "data.json")
    licence = record["licence"] or "no licence stated"
    machine = f"{platform.system()} {platform.machine()}, {usable_cores()} usable cores"
    facts = [
        ["machine (of this report)", machine],
        ["versions", ", ".join(f"{name} {version}" for name, version in versions.items())],
        ["data", f"{record['name']}, {licence}, sha256 {record['sha256']}"],
        ["seed", str(context.config.seed)],
    ]
    rows: list[list[object]] = []
    for name, receipt in receipts.items():
        path = context.run.stage(name) / "metrics.json"
        measured = read_json(path) if path.exists() else {}
        log = _log(context, name)
        steps = log[-1]["step"] if log else None
        speed = steps / measured["seconds"] if steps and measured["seconds"] else None
        if "images_per_second" in measured:  # of vision, whose log is that of one of the restarts
            speed = measured["images_per_second"] / context.config.vision.training.batch
        device = measured.get("device", "your own model" if receipt["own"] else "")
        seconds = f"{receipt['seconds']:,.1f}"
        rows.append([name, seconds, steps, speed and round(speed, 1), device, measured.get("threads")])
    total = sum(receipt["seconds"] for receipt in receipts.values())
    rows.append(["all", f"{total:,.1f}", None, None, None, None])
    head = ("stage", "seconds", "steps", "steps a second", "device", "threads")
    return {
        "timings": Table(head, rows),
        "facts": Table(("", ""), facts, text=True),
        "config": config_files.dump(context.config),
    }


SECTIONS: dict[str, Callable[[ReportContext], Values | None]] = {
    "data": data,
    "vision": vision,
    "sym2img": sym2img,
    "hierarchy": concept_hierarchy,
    "held-out": held_out,
    "operators": operators,
    "img2sym": img2sym,
    "measures": measures,
    "disentanglement": disentanglement,
    "training": training,
    "run": run,
}
"""The anchor of each section -> what makes its values; drawn in this order, as on the page."""
