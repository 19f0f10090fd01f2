"""Cohen and Welling (2014): a model of pairs x, y that are rotated into each other learns irreducible planes.

Their model of a commutative group: y = W R W^T x + noise with W orthogonal and R block diagonal, a rotation
in each of D / 2 planes; with uniform angles the likelihood of a pair is, up to constants,

    sum_j [ log I_0(k |u_j| |v_j|) - k (|u_j|^2 + |v_j|^2) / 2 ] ,    u_j = W_j^T x ,  v_j = W_j^T y ,

of which the second part does not depend on W. Here the group is the cyclic shifts of 16 samples, whose
irreducible planes are the frequencies of the Fourier transform, and pairs are white noise and its shifts. A
shift by one then has no entries outside the 2x2 blocks of W^T P W (the frequencies 0 and 8, of one dimension
each, share a plane).

The likelihood has local optima, planes of mixed frequencies, so the best of ten starts is taken by the
likelihood of fresh pairs.

Reproduced where the energy of W^T P W outside the blocks is below 5 % of the whole in every seed; refuted
where it is above 20 % in most; else undecided, as is a trial with fewer steps.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from pipelines.config import VisionTraining
from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict
from pipelines.experiments.parts import part
from pipelines.report import plots
from pipelines.training.fitting import by_descent, fit
from vision.randomness import derive_seed, step_generator

SAMPLES = 16
STEPS, BATCH, LR = 400, 256, 2e-2
STARTS, FRESH = 10, 4096
"""Trainings, and pairs by whose likelihood one of them is chosen."""
PRECISION = 4.0
"""k, of the noise of y."""
LITTLE, MUCH = 0.05, 0.2


def run(asked: Asked, machine: Machine) -> Outcome:
    """Learn the planes with each seed."""
    steps = asked.steps or STEPS
    found: dict[str, dict[str, Any]] = {}
    for seed in asked.seeds:
        found[str(seed)] = part(
            asked.folder,
            f"seed-{seed}",
            {"seed": seed, "steps": steps},
            partial(_learned, seed, steps, asked, machine),
        )
    verdict = verdict_of([one["outside"] for one in found.values()], steps)
    panels = {
        name: [[start[key] for start in one["starts"]] for one in found.values()]
        for key, name in {
            "outside": "energy outside of the planes",
            "log_likelihood": "log-likelihood of pairs",
        }.items()
    }
    return Outcome(
        (
            *(f"seed {seed}: {one['outside']:.4f} of the energy outside" for seed, one in found.items()),
            f"the planes are the frequencies of the Fourier transform: {verdict}",
        ),
        verdict,
        {"steps_made": steps, "found": found},
        {"starts": plots.dots([f"seed {seed}" for seed in found], panels)},
    )


def verdict_of(outside: list[float], steps: int) -> Verdict:
    """As the module says, of the share of energy outside of the planes in each seed."""
    if steps < STEPS:
        return "undecided"
    if max(outside) < LITTLE:
        return "reproduced"
    return "refuted" if 2 * sum(share > MUCH for share in outside) > len(outside) else "undecided"


def energy_outside(w: Tensor) -> float:
    """The share of the squares of W^T P W outside of its 2x2 blocks, for a shift P by one sample.

    Args:
        w: Orthogonal, (D, D); columns 2 j and 2 j + 1 span a plane.
    """
    shifted = w.T @ w.roll(1, dims=0)
    blocks = torch.block_diag(*[torch.ones(2, 2)] * (len(w) // 2)).to(w)
    return (1 - (shifted.square() * blocks).sum() / shifted.square().sum()).item()


def log_likelihood(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The mean over pairs (B, D) of the part of the log-likelihood that depends on W: a scalar."""
    lengths = [(side @ w).unflatten(1, (-1, 2)).norm(dim=2) for side in (x, y)]
    k = PRECISION * lengths[0] * lengths[1]
    return (torch.special.i0e(k).log() + k).sum(1).mean()


def pairs(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """White noise (n, 16), and each of it shifted by a random number of samples, with noise."""
    x = torch.randn(n, SAMPLES, generator=generator)
    by = torch.randint(SAMPLES, (n, 1), generator=generator)
    y = x.gather(1, (torch.arange(SAMPLES) - by) % SAMPLES)
    return x, y + torch.randn(y.shape, generator=generator) / PRECISION**0.5


def _learned(seed: int, steps: int, asked: Asked, machine: Machine) -> dict[str, Any]:
    fresh = step_generator(derive_seed(seed, "fresh pairs"), 0, torch.device("cpu"))
    x, y = pairs(FRESH, fresh)
    starts = []
    for start in range(STARTS):
        folder = asked.folder / "trainings" / f"{seed}-{start}-{steps}"
        w = _from_start(seed, start, steps, folder, machine)
        starts.append({"log_likelihood": log_likelihood(w, x, y).item(), "outside": energy_outside(w)})
    best = max(starts, key=lambda one: one["log_likelihood"])
    machine.say(f"rotation-planes: seed {seed}: {best['outside']:.4f} of the energy outside of the planes")
    return {"outside": best["outside"], "starts": starts}


def _from_start(seed: int, start: int, steps: int, folder: Path, machine: Machine) -> Tensor:
    """W (16, 16) after a training."""
    torch.manual_seed(derive_seed(seed, f"planes {start}"))
    layer = nn.Linear(SAMPLES, SAMPLES, bias=False)
    nn.init.orthogonal_(layer.weight)
    parametrizations.orthogonal(layer)
    settings = VisionTraining(steps=steps, batch=BATCH, lr=LR, decay="cosine", warmup=0, restarts=1)
    draws = derive_seed(seed, f"pairs {start}")

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        value = -log_likelihood(layer.weight, *pairs(BATCH, step_generator(draws, step, torch.device("cpu"))))
        return value, {"loss": value}

    fit(by_descent(layer, loss, settings), settings, folder, "vision", machine._replace(quiet=True))
    return layer.weight.detach()
