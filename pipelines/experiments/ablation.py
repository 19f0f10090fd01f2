"""Where SCAN's accuracy comes from: one part of the method changed at a time, on the same finished codes.

The visual model and the judge of a seed are trained once (`rooms`); every variant grounds symbols in freshly
rendered images that it encodes, learns operators, and is measured by the same judge on the same lists. The
images of a concept are nested: one, three and ten are the first of thirty. Symbols learn with the settings of
the run; the paper's perceptron with as much learning in fewer steps, 6,000 of 64 pairs at 1e-3 in place of
the 60,000 of 16 at 1e-4 of `rooms-paper`.

Each question compares a variant with its reference, seed by seed. It is answered yes where the 95 % interval
of the paired difference in accuracy, strict accuracy or diversity on test symbols or test operators excludes
0 and its mean is at least 0.01 (0.05 nats for diversity); no where the interval lies within these bounds;
else it is open. The verdict is on the paper's own ablation (SCAN_R, section 5: the reverse KL keeps the
variance of one image, and so loses the diversity of what a symbol leaves open): reproduced where the
diversity of test symbols, as KL to uniform, is larger with the reverse KL by at least 0.05 nats and the
interval excludes 0, for experts and for perceptrons; refuted where for both it is no larger by that much;
undecided otherwise, with fewer than three seeds, and in a trial of fewer steps.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict
from pipelines.experiments.concept_scores import SIZES, Named, Scores, named, scores
from pipelines.experiments.over_seeds import Difference, as_json, difference, spread
from pipelines.experiments.parts import part
from pipelines.experiments.variants import VARIANTS, Variant
from pipelines.experiments.visual_models import VisualModel, visual_models
from pipelines.report import plots
from pipelines.report.columns import columns
from scan.fitting import fit, fit_operators
from symbols import Concept, novel_concepts, training_concepts
from vision.models import VisionModel
from vision.randomness import generator
from vision.vae import VAE

MOST_IMAGES = 30
MLP = {"steps": 6_000, "batch": 64, "lr": 1e-3}
FEWEST_SEEDS = 3
SMALLEST = {"accuracy": 0.01, "strict": 0.01, "diversity": 0.05}
"""Differences below these do not matter."""
DECIDING = ("test_symbols", "test_operators")


def run(asked: Asked, machine: Machine) -> Outcome:
    """Measure every variant on every seed."""
    found: dict[str, dict[str, Scores]] = {name: {} for name in VARIANTS}
    for model in visual_models(asked, machine):
        codes = _Codes(model)
        for name, variant in VARIANTS.items():
            settings = {
                **variant._asdict(),
                "steps": asked.steps,
                "sizes": SIZES._asdict(),
                "vision": model.digest,
            }
            title = f"{name.replace(', ', '-').replace(' ', '-')}-{model.seed}"
            result = part(asked.folder, title, settings, partial(measure, codes, variant, asked.steps))
            found[name][str(model.seed)] = result
            machine.say(f"ablation: seed {model.seed}, {name}: {_short(result)}")
    answers = {name: answer(found, name) for name in VARIANTS if name != "default"}
    verdict = verdict_of(answers, len(asked.seeds), is_trial=asked.steps is not None)
    return Outcome(
        tuple(_lines(found, answers, verdict)),
        verdict,
        {
            "images_per_concept": SIZES._asdict(),
            "variants": {
                name: {"settings": VARIANTS[name]._asdict(), "seeds": by_seed}
                for name, by_seed in found.items()
            },
            "answers": {name: one.as_json() for name, one in answers.items()},
        },
        {"variants": _figure(found)},
    )


class _Codes:
    """The codes of all variants of a seed; images of further concepts are encoded when a variant asks.

    Args:
        model: Of the seed.
    """

    def __init__(self, model: VisualModel) -> None:
        self.model = model
        self.raw = without_standardisation(model.vision)
        self._kept: dict[tuple[int | None, bool], Named] = {}

    def vision(self, variant: Variant) -> VisionModel:
        """The visual model that the variant's codes are of."""
        return self.model.vision if variant.standardised else self.raw

    def of(self, variant: Variant) -> Named:
        """The training pairs of a variant."""
        key = (variant.concepts, variant.standardised)
        if key not in self._kept:
            each = MOST_IMAGES if variant.concepts is None else variant.images
            seen = self.model._replace(vision=self.vision(variant))
            self._kept[key] = named(seen, taught(self.model, variant.concepts), each, "taught images")
        every = self._kept[key]
        each = len(every.concepts) // len(dict.fromkeys(every.concepts))
        rows = [row for row in range(len(every.concepts)) if row % each < variant.images]
        return Named(every.q_x[rows], [every.concepts[row] for row in rows])


