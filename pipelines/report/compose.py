"""One self-contained page of a run: what was done, what it looks like, how good it is, what it took.

It shows whatever stages are done: a section that needs more is left out.
"""

import platform
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from pipelines.config import Config, config_files
from pipelines.devices import Machine, usable_cores
from pipelines.report import chapters, health, image_tables, page, plots, tables
from pipelines.report.chapters import Album, Story
from pipelines.report.disentanglement import by_kl
from pipelines.report.figures import Imagination
from pipelines.runs import datasets
from pipelines.runs.datasets import Data
from pipelines.runs.files import read_json, read_lines, write_json
from pipelines.runs.folder import RunFolder
from pipelines.runs.models import load_concept_model, load_judge, load_vision
from pipelines.runs.plan import shown
from pipelines.runs.randomness import derive_seed
from scan.evaluation import reader
from symbols import hierarchy, to_node_link


class Written(NamedTuple):
    """The page, and the files beside it in the stage's folder."""

    page: str
    files: tuple[str, ...]


def compose(config: Config, run: RunFolder, machine: Machine) -> Written:
    """Draw the figures into report/figures and write the page."""
    done = [name for name in shown(config) if (run.stage(name) / "done.json").exists()]
    data = datasets.load(config, run)
    album = Album(run.stage("report") / "figures")
    story = _open(config, run, data, done, album, machine)
    metrics = read_json(run.stage("evaluate") / "metrics.json") if "evaluate" in done else None
    write_json(run.stage("report") / "hierarchy.json", to_node_link(hierarchy(data.splits.train_symbols)))
    written = {
        "data": ("Images and words", chapters.data(story)),
        "seeing": ("What it sees", chapters.seeing(story)),
        "imagining": ("From symbols to images", chapters.imagining(story)),
        "hierarchy": ("The hierarchy", chapters.ordering(story)),
        "held-out": ("Combinations never seen", chapters.unseen(story)),
        "operators": ("Recombining", chapters.recombining(story)),
        "describing": (
            "From images to symbols",
            chapters.describing(story) + (image_tables.describing(metrics) if metrics else ""),
        ),
        "measures": ("Accuracy and diversity", _measures(run, metrics, album) if metrics else ""),
        "disentanglement": ("Factors and latents", _latents(run, metrics, album) if metrics else ""),
        "training": ("Training", _training(run, done, album)),
        "run": ("The run", _run(config, run, done)),
    }
    sections = {name: (title, html) for name, (title, html) in written.items() if html}
    body = [
        f"<h1>{page.escape(config.name)}: see, name, recombine</h1>",
        page.warnings(_warnings(run, metrics)),
        page.paragraph(_summary(config, data, done, metrics)),
        tables.main_numbers(metrics) if metrics else "",
        page.contents({name: title for name, (title, _) in sections.items()}),
        *(page.section(name, title, html) for name, (title, html) in sections.items()),
    ]
    return Written(page.page(f"{config.name}: see, name, recombine", body), ("hierarchy.json", *album.files))


def _open(
    config: Config, run: RunFolder, data: Data, done: Sequence[str], album: Album, machine: Machine
) -> Story:
    """Load what there is."""
    device = machine.device
    vision = load_vision(run, data, device) if "vision" in done else None
    if "vision" not in done or "symbols" not in done:
        return Story(config, data, vision, None, album)
    model = load_concept_model(run, data, device, operators="operators" in done)
    judge = load_judge(run, data, device) if "judge" in done else None
    dice = torch.Generator(device).manual_seed(derive_seed(config.seed, "report samples"))
    by = Imagination(model, None if judge is None else reader(model, judge), dice)
    return Story(config, data, vision, by, album)


def _summary(config: Config, data: Data, done: Sequence[str], metrics: Mapping[str, Any] | None) -> str:
    splits = data.splits
    if metrics is None:
        missing = [name for name in shown(config) if name not in done]
        return f"A run under way: {', '.join(done) or 'nothing'} done, {', '.join(missing)} to come."
    found, described = metrics["splits"], metrics["img2sym"]
    told = (
        f"A visual model learned from {len(data.train):,} unlabelled images "
        f"({data.images.name or config.name}); {len(splits.train_symbols)} concepts were named with "
        f"{config.symbols.examples} images each; three operators learned to recombine them. "
        f"Imagined from symbols it was taught, images show what was asked for in "
        f"{_percent(found['train_symbols']['accuracy_top1'])} of the attributes, from new symbols in "
        f"{_percent(found['test_symbols']['accuracy_top1'])}, and recombined by the operators in "
        f"{_percent(found['test_operators']['accuracy_top1'])}. "
    )
    if "held_out" in found:
        strict = _percent(found["held_out"]["accuracy_strict"])
        told += (
            f"Of {len(splits.held_out)} combinations never seen, {strict} of the images are right in all. "
        )
    kind = described["measured_on"].replace("held_out", "held-out").replace("_", " ")
    told += (
        f"It describes {_percent(described['accuracy'])} of the attributes of real images ({kind}) rightly"
    )
    if "sampled" in described:
        exact = _percent(described["sampled"]["exact_match"])
        told += f"; of descriptions sampled symbol by symbol, as in the paper, {exact} are right in all"
    told += ". "
    judge = _percent(metrics["judge"]["clean_accuracy"])
    return f"{told}The judge that reads the images is right on {judge} of the attributes of real ones."


