"""Warnings about a run whose stages all finished: one line each, with the settings to change.

Every function takes the metrics of a stage and returns its warnings. They are logged when the stage is done;
all of them come first in the report, and are "warnings" in the evaluation's metrics.json.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.runs.files import read_json
from pipelines.runs.folder import RunFolder

MAX_KL = 16.0
"""KL of one latent, in nats, above which float32 cannot hold its codes: ln 2^24 is 16.6."""
MAX_CONSTANT = 1.0
"""KL in nats of codes that are all alike, above which they are not those of the prior."""
MIN_JUDGE_ACCURACY = 0.9
"""Accuracy of the judge on real images, in every attribute."""
MAX_PLAIN = 0.01
"""Share of images of a single colour above which a file is taken to be damaged."""
MAX_UNSPECIFIC = 0.1
"""Share of the taught concepts without a specific latent above which the symbols are not grounded."""
MIN_SHARE = 0.5
"""Share of a training's steps that a budget of time leaves, below which the words may be poor for it."""
MIN_VARIANCE = 0.1
"""Variance among imagined images, relative to real ones, below which they are nearly all alike."""


def _opposite(advice: str) -> str:
    verb, _, setting = advice.partition(" ")
    return f"{'raise' if verb == 'lower' else 'lower'} {setting}"


MORE_NATS = {
    "beta_vae": "lower vision.objective.beta",
    "annealed_vae": "raise vision.objective.capacity",
    "bottleneck_vae": "raise vision.objective.capacity",
    "factor_vae": "lower vision.objective.gamma",
    "beta_tcvae": "lower vision.objective.beta",
    "dip_vae_i": "lower vision.objective.off_diagonal and diagonal",
    "dip_vae_ii": "lower vision.objective.off_diagonal and diagonal",
    "ada_gvae": "lower vision.objective.beta",
    "ada_ml_vae": "lower vision.objective.beta",
    "slow_vae": "lower vision.objective.beta",
    "dc_ign": "lower vision.objective.beta",
    "joint_vae": "raise vision.objective.capacity_continuous",
    "info_gan": "raise vision.objective.information",
    "info_wgan_gp": "raise vision.objective.information",
}
"""What gives the codes of an objective more nats, by kind; else the scale of the pixels does."""
FEWER_NATS = {
    **{kind: _opposite(advice) for kind, advice in MORE_NATS.items()},
    "qlae": "lower vision.objective.values",
}
CONSTANT_CODE = {
    "annealed_vae": ("vision.objective.gamma",),
    "bottleneck_vae": ("vision.objective.gamma",),
    "joint_vae": ("vision.objective.gamma_continuous",),
}
"""What, beside the learning rate, makes an encoder fill a capacity without looking at the image, by kind."""
JOINT = ("jmvae", "trelbo")
"""Kinds that a stage joint trains."""


