"""Cohen and Welling (2014): a model of pairs x, y that are rotated into each other learns irreducible planes.

Their model of a commutative group: y = W R W^T x + noise with W orthogonal and R block diagonal, a rotation
in each of D / 2 planes; with uniform angles the likelihood of a pair is, up to constants,

    sum_j [ log I_0(k |u_j| |v_j|) - k (|u_j|^2 + |v_j|^2) / 2 ] ,    u_j = W_j^T x ,  v_j = W_j^T y ,

of which the second part does not depend on W. Here the group is the cyclic shifts of 16 samples, whose
irreducible planes are the frequencies of the Fourier transform, and pairs are white noise and its shifts. A
shift by one then has no entries outside the 2x2 blocks of W^T P W (the frequencies 0 and 8, of one dimension
each, share a plane).

Reproduced where the energy of W^T P W outside the blocks is below 5 % of the whole in every seed; refuted
where it is above 20 % in most; else undecided, as is a trial with fewer steps.
"""

from __future__ import annotations

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
STEPS, BATCH, LR = 2000, 256, 2e-2
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
            lambda seed=seed: _learned(seed, steps, asked, machine),
        )
    verdict = verdict_of([one["outside"] for one in found.values()], steps)
    panels = {
        "energy outside of the planes": plots.Lines(
            found[str(asked.seeds[0])]["steps"],
            {f"seed {seed}": one["course"] for seed, one in found.items()},
        )
    }
    return Outcome(
        (
            *(f"seed {seed}: {one['outside']:.4f} of the energy outside" for seed, one in found.items()),
            f"the planes are the frequencies of the Fourier transform: {verdict}",
        ),
        verdict,
        {"steps_made": steps, "found": found},
        {"course": plots.against(panels, "steps")},
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


def _learned(seed: int, steps: int, asked: Asked, machine: Machine) -> dict[str, Any]:
    torch.manual_seed(derive_seed(seed, "planes"))
    layer = nn.Linear(SAMPLES, SAMPLES, bias=False)
    nn.init.orthogonal_(layer.weight)
    parametrizations.orthogonal(layer)
    settings = VisionTraining(steps=steps, batch=BATCH, lr=LR, decay="cosine", warmup=0, restarts=1)
    pairs = derive_seed(seed, "pairs")

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        own = step_generator(pairs, step, torch.device("cpu"))
        x = torch.randn(BATCH, SAMPLES, generator=own)
        by = torch.randint(SAMPLES, (BATCH, 1), generator=own)
        y = x.gather(1, (torch.arange(SAMPLES) - by) % SAMPLES)
        y = y + torch.randn(y.shape, generator=own) / PRECISION**0.5
        value = -log_likelihood(layer.weight, x, y)
        return value, {"loss": value}

    method = by_descent(layer, loss, settings)
    measured = [max(1, round(steps * share / 10)) for share in range(1, 11)]
    course = []
    for step in measured:
        folder = asked.folder / "trainings" / f"{seed}-{steps}"
        fit(method, settings, folder, "vision", machine._replace(quiet=True), until=step)
        course.append(round(energy_outside(layer.weight.detach()), 5))
    machine.say(f"rotation-planes: seed {seed}: {course[-1]:.4f} of the energy outside of the planes")
    return {"outside": course[-1], "course": course, "steps": measured}