def _warnings(run: RunFolder, metrics: Mapping[str, Any] | None) -> list[str]:
    """What the evaluation has found, or before it the stages that are done."""
    if metrics is not None and "warnings" in metrics:
        return metrics["warnings"]
    return health.warnings(health.measured(run))


def _percent(share: float) -> str:
    return f"{100 * share:.{0 if share < 0.99 else 1}f}\N{NO-BREAK SPACE}%"


def _measures(run: RunFolder, metrics: Mapping[str, Any], album: Album) -> str:
    folder = run.stage("evaluate")
    confusion, listed = read_json(folder / "confusion.json"), read_json(folder / "concepts.json")
    parts = [
        tables.purposes(metrics),
        tables.accuracy(metrics),
        tables.levels(metrics),
        page.heading("By operator"),
        tables.operators(metrics),
        tables.pairs(metrics),
        page.heading("By attribute"),
        tables.attributes(metrics),
        image_tables.reading(metrics),
        page.heading("Imagined images beside real ones"),
        page.paragraph(
            "Accuracy and diversity are read by a judge, which gives every image one of the values that it "
            "knows: they cannot tell the data's colours from arbitrary ones, nor see what has no name."
        ),
        image_tables.realism(metrics),
        page.heading("What is taken for what: test symbols"),
    ]
    drawn = album.plot(
        "confusion",
        plots.confusions(confusion["test_symbols"]),
        {
            "title": "Confusions on test symbols, shares of each row",
            "rows": "asked for",
            "columns": "read",
            "attributes": {name: table["values"] for name, table in confusion["test_symbols"].items()},
        },
    )
    parts += [
        page.plot(drawn, "Confusion tables"),
        page.heading("The hardest test symbols"),
        tables.hardest(listed["test_symbols"]),
    ]
    return "\n".join(parts)


def _latents(run: RunFolder, metrics: Mapping[str, Any], album: Album) -> str:
    """Disentanglement of the visual model: scores, and the matrices that they are read from."""
    codes = metrics.get("disentanglement")
    if codes is None:  # evaluated by an earlier version
        return ""
    if "not_measured" in codes:
        return page.paragraph(f"Disentanglement is not measured: {codes['not_measured']}.")
    matrices = read_json(run.stage("evaluate") / codes["matrices"])
    entropy = np.array(matrices["factor_entropy"])
    maps = {
        "Mutual information, as a share of the factor's entropy": np.array(matrices["mutual_information"])
        / entropy,
        "DCI: importance for predicting the factor": np.array(matrices["dci_importance"]),
        "SAP: test accuracy from the latent alone": np.array(matrices["sap"]),
    }
    order = by_kl(matrices)
    about = {
        "title": "Which latent holds which factor",
        "rows": matrices["factors"],
        "columns": [f"z{latent}" for latent in order[: plots.LATENTS]],
        "maps": list(maps),
        "source": f"evaluate/{codes['matrices']}",
    }
    drawn = album.plot("disentanglement", plots.heat_maps(maps, matrices["factors"], order), about)
    return "\n".join(
        [
            page.paragraph(
                "Does each latent of the visual model hold one factor, and each factor one latent? No metric "
                "is beyond being fooled, and few give 1 to a perfect code or 0 to noise: both stand beside."
            ),
            tables.disentanglement(codes),
            page.paragraph("Latents from left to right by their KL from the prior.", soft=True),
            page.plot(drawn, "Matrices of latents and factors"),
        ]
    )


def _training(run: RunFolder, done: Sequence[str], album: Album) -> str:
    parts = []
    for name in done:
        log = run.stage(name) / "log.jsonl"
        lines = read_lines(log, "step") if log.exists() else []
        if lines:
            about = {"title": f"Training of {name}", "x": "step", "source": f"{name}/log.jsonl"}
            drawn = album.plot(f"training_{name}", plots.curves(lines), about)
            parts += [page.heading(name), page.plot(drawn, f"Training curves of {name}")]
    return "\n".join(parts)


def _run(config: Config, run: RunFolder, done: Sequence[str]) -> str:
    told: dict[str, dict[str, Any]] = {}
    for name in done:
        receipt = read_json(run.stage(name) / "done.json")
        path = run.stage(name) / "metrics.json"
        measured = read_json(path) if path.exists() else {}
        training = config.training(name)
        told[name] = {
            "seconds": receipt["seconds"],
            "own": receipt["own"],
            "steps": training.steps if training is not None and "parameters" in measured else None,
            "loop_seconds": measured["seconds"] if "parameters" in measured else None,
            "device": measured.get("device"),
            "threads": measured.get("threads"),
        }
    versions = read_json(run.stage(done[-1]) / "done.json")["versions"] if done else {}
    record = read_json(run.path / "data.json")
    licence = record["licence"] or "no licence stated"
    machine = f"{platform.system()} {platform.machine()}, {usable_cores()} usable cores"
    return "\n".join(
        [
            tables.timings(told) if told else "",
            page.words(
                ("", ""),
                [
                    ["machine (of this report)", machine],
                    ["versions", ", ".join(f"{name} {version}" for name, version in versions.items())],
                    ["data", f"{record['name']}, {licence}, sha256 {record['sha256']}"],
                    ["seed", str(config.seed)],
                ],
            ),
            page.folded("Configuration", config_files.dump(config)),
        ]
    )
