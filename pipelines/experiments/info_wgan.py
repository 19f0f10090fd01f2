"""Kim and Mnih (2018): InfoWGAN-GP has low FactorVAE scores on 2D shapes, whatever the information weight.

There four continuous codes and a categorical one, over a grid of lambda with ten seeds each, stay far below
FactorVAE; the best model (lambda 0.2) learns the scale alone and hides position in the categorical code.
Here: upright ellipses of dSprites at 16x16, the same codes, lambda 0.2 and 1, small convolutional networks,
against a FactorVAE with gamma 10 that is trained for no longer. The score is that of the mean codes Q(c|x) of
images.

Reproduced where, for every lambda, the FactorVAE score of InfoWGAN-GP is below that of FactorVAE in every
seed, while its information L_I shows that the codes are used (above 0.5 nats); refuted where its mean over
seeds is above FactorVAE's for some lambda; else undecided, as is a trial with fewer steps.
"""

from __future__ import annotations

import statistics
from typing import Any

from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict, first_stages, over_seeds
from pipelines.experiments.parts import part
from pipelines.report import plots
from pipelines.report.columns import columns
from pipelines.runs.files import read_lines
from pipelines.training.loop import LOG

STEPS = 1000
"""Of the generator; five of the critic for each."""
VAE_STEPS = 3
"""Steps of FactorVAE for one of the generator."""
LAMBDAS = (0.2, 1.0)
FACTOR_VAE = "FactorVAE"
SETTINGS: dict[str, dict[str, Any]] = {
    "network": {"kind": "convolutional", "widths": [16, 32], "hidden": 128, "precision_limit": 100.0},
    "training": {"batch": 32, "lr": 2e-4},
}
LEAST = 0.5
"""Of the information on the continuous codes, in nats."""


def run(asked: Asked, machine: Machine) -> Outcome:
    """Train InfoWGAN-GP for each lambda, and FactorVAE, with each seed."""
    steps = asked.steps or STEPS
    found: dict[str, dict[str, dict[str, Any]]] = {FACTOR_VAE: {}}
    for seed in asked.seeds:
        config = first_stages.config_of(first_stages.FACTOR_VAE, seed, VAE_STEPS * steps)
        found[FACTOR_VAE][str(seed)] = first_stages.scored(asked, f"factor-vae-{seed}", config, machine)
        for weight in LAMBDAS:
            scores = _adversarial(weight, seed, steps, asked, machine)
            found.setdefault(f"InfoWGAN-GP, lambda {weight:g}", {})[str(seed)] = scores
    verdict = verdict_of(found, steps)
    shown = ("factor_vae", "mig", "dci")
    rows = [
        (
            model,
            *over_seeds.spreads(ones, shown),
            ""
            if model == FACTOR_VAE
            else str(over_seeds.spread({s: o["information"] for s, o in ones.items()})),
        )
        for model, ones in found.items()
    ]
    panels = {name: [[one[name] for one in ones.values()] for ones in found.values()] for name in shown}
    return Outcome(
        (
            *columns([("", *shown, "information, nats"), *rows]),
            f"InfoWGAN-GP scores below FactorVAE at every lambda: {verdict}",
        ),
        verdict,
        {"scores": found},
        {"scores": plots.dots(list(found), panels)},
    )


def _adversarial(weight: float, seed: int, steps: int, asked: Asked, machine: Machine) -> dict[str, Any]:
    objective = {"kind": "info_wgan_gp", "information": weight, "noise": 8, "categories": [3]}
    config = first_stages.config_of(objective, seed, steps, latents=4, **SETTINGS)
    name = f"lambda-{weight:g}-{seed}"

    def compute() -> dict[str, Any]:
        folder = first_stages.folder_of(asked, name, config)
        scores = first_stages.scores(first_stages.trained(config, folder, machine))
        return {**scores, "information": read_lines(folder / LOG, "step")[-1]["information"]}

    found = part(asked.folder, name, {"config": config.model_dump(mode="json")}, compute)
    machine.say(
        f"info-wgan: {name}: FactorVAE score {found['factor_vae']:.3f}, L_I {found['information']:.2f}"
    )
    return found


def verdict_of(found: dict[str, dict[str, dict[str, Any]]], steps: int) -> Verdict:
    """As the module says, of the scores by model and seed."""
    reference, holds = found[FACTOR_VAE], True
    if steps < STEPS:
        return "undecided"
    for model, ones in found.items():
        if model == FACTOR_VAE:
            continue
        for seed, one in ones.items():
            used = one["information"] > LEAST
            holds = holds and used and one["factor_vae"] < reference[seed]["factor_vae"]
        ours, theirs = (
            statistics.fmean(x["factor_vae"] for x in some.values()) for some in (ones, reference)
        )
        if ours > theirs:
            return "refuted"
    return "reproduced" if holds else "undecided"
