"""Yang et al. (2021), CausalVAE: from images with labels, a layer of the model learns the causal graph.

A toy of two causes: images of three rows, in which a bump stands at a, at l, and at s = (a + l) / 2 + noise.
As in the released code, on the labels u = (a, l, s), standardised: an encoder gives e, the causal layer
z = (I - A^T)^-1 e is decoded and pulled to u, every label is predicted from its parents, u_i from A^T u, and
A is kept acyclic by h(A) = tr((I + A o A / n)^n) - n,

    ||x - x_hat||^2 + 0.3 KL(e) + ||z - u||^2 / 2 + ||u - A^T u||^2 + 3 h + h^2 / 2 .

The released code starts from ones on a superset of the true edges. Here A starts at 0, and as a control at
ones on the true edges. Reproduced where, from 0, the edges a -> s and l -> s are in every seed the two
largest entries of |A|, twice as large as any other; refuted where they are not in most seeds; else undecided,
as is a trial with fewer steps.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.config import VisionTraining
from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict
from pipelines.experiments.parts import part
from pipelines.report import plots
from pipelines.report.columns import columns
from pipelines.training.fitting import by_descent, fit
from vision.gaussian import kl_from_prior
from vision.networks import dense, posterior
from vision.randomness import derive_seed, step_generator

NAMES = ("a", "l", "s")
EDGES = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
"""The true graph: entry (i, j) is the edge from i to j."""
STARTS = {"zero": torch.zeros(3, 3), "true edges": EDGES}
SIDE, HIDDEN = 16, 64
NOISE, WIDTH = 0.1, 0.15
STEPS, BATCH, LR = 2000, 64, 2e-3
KL, ACYCLIC = 0.3, 3.0
RATIO = 2.0


class CausalVAE(nn.Module):
    """An encoder and a decoder of the three rows, with a causal layer between them."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        pixels = len(NAMES) * SIDE
        self.encoder = nn.Sequential(
            *dense((pixels, HIDDEN, HIDDEN), "relu"), nn.Linear(HIDDEN, 2 * len(NAMES))
        )
        self.decoder = nn.Sequential(*dense((len(NAMES), HIDDEN, HIDDEN), "relu"), nn.Linear(HIDDEN, pixels))
        self.edges = nn.Parameter(start + 0.01 * torch.randn(start.shape))


def run(asked: Asked, machine: Machine) -> Outcome:
    """Train from both starts with each seed."""
    steps = asked.steps or STEPS
    found: dict[str, dict[str, list[list[float]]]] = {}
    for start in STARTS:
        found[start] = {}
        for seed in asked.seeds:
            found[start][str(seed)] = part(
                asked.folder,
                f"{start.replace(' ', '-')}-{seed}",
                {"seed": seed, "steps": steps, "start": start},
                partial(_trained, start, seed, steps, asked, machine),
            )["edges"]
    verdict = verdict_of([is_true(edges) for edges in found["zero"].values()], steps)
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    head = ("start, seed", *(f"{NAMES[i]} -> {NAMES[j]}" for i, j in pairs))
    rows = [
        (f"{start}, {seed}", *(f"{abs(edges[i][j]):.2f}" for i, j in pairs))
        for start, ones in found.items()
        for seed, edges in ones.items()
    ]
    panels = {name: [[float(row[column])] for row in rows] for column, name in enumerate(head) if column}
    return Outcome(
        (*columns([head, *rows]), f"the graph is found without being told: {verdict}"),
        verdict,
        {"edges": found},
        {"edges": plots.dots([row[0] for row in rows], panels)},
    )


def verdict_of(right: list[bool], steps: int) -> Verdict:
    """As the module says; `right` says of each seed whether the graph is the true one."""
    if steps < STEPS:
        return "undecided"
    if all(right):
        return "reproduced"
    return "refuted" if 2 * sum(right) < len(right) else "undecided"


def is_true(edges: list[list[float]]) -> bool:
    """Whether the true edges are twice as large as any other.

    >>> is_true([[0.0, 0.1, 0.7], [0.2, 0.0, -0.6], [0.0, 0.3, 0.0]])
    True
    """
    size = torch.tensor(edges).abs()
    return bool(size[EDGES > 0].min() >= RATIO * size[EDGES == 0].max())


def labels(n: int, generator: torch.Generator) -> Tensor:
    """Positions (n, 3) of a, l and s, with mean 0; a and l are uniform in (-1, 1)."""
    causes = 2 * torch.rand(n, 2, generator=generator) - 1
    effect = causes.mean(1, keepdim=True) + NOISE * torch.randn(n, 1, generator=generator)
    return torch.cat((causes, effect), dim=1)


def images(places: Tensor) -> Tensor:
    """Rows (B, 3, 16) with a bump at each of the positions (B, 3)."""
    grid = torch.linspace(-1.2, 1.2, SIDE)
    return (-0.5 * ((grid - places[..., None]) / WIDTH).square()).exp()


def acyclicity(a: Tensor) -> Tensor:
    """h(A) of a matrix (n, n): 0 where it is the matrix of a graph without cycles, else positive."""
    n = len(a)
    return torch.linalg.matrix_power(torch.eye(n) + a.square() / n, n).trace() - n


def _trained(start: str, seed: int, steps: int, asked: Asked, machine: Machine) -> dict[str, Any]:
    torch.manual_seed(derive_seed(seed, "causal weights"))
    model = CausalVAE(STARTS[start])
    settings = VisionTraining(steps=steps, batch=BATCH, lr=LR, decay="cosine", warmup=0, restarts=1)
    draws = derive_seed(seed, "causal images")
    deviation = torch.tensor([1 / 3, 1 / 3, 1 / 6 + NOISE**2]).sqrt()

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        own = step_generator(draws, step, torch.device("cpu"))
        places = labels(BATCH, own)
        x, u = images(places).flatten(1), places / deviation
        q = posterior(model.encoder(x))
        z = torch.linalg.solve(torch.eye(3) - model.edges.T, q.sample(own).T).T
        error = (model.decoder(z) - x).square().sum(1).mean()
        pulled = 0.5 * (z - u).square().sum(1).mean()
        predicted = (u - u @ model.edges).square().sum(1).mean()
        h = acyclicity(model.edges)
        value = error + KL * kl_from_prior(q).sum(1).mean() + pulled + predicted + ACYCLIC * h + 0.5 * h * h
        return value, {"loss": value, "error": error, "predicted": predicted, "acyclicity": h}

    folder = asked.folder / "trainings" / f"{start.replace(' ', '-')}-{seed}-{steps}"
    fit(by_descent(model, loss, settings), settings, folder, "vision", machine._replace(quiet=True))
    machine.say(f"causal-graph: start {start}, seed {seed}: trained")
    return {"edges": [[round(value, 4) for value in row] for row in model.edges.tolist()]}
