"""Kim and Mnih (2018), section 4: the BetaVAE score can be 100 % with one factor missing from the code.

The code of dSprites is its factors, of mean 0 and variance 1, with noise of standard deviation 0.1; each of
the five in turn is left out, so that the code has K - 1 latents. A classifier of mean differences still knows
when the missing factor is shared, since then no latent says so; a vote for the latent of least variance has
no latent to name.

Reproduced where, for every missing factor and seed, the BetaVAE score is at least 0.99 and the FactorVAE
score at most 1 - 1/K + 0.05 (0.85 of K = 5 factors; a vote that fixes the missing factor cannot be right),
while the whole code has at least 0.99 in both. Refuted where no seed has this; undecided otherwise, where the
whole code scores less, and with fewer than 1,000 votes. Nothing is trained.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict
from pipelines.experiments.parts import part
from pipelines.report import plots
from pipelines.report.columns import columns
from vision.data.dsprites import FACTORS, SIZES
from vision.metrics import beta_vae_score, factor_vae_score
from vision.randomness import generator

NOISE = 0.1
VOTES = 4000
"""To fit on, and half as many to test."""
FEW_VOTES = 1000
"""Below which no verdict is given."""
HIGH, SLACK = 0.99, 0.05
WHOLE = "none"

Scores = Mapping[str, Mapping[str, float]]
"""By the missing factor and by metric."""


def run(asked: Asked, machine: Machine) -> Outcome:
    """Score the whole code and those with a factor missing; `--steps` is the number of votes."""
    votes = asked.steps or VOTES
    found: dict[int, Scores] = {}
    for seed in asked.seeds:
        settings = {"seed": seed, "votes": votes, "noise": NOISE}
        found[seed] = part(asked.folder, f"seed-{seed}", settings, partial(_scores, seed, votes))
        machine.say(f"metric-failure: seed {seed} scored")
    missing = [WHOLE, *FACTORS]
    metrics = ("beta_vae", "factor_vae")
    rows = [(m, *(_shown([found[s][m][metric] for s in found]) for metric in metrics)) for m in missing]
    verdict = verdict_of(list(found.values()), votes)
    panels = {
        f"{metric} score": [[found[seed][m][metric] for seed in found] for m in missing] for metric in metrics
    }
    return Outcome(
        (
            *columns([("missing factor", "BetaVAE score", "FactorVAE score"), *rows]),
            f"the BetaVAE score is blind to a missing factor and the FactorVAE score is not: {verdict}",
        ),
        verdict,
        {"votes": votes, "scores": {str(seed): scores for seed, scores in found.items()}},
        {"scores": plots.dots(missing, panels)},
    )


def verdict_of(seeds: list[Scores], votes: int) -> Verdict:
    """As the module says, of the scores of each seed; undecided with fewer votes than `FEW_VOTES`."""
    if votes < FEW_VOTES:
        return "undecided"
    if any(min(scores[WHOLE].values()) < HIGH for scores in seeds):
        return "undecided"  # then neither score says anything here
    most = 1 - 1 / len(SIZES) + SLACK
    holds = [
        all(scores[name]["beta_vae"] >= HIGH and scores[name]["factor_vae"] <= most for name in FACTORS)
        for scores in seeds
    ]
    if all(holds):
        return "reproduced"
    return "undecided" if any(holds) else "refuted"


def code_without(missing: str, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Factors (N, K) to codes (N, K - 1) without the missing factor.

    Args:
        missing: A factor, or `WHOLE` for a code (N, K) of all.
        rng: Of the noise.
    """
    sizes = np.array(SIZES)
    middle, deviation = (sizes - 1) / 2, np.sqrt((sizes**2 - 1) / 12)
    kept = np.array([name != missing for name in FACTORS])

    def encode(factors: np.ndarray) -> np.ndarray:
        codes = ((factors - middle) / deviation)[:, kept]
        return codes + NOISE * rng.standard_normal(codes.shape)

    return encode


def _scores(seed: int, votes: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for missing in (WHOLE, *FACTORS):
        encode = code_without(missing, generator(seed, f"noise without {missing}"))
        rng = generator(seed, f"votes without {missing}")
        count = {"num_train": votes, "num_eval": max(2, votes // 2)}
        found[missing] = {
            "beta_vae": beta_vae_score(encode, SIZES, rng=rng, **count).eval,
            "factor_vae": factor_vae_score(encode, SIZES, rng=rng, **count).eval,
        }
    return found


def _shown(values: list[float]) -> str:
    return f"{statistics.fmean(values):.3f} ({min(values):.3f} to {max(values):.3f})"
