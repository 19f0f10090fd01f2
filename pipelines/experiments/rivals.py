"""SCAN against its rivals: on the same concepts, images and judges, which names and imagines best?

Higgins et al. (2018), section 5: SCAN surpasses SCAN_R (both grounding KLs reversed), SCAN_U (an entangled
visual model), JMVAE and TrELBO in accuracy and in diversity, on training symbols, on test symbols, and where
operators recombine concepts. Every method is a run of its own; for a seed they share images, lists, training
pairs and judge, and SCAN_R has SCAN's visual model. A layered network does not entangle at a low beta
(docs/evidence.md), so SCAN_U is a plain VAE with a low beta, and is compared with SCAN on the same networks
with what disentangles them, beta 1 and a penalty on the decoder's Jacobian. By default the runs are those of
`rooms-mini`, the joint models with 2,500 steps, so that all end within an hour; `--full` takes `rooms` with
its own steps, and plain VAEs with 6,000, and adds the joint models with all unlabelled images for their
visual part, the joint models with the paper's convolutional networks, and SCAN on the plain VAE with
perceptrons. Diversity is that of all images, as the paper has it; beside it stands the diversity of those
that show all that was asked for, which a model of wrong images does not gain by. The three C's (Vedantam et
al. 2018): correctness is the accuracy, coverage stands beside it, and compositionality is correctness on
combinations that were held out.

A rival is behind where on each of the three lists the 95 % interval of SCAN's paired advantage over seeds is
above 0, in accuracy and in diversity; SCAN_R in diversity, as it may be as accurate. It is ahead where on one
of them the interval is below 0 by at least 0.01 on average in accuracy, or by 0.05 nats in diversity while
its accuracy is not lower. The verdict is reproduced where all four rivals of the paper are behind, refuted
where one is ahead, else undecided; so with fewer than five seeds, and in a trial of fewer steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict
from pipelines.experiments.over_seeds import Difference, as_json, difference, spread
from pipelines.experiments.visual_models import bring, trial
from pipelines.jobs import Job
from pipelines.jobs.judges import share
from pipelines.report import plots
from pipelines.report.columns import columns
from pipelines.runs.files import read_json

CONFIG, FULL_CONFIG = "rooms-mini", "rooms"
JOINT_STEPS = 2_500
"""Of the joint models by default."""
CONVOLUTIONAL = ("vision.network.kind=convolutional", "vision.likelihood.kind=bernoulli")
PLAIN = (
    "vision.network.kind=convolutional",
    "vision.network.widths=[32,32,64,64]",
    "vision.network.latents=16",
    "vision.penalties.jacobian_l1=0.1",
    "vision.penalties.off_diagonal_covariance=0",
    "vision.training.steps=2000",
    "vision.training.batch=64",
    "vision.training.lr=2e-3",
)
"""A plain VAE in place of the layered one, as in docs/encoders.md."""
METHODS: dict[str, tuple[str, ...]] = {
    "SCAN": (),
    "SCAN_R": ("symbols.direction=reverse", "operators.direction=reverse"),
    "SCAN, plain VAE": (*PLAIN, "vision.objective.beta=1"),
    "SCAN_U": (*PLAIN, "vision.objective.beta=0.1", "vision.penalties.jacobian_l1=0"),
    "JMVAE": ("joint.kind=jmvae",),
    "TrELBO": ("joint.kind=trelbo",),
}
"""Settings of each method beside those of the config."""
LONGER = ("vision.training.steps=6000",)
FULL_METHODS = {
    **METHODS,
    "SCAN, plain VAE": (*METHODS["SCAN, plain VAE"], *LONGER),
    "SCAN, plain VAE, perceptron": (
        *METHODS["SCAN, plain VAE"],
        *LONGER,
        "symbols.encoder=mlp",
        "symbols.expert_penalty=0",
    ),
    "SCAN_U": (*METHODS["SCAN_U"], *LONGER),
    "JMVAE, unlabelled": ("joint.kind=jmvae", "joint.unlabelled=true"),
    "TrELBO, unlabelled": ("joint.kind=trelbo", "joint.unlabelled=true"),
    "JMVAE, convolutional": ("joint.kind=jmvae", *CONVOLUTIONAL),
    "TrELBO, convolutional": ("joint.kind=trelbo", *CONVOLUTIONAL),
}
RIVALS = ("SCAN_R", "SCAN_U", "JMVAE", "TrELBO")
COUNTERPARTS = {"SCAN_U": "SCAN, plain VAE"}
"""What a rival is compared with, where that is not `SCAN`."""
SPLITS = {"train": "train_symbols", "test": "test_symbols", "operators": "test_operators"}
FEWEST_SEEDS = 5
SMALLEST = {"accuracy": 0.01, "diversity": 0.05}
TRAINED = ("vision.training", "symbols", "operators", "judge")

Measures = dict[str, float]
"""By "split measure"; a measure that a run has not is left out."""


def run(asked: Asked, machine: Machine) -> Outcome:
    """Bring the runs up to date, and compare their evaluations."""
    methods = FULL_METHODS if asked.full else METHODS
    jobs = {(name, seed): job_of(asked, name, seed) for seed in asked.seeds for name in methods}
    bring([job for (name, _), job in jobs.items() if name != "SCAN_R"], asked, machine)
    for seed in asked.seeds:
        for stage in ("vision", "judge"):
            share(jobs["SCAN_R", seed].folder, [jobs["SCAN", seed].folder], stage)
    bring([job for (name, _), job in jobs.items() if name == "SCAN_R"], asked, machine)
    found: dict[str, dict[str, Measures]] = {name: {} for name in methods}
    for (name, seed), job in jobs.items():
        found[name][str(seed)] = measured(read_json(job.folder / "evaluate" / "metrics.json"))
    rivals = [name for name in methods if name.partition(",")[0] != "SCAN"]
    standings = {name: standing(found, name) for name in rivals}
    verdict = verdict_of(standings, len(asked.seeds), is_trial=asked.steps is not None)
    commands = {name: job.command() for (name, seed), job in jobs.items() if seed == asked.seeds[0]}
    return Outcome(
        tuple(lines_of(found, standings, verdict)),
        verdict,
        {
            "commands": commands,
            "methods": found,
            "standings": standings,
            "scan_minus_rival": {name: _differences(found, name) for name in rivals},
        },
        {"methods": _figure(found)},
    )


def job_of(asked: Asked, name: str, seed: int) -> Job:
    """The run of a method and a seed.

    Args:
        asked: Folder, whether it is the full comparison, and steps of each training for a trial.
        name: Of the method.
        seed: Of the run.
    """
    config, methods = (FULL_CONFIG, FULL_METHODS) if asked.full else (CONFIG, METHODS)
    assignments = [f"seed={seed}", *methods[name]]
    if any(text.startswith("joint.kind") for text in assignments):
        joint_steps = asked.steps or (None if asked.full else JOINT_STEPS)
        assignments += [] if joint_steps is None else [f"joint.steps={joint_steps}"]
    if asked.steps is not None:
        assignments += trial(config, TRAINED, asked.steps)
    last = {text.partition("=")[0]: text for text in assignments}  # a trial's steps replace a method's
    folder = name.replace(", ", "-")
    return Job(
        config,
        tuple(last.values()),
        asked.folder / "runs" / ("full" if asked.full else "short") / folder / f"seed-{seed}",
    )


def measured(metrics: Mapping[str, Any]) -> Measures:
    """What is compared, from the content of evaluate/metrics.json."""
    found: dict[str, float | None] = {}
    for short, split in (*SPLITS.items(), ("held-out", "held_out")):
        one = metrics["splits"][split]
        found |= {
            f"{short} accuracy": one["accuracy_top1"],
            f"{short} accuracy top 3": one["accuracy_top3"],
            f"{short} strict": one["accuracy_strict"],
            f"{short} diversity": one["diversity_nats"],
            f"{short} right diversity": one.get("diversity_right_excess_nats"),
            f"{short} coverage": one["coverage"],
            f"{short} coverage ceiling": one["coverage_ceiling"],
            f"{short} coverage floor": one["coverage_floor"],
        }
    found["img2sym accuracy"] = metrics["img2sym"]["accuracy"]
    found["MIG"] = metrics["disentanglement"].get("mig")
    found["DCI disentanglement"] = metrics["disentanglement"].get("dci", {}).get("disentanglement")
    return {key: float(value) for key, value in found.items() if value is not None}


def advantage(found: Mapping[str, Mapping[str, Measures]], rival: str, key: str) -> Difference:
    """SCAN minus a rival over seeds, with the sign turned for diversity, where less is better."""
    scan = found[COUNTERPARTS.get(rival, "SCAN")]
    ours = {seed: one[key] for seed, one in scan.items() if key in one}
    theirs = {seed: one[key] for seed, one in found[rival].items() if key in one}
    return difference(theirs, ours) if key.endswith("diversity") else difference(ours, theirs)


Standing = Literal["behind", "ahead", "between"]


def standing(found: Mapping[str, Mapping[str, Measures]], rival: str) -> Standing:
    """Where a rival stands against SCAN, as the module says.

    Args:
        found: Measures by method and seed.
        rival: The method.
    """
    accuracies = [advantage(found, rival, f"{split} accuracy") for split in SPLITS]
    diversities = [advantage(found, rival, f"{split} diversity") for split in SPLITS]
    needed = diversities if rival == "SCAN_R" else [*accuracies, *diversities]
    if all(one.low > 0 for one in needed):
        return "behind"
    for accuracy, diversity in zip(accuracies, diversities, strict=True):
        better = accuracy.high < 0 and accuracy.mean <= -SMALLEST["accuracy"]
        wider = diversity.high < 0 and diversity.mean <= -SMALLEST["diversity"] and accuracy.mean <= 0
        if better or wider:
            return "ahead"
    return "between"


def verdict_of(standings: Mapping[str, Standing], seeds: int, *, is_trial: bool) -> Verdict:
    """All rivals of the paper behind, one ahead, or something between.

    >>> verdict_of(dict.fromkeys(RIVALS, "behind"), 5, is_trial=False)
    'reproduced'
    """
    if seeds < FEWEST_SEEDS or is_trial:
        return "undecided"
    of_paper = [standings[name] for name in RIVALS]
    if "ahead" in of_paper:
        return "refuted"
    return "reproduced" if all(one == "behind" for one in of_paper) else "undecided"


COLUMNS = (
    "train accuracy",
    "test accuracy",
    "test strict",
    "operators accuracy",
    "held-out accuracy",
    "held-out strict",
    "train diversity",
    "test diversity",
    "operators diversity",
    "test right diversity",
    "test coverage",
    "img2sym accuracy",
    "DCI disentanglement",
)
"""Of the table and the figure."""


def lines_of(
    found: Mapping[str, Mapping[str, Measures]], standings: Mapping[str, Standing], verdict: Verdict
) -> list[str]:
    """The table of means, that of SCAN's advantages, and the verdict."""
    rows = []
    for column in COLUMNS:
        cells = []
        for by_seed in found.values():
            values = {seed: one[column] for seed, one in by_seed.items() if column in one}
            cells.append(str(spread(values)) if values else "-")
        rows.append((column, *cells))
    ahead = []
    for split in SPLITS:
        for measure in ("accuracy", "diversity"):
            cells = [str(advantage(found, rival, f"{split} {measure}")) for rival in standings]
            ahead.append((f"{split} {measure}", *cells))
    standing_of_each = ", ".join(f"{name} {where}" for name, where in standings.items())
    return [
        *columns([("mean ± sd over seeds", *found), *rows]),
        "diversity is KL to uniform in nats, smaller is more diverse; right diversity counts only images",
        "that show all that was asked for, and subtracts the KL of a uniform sampler",
        "",
        *columns([("SCAN's advantage [95 %]", *standings), *ahead]),
        "",
        f"SCAN surpasses its rivals: {verdict} ({standing_of_each})",
    ]


def _differences(found: Mapping[str, Mapping[str, Measures]], rival: str) -> dict[str, Any]:
    ours, theirs = found[COUNTERPARTS.get(rival, "SCAN")], found[rival]
    keys = [key for key in COLUMNS if all(key in one for one in (*ours.values(), *theirs.values()))]
    return {
        key: as_json(
            difference({s: one[key] for s, one in ours.items()}, {s: one[key] for s, one in theirs.items()})
        )
        for key in keys
    }


def _figure(found: Mapping[str, Mapping[str, Measures]]) -> bytes:
    shown = ("test accuracy", "operators accuracy", "held-out strict", "test diversity")
    panels = {key: [[one[key] for one in by_seed.values()] for by_seed in found.values()] for key in shown}
    return plots.dots(list(found), panels)
