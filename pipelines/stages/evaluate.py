"""Evaluate: how well symbols become images and images symbols, by the protocol of the paper's section 5.

The splits are the published lists of data.json. Symbols are fed to the symbol encoder; the triples of
test_operators are recombined in latent space by the learned operators, and, as a yardstick, by the exact ones
of `scan.exact`. img2sym describes real images of held-out combinations.

`metrics.json` is a public format: keys are added, never renamed.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pipelines import datasets
from pipelines.config import Config
from pipelines.datasets import Data
from pipelines.devices import Machine
from pipelines.disentanglement import disentanglement
from pipelines.errors import RunError
from pipelines.evaluation import (
    Reader,
    Scores,
    Sizes,
    frequencies,
    jsonable,
    reader,
    score,
    tabulate,
    tell,
    wanted,
)
from pipelines.files import read_json, write_json
from pipelines.randomness import derive
from pipelines.runs import FORMAT, OWN_MODEL, Made, RunFolder, versions
from pipelines.stages.judge import READING_BATCH, trust
from pipelines.stages.learning import load
from pipelines.stages.vision import load_vision
from scan import exact, models
from scan.concept_model import ConceptModel
from scan.grounding import SCAN
from scan.judge import Judge
from scan.operators import Operators
from symbols import OPERATORS, Concept, Triple
from vision.gaussian import Gaussian


def run(config: Config, run: RunFolder, machine: Machine) -> Made:
    """Measure, and write metrics.json and the tables behind it."""
    began = time.monotonic()
    data, device = datasets.load(config, run), machine.device
    model, judge = load_model(run, data, device), load_judge(run, data, device)
    sizes = Sizes(config.evaluate.images_per_symbol, config.evaluate.diversity_images)
    read = reader(model, judge, config.vision.precision)
    flat = frequencies(data.images.factors[data.train], data.vocabulary.factor_sizes)
    told: dict[str, Any] = {}
    tables, listed = {}, {}
    for name, (q, concepts) in questions(model, data).items():
        machine.say(f"evaluate: {name}, {len(concepts)} concepts")
        dice = torch.Generator(device).manual_seed(derive(config.seed, f"evaluate {name}"))
        asked = wanted(data.vocabulary, concepts)
        scores = score(q, asked, read, sizes, dice)
        told[name] = tell(scores, data.vocabulary.names, flat, asked)
        tables[name] = tabulate(scores, data.vocabulary)
        listed[name] = _listing(scores, concepts)
    for name in ("test_operators", "exact_operators"):
        told[name]["accuracy_per_operator"] = _per_operator(data.splits.test_operators, listed[name])
    machine.say("evaluate: disentanglement")
    vision = load_vision(run, data, device)
    codes, matrices = disentanglement(vision, data.images, config.seed, device)
    metrics = {
        "format": FORMAT,
        "splits": {name: scores for name, scores in told.items() if name != "exact_operators"},
        "yardsticks": {"exact_operators": told["exact_operators"]},
        "img2sym": describing(model, data),
        "vision": seeing(model, judge, data, read),
        "disentanglement": codes,
        "judge": _judge(run, judge, data, config.seed, device),
        "samples": sizes._asdict(),
        "seeds": {"run": config.seed, **{n: derive(config.seed, f"evaluate {n}") for n in told}},
        "versions": versions(),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "precision": config.vision.precision,
        "seconds": _seconds(run, time.monotonic() - began),
    }
    folder = run.stage("evaluate")
    write_json(folder / "metrics.json", jsonable(metrics))
    write_json(folder / "confusion.json", tables)
    write_json(folder / "concepts.json", jsonable(listed, 4))
    write_json(folder / codes["matrices"], jsonable(matrices))
    machine.say(summary(metrics))
    return Made(("metrics.json", "confusion.json", "concepts.json", codes["matrices"]))


def load_model(run: RunFolder, data: Data, device: torch.device) -> ConceptModel:
    """The concept model of a run whose stages are finished."""
    vision, scan = load_vision(run, data, device), load(run, "symbols", models.build, SCAN, device)
    operators = load(run, "operators", models.build, Operators, device)
    return ConceptModel(vision, scan, operators, data.vocabulary).eval().requires_grad_(False)


def load_judge(run: RunFolder, data: Data, device: torch.device) -> Judge:
    """The judge of a run.

    Raises:
        RunError: When it was made for other attributes.
    """
    judge = load(run, "judge", models.build, Judge, device)
    if judge.sizes != data.vocabulary.factor_sizes:
        path, sizes = run.stage("judge") / OWN_MODEL, data.vocabulary.factor_sizes
        raise RunError(f"{path}: reads attributes of {judge.sizes} values, the data set has {sizes}")
    return judge


@torch.no_grad()
def questions(model: ConceptModel, data: Data) -> dict[str, tuple[Gaussian, tuple[Concept, ...]]]:
    """What is asked in each split, as grounded Gaussians (S, D), and the S concepts that should come out."""
    splits, triples, ground = data.splits, data.splits.test_operators, model.ground_concepts
    left, right = ground([t.left for t in triples]), ground([t.right for t in triples])
    op = torch.tensor([OPERATORS.index(triple.op) for triple in triples], device=model.device)
    assert model.operators is not None, "the evaluation comes after the operators"
    results = tuple(triple.result for triple in triples)
    found = {
        "train_symbols": (ground(splits.train_symbols), splits.train_symbols),
        "test_symbols": (ground(splits.test_symbols), splits.test_symbols),
        "test_operators": (model.operators(left, right, op), results),
        "exact_operators": (_exactly(left, right, op), results),
    }
    if splits.held_out:
        found["held_out"] = (ground(splits.held_out), splits.held_out)
    return found


def _exactly(left: Gaussian, right: Gaussian, op: torch.Tensor) -> Gaussian:
    """What the operators of `scan.exact` make of the same inputs."""
    made = [exact.OPERATORS[name](left, right) for name in OPERATORS]
    rows = torch.arange(len(op), device=op.device)
    return Gaussian(*(torch.stack([getattr(q, part) for q in made])[op, rows] for part in ("mean", "logvar")))


@torch.no_grad()
def describing(model: ConceptModel, data: Data) -> dict[str, Any]:
    """img2sym on real images: of held-out combinations where there are any, else on the test images."""
    sets = {"test_images": data.splits.test_images}
    if len(data.held_out):
        sets = {"held_out_combinations": data.held_out, **sets}
    told = {}
    for name, rows in sets.items():
        right = np.concatenate(
            [
                described(model, data.images.images[part]) == data.images.factors[part.numpy()]
                for part in torch.from_numpy(rows).split(READING_BATCH)
            ]
        )
        told[name] = {
            "accuracy": right.mean(),
            "accuracy_strict": right.all(axis=1).mean(),
            "per_attribute": dict(zip(data.vocabulary.names, right.mean(axis=0).tolist(), strict=True)),
            "images": len(rows),
        }
    first = next(iter(told))
    return {**told.pop(first), "measured_on": first, **told}


def described(model: ConceptModel, images: torch.Tensor) -> np.ndarray:
    """The factors that img2sym reads from uint8 images (B, C, H, W): (B, A)."""
    probabilities = model.img2sym(images).probabilities.values()
    return torch.stack([p.argmax(-1) for p in probabilities], dim=-1).numpy()


@torch.no_grad()
def seeing(model: ConceptModel, judge: Judge, data: Data, read: Reader) -> dict[str, Any]:
    """What survives the visual model: how the judge reads reconstructions of unseen images, per attribute."""
    told = {}
    for name, rows in (("test_images", data.splits.test_images), ("held_out_combinations", data.held_out)):
        if not len(rows):
            continue
        right = []
        for part in torch.from_numpy(rows).split(READING_BATCH):
            q = model.encode_image((data.images.images[part].float() / 255).to(model.device))
            seen = torch.stack([p.argmax(-1) for p in read(q.mean)], dim=-1).cpu().numpy()
            right.append(seen == data.images.factors[part.numpy()])
        share = np.concatenate(right).mean(axis=0)
        told[name] = {
            "reconstruction_accuracy": share.mean(),
            "per_attribute": dict(zip(data.vocabulary.names, share.tolist(), strict=True)),
            "images": len(rows),
        }
    return told


def _judge(run: RunFolder, judge: Judge, data: Data, seed: int, device: torch.device) -> dict[str, Any]:
    """What the judge's stage found; measured now where the judge is the user's own."""
    path = run.stage("judge") / "metrics.json"
    found = read_json(path) if path.exists() else trust(judge, data, seed, device)
    keys = ("clean_accuracy", "blurred_accuracy", "measured_on", "per_attribute")
    return {key: found[key] for key in (*keys, "per_attribute_blurred", "sets")}


def _listing(scores: Scores, concepts: Sequence[Concept]) -> list[dict[str, Any]]:
    columns = zip(concepts, scores.top1.tolist(), scores.strict.tolist(), strict=True)
    return [{"concept": dict(c.items), "accuracy_top1": t, "accuracy_strict": s} for c, t, s in columns]


def _per_operator(triples: Sequence[Triple], listed: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """Top-1 accuracy by operator; null for one without a triple."""
    told: dict[str, float | None] = {}
    for name in OPERATORS:
        found = [one["accuracy_top1"] for one, t in zip(listed, triples, strict=True) if t.op == name]
        told[name] = float(np.mean(found)) if found else None
    return told


def _seconds(run: RunFolder, now: float) -> dict[str, float]:
    """Seconds of each finished stage, of this one so far, and of all together."""
    spent = {
        name: float(read_json(run.stage(name) / "done.json")["seconds"])
        for name in ("dae", "vision", "symbols", "operators", "judge")
        if (run.stage(name) / "done.json").exists()
    }
    spent["evaluate"] = now
    return {**spent, "total": sum(spent.values())}


def summary(metrics: dict[str, Any]) -> str:
    """The main numbers, as lines for the terminal."""
    lines = []
    for name, split in metrics["splits"].items():
        right, strict = split["accuracy_top1"], split["accuracy_strict"]
        line = f"evaluate: {name}: accuracy {right:.3f}, strict {strict:.3f}"
        if split["diversity_nats"] is not None:
            floor = split["diversity_floor_nats"]
            line += f", diversity {split['diversity_nats']:.3f} nats (floor {floor:.3f})"
        lines.append(line)
    described, judge = metrics["img2sym"], metrics["judge"]
    lines.append(f"evaluate: img2sym: accuracy {described['accuracy']:.3f} on {described['images']} images")
    lines.append(f"evaluate: judge: clean accuracy {judge['clean_accuracy']:.3f}")
    codes = metrics["disentanglement"]
    if "mig" in codes:
        parts = codes["dci"]
        lines.append(
            f"evaluate: disentanglement: MIG {codes['mig']:.3f}, modularity {codes['modularity']:.3f}, "
            f"SAP {codes['sap']:.3f}, DCI {parts['disentanglement']:.3f} ({parts['estimator']})"
        )
    return "\n".join(lines)
