"""The winner's report of the NeurIPS 2019 disentanglement challenge, table 3: more latents, other scores.

From 256 to 3072 latents, FactorVAE's scores by FactorVAE metric and DCI rose, while SAP and MIG fell, since
several latents then share a factor. Here: a small FactorVAE of the upright ellipses of dSprites at 16x16
with 8, 32 and 128 latents, gamma 10; a trend, not the report's figures. DCI is that of the lasso at all three
sizes, as its trees are too slow for 128 latents.

Reproduced where, from 8 to 128 latents, the mean over the seeds of FactorVAE score and DCI rises and that of
SAP and MIG falls; refuted where at least three of the four go the other way; else undecided, as is a trial
with fewer steps.
"""

from __future__ import annotations

import statistics
from typing import Any

from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict, first_stages, over_seeds
from pipelines.experiments.first_stages import FACTOR_VAE
from pipelines.report import plots
from pipelines.report.columns import columns

STEPS = first_stages.STEPS
LATENTS = (8, 32, 128)
CLAIM = {"factor_vae": 1, "dci": 1, "sap": -1, "mig": -1}
"""Whether a score rises or falls with the number of latents."""


def run(asked: Asked, machine: Machine) -> Outcome:
    """Train a model for each number of latents and seed."""
    steps = asked.steps or STEPS
    found: dict[int, dict[str, dict[str, Any]]] = {}
    for latents in LATENTS:
        found[latents] = {}
        for seed in asked.seeds:
            config = first_stages.config_of(FACTOR_VAE, seed, steps, latents=latents)
            found[latents][str(seed)] = first_stages.scored(
                asked, f"{latents}-latents-{seed}", config, machine, estimator="lasso"
            )
    verdict = verdict_of(found, steps)
    shown = (*CLAIM, "active", "reconstruction")
    rows = [(str(d), *over_seeds.spreads(ones, shown)) for d, ones in found.items()]
    panels = {name: [[one[name] for one in ones.values()] for ones in found.values()] for name in CLAIM}
    return Outcome(
        (
            *columns([("latents", *shown), *rows]),
            f"FactorVAE score and DCI rise with the latents, SAP and MIG fall: {verdict}",
        ),
        verdict,
        {"scores": {str(latents): ones for latents, ones in found.items()}},
        {"scores": plots.dots([f"{latents} latents" for latents in LATENTS], panels)},
    )


def verdict_of(found: dict[int, dict[str, dict[str, Any]]], steps: int) -> Verdict:
    """As the module says, of the scores by number of latents and seed."""

    def mean(latents: int, name: str) -> float:
        return statistics.fmean(one[name] for one in found[latents].values())

    agree = [sign * (mean(LATENTS[-1], name) - mean(LATENTS[0], name)) > 0 for name, sign in CLAIM.items()]
    if steps < STEPS:
        return "undecided"
    if all(agree):
        return "reproduced"
    return "refuted" if sum(agree) <= 1 else "undecided"
