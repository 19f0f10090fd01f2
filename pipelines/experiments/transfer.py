"""Higgins et al. (2017), DARLA: what is learned on disentangled codes transfers to an unseen domain.

DARLA's agents act in a target domain of new combinations, without retraining. Here a classifier stands for
the policy, as no agent is at hand: upright coloured ellipses of dSprites at 16x16. The source has six of the
nine combinations of a third of x and a colour, the target the other three. The visual model is trained on
source images alone, then a linear classifier of the third of x, and one of the half of y, on its codes of
source images; both are tested on new source images and on the target. DARLA compares a beta-VAE with an
entangled one; here the models are VAEs of three betas and a beta-TCVAE, without DARLA's perceptual loss, and
how disentangled each came out is measured (DCI of fresh images of both domains). The measure is target
accuracy over source accuracy, mean of both attributes.

Reproduced where the rank correlation of DCI and that ratio over all models is above 0 at 95 % (Spearman,
two-sided); refuted where it is below 0 at 95 %; else undecided, as is a trial with fewer steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.stats import spearmanr

from pipelines.config import Config
from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict, first_stages, over_seeds
from pipelines.experiments.parts import part
from pipelines.report import plots
from pipelines.report.columns import columns
from vision.data import ImageSet
from vision.encoding import encode
from vision.metrics.linear import classifier
from vision.models import VisionModel
from vision.randomness import generator

STEPS = 3000
DATA = {
    "variant": "color",
    "palette": ["red", "green", "blue"],
    "fixed": {"shape": "ellipse", "orientation": "0"},
    "bins": {"x": 3, "y": 2},
}
MODELS: dict[str, dict[str, Any]] = {
    **{f"VAE, beta {beta:g}": {"kind": "beta_vae", "beta": beta} for beta in (0.1, 1.0, 4.0)},
    "beta-TCVAE, beta 4": {"kind": "beta_tcvae", "beta": 4.0},
}
ATTRIBUTES = ("x", "y")
POINTS = 2000
"""Images that a classifier is fitted on, and as many of each domain to test on."""
LEVEL = 0.05
"""Of the test."""
SHOWN = (*(f"{domain} {name}" for name in ATTRIBUTES for domain in ("source", "target")), "ratio", "dci")

Scores = dict[str, dict[str, dict[str, float]]]
"""By model and seed."""


class Correlation(NamedTuple):
    """Spearman's, and the probability of one as far from 0 by chance."""

    rank: float
    p: float


def run(asked: Asked, machine: Machine) -> Outcome:
    """Train every model with each seed, and classifiers on its codes."""
    steps = asked.steps or STEPS
    found: Scores = {}
    for model, objective in MODELS.items():
        found[model] = {}
        for seed in asked.seeds:
            config = first_stages.config_of(objective, seed, steps, data=DATA)
            name = f"{model.replace(', ', '-').replace(' ', '-')}-{seed}"
            found[model][str(seed)] = _transferred(name, config, asked, machine)
    correlation = correlation_of(found)
    verdict = verdict_of(correlation, steps)
    rows = [(model, *over_seeds.spreads(ones, SHOWN)) for model, ones in found.items()]
    panels = {name: [[one[name] for one in ones.values()] for ones in found.values()] for name in SHOWN}
    return Outcome(
        (
            *columns([("", *SHOWN), *rows]),
            f"rank correlation of DCI and target over source accuracy: {correlation.rank:+.2f} "
            f"(p {correlation.p:.3f}): {verdict}",
        ),
        verdict,
        {"correlation": correlation._asdict(), "scores": found},
        {"scores": plots.dots(list(MODELS), panels)},
    )


def correlation_of(found: Scores) -> Correlation:
    """Of DCI and the ratio over all models; 0 where one of them does not vary, or there are fewer than 3."""
    every = [one for ones in found.values() for one in ones.values()]
    columns = [[one[name] for one in every] for name in ("dci", "ratio")]
    if len(every) < 3 or any(len(set(column)) == 1 for column in columns):
        return Correlation(0.0, 1.0)
    return Correlation(*(float(x) for x in spearmanr(*columns)))


def verdict_of(correlation: Correlation, steps: int) -> Verdict:
    """As the module says."""
    if steps < STEPS or correlation.p >= LEVEL:
        return "undecided"
    return "reproduced" if correlation.rank > 0 else "refuted"


def in_source(images: ImageSet) -> np.ndarray:
    """Which of N images are of the source domain, booleans (N,): where x and colour have other numbers."""
    third, colour = (images.factors[:, images.names.index(name)] for name in ("x", "colour"))
    return np.asarray(third != colour)


def accuracies(vision: VisionModel, images: ImageSet, seed: int, device: torch.device) -> dict[str, float]:
    """Accuracy of each attribute in both domains, and the mean ratio of target to source.

    Args:
        vision: The visual model.
        images: Of both domains.
        seed: Of the order in which source images are taken.
        device: Where the model is.
    """
    codes = encode(vision, images.images, device).mean.cpu().numpy()
    codes = (codes - codes.mean(0)) / np.maximum(codes.std(0), 1e-6)
    order = generator(seed, "probe").permutation(len(images))
    source = in_source(images)[order]
    inside, target = order[source], order[~source][:POINTS]
    fitted, source_test = inside[:POINTS], inside[POINTS : 2 * POINTS]
    found: dict[str, float] = {}
    for name in ATTRIBUTES:
        labels = images.factors[:, images.names.index(name)]
        probe = classifier(codes[fitted], labels[fitted])
        found[f"source {name}"] = float(probe.score(codes[source_test], labels[source_test]))
        found[f"target {name}"] = float(probe.score(codes[target], labels[target]))
    ratios = [found[f"target {name}"] / max(found[f"source {name}"], 1e-9) for name in ATTRIBUTES]
    return found | {"ratio": float(np.mean(ratios))}


def _transferred(name: str, config: Config, asked: Asked, machine: Machine) -> dict[str, float]:
    def compute() -> dict[str, float]:
        folder = first_stages.folder_of(asked, name, config)
        stage = first_stages.trained(config, folder, machine, keep=in_source)
        fresh = first_stages.independent(config).sample(5 * POINTS, generator(config.seed, "probed images"))
        measured = first_stages.scores(stage)
        return measured | accuracies(stage.vae, fresh, config.seed, machine.device)

    found = part(asked.folder, name, {"config": config.model_dump(mode="json"), "points": POINTS}, compute)
    machine.say(f"transfer: {name}: {', '.join(f'{key} {found[key]:.3f}' for key in SHOWN)}")
    return found
