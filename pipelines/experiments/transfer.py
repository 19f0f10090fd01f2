"""Higgins et al. (2017), DARLA: what is learned on disentangled codes transfers to an unseen domain.

DARLA's agents act in a target domain of new combinations, without retraining. Here a classifier stands for
the policy, as no agent is at hand: upright coloured dSprites at 16x16, three shapes and three colours. The
source has six of the nine combinations of shape and colour, the target the other three. The visual model is
trained on source images alone, then a linear classifier of the shape, and one of the vertical half, on its
codes of source images; both are tested on new source images and on the target. A beta-VAE (beta 4) is
compared with an entangled one (beta 0.1), without DARLA's perceptual loss. The measure is target accuracy
over source accuracy, mean of both attributes.

Reproduced where the ratio of the beta-VAE is above that of the entangled model at 95 % over the seeds
(paired, Student's t); refuted where it is below at 95 %; else undecided, as is a trial with fewer steps.
"""

from __future__ import annotations

import numpy as np
import torch

from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict, first_stages, over_seeds
from pipelines.experiments.parts import part
from pipelines.report import plots
from vision.data import ImageSet
from vision.encoding import encode
from vision.metrics.linear import classifier
from vision.models import VisionModel
from vision.randomness import generator

STEPS = first_stages.STEPS
DATA = {
    "variant": "color",
    "palette": ["red", "green", "blue"],
    "fixed": {"orientation": "0"},
    "bins": {"x": 8, "y": 2},
}
MODELS = {"beta-VAE, beta 4": 4.0, "entangled, beta 0.1": 0.1}
ATTRIBUTES = ("shape", "y")
POINTS = 2000
"""Images that a classifier is fitted on, and as many of each domain to test on."""


def run(asked: Asked, machine: Machine) -> Outcome:
    """Train both models with each seed, and classifiers on their codes."""
    steps = asked.steps or STEPS
    found: dict[str, dict[str, dict[str, float]]] = {}
    for model, beta in MODELS.items():
        found[model] = {}
        for seed in asked.seeds:
            found[model][str(seed)] = _transferred(beta, seed, steps, asked, machine)
    ours, theirs = ({s: one["ratio"] for s, one in ones.items()} for ones in found.values())
    gained = over_seeds.difference(ours, theirs)
    verdict = verdict_of(gained, steps)
    shown = [f"{domain} {name}" for name in ATTRIBUTES for domain in ("source", "target")] + ["ratio"]
    rows = [
        (model, *(str(over_seeds.spread({s: one[name] for s, one in ones.items()})) for name in shown))
        for model, ones in found.items()
    ]
    panels = {name: [[one[name] for one in ones.values()] for ones in found.values()] for name in shown}
    return Outcome(
        (
            *over_seeds.table(("", *shown), rows),
            f"target over source accuracy, beta-VAE minus entangled: {gained}: {verdict}",
        ),
        verdict,
        {"advantage": over_seeds.as_json(gained), "accuracies": found},
        {"accuracies": plots.dots(list(MODELS), panels)},
    )


def verdict_of(gained: over_seeds.Difference, steps: int) -> Verdict:
    """As the module says."""
    if steps < STEPS or not gained.is_beyond():
        return "undecided"
    return "reproduced" if gained.mean > 0 else "refuted"


def in_source(images: ImageSet) -> np.ndarray:
    """Which of N images are of the source domain, booleans (N,): the colour is not the shape's number."""
    shape, colour = (images.factors[:, images.names.index(name)] for name in ("shape", "colour"))
    return np.asarray(shape != colour)


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


def _transferred(beta: float, seed: int, steps: int, asked: Asked, machine: Machine) -> dict[str, float]:
    config = first_stages.config_of({"kind": "beta_vae", "beta": beta}, seed, steps, data=DATA)
    name = f"beta-{beta:g}-{seed}"

    def compute() -> dict[str, float]:
        folder = first_stages.folder_of(asked, name, config)
        stage = first_stages.trained(config, folder, machine, keep=in_source)
        fresh = first_stages.independent(config).sample(5 * POINTS, generator(seed, "probed images"))
        return accuracies(stage.vae, fresh, seed, machine.device)

    found = part(asked.folder, name, {"config": config.model_dump(mode="json"), "points": POINTS}, compute)
    machine.say(f"transfer: {name}: {', '.join(f'{key} {value:.3f}' for key, value in found.items())}")
    return found
