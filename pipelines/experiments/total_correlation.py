"""Kim and Mnih (2018): a discriminator estimates the total correlation, and underestimates it.

FactorVAE's discriminator learns to tell samples of a Gaussian from permuted ones. The Gaussian has ten
latents of variance 1 in five pairs with the same correlation r, so that its total correlation is known,

    TC = -1/2 ln det R = -5/2 ln(1 - r^2) ,

and r gives 0, 1, 2 and 4 nats. The estimate is the mean of log D_0 - log D_1 over fresh samples.

Reproduced where in every seed the estimates grow with the truth and none is above it by more than two
standard errors of that mean plus 0.02 nats; refuted where some level is above it in most seeds, or the order
is wrong in most. A trial with fewer steps is undecided.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from pipelines.config import VisionTraining
from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict, over_seeds
from pipelines.experiments.parts import part
from pipelines.report import plots
from pipelines.report.columns import columns
from pipelines.training.fitting import by_descent, fit
from vision.objectives.factor_vae import Discriminator, discrimination, permuted
from vision.randomness import derive_seed, step_generator

LEVELS = (0.0, 1.0, 2.0, 4.0)
"""Of the true total correlation, in nats."""
PAIRS = 5
HIDDEN, LAYERS = 128, 4
BATCH, STEPS, LR = 256, 1000, 1e-3
FRESH = 20_000
"""Samples of an estimate."""
SLACK = 0.02
"""Nats."""

Estimates = Mapping[str, Mapping[str, float]]
"""By the true total correlation: `estimate` and `error`, its standard error."""


def run(asked: Asked, machine: Machine) -> Outcome:
    """Train a discriminator for each level and seed."""
    steps = asked.steps or STEPS
    found: dict[int, dict[str, dict[str, float]]] = {}
    for seed in asked.seeds:
        found[seed] = {}
        for level in LEVELS:
            settings = {"seed": seed, "level": level, "steps": steps}
            name = f"{level:g}-nats-{seed}"
            found[seed][f"{level:g}"] = part(
                asked.folder,
                name,
                settings,
                partial(_estimate, level, seed, steps, asked, name, machine),
            )
        machine.say(f"total-correlation: seed {seed}: {_spelled(found[seed])}")
    verdict = verdict_of(list(found.values()), steps)
    rows: list[tuple[str, ...]] = [
        (level, str(over_seeds.spread({str(s): found[s][level]["estimate"] for s in found})))
        for level in found[asked.seeds[0]]
    ]
    lines = {"truth": list(LEVELS)} | {
        f"seed {seed}": [one["estimate"] for one in levels.values()] for seed, levels in found.items()
    }
    return Outcome(
        (
            *columns([("true total correlation", "estimate, nats"), *rows]),
            f"the estimate grows with the truth and stays below it: {verdict}",
        ),
        verdict,
        {"steps": steps, "estimates": {str(seed): levels for seed, levels in found.items()}},
        {"estimates": plots.against({"estimate, nats": plots.Lines(LEVELS, lines)}, "truth, nats")},
    )


def verdict_of(seeds: list[Any], steps: int) -> Verdict:
    """As the module says, of the estimates of each seed."""
    above = dict.fromkeys(seeds[0], 0)
    unordered = 0
    for levels in seeds:
        values = [one["estimate"] for one in levels.values()]
        unordered += any(before >= after for before, after in pairwise(values))
        for level, one in levels.items():
            above[level] += one["estimate"] > float(level) + 2 * one["error"] + SLACK
    if steps < STEPS:
        return "undecided"
    most = max(unordered, *above.values())
    if not most:
        return "reproduced"
    return "refuted" if 2 * most > len(seeds) else "undecided"


def samples(level: float, n: int, generator: torch.Generator) -> Tensor:
    """Codes (n, 10) of a Gaussian with a total correlation of `level` nats."""
    r = math.sqrt(-math.expm1(-2 * level / PAIRS))
    one, noise = torch.randn(2, n, PAIRS, generator=generator)
    return torch.cat((one, r * one + math.sqrt(1 - r * r) * noise), dim=1)


def _estimate(
    level: float, seed: int, steps: int, asked: Asked, name: str, machine: Machine
) -> dict[str, float]:
    torch.manual_seed(derive_seed(seed, "discriminator"))
    discriminator = Discriminator(2 * PAIRS, HIDDEN, LAYERS)
    noise = derive_seed(seed, f"samples of {level:g} nats")
    settings = VisionTraining(steps=steps, batch=BATCH, lr=LR, decay="linear", warmup=0, restarts=1)

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        own = step_generator(noise, step, torch.device("cpu"))
        z, other = samples(level, BATCH, own), samples(level, BATCH, own)
        value = discrimination(discriminator, z, permuted(other, own)).value
        return value, {"loss": value}

    fit(
        by_descent(discriminator, loss, settings),
        settings,
        asked.folder / "trainings" / name,
        "vision",
        machine._replace(quiet=True),
    )
    with torch.no_grad():
        logits = discriminator(samples(level, FRESH, step_generator(noise, steps, torch.device("cpu"))))
    ratio = logits[:, 0] - logits[:, 1]
    return {"estimate": ratio.mean().item(), "error": ratio.std().item() / math.sqrt(FRESH)}


def _spelled(levels: Estimates) -> str:
    return ", ".join(f"{level} nats {one['estimate']:.2f}" for level, one in levels.items())
