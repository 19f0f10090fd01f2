"""Evaluate: how well symbols become images and images symbols, by the protocol of the paper's section 5.

The splits are the published lists of data.json. Symbols are fed to the symbol encoder; the triples of
test_operators are recombined in latent space by the learned operators, and, as a yardstick, by the exact ones
of `scan.exact`. img2sym describes real images of held-out combinations. Choices in development rest on
validation_symbols; the other lists are for reports.

`metrics.json` is a public format: keys are added, never renamed.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pipelines.config import Config, Precision
from pipelines.devices import Machine, autocast
from pipelines.report import health
from pipelines.report.disentanglement import disentanglement
from pipelines.report.summary import summary
from pipelines.runs import datasets
from pipelines.runs.contents import STAGES
from pipelines.runs.datasets import Data
from pipelines.runs.files import read_json, write_json
from pipelines.runs.folder import RunFolder, StageResult, versions
from pipelines.runs.metrics import jsonable
from pipelines.runs.models import load_concept_model, load_judge, load_vision
from pipelines.runs.randomness import derive_seed, generator
from pipelines.stages.judge import trust
from pipelines.stages.real_images import describing, encoded, seeing
from pipelines.stages.realism import real, realism
from scan import exact
from scan.concept_model import ConceptModel
from scan.evaluation import (
    Reader,
    Scores,
    Sizes,
    frequencies,
    reader,
    score,
    specificity,
    tabulate,
    tell,
    tell_operands,
    tell_pairs,
    wanted,
)
from scan.judge import Judge
from scan.run_format import FORMAT
from symbols import OPERATORS, Concept, Triple
from vision.gaussian import Gaussian

RECOMBINED = ("test_operators", "exact_operators")
PAIRS = ("held_out_pairs", "held_out_pair_combinations")
PAIR_COMBINATIONS = 100
"""Full combinations with a held-out pair that are asked for."""


def run(config: Config, run: RunFolder, machine: Machine) -> StageResult:
    """Measure, and write metrics.json and the tables behind it."""
    began = time.monotonic()
    data, device = datasets.load(config, run), machine.device
    model, judge = load_concept_model(run, data, device), load_judge(run, data, device)
    sizes = Sizes(config.evaluate.images_per_symbol, config.evaluate.diversity_images)
    read = in_precision(reader(model, judge), config.vision.training.precision)
    flat = frequencies(data.images.factors[data.train], data.vocabulary.factor_sizes)
    told: dict[str, Any] = {}
    tables, listed = {}, {}
    asking = questions(model, data, config.seed)
    for name, (q, concepts) in asking.items():
        machine.say(f"evaluate: {name}, {len(concepts)} concepts")
        noise = torch.Generator(device).manual_seed(derive_seed(config.seed, f"evaluate {name}"))
        asked = wanted(data.vocabulary, concepts)
        scores = score(q, asked, read, sizes, noise)
        told[name] = tell(scores, data.vocabulary.names, flat, asked)
        tables[name] = tabulate(scores, data.vocabulary)
        listed[name] = _listing(scores, concepts)
        if name in RECOMBINED:
            triples = data.splits.test_operators
            told[name]["accuracy_per_operator"] = _per_operator(triples, listed[name])
            told[name] |= tell_operands(scores, triples, data.splits.train_symbols)
        if name in PAIRS:
            told[name] |= tell_pairs(scores, wanted(data.vocabulary, _pairs(data, len(concepts))) >= 0)
    machine.say("evaluate: real images beside imagined ones")
    beside, codes_of = real(judge, data, config.seed, device), encoded(model, data)
    machine.say("evaluate: disentanglement")
    vision = load_vision(run, data, device)
    codes, matrices = disentanglement(vision, data.images, config.seed, device)
    measured = {
        "format": FORMAT,
        "splits": {name: scores for name, scores in told.items() if name != "exact_operators"},
        "yardsticks": {"exact_operators": told["exact_operators"]},
        "img2sym": describing(model, data, codes_of, config.seed),
        "vision": seeing(data, read, codes_of),
        "symbols": specificity(asking["train_symbols"][0]),
        "realism": {
            name: realism(model, judge, data, asking[name][1], beside, config.seed)
            for name in ("validation_symbols", "test_symbols")
            if name in asking
        },
        "disentanglement": codes,
        "judge": _judge(run, judge, data, config.seed, device),
        "samples": sizes._asdict(),
        "seeds": {"run": config.seed, **{n: derive_seed(config.seed, f"evaluate {n}") for n in told}},
        "versions": versions(),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "precision": config.vision.training.precision,
        "seconds": _seconds(run, time.monotonic() - began),
    }
    metrics = jsonable(measured)
    metrics["warnings"] = health.warnings({**health.measured(run), "evaluate": metrics})
    folder = run.stage("evaluate")
    write_json(folder / "metrics.json", metrics)
    write_json(folder / "confusion.json", tables)
    write_json(folder / "concepts.json", jsonable(listed, 4))
    write_json(folder / codes["matrices"], jsonable(matrices))
    machine.say(summary(metrics))
    return StageResult(("metrics.json", "confusion.json", "concepts.json", codes["matrices"]))


def in_precision(read: Reader, precision: Precision) -> Reader:
    """The same reader, computing in `precision`."""

    def computed(z: torch.Tensor) -> Sequence[torch.Tensor]:
        with autocast(z.device, precision):
            return read(z)

    return computed


@torch.no_grad()
def questions(model: ConceptModel, data: Data, seed: int) -> dict[str, tuple[Gaussian, tuple[Concept, ...]]]:
    """What is asked in each split, as grounded Gaussians (S, D), and the S concepts that should come out.

    Lists that are empty are left out. `seed` decides which combinations with held-out pairs are asked for.
    """
    splits, triples, ground = data.splits, data.splits.test_operators, model.ground_concepts
    left, right = ground([t.left for t in triples]), ground([t.right for t in triples])
    op = torch.tensor([OPERATORS.index(triple.op) for triple in triples], device=model.device)
    assert model.operators is not None, "the evaluation comes after the operators"
    results = tuple(triple.result for triple in triples)
    named = {
        "train_symbols": splits.train_symbols,
        "validation_symbols": splits.validation_symbols,
        "test_symbols": splits.test_symbols,
    }
    found = {name: (ground(concepts), concepts) for name, concepts in named.items() if concepts}
    found["test_operators"] = (model.operators(left, right, op), results)
    found["exact_operators"] = (_exactly(left, right, op), results)
    unseen = {
        "held_out": splits.held_out,
        "held_out_pairs": splits.held_out_pairs,
        "held_out_pair_combinations": with_pairs(data, generator(seed, "pair combinations")),
    }
    return found | {name: (ground(concepts), concepts) for name, concepts in unseen.items() if concepts}


def with_pairs(data: Data, rng: np.random.Generator) -> tuple[Concept, ...]:
    """Full combinations that contain a held-out pair, each pair in turn, the other values uniform."""
    if not data.splits.held_out_pairs:
        return ()
    pairs = wanted(data.vocabulary, _pairs(data, PAIR_COMBINATIONS))
    sizes = data.vocabulary.factor_sizes
    drawn = np.stack([rng.integers(0, values, len(pairs)) for values in sizes], axis=1)
    return tuple(data.vocabulary.describe(row) for row in np.where(pairs < 0, drawn, pairs))


def _pairs(data: Data, n: int) -> list[Concept]:
    """The held-out pairs, each in turn, n in all."""
    pairs = data.splits.held_out_pairs
    return [pairs[place % len(pairs)] for place in range(n)]


def _exactly(left: Gaussian, right: Gaussian, op: torch.Tensor) -> Gaussian:
    """What the operators of `scan.exact` make of the same inputs."""
    made = [exact.OPERATORS[name](left, right) for name in OPERATORS]
    rows = torch.arange(len(op), device=op.device)
    return Gaussian(*(torch.stack([getattr(q, part) for q in made])[op, rows] for part in ("mean", "logvar")))


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
    accuracy: dict[str, float | None] = {}
    for name in OPERATORS:
        found = [one["accuracy_top1"] for one, t in zip(listed, triples, strict=True) if t.op == name]
        accuracy[name] = float(np.mean(found)) if found else None
    return accuracy


def _seconds(run: RunFolder, now: float) -> dict[str, float]:
    """Seconds of each finished stage, of this one so far, and of all together."""
    spent = {
        name: float(read_json(run.stage(name) / "done.json")["seconds"])
        for name in STAGES[: STAGES.index("evaluate")]
        if (run.stage(name) / "done.json").exists()
    }
    spent["evaluate"] = now
    return {**spent, "total": sum(spent.values())}
