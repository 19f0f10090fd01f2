"""The report of the winner of the NeurIPS 2019 disentanglement challenge, table 2: longer training helps.

There FactorVAE was trained for 30,000, 500,000 and 1,000,000 steps, and SAP, DCI and MIG rose. Here it is a
small FactorVAE of the upright ellipses of dSprites at 16x16, gamma 10, measured along one training at a
quarter, half and all of its steps; a trend, not the report's figures.

Reproduced where DCI and MIG, as means over the seeds, are both higher after all steps than after a quarter,
and in every seed; refuted where both means are lower; else undecided, as is a trial with fewer steps.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pipelines.config import Config
from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict, first_stages, over_seeds
from pipelines.experiments.first_stages import FACTOR_VAE
from pipelines.experiments.parts import part
from pipelines.report import plots
from pipelines.report.columns import columns

STEPS = 4000
SHARES = (0.25, 0.5, 1.0)
SHOWN = ("factor_vae", "sap", "dci", "mig", "reconstruction")
JUDGED = ("dci", "mig")


def run(asked: Asked, machine: Machine) -> Outcome:
    """Train one model for each seed, and measure it on the way."""
    steps = asked.steps or STEPS
    places = [max(1, round(share * steps)) for share in SHARES]
    found: dict[str, list[dict[str, float]]] = {}
    for seed in asked.seeds:
        config = first_stages.config_of(FACTOR_VAE, seed, steps)
        folder = first_stages.folder_of(asked, f"seed-{seed}", config)
        found[str(seed)] = [
            part(
                asked.folder,
                f"seed-{seed}-step-{step}",
                {"config": config.model_dump(mode="json"), "step": step},
                partial(_scores_at, step, config, folder, machine),
            )
            for step in places
        ]
        machine.say(f"training-steps: seed {seed}: DCI {[round(one['dci'], 3) for one in found[str(seed)]]}")
    verdict = verdict_of(list(found.values()), steps)
    means = {
        name: [
            over_seeds.spread({s: rows[at][name] for s, rows in found.items()}) for at in range(len(places))
        ]
        for name in SHOWN
    }
    rows = [(f"{step:,} steps", *(str(means[name][at]) for name in SHOWN)) for at, step in enumerate(places)]
    panels = {
        name: plots.Lines(places, {f"seed {s}": [one[name] for one in rows] for s, rows in found.items()})
        for name in SHOWN[:4]
    }
    return Outcome(
        (*columns([("", *SHOWN), *rows]), f"DCI and MIG rise with the steps: {verdict}"),
        verdict,
        {"steps_measured": places, "scores": found},
        {"scores": plots.against(panels, "steps")},
    )


def verdict_of(seeds: list[list[dict[str, float]]], steps: int) -> Verdict:
    """As the module says, of the scores of each seed along its training."""
    rises = {name: [rows[-1][name] - rows[0][name] for rows in seeds] for name in JUDGED}
    if steps < STEPS:
        return "undecided"
    if all(min(rise) > 0 for rise in rises.values()):
        return "reproduced"
    return "refuted" if all(sum(rise) < 0 for rise in rises.values()) else "undecided"


def _scores_at(step: int, config: Config, folder: Path, machine: Machine) -> dict[str, float]:
    return first_stages.scores(first_stages.trained(config, folder, machine, until=step))