def taught(model: VisualModel, n: int | None) -> tuple[Concept, ...]:
    """The run's training concepts; n newly drawn ones where these are fewer, or the run's and more.

    Args:
        model: Of a seed.
        n: How many; None for the run's own.
    """
    own, tested = model.splits.train_symbols, (*model.splits.test_symbols, *model.splits.validation_symbols)
    if n is None:
        return own
    rng = generator(model.seed, f"ablation {n} concepts")
    if n <= len(own):
        return training_concepts(model.vocabulary, n, rng, held_out=model.unseen, exclude=tested)
    more = novel_concepts(model.vocabulary, n - len(own), rng, known=(*own, *tested), held_out=model.unseen)
    return (*own, *more)


def without_standardisation(vision: VisionModel) -> VisionModel:
    """The same visual model with codes as they came out of its training (`VAE.standardise`)."""
    assert isinstance(vision, VAE)
    raw = copy.deepcopy(vision)
    raw.shift.zero_()
    raw.scale.fill_(1)
    return raw


def measure(codes: _Codes, variant: Variant, steps: int | None) -> Scores:
    """Ground symbols, learn operators, and measure both.

    Args:
        codes: Of a seed.
        variant: What differs from the default.
        steps: Of each training, for a trial; None for those of the experiment.
    """
    model, pairs = codes.model, codes.of(variant)
    settings = model.config.symbols
    trained: dict[str, Any] = {"steps": settings.steps, "batch": settings.batch, "lr": settings.lr}
    if variant.encoder == "mlp":
        trained = dict(MLP)
    if steps is not None:
        trained["steps"] = steps
    concepts = list(dict.fromkeys(pairs.concepts))
    scan = fit(
        pairs.q_x,
        pairs.concepts,
        model.vocabulary,
        encoder=variant.encoder,
        hidden=settings.hidden,
        **trained,
        weight_decay=settings.weight_decay if variant.encoder == "experts" else 0.0,
        beta=settings.beta,
        grounding=variant.grounding,
        direction=variant.direction,
        expert_penalty=settings.expert_penalty if variant.penalty else 0.0,
        seed=model.seed,
    )
    operators = None
    if variant.operators == "learned":
        recombined = model.config.operators
        operators = fit_operators(
            scan,
            pairs.q_x,
            pairs.concepts,
            model.vocabulary,
            held_out=model.unseen,
            hidden=recombined.hidden,
            triples=recombined.triples,
            steps=recombined.steps if steps is None else steps,
            batch=recombined.batch,
            lr=recombined.lr,
            direction=variant.direction,
            seed=model.seed,
        )
    return scores(model, codes.vision(variant), scan, operators, concepts[: len(model.splits.train_symbols)])


class Answer(NamedTuple):
    """What a variant changes against its reference."""

    differences: dict[tuple[str, str], Difference]
    """By split and measure."""
    says: Literal["yes", "no", "open"]

    def as_json(self) -> dict[str, Any]:
        """JSON-able."""
        named_ = {f"{split}.{key}": as_json(one) for (split, key), one in self.differences.items()}
        return {"answer": self.says, "differences": named_}


