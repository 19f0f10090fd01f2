"""Evaluate: how well symbols become images and images symbols, by the protocol of the paper's section 5.

The splits are the published lists of data.json. Symbols are fed to the symbol encoder; the triples of
test_operators are recombined in latent space by the learned operators, and, as a baseline, by those of
`scan.analytic_operators`. img2sym describes real images of held-out combinations. Choices in development rest
on validation_symbols; the other lists are for reports.

`metrics.json` is a public format: a key that is renamed is named in CHANGELOG.
"""

import itertools
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from pipelines.config import Config, Precision
from pipelines.devices import Machine, autocast
from pipelines.report import health, verdicts
from pipelines.report.summary import summary
from pipelines.runs import datasets
from pipelines.runs.files import read_json, write_json
from pipelines.runs.folder import RunFolder, StageResult, versions
from pipelines.runs.metrics import jsonable
from pipelines.runs.models import load_concept_model, load_judge
from pipelines.runs.plan import plan
from scan import analytic_operators
from scan.completion import has_completions
from scan.completion_accuracy import completed_metrics
from scan.concept_model import ConceptModel
from scan.data import Data
from scan.evaluation import (
    Reader,
    Scores,
    Sizes,
    frequencies,
    operand_metrics,
    pair_metrics,
    reader,
    score,
    specificity,
    split_metrics,
    tabulate,
    target_values,
)
from scan.imagined_images import measure_real, realism
from scan.judge import Judge
from scan.judge_accuracy import judge_accuracy
from scan.real_images import describing, encoded, reconstruction_accuracy
from scan.run_format import FORMAT
from scan.three_cs import conditional_truth
from symbols import OPERATORS, Concept, Triple
from vision.disentanglement import disentanglement
from vision.gaussian import Gaussian
from vision.randomness import derive_seed, generator

ANALYTIC = "analytic_operators"
RECOMBINED = ("test_operators", ANALYTIC)
MATRICES = "disentanglement.json"
PAIRS = ("held_out_pairs", "held_out_pair_combinations")
PAIR_COMBINATIONS = 100
"""Full combinations with a held-out pair that are asked for."""
STREAMS = {ANALYTIC: "exact_operators"}
"""Names from which seeds are derived where they are not those of the splits; they decide what is sampled."""


def run(config: Config, run: RunFolder, machine: Machine) -> StageResult:
    """Measure, and write metrics.json and the tables behind it."""
    began = time.monotonic()
    data, device = datasets.load(config, run), machine.device
    model, judge = load_concept_model(run, data, device), load_judge(run, data, device)
    sizes = Sizes(config.evaluate.images_per_symbol, config.evaluate.diversity_images)
    read = in_precision(reader(model, judge), config.vision.training.precision)
    train_kl = frequencies(data.images.factors[data.train], data.vocabulary.factor_sizes)
    metrics_of: dict[str, dict[str, Any]] = {}
    tables, concept_scores = {}, {}
    grounded = grounded_splits(model, data, config.seed)
    for name, (q, concepts) in grounded.items():
        machine.say(f"evaluate: {name}, {len(concepts)} concepts")
        noise = torch.Generator(device).manual_seed(seed_of(config.seed, name))
        targets = target_values(data.vocabulary, concepts)
        scores = score(q, targets, read, sizes, noise, truth_of(data, targets))
        metrics_of[name] = split_metrics(scores, data.vocabulary.names, train_kl, targets)
        tables[name] = tabulate(scores, data.vocabulary)
        concept_scores[name] = _per_concept(scores, concepts)
        if name in RECOMBINED:
            triples = data.splits.test_operators
            metrics_of[name]["accuracy_per_operator"] = _per_operator(triples, concept_scores[name])
            metrics_of[name] |= operand_metrics(scores, triples, data.splits.train_symbols)
        if name in PAIRS:
            pairs = target_values(data.vocabulary, _pairs(data, len(concepts))) >= 0
            metrics_of[name] |= pair_metrics(scores, pairs)
    machine.say("evaluate: real images beside imagined ones")
    beside, codes_of = measure_real(judge, data, config.seed, device), encoded(model, data)
    completed: dict[str, Any] = {}
    if has_completions(data.vocabulary):
        name = "test_symbols" if data.splits.test_symbols else "train_symbols"
        asked = grounded[name][1]
        found = completed_metrics(model, data, asked, read, sizes.accuracy, beside, config.seed)
        completed = {"completions": {"split": name, **found}}
    machine.say("evaluate: disentanglement")
    codes, matrices = disentanglement(model.encode_image, data.images, config.seed, device)
    if "not_measured" not in codes:
        codes["versions"] = {**versions(), "numba": version("numba")}
    codes["matrices"] = MATRICES
    measured: dict[str, Any] = {
        "format": FORMAT,
        "splits": {name: found for name, found in metrics_of.items() if name != ANALYTIC},
        "yardsticks": {ANALYTIC: metrics_of[ANALYTIC]},
        **completed,
        "img2sym": describing(model, data, codes_of, config.seed),
        "vision": reconstruction_accuracy(data, read, codes_of),
        "symbols": specificity(grounded["train_symbols"][0]),
        "realism": {
            name: realism(model, judge, data, grounded[name][1], beside, config.seed)
            for name in ("validation_symbols", "test_symbols")
            if name in grounded
        },
        "disentanglement": codes,
        "judge": _judge(run, judge, data, config.seed, device),
        "samples": sizes._asdict(),
        "seeds": {"run": config.seed, **{n: seed_of(config.seed, n) for n in metrics_of}},
        "versions": versions(),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "precision": config.vision.training.precision,
        "seconds": _seconds(config, run, time.monotonic() - began),
    }
    measured["attributes"] = verdicts.of_attributes(
        measured, data.images, data.train, data.splits.test_images
    )
    metrics = jsonable(measured)
    metrics["warnings"] = health.warnings({**health.measured(run), "evaluate": metrics})
    folder = run.stage("evaluate")
    write_json(folder / "metrics.json", metrics)
    write_json(folder / "confusion.json", tables)
    write_json(folder / "concepts.json", jsonable(concept_scores, 4))
    write_json(folder / codes["matrices"], jsonable(matrices))
    machine.say(summary(metrics, config))
    return StageResult(("metrics.json", "confusion.json", "concepts.json", codes["matrices"]))


