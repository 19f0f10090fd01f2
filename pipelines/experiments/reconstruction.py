"""Kim and Mnih (2018), section 5: FactorVAE disentangles better than beta-VAE at the same reconstruction.

On 2D shapes the paper plots the FactorVAE score against the reconstruction error, for several beta and gamma.
Here: upright ellipses of dSprites at 16x16, beta-VAE with beta 1, 4 and 16, FactorVAE with gamma 10 and 40.
For each FactorVAE model the score that beta-VAE has at its reconstruction is read from the line through the
beta-VAE means in order of their reconstruction, held constant beyond its ends.

Reproduced where FactorVAE's mean advantage in score over that line, over gammas, is above 0 at 95 % over the
seeds (Student's t); refuted where it is below 0 at 95 %; else undecided, as is a trial with fewer steps. That
better reconstruction goes with better scores (the challenge report) is reported as a rank correlation over
all models, not judged.
"""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
from scipy.stats import rankdata

from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict, first_stages, over_seeds
from pipelines.experiments.first_stages import FACTOR_VAE
from pipelines.report import plots
from pipelines.report.columns import columns

STEPS = first_stages.STEPS
MODELS: dict[str, dict[str, Any]] = {
    **{f"beta-VAE, beta {beta:g}": {"kind": "beta_vae", "beta": beta} for beta in (1.0, 4.0, 16.0)},
    **{f"FactorVAE, gamma {gamma:g}": {**FACTOR_VAE, "gamma": gamma} for gamma in (10.0, 40.0)},
}

Scores = dict[str, dict[str, dict[str, Any]]]
"""By model and seed."""


def run(asked: Asked, machine: Machine) -> Outcome:
    """Train every model with each seed."""
    steps = asked.steps or STEPS
    found: Scores = {}
    for model, objective in MODELS.items():
        found[model] = {}
        for seed in asked.seeds:
            config = first_stages.config_of(objective, seed, steps)
            name = f"{model.replace(', ', '-').replace(' ', '-')}-{seed}"
            found[model][str(seed)] = first_stages.scored(asked, name, config, machine)
    gained = advantage(found)
    verdict = verdict_of(gained, steps)
    every = [one for ones in found.values() for one in ones.values()]
    rank = rank_correlation([one["reconstruction"] for one in every], [one["factor_vae"] for one in every])
    shown = ("reconstruction", "kl", "factor_vae", "mig", "dci")
    rows = [(model, *over_seeds.spreads(ones, shown)) for model, ones in found.items()]
    panels = {
        name: [[one[name] for one in ones.values()] for ones in found.values()]
        for name in ("reconstruction", "factor_vae", "mig")
    }
    return Outcome(
        (
            *columns([("", *shown), *rows]),
            f"rank correlation of reconstruction error and FactorVAE score: {rank:+.2f}",
            f"FactorVAE's advantage in score at equal reconstruction: {gained}: {verdict}",
        ),
        verdict,
        {"advantage": over_seeds.as_json(gained), "rank_correlation": rank, "scores": found},
        {"scores": plots.dots(list(MODELS), panels)},
    )


def advantage(found: Scores) -> over_seeds.Difference:
    """FactorVAE's score minus that of beta-VAE at the same reconstruction error, over seeds."""
    curve = sorted(
        (
            statistics.fmean(one["reconstruction"] for one in ones.values()),
            statistics.fmean(one["factor_vae"] for one in ones.values()),
        )
        for model, ones in found.items()
        if model.startswith("beta-VAE")
    )
    errors, line = (list(column) for column in zip(*curve, strict=True))
    ours = [ones for model, ones in found.items() if model.startswith("FactorVAE")]
    score = {s: statistics.fmean(ones[s]["factor_vae"] for ones in ours) for s in ours[0]}
    matched = {
        s: statistics.fmean(float(np.interp(ones[s]["reconstruction"], errors, line)) for ones in ours)
        for s in ours[0]
    }
    return over_seeds.difference(score, matched)


def rank_correlation(one: list[float], other: list[float]) -> float:
    """Spearman's; 0 where one of them does not vary.

    >>> round(rank_correlation([1.0, 2.0, 3.0], [4.0, 9.0, 8.0]), 2)
    0.5
    """
    ranks = np.stack((rankdata(one), rankdata(other)))
    return float(np.corrcoef(ranks)[0, 1]) if ranks.std(1).min() > 0 else 0.0


def verdict_of(gained: over_seeds.Difference, steps: int) -> Verdict:
    """As the module says."""
    if steps < STEPS or not gained.is_beyond():
        return "undecided"
    return "reproduced" if gained.mean > 0 else "refuted"
