"""CelebA: does an attribute that is asked for more, or less, show more, or less, in the images?

Higgins et al. (2018), section 5: on CelebA, with k-hot binary attributes, one attribute of the symbol is set
to each of {-6, -3, 1, 2} and q(z|y) is decoded; the images follow, more in the positive direction. The paper
has no number for it. The set has to be obtained by the user (`--data`, the folder that `vision.data.celeba`
describes). The run learns a beta-VAE, symbols with the paper's perceptrons of 500 and 500 units, and a judge;
its sizes are for two cores, `--full` takes all pictures and more steps.

The judge reads `DRAWN` images of each attribute and weight. An attribute counts where the judge tells it
apart on test images (area under the ROC curve of at least 0.8); it follows where the mean probability of its
presence is larger at 2 than at -6 by at least 0.1, and larger at 1 than at -3. Reproduced where for every
seed at least half of the counting attributes follow; refuted where for every seed fewer than a quarter do;
undecided otherwise, where none counts, and in a trial of fewer steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import yaml
from sklearn.metrics import roc_auc_score
from torch import Tensor

from pipelines.config import config_files
from pipelines.devices import Machine
from pipelines.errors import UsageError
from pipelines.experiments import Asked, Outcome, Verdict
from pipelines.experiments.parts import part
from pipelines.experiments.visual_models import bring
from pipelines.jobs import Job
from pipelines.report import plots
from pipelines.runs import datasets
from pipelines.runs.files import fingerprint, sha256, write_bytes
from pipelines.runs.folder import RunFolder
from pipelines.runs.models import load_concept_model, load_judge
from scan.data import Data
from scan.judge import Judge
from scan.run_format import MODEL
from vision.data import to_bytes, to_unit
from vision.data.celeba import OBTAIN
from vision.gaussian import Gaussian
from vision.randomness import derive_seed

WEIGHTS = (-6.0, -3.0, 0.0, 1.0, 2.0)
"""The paper's, and 0 for the prior."""
STAGES = ("vision", "symbols", "judge")
DRAWN, SHOWN = 64, 6
TOLD_APART, FOLLOWS = 0.8, 0.1
MOST, FEW = 0.5, 0.25
SHOWN_ATTRIBUTES = ("Male", "Smiling", "Eyeglasses", "Blond_Hair", "Bangs", "Pale_Skin")


def run(asked: Asked, machine: Machine) -> Outcome:
    """Learn from the faces for each seed, and sweep every attribute."""
    if asked.data is None:
        raise UsageError(f"celeba needs --data DIR, a folder with {OBTAIN}")
    file = asked.folder / "celeba.yaml"
    write_bytes(file, config_of(asked).encode())
    jobs = {
        seed: Job(str(file), (f"seed={seed}",), asked.folder / "runs" / f"seed-{seed}", STAGES)
        for seed in asked.seeds
    }
    bring(list(jobs.values()), asked, machine)
    found: dict[str, dict[str, Any]] = {}
    rows: dict[str, Tensor] = {}
    for seed, job in jobs.items():
        sweep = Sweep(job, machine)
        models = {stage: sha256(job.folder / stage / MODEL) for stage in STAGES}
        settings = {"models": fingerprint(models), "weights": WEIGHTS, "drawn": DRAWN}
        one = part(asked.folder, f"seed-{seed}", settings, partial(measure, sweep, seed))
        found[str(seed)] = one
        machine.say(line_of(str(seed), one))
        rows = rows or _rows(sweep, seed)
    verdict = verdict_of(list(found.values()), is_trial=asked.steps is not None)
    return Outcome(
        (*(line_of(*item) for item in found.items()), f"attributes follow their weights: {verdict}"),
        verdict,
        {"weights": WEIGHTS, "by_seed": found},
        {"sweep": plots.strips(rows)},
    )


def config_of(asked: Asked) -> str:
    """The config of the runs, as YAML."""
    steps, full = asked.steps, asked.full
    content: dict[str, Any] = {
        "name": "celeba",
        "data": {"kind": "celeba", "path": str(asked.data), "size": 64, "images": None if full else 20_000},
        "vision": {
            "network": {"kind": "convolutional", "latents": 32},
            "likelihood": {"kind": "bernoulli"},
            "objective": {"kind": "beta_vae", "beta": 4.0},
            "training": {"steps": steps or (200_000 if full else 6_000), "batch": 64, "lr": 5e-4},
        },
        "symbols": {
            "encoder": "mlp",
            "hidden": [500, 500],
            "steps": steps or (60_000 if full else 10_000),
            "batch": 64,
            "lr": 1e-3 if not full else 1e-4,
        },
        "judge": {"steps": steps or (20_000 if full else 2_000)},
    }
    return str(yaml.safe_dump(content, sort_keys=False))


