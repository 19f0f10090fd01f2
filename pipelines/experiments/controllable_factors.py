"""Thomas et al. (2017): policies and features that control each other find what can be controlled.

A square of 2x2 pixels on a black image of 12x12 moves by one of four actions (down, up, right, left); at a
wall it stays. An encoder f gives two features, a decoder the image, and each feature k has a policy
pi_k(a|s). They minimise the reconstruction minus the selectivity of the policies,

    sum_k sum_a pi_k(a|s) A_k(s, a) ,    A_k(s, a) = |f_k(s') - f_k(s)| / sum_j |f_j(s') - f_j(s)| .

The claim is that a feature and its policy come to stand for one factor: here one policy moves the square
horizontally and the other vertically. Reproduced where, in every seed, each policy has at least 0.9 of its
mass, on average over all positions, on the two actions of one axis, and the two policies on different axes;
undecided where this holds in half of the seeds at least, or after fewer steps; else refuted. How far the
features are linear in the position is reported, not judged.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipelines.config import VisionTraining
from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict
from pipelines.experiments.parts import part
from pipelines.report import plots
from pipelines.report.columns import columns
from pipelines.training.fitting import by_descent, fit
from vision.networks import dense
from vision.randomness import derive_seed, step_generator

SIDE, SQUARE = 12, 2
PLACES = SIDE - SQUARE + 1
ACTIONS = torch.tensor([(1, 0), (-1, 0), (0, 1), (0, -1)])
"""Changes (4, 2) of row and column."""
NAMES = ("down", "up", "right", "left")
FEATURES, HIDDEN = 2, 64
RECONSTRUCTION = 0.1
"""Weight of the squared error, summed over pixels."""
STEPS, BATCH, LR = 3000, 64, 1e-3
MASS = 0.9


class Controller(nn.Module):
    """An autoencoder of the image whose features have a policy each."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Flatten(), *dense((SIDE * SIDE, HIDDEN, HIDDEN), "relu"))
        self.feature = nn.Linear(HIDDEN, FEATURES)
        self.policy = nn.Linear(HIDDEN, FEATURES * len(ACTIONS))
        self.decoder = nn.Sequential(
            *dense((FEATURES, HIDDEN, HIDDEN), "relu"), nn.Linear(HIDDEN, SIDE * SIDE)
        )

    def features(self, x: Tensor) -> Tensor:
        """f(s) in (-1, 1), (B, 2), of images (B, 12, 12)."""
        return torch.tanh(self.feature(self.hidden(x)))

    def policies(self, x: Tensor) -> Tensor:
        """pi_k(a|s), (B, 2, 4), of images (B, 12, 12)."""
        return self.policy(self.hidden(x)).unflatten(1, (FEATURES, len(ACTIONS))).softmax(-1)


def run(asked: Asked, machine: Machine) -> Outcome:
    """Train a controller for each seed."""
    steps = asked.steps or STEPS
    found: dict[int, dict[str, Any]] = {}
    for seed in asked.seeds:
        settings = {"seed": seed, "steps": steps}
        found[seed] = part(
            asked.folder, f"seed-{seed}", settings, partial(_trained, seed, steps, asked, machine)
        )
        machine.say(f"controllable-factors: seed {seed}: mass on one axis {found[seed]['mass']}")
    verdict = verdict_of([paired(one["policies"]) for one in found.values()], steps)
    rows = [
        (f"seed {seed}, policy {k}", *(f"{p:.2f}" for p in policy), f"{one['correlation'][k]:.2f}")
        for seed, one in found.items()
        for k, policy in enumerate(one["policies"])
    ]
    panels = {
        f"probability of {name}": [[policy[a]] for one in found.values() for policy in one["policies"]]
        for a, name in enumerate(NAMES)
    }
    return Outcome(
        (
            *columns([("", *NAMES, "|r| with the position"), *rows]),
            f"each policy moves the square along an axis of its own: {verdict}",
        ),
        verdict,
        {"steps": steps, "seeds_found": {str(seed): one for seed, one in found.items()}},
        {"policies": plots.dots([row[0] for row in rows], panels)},
    )


def verdict_of(pairings: list[bool], steps: int) -> Verdict:
    """As the module says; `pairings` says of each seed whether its policies have an axis each."""
    if steps < STEPS:
        return "undecided"
    if all(pairings):
        return "reproduced"
    return "undecided" if 2 * sum(pairings) >= len(pairings) else "refuted"


def paired(policies: list[list[float]]) -> bool:
    """Whether two policies (2, 4), by action, have an axis each.

    >>> paired([[0.5, 0.45, 0.05, 0.0], [0.0, 0.0, 1.0, 0.0]])
    True
    >>> paired([[0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]])
    False
    """
    vertical = [down + up for down, up, _, _ in policies]
    return max(vertical) >= MASS and min(vertical) <= 1 - MASS


def images(places: Tensor) -> Tensor:
    """Images (B, 12, 12) with the square's upper left corner at rows and columns (B, 2)."""
    inside = [
        (torch.arange(SIDE) >= place[:, None]) & (torch.arange(SIDE) < place[:, None] + SQUARE)
        for place in places.T
    ]
    return (inside[0][:, :, None] & inside[1][:, None, :]).float()


def selectivity(before: Tensor, after: Tensor) -> Tensor:
    """A_k(s, a), (B, K, A), of features (B, K), and (B, A, K) after each action; 0 where nothing changes."""
    change = (after - before[:, None]).abs()
    return (change / (change.sum(-1, keepdim=True) + 1e-4)).transpose(1, 2)


def _trained(seed: int, steps: int, asked: Asked, machine: Machine) -> dict[str, Any]:
    torch.manual_seed(derive_seed(seed, "controller"))
    controller = Controller()
    settings = VisionTraining(steps=steps, batch=BATCH, lr=LR, decay="cosine", warmup=0, restarts=1)
    state_seed = derive_seed(seed, "states")

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        own = step_generator(state_seed, step, torch.device("cpu"))
        places = torch.randint(PLACES, (BATCH, 2), generator=own)
        x = images(places)
        moved = images((places[:, None] + ACTIONS).clamp(0, PLACES - 1).flatten(0, 1))
        before, after = controller.features(x), controller.features(moved).unflatten(0, (BATCH, -1))
        gained = (controller.policies(x) * selectivity(before, after)).sum((1, 2)).mean()
        error = functional.mse_loss(controller.decoder(before), x.flatten(1)) * SIDE * SIDE
        value = RECONSTRUCTION * error - gained
        return value, {"loss": value, "selectivity": gained, "error": error}

    folder = asked.folder / "trainings" / f"{seed}-{steps}"
    fit(by_descent(controller, loss, settings), settings, folder, "vision", machine._replace(quiet=True))
    every = torch.cartesian_prod(torch.arange(PLACES), torch.arange(PLACES))
    with torch.no_grad():
        policies = controller.policies(images(every)).mean(0)
        features = controller.features(images(every)).numpy()
    r = np.abs(np.corrcoef(features.T, every.numpy().T)[:FEATURES, FEATURES:])
    axis_of = [int(policy[2:].sum() > policy[:2].sum()) for policy in policies]
    return {
        "policies": [[round(value, 4) for value in policy] for policy in policies.tolist()],
        "mass": [round(max(p[:2].sum(), p[2:].sum()).item(), 4) for p in policies],
        "correlation": [round(float(r[k, axis]), 4) for k, axis in enumerate(axis_of)],
    }
