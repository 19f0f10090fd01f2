"""The hierarchy of concepts, seen: do the images of a concept contain those of the concepts below it?

Higgins et al. (2018), section 3: a concept is superordinate to another where it specifies fewer primitives,
and abstracts over it. SCAN is grounded with the settings of `rooms`; then `LATTICES` full combinations that
are not held out, and all concepts above them (16 each, from "anything" down), are imagined. An edge leads
from a parent to a child with one attribute more. Three things are measured over all edges but those from
"anything":

    inside      the share of the child's images that the judge reads as the parent (whole images)
    contained   whether at least one of `DRAWN` images of the parent is read as the child
    narrower    whether KL(child || parent) < KL(parent || child): leaving the wide for the narrow costs more

Reproduced where for every seed inside is at least 0.9 on average, and contained and narrower hold for at
least 0.95 of the edges. Refuted where no seed has these; undecided otherwise and in a trial of fewer steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import networkx as nx
import numpy as np
import torch

from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome
from pipelines.experiments.concept_scores import ground, imagined, named, reader_of
from pipelines.experiments.mode_coverage import gaussian, verdict_of
from pipelines.experiments.visual_models import VisualModel, measured
from pipelines.report import plots
from scan.evaluation import readings, target_values
from scan.grounding import k_hot
from symbols import Concept, hierarchy
from vision.gaussian import kl
from vision.randomness import derive_seed, generator

LATTICES = 5
DRAWN = 200
INSIDE, SHARE = 0.9, 0.95


def run(asked: Asked, machine: Machine) -> Outcome:
    """Measure the edges for each seed; draw the first lattice of the first seed."""
    found: dict[str, dict[str, Any]] = {}
    figures: dict[str, bytes] = {}
    settings = {"lattices": LATTICES, "drawn": DRAWN}
    for model, one in measured(asked, machine, settings, measure, line_of):
        found[str(model.seed)] = one
        if not figures:
            concepts = above(full_combinations(model)[0])
            pictures = {
                concept: imagined(model, gaussian(stored, model.device), 1, "shown")[0]
                for concept, stored in zip(concepts, one["first_lattice"], strict=True)
            }
            figures["lattice"] = plots.lattice(hierarchy(concepts), pictures)
    holds = [is_contained(one) for one in found.values()]
    verdict = verdict_of(holds, is_trial=asked.steps is not None)
    last = f"parents contain their children: {verdict} ({sum(holds)} of {len(holds)} seeds)"
    return Outcome((*(line_of(*item) for item in found.items()), last), verdict, {"by_seed": found}, figures)


def full_combinations(model: VisualModel) -> list[Concept]:
    """`LATTICES` distinct full combinations that are not held out."""
    rng = generator(model.seed, "hierarchy combinations")
    found: dict[Concept, None] = {}
    while len(found) < LATTICES:
        factors = model.pictures([Concept()], 1, rng).factors[0]
        found[model.vocabulary.describe(factors)] = None
    return list(found)


def above(full: Concept) -> list[Concept]:
    """A full combination and all concepts above it, the empty one first.

    >>> [str(concept) for concept in above(Concept({"wall": "red", "shape": "hat"}))]
    ['anything', 'wall: red', 'shape: hat', 'wall: red, shape: hat']
    """
    items = list(full.items())
    return [Concept(some) for level in range(len(items) + 1) for some in combinations(items, level)]


@torch.no_grad()
def measure(model: VisualModel, steps: int | None) -> dict[str, Any]:
    """The three measures over the edges of all lattices.

    Args:
        model: Of a seed.
        steps: Of the grounding, for a trial.
    """
    settings = model.config.symbols
    with torch.enable_grad():
        pairs = named(model, model.splits.train_symbols, settings.examples, "taught images")
        scan = ground(model, pairs, steps)
    read = reader_of(model, scan)
    inside, contained, narrower, first = [], [], [], None
    for number, full in enumerate(full_combinations(model)):
        concepts = above(full)
        q = scan.encode_symbol(k_hot(model.vocabulary, concepts, model.device))
        first = q if first is None else first
        noise = torch.Generator(model.device).manual_seed(derive_seed(model.seed, f"lattice {number}"))
        values = np.stack([p.argmax(-1) for p in readings(q, DRAWN, read, noise)], axis=-1)  # (S, n, A)
        targets, place = target_values(model.vocabulary, concepts), {c: i for i, c in enumerate(concepts)}
        for parent, child in edges(concepts):
            p, c = place[parent], place[child]
            inside.append(float(shows(values[c], targets[p]).mean()))
            contained.append(bool(shows(values[p], targets[c]).any()))
            narrower.append(bool(kl(q[c], q[p]).sum() < kl(q[p], q[c]).sum()))
    assert first is not None
    return {
        "edges": len(inside),
        "inside": float(np.mean(inside)),
        "contained": float(np.mean(contained)),
        "narrower": float(np.mean(narrower)),
        "first_lattice": [
            {"mean": m, "logvar": v} for m, v in zip(first.mean.tolist(), first.logvar.tolist(), strict=True)
        ],
    }


def edges(concepts: list[Concept]) -> list[tuple[Concept, Concept]]:
    """(parent, child) of the hierarchy of some concepts, without those of the root."""
    graph: nx.DiGraph = hierarchy(concepts)
    return [(parent, child) for parent, child in graph.edges if parent.level]


def shows(values: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Which of n images show all that a concept asks for, bool (n,).

    Args:
        values: As the judge reads them, (n, A).
        target: (A,), -1 for what is left open.

    >>> shows(np.array([[0, 1], [0, 2]]), np.array([-1, 2])).tolist()
    [False, True]
    """
    return ((values == target) | (target < 0)).all(axis=1)


def is_contained(one: Mapping[str, Any]) -> bool:
    """Whether a seed shows what is claimed, as the module says."""
    return bool(one["inside"] >= INSIDE and one["contained"] >= SHARE and one["narrower"] >= SHARE)


def line_of(seed: str, one: Mapping[str, Any]) -> str:
    """A line for a seed."""
    return (
        f"seed {seed}: {one['edges']} edges: {one['inside']:.3f} of the children's images show the parent, "
        f"{one['contained']:.3f} of the parents show the child, KL is asymmetric for {one['narrower']:.3f}"
    )