def truth_of(data: Data, targets: np.ndarray) -> Sequence[np.ndarray] | None:
    """Return the distribution of every attribute given each concept; None where all combinations are alike.

    Args:
        data: A set that renders any combination draws them uniformly; another has the frequencies of its
            images.
        targets: (S, A) values asked for, -1 where a concept leaves an attribute open.
    """
    if data.images.render is not None:
        return None
    return conditional_truth(data.images.factors, targets, data.vocabulary.factor_sizes)


def seed_of(seed: int, split: str) -> int:
    """Return the seed of the images of a split in a run with a seed."""
    return derive_seed(seed, f"evaluate {STREAMS.get(split, split)}")


def in_precision(read: Reader, precision: Precision) -> Reader:
    """The same reader, computing in `precision`."""

    def computed(z: torch.Tensor) -> Sequence[torch.Tensor]:
        with autocast(z.device, precision):
            return read(z)

    return computed


@torch.no_grad()
def grounded_splits(
    model: ConceptModel, data: Data, seed: int
) -> dict[str, tuple[Gaussian, tuple[Concept, ...]]]:
    """Return the Gaussians over (S, D) of each split, and the S concepts that their images should show.

    Args:
        model: The concept model, with its operators.
        data: The published lists of the run; empty ones are left out.
        seed: Seed of the combinations with held-out pairs.
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
    found[ANALYTIC] = (analytic_operators.recombine(left, right, op), results)
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
    pairs = target_values(data.vocabulary, _pairs(data, PAIR_COMBINATIONS))
    sizes = data.vocabulary.factor_sizes
    drawn = np.stack([rng.integers(0, values, len(pairs)) for values in sizes], axis=1)
    return tuple(data.vocabulary.describe(row) for row in np.where(pairs < 0, drawn, pairs))


def _pairs(data: Data, n: int) -> list[Concept]:
    """The held-out pairs, each in turn, n in all."""
    pairs = data.splits.held_out_pairs
    return [pairs[place % len(pairs)] for place in range(n)]


def _judge(run: RunFolder, judge: Judge, data: Data, seed: int, device: torch.device) -> dict[str, Any]:
    """What the judge's stage found; measured now where the judge is the user's own."""
    path = run.stage("judge") / "metrics.json"
    found = read_json(path) if path.exists() else judge_accuracy(judge, data, seed, device)
    keys = ("clean_accuracy", "blurred_accuracy", "measured_on", "per_attribute")
    return {key: found[key] for key in (*keys, "per_attribute_blurred", "sets")}


def _per_concept(scores: Scores, concepts: Sequence[Concept]) -> list[dict[str, Any]]:
    columns = zip(concepts, scores.top1.tolist(), scores.strict.tolist(), strict=True)
    return [{"concept": dict(c.items()), "accuracy_top1": t, "accuracy_strict": s} for c, t, s in columns]


def _per_operator(
    triples: Sequence[Triple], concept_scores: Sequence[dict[str, Any]]
) -> dict[str, float | None]:
    """Top-1 accuracy by operator; null for one without a triple."""
    accuracies: dict[str, float | None] = {}
    for name in OPERATORS:
        paired = zip(concept_scores, triples, strict=True)
        found = [one["accuracy_top1"] for one, triple in paired if triple.op == name]
        accuracies[name] = float(np.mean(found)) if found else None
    return accuracies


def _seconds(config: Config, run: RunFolder, now: float) -> dict[str, float]:
    """Seconds of each finished stage, of this one so far, and of all together."""
    spent = {
        name: float(read_json(run.stage(name) / "done.json")["seconds"])
        for name in itertools.takewhile(lambda name: name != "evaluate", plan(config))
        if (run.stage(name) / "done.json").exists()
    }
    spent["evaluate"] = now
    return {**spent, "total": sum(spent.values())}