def warnings(measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The warnings of a run, from stage -> its metrics; each once, in the order of the stages."""
    found = of_images(measured.get("vision", {}).get("pixels"))
    found += [line for stage, check in CHECKS.items() if stage in measured for line in check(measured[stage])]
    if "evaluate" in measured:
        found += of_evaluation(measured["evaluate"], measured)
    return list(dict.fromkeys(found))


def of_budget(budget: Mapping[str, Any]) -> list[str]:
    """Of `--minutes`: the steps that it left of those that the config has, of the training that lost most."""
    asked, found = budget.get("asked", {}), budget.get("found", {})
    shares = {key: found[key] / asked[key] for key in asked if key.endswith(".steps") and key in found}
    key = min(shares, key=lambda one: shares[one], default="")
    if not key or shares[key] >= MIN_SHARE:
        return []
    left = f"{found[key]:,} of {asked[key]:,} {key}"
    return [f"--minutes {budget['minutes']:g} left {left}: what is lost may be lost for want of training"]


def of_vision(metrics: Mapping[str, Any]) -> list[str]:
    """Of the vision stage: the codes of real images, and the KL that training ended with."""
    codes = metrics.get("test_images") or metrics.get("train")
    kind = metrics.get("objective")
    trained = metrics.get("kl_trained")
    return of_codes(codes, kind, trained) or of_training(trained, codes, kind)


def of_images(pixels: Mapping[str, Any] | None) -> list[str]:
    """Of the images that are learned from: the variance among them, and how many are of a single colour."""
    if pixels is None:
        return []
    if pixels["deviation"] < 0.5:
        return [
            "the images are all alike (they differ by less than half a grey level): look at the data file"
        ]
    if pixels["plain"] > MAX_PLAIN:
        share = f"{100 * pixels['plain']:.0f} %"
        return [f"{share} of the images are of a single colour: look at the data file (scan data)"]
    return []


def of_codes(
    codes: Mapping[str, Any] | None, objective: str | None = None, trained: float | None = None
) -> list[str]:
    """Of standardised codes of real images: `kl` and `kl_per_latent` in nats, and `active_latents`.

    A capacity may be met by a constant code of so many nats, and quantised codes, which have no KL, may all
    be one value: lower betas or scales, which help where the KL is 0, do not help there.

    Args:
        codes: What was measured of them, if anything.
        objective: Its kind, whose settings the advice names; None for a model of the user's own.
        trained: The KL in nats that training ended with, before codes were standardised, if there is one.
    """
    if codes is None or "kl_per_latent" not in codes:
        return []
    most = max((_number(nats) for nats in codes["kl_per_latent"]), default=0.0)
    if most > MAX_KL or not math.isfinite(_number(codes["kl"])):
        return [f"the KL of a latent is {most:.3g} nats, more than its numbers can hold: {_fewer(objective)}"]
    if not codes["active_latents"]:
        if objective == "qlae" or (trained is not None and _number(trained) > MAX_CONSTANT):
            lower = [f"{_training(objective)}.lr", *CONSTANT_CODE.get(objective or "", ())]
            return [f"the visual model gives all images the same code: lower {' or '.join(lower)}"]
        return [
            "the visual model uses no latent (its posterior has collapsed to the prior): "
            f"{_more(objective)}, or raise {_training(objective)}.steps or {_training(objective)}.lr"
        ]
    return []


def of_training(kl: float | None, codes: Mapping[str, Any] | None, objective: str | None = None) -> list[str]:
    """Of the KL that the training ended with, in nats: before the codes are standardised it may explode."""
    if kl is None or codes is None or "kl_per_latent" not in codes:
        return []
    if _number(kl) > MAX_KL * len(codes["kl_per_latent"]):
        return [f"the KL of the visual model ended at {_number(kl):.3g} nats: {_fewer(objective)}"]
    return []


def of_symbols(metrics: Mapping[str, Any]) -> list[str]:
    """Of the symbol network: the taught concepts, and those without a latent that they specify."""
    without, concepts = metrics.get("concepts_without_specific_latents"), metrics.get("concepts")
    if not concepts or without is None or without <= MAX_UNSPECIFIC * concepts:
        return []
    advice = "raise symbols.grounding, symbols.steps or symbols.examples, or lower symbols.expert_penalty"
    if metrics.get("objective") in JOINT:
        advice = "raise joint.symbol_weight, joint.steps or symbols.examples"
    return [
        f"{without} of {concepts} taught concepts specify no latent (their q(z|y) is the prior): {advice}"
    ]


def of_judge(metrics: Mapping[str, Any]) -> list[str]:
    """Of the judge: the share of real images that it reads right, per attribute."""
    poor = {
        name: share
        for name, share in metrics["per_attribute"].items()
        if _number(share, 0.0) < MIN_JUDGE_ACCURACY
    }
    if not poor:
        return []
    listed = ", ".join(f"{name} ({_number(share, 0.0):.2f})" for name, share in poor.items())
    return [
        f"the judge reads real images badly, so that accuracy and diversity mean little: {listed}; "
        "raise judge.steps, or look whether the labels are right"
    ]


def of_evaluation(metrics: Mapping[str, Any], learned: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Of the evaluation, which also measures models of the user's own, of which no stage has metrics.

    Args:
        metrics: Of the evaluation.
        learned: Stage -> its metrics, which are checked by themselves.
    """
    objective = learned.get("vision", {}).get("objective")
    imagined = metrics.get("realism", {}).get("test_symbols", {}).get("variance_ratio")
    found: list[str] = []
    if "vision" not in learned:
        found += of_codes(metrics["vision"].get("test_images"))
    if "symbols" not in learned:
        found += of_symbols(metrics.get("symbols", {}))
    if "judge" not in learned:
        found += of_judge(metrics["judge"])
    if imagined is not None and imagined < MIN_VARIANCE:
        found.append(
            f"imagined images are nearly all alike ({imagined:.2g} of the variance of real ones): "
            f"look at the reconstructions, and raise {_training(objective)}.steps, or {_more(objective)}"
        )
    return found


CHECKS: dict[str, Callable[[Mapping[str, Any]], Sequence[str]]] = {
    "budget": of_budget,
    "vision": of_vision,
    "symbols": of_symbols,
    "judge": of_judge,
}
"""What the metrics of each stage in `LEARNED`, and the budget, are checked by."""
LEARNED = ("vision", "symbols", "judge")
"""The stages whose warnings are logged when they end; the evaluation's summary has them all."""


def measured(run: RunFolder) -> dict[str, dict[str, Any]]:
    """The metrics of the stages in `LEARNED` that are done and have some; the user's own models have none.

    Before them the budget of the run, where `--minutes` gave it one.
    """
    paths = {name: run.stage(name) / "metrics.json" for name in LEARNED}
    budget = {"budget": run.path / "budget.json"}
    made = {name: path for name, path in paths.items() if (run.stage(name) / "done.json").exists()}
    return {name: read_json(path) for name, path in (budget | made).items() if path.exists()}


def _more(objective: str | None) -> str:
    return MORE_NATS.get(objective or "", "lower vision.likelihood.scale of a gaussian likelihood")


def _fewer(objective: str | None) -> str:
    advice = FEWER_NATS.get(objective or "", "raise vision.likelihood.scale")
    return f"lower {_training(objective)}.lr, {advice}, or set vision.network.precision_limit"


def _training(objective: str | None) -> str:
    """The section with steps and learning rate."""
    return "joint" if objective in JOINT else "vision.training"


def _number(value: float | None, missing: float = math.inf) -> float:
    """A measured number; what JSON could not hold (null, for nan and infinity) counts as `missing`."""
    return missing if value is None or math.isnan(value) else float(value)
