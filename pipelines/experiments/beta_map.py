"""Higgins et al. (2017), beta-VAE: the score is best at an intermediate beta, which grows with the latents.

The paper's map of the BetaVAE score over beta and the number of latents M uses beta_norm = beta M / N, N the
number of pixels, and has, for each M, a maximum at an intermediate beta (an inverted U), while
reconstructions blur as beta grows. Here: upright ellipses of dSprites at 16x16 (N = 256).

Reproduced where, for every M, the mean over seeds of the BetaVAE score is highest at a beta that is neither
the least nor the largest, by at least 0.03 above both, and the reconstruction term grows with every beta;
refuted where the maximum is at an end for every M; else undecided, as is a trial with fewer steps.
"""

from __future__ import annotations

import math
import statistics
from itertools import pairwise
from typing import Any

from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict, first_stages, over_seeds
from pipelines.report import plots
from pipelines.report.columns import columns

STEPS = first_stages.STEPS
BETAS = (1.0, 4.0, 16.0, 64.0)
LATENTS = (5, 10)
PIXELS = 256
MARGIN = 0.03


def run(asked: Asked, machine: Machine) -> Outcome:
    """Train a model for each beta, number of latents and seed."""
    steps = asked.steps or STEPS
    found: dict[int, dict[float, dict[str, dict[str, Any]]]] = {}
    for latents in LATENTS:
        found[latents] = {}
        for beta in BETAS:
            found[latents][beta] = {}
            for seed in asked.seeds:
                config = first_stages.config_of(
                    {"kind": "beta_vae", "beta": beta}, seed, steps, latents=latents
                )
                found[latents][beta][str(seed)] = first_stages.scored(
                    asked, f"{latents}-latents-beta-{beta:g}-{seed}", config, machine, beta_vae=True
                )
    verdict = verdict_of(found, steps)
    shown = ("beta_vae", "factor_vae", "mig", "reconstruction", "kl")
    rows = [
        (
            f"{latents} latents, beta {beta:g}",
            f"{beta * latents / PIXELS:.4f}",
            *over_seeds.spreads(ones, shown),
        )
        for latents, betas in found.items()
        for beta, ones in betas.items()
    ]
    panels = {
        title: plots.Lines(
            [math.log2(beta) for beta in BETAS],
            {f"{m} latents": [mean(ones, name) for ones in betas.values()] for m, betas in found.items()},
        )
        for title, name in {"BetaVAE score": "beta_vae", "reconstruction, nats": "reconstruction"}.items()
    }
    return Outcome(
        (
            *columns([("", "beta_norm", *shown), *rows]),
            f"the BetaVAE score has its maximum at an intermediate beta: {verdict}",
        ),
        verdict,
        {"scores": {str(m): {str(beta): ones for beta, ones in b.items()} for m, b in found.items()}},
        {"scores": plots.against(panels, "log2 beta")},
    )


def mean(ones: dict[str, dict[str, Any]], name: str) -> float:
    """Of a score over the seeds."""
    return statistics.fmean(one[name] for one in ones.values())


def verdict_of(found: dict[int, dict[float, dict[str, dict[str, Any]]]], steps: int) -> Verdict:
    """As the module says, of the scores by latents, beta and seed."""
    inner, ends, blurs = [], [], []
    for betas in found.values():
        score = [mean(ones, "beta_vae") for ones in betas.values()]
        blurred = [mean(ones, "reconstruction") for ones in betas.values()]
        inner.append(max(score[1:-1]) >= max(score[0], score[-1]) + MARGIN)
        ends.append(max(score[0], score[-1]) >= max(score[1:-1]))
        blurs.append(all(before < after for before, after in pairwise(blurred)))
    if steps < STEPS:
        return "undecided"
    if all(inner) and all(blurs):
        return "reproduced"
    return "refuted" if all(ends) else "undecided"
