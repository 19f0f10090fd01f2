"""Recombine: learn AND, IN COMMON and IGNORE from images of their results.

Three frozen things are computed before the loop: the codes of all training images, the codes q(z_y|y) of both
inputs of every triple, and which images match which result. A step then draws triples, and for each an image,
uniformly among those that match.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipelines import datasets
from pipelines.config import Config
from pipelines.datasets import Data
from pipelines.devices import Machine
from pipelines.errors import RunError
from pipelines.randomness import batch_indices, derive, generator, noise
from pipelines.runs import Made, RunFolder
from pipelines.stages.learning import keep, learn, load
from pipelines.stages.vision import encode, load_vision
from scan import models
from scan.grounding import SCAN, k_hot
from scan.operators import operator_loss
from symbols import OPERATORS, Concept, Triple, operator_triples


class Matches(NamedTuple):
    """Which images match each of T results: row t owns `images[first[t] : first[t] + number[t]]`."""

    images: Tensor
    first: Tensor
    number: Tensor

    def draw(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """One image for each row (B,), uniformly among those that match: (B,) int64."""
        uniform = torch.rand(len(rows), generator=generator, device=rows.device, dtype=torch.float64)
        return self.images[self.first[rows] + (uniform * self.number[rows]).long()]


def run(config: Config, run: RunFolder, machine: Machine) -> Made:
    """Train on triples whose results are neither tested nor held out."""
    settings, device = config.operators, machine.device
    data = datasets.load(config, run, quiet=machine.quiet)
    vae, scan = load_vision(run, data, device), load(run, "symbols", models.build, SCAN, device)
    triples, matches = draw_triples(data, settings.triples, generator(config.seed, "operator triples"))
    matches = Matches(*(part.to(device) for part in matches))
    q_x = encode(vae, data.images.images, data.train, device)
    with torch.no_grad():
        q_left, q_right = (
            scan.encode_symbol(k_hot(data.vocabulary, concepts, device))
            for concepts in ([triple.left for triple in triples], [triple.right for triple in triples])
        )
    op = torch.tensor([OPERATORS.index(triple.op) for triple in triples], device=device)
    spec = {"kind": "operators", "hidden": list(settings.hidden)}
    torch.manual_seed(derive(config.seed, "operators weights"))
    operators = models.build(spec).to(device)
    order, dice = derive(config.seed, "operators batches"), derive(config.seed, "operators noise")

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        rows = batch_indices(order, step, len(triples), settings.batch, device)
        image = matches.draw(rows, noise(dice, step, device))
        q_r = operators(q_left[rows], q_right[rows], op[rows])
        value = operator_loss(q_x[image], q_r, settings.direction)
        return value, {"loss": value}

    trained = learn(operators, loss, settings, run.stage("operators"), "operators", machine)
    shares = {name: sum(triple.op == name for triple in triples) for name in OPERATORS}
    metrics = {**trained.last, "triples": shares, "images": len(data.train)}
    return keep(operators, spec, metrics, trained, run, "operators", machine)


def draw_triples(data: Data, n: int, rng: np.random.Generator) -> tuple[list[Triple], Matches]:
    """Draw triples whose results are not tested and have training images, and find these images.

    Indices in `Matches` are into `data.train`.

    Raises:
        RunError: When no result has a training image.
    """
    tested = {triple.result for triple in data.splits.test_operators}
    drawn = operator_triples(data.vocabulary, n, rng, held_out=data.unseen, exclude=tested)
    factors = data.images.factors[data.train]
    shown: dict[Concept, np.ndarray] = {}
    for triple in drawn:
        if triple.result not in shown:
            shown[triple.result] = np.flatnonzero(data.vocabulary.matches(factors, triple.result))
    triples = [triple for triple in drawn if len(shown[triple.result])]
    if not triples:
        raise RunError("operators: no training image shows the result of any of the triples drawn")
    first, place = {}, 0
    for result, found in shown.items():
        first[result], place = place, place + len(found)
    return triples, Matches(
        torch.from_numpy(np.concatenate(list(shown.values()))),
        torch.tensor([first[triple.result] for triple in triples]),
        torch.tensor([len(shown[triple.result]) for triple in triples]),
    )