class Sweep:
    """What a sweep needs of a finished run.

    Args:
        job: The run, with `STAGES` made.
        machine: Where to compute.
    """

    def __init__(self, job: Job, machine: Machine) -> None:
        run = RunFolder(job.folder)
        config = config_files.load(job.folder / "config.yaml")
        self.data: Data = datasets.load(config, run)
        self.model = load_concept_model(run, self.data, machine.device, operators=False)
        self.judge: Judge = load_judge(run, self.data, machine.device)

    @torch.no_grad()
    def codes(self, attribute: str, weight: float, n: int, seed: int) -> Tensor:
        """n codes (n, D) of the symbol with one attribute at a weight; the noise is the same for all weights.

        Args:
            attribute: Its name.
            weight: In its place of y, 0 for the empty symbol.
            n: How many.
            seed: Of the noise.
        """
        words = self.data.vocabulary
        y = torch.zeros(1, words.size, device=self.model.device)
        y[0, words.block(attribute)] = weight
        q: Gaussian = self.model.encode_symbol(y)
        noise = torch.Generator(self.model.device).manual_seed(derive_seed(seed, f"celeba {attribute}"))
        return q[torch.zeros(n, dtype=torch.long, device=self.model.device)].sample(noise)


@torch.no_grad()
def measure(sweep: Sweep, seed: int) -> dict[str, Any]:
    """By attribute: how well the judge tells it apart (auc), and its mean probability at each weight.

    Args:
        sweep: Of a run.
        seed: Of the noise.
    """
    data, judge = sweep.data, sweep.judge
    tested = data.splits.test_images
    x = to_unit(data.images.images[torch.from_numpy(tested)].to(sweep.model.device))
    read = [
        torch.cat([judge.probabilities(part_)[a][:, 1] for part_ in x.split(256)]).cpu().numpy()
        for a in range(len(data.vocabulary.names))
    ]
    found = {}
    for column, name in enumerate(data.vocabulary.names):
        truth = data.images.factors[tested, column]
        auc = float(roc_auc_score(truth, read[column])) if 0 < truth.mean() < 1 else None
        shares = []
        for weight in WEIGHTS:
            images = sweep.model.decode_image(sweep.codes(name, weight, DRAWN, seed))
            shares.append(float(judge.probabilities(images)[column][:, 1].mean()))
        found[name] = {"auc": auc, "present": dict(zip(map(str, WEIGHTS), shares, strict=True))}
    return {"attributes": found, **followed(found)}


def followed(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """How many attributes count, the share of them that follow, and the slopes on both sides of 0.

    Args:
        attributes: By name, as `measure` has them.
    """
    counting = [one["present"] for one in attributes.values() if (one["auc"] or 0) >= TOLD_APART]
    follow = [p["2.0"] - p["-6.0"] >= FOLLOWS and p["1.0"] > p["-3.0"] for p in counting]
    return {
        "counting": len(counting),
        "follow": float(np.mean(follow)) if follow else None,
        "slope_above_0": float(np.mean([(p["2.0"] - p["0.0"]) / 2 for p in counting])) if counting else None,
        "slope_below_0": float(np.mean([(p["0.0"] - p["-6.0"]) / 6 for p in counting])) if counting else None,
    }


def verdict_of(found: Sequence[Mapping[str, Any]], *, is_trial: bool) -> Verdict:
    """As the module says.

    >>> verdict_of([{"follow": 0.6}, {"follow": 0.5}], is_trial=False)
    'reproduced'
    """
    shares = [one["follow"] for one in found]
    if is_trial or None in shares:
        return "undecided"
    if all(share >= MOST for share in shares):
        return "reproduced"
    return "refuted" if all(share < FEW for share in shares) else "undecided"


def line_of(seed: str, one: Mapping[str, Any]) -> str:
    """A line for a seed."""
    if one["follow"] is None:
        return f"seed {seed}: the judge tells no attribute apart"
    slopes = f"{one['slope_above_0']:+.3f} above 0, {one['slope_below_0']:+.3f} below"
    return (
        f"seed {seed}: of {one['counting']} attributes that the judge tells apart {one['follow']:.2f} "
        f"follow; probability per unit of weight {slopes}"
    )


def _rows(sweep: Sweep, seed: int) -> dict[str, Tensor]:
    """Strips of images of some attributes at the paper's weights, from the same noise."""
    names = [name for name in SHOWN_ATTRIBUTES if name in sweep.data.vocabulary.names]
    rows = {}
    for name in names or sweep.data.vocabulary.names[:3]:
        for weight in (weight for weight in WEIGHTS if weight):
            with torch.no_grad():
                images = sweep.model.decode_image(sweep.codes(name, weight, SHOWN, seed))
            rows[f"{name} {weight:+.0f}"] = to_bytes(images).cpu()
    return rows