def answer(found: Mapping[str, Mapping[str, Scores]], name: str) -> Answer:
    """The paired differences of a variant to its reference, and whether they matter.

    Args:
        found: Scores by variant and seed.
        name: Of the variant.
    """
    ours, reference = found[name], found[VARIANTS[name].reference]
    differences = {}
    for split, measures in next(iter(ours.values())).items():
        for key in measures:
            differences[split, key] = difference(_by_seed(ours, split, key), _by_seed(reference, split, key))
    deciding = [
        (one, SMALLEST[key])
        for (split, key), one in differences.items()
        if split in DECIDING and key in SMALLEST
    ]
    if any(one.is_beyond(size) for one, size in deciding):
        return Answer(differences, "yes")
    within = all(-size < one.low and one.high < size for one, size in deciding)
    return Answer(differences, "no" if within else "open")


def verdict_of(answers: Mapping[str, Answer], seeds: int, *, is_trial: bool) -> Verdict:
    """Whether the reverse KL loses diversity, as the module says.

    Args:
        answers: By variant.
        seeds: How many there are.
        is_trial: Whether steps were set for a trial.
    """
    size = SMALLEST["diversity"]
    both = [
        answers[name].differences["test_symbols", "diversity"]
        for name in ("reverse KL", "reverse KL, perceptron")
    ]
    if seeds < FEWEST_SEEDS or is_trial:
        return "undecided"
    if all(one.low > 0 and one.mean >= size for one in both):
        return "reproduced"
    return "refuted" if all(one.high < size for one in both) else "undecided"


def _by_seed(of_variant: Mapping[str, Scores], split: str, key: str) -> dict[str, float]:
    return {seed: found[split][key] for seed, found in of_variant.items()}


COLUMNS = (
    ("train", "train_symbols", "accuracy"),
    ("test", "test_symbols", "accuracy"),
    ("strict", "test_symbols", "strict"),
    ("operators", "test_operators", "accuracy"),
    ("held-out strict", "held_out", "strict"),
    ("diversity", "test_symbols", "diversity"),
    ("img2sym", "img2sym", "accuracy"),
)
"""Head, split and measure of the columns of the table."""


def _short(result: Scores) -> str:
    return ", ".join(f"{head} {result[split][key]:.3f}" for head, split, key in COLUMNS)


def _lines(
    found: Mapping[str, Mapping[str, Scores]], answers: Mapping[str, Answer], verdict: Verdict
) -> Sequence[str]:
    rows = []
    for name, by_seed in found.items():
        cells = [str(spread(_by_seed(by_seed, split, key))) for _, split, key in COLUMNS]
        rows.append((name, *cells))
    changes = []
    for name, one in answers.items():
        cells = [str(one.differences[split, key]) for _, split, key in COLUMNS]
        changes.append((name, one.says, *cells))
    heads = tuple(head for head, _, _ in COLUMNS)
    floor = next(iter(found["default"].values()))["test_symbols"]["floor"]
    return [
        *columns([("mean ± sd over seeds", *heads), *rows]),
        f"diversity is KL to uniform in nats, smaller is more diverse; a uniform sampler has {floor:.3f}",
        "",
        *columns([("minus its reference [95 %]", "matters", *heads), *changes]),
        "",
        f"the reverse KL loses diversity: {verdict} (with experts "
        f"{answers['reverse KL'].differences['test_symbols', 'diversity']}, with perceptrons "
        f"{answers['reverse KL, perceptron'].differences['test_symbols', 'diversity']} nats)",
    ]


def _figure(found: Mapping[str, Mapping[str, Scores]]) -> bytes:
    panels = {}
    for head, split, key in COLUMNS:
        values = [list(_by_seed(by_seed, split, key).values()) for by_seed in found.values()]
        panels[head] = [[x for x in some if math.isfinite(x)] for some in values]
    return plots.dots(list(found), panels)
