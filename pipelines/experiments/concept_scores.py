"""How well concepts grounded on a visual model become images, and images symbols, in a few numbers a split.

The functions are those of the evaluation of a run (`scan.evaluation`), on fewer images of each concept, and
on the analytic operators beside the learned ones where asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from pipelines.experiments.visual_models import VisualModel
from scan import analytic_operators
from scan.concept_model import ConceptModel
from scan.evaluation import Sizes, reader, score, target_values
from scan.grounded_scan import GroundedSCAN
from scan.joint_model import SymbolModel
from scan.operators import Operators
from symbols import OPERATORS, Concept
from vision.encoding import encode_with
from vision.gaussian import Gaussian
from vision.models import VisionModel
from vision.randomness import derive_seed, generator

SIZES = Sizes(8, 48)
"""Images of each concept, for accuracy and for diversity."""
PICTURED = 3
"""Images of each held-out combination that are described."""

Scores = dict[str, dict[str, float]]
"""By split: accuracy, strict, diversity (KL to uniform in nats), its floor, coverage; "img2sym": accuracy,
strict. A measure that a split has not is left out."""


class Named(NamedTuple):
    """N images of known concepts, encoded."""

    q_x: Gaussian
    """Over (N, D)."""
    concepts: list[Concept]
    """The name of each image, (N,)."""


def named(model: VisualModel, concepts: Sequence[Concept], each: int, purpose: str) -> Named:
    """Codes of `each` images of every concept, the images of a concept one after the other.

    Args:
        model: Of a seed.
        concepts: S concepts.
        each: Images of each.
        purpose: What the images are for, from which their seed is derived.
    """
    pictures = model.pictures(concepts, each, generator(model.seed, f"experiment {purpose}"))
    return Named(model.codes(pictures.images), [concept for concept in concepts for _ in range(each)])


@torch.no_grad()
def scores(
    model: VisualModel,
    vision: VisionModel,
    scan: SymbolModel,
    operators: Operators | None,
    taught: Sequence[Concept],
    sizes: Sizes = SIZES,
) -> Scores:
    """Measure a grounding on the taught concepts, test symbols, test operators and held-out combinations.

    Args:
        model: Lists, judge and images.
        vision: The decoder of the codes, which may be scaled differently from the model's own.
        scan: The symbol encoder and decoder.
        operators: The learned ones; None for those of `scan.analytic_operators`.
        taught: The concepts that symbols were grounded with.
        sizes: Images of each concept.
    """
    concept_model = ConceptModel(GroundedSCAN(vision, scan), operators, model.vocabulary).eval()
    read, splits, ground = reader(concept_model, model.judge), model.splits, concept_model.ground_concepts
    triples = splits.test_operators
    left, right = ground([triple.left for triple in triples]), ground([triple.right for triple in triples])
    op = torch.tensor([OPERATORS.index(triple.op) for triple in triples], device=model.device)
    recombine = analytic_operators.recombine if operators is None else operators
    grounded = {
        "train_symbols": (ground(taught), list(taught)),
        "test_symbols": (ground(splits.test_symbols), list(splits.test_symbols)),
        "test_operators": (recombine(left, right, op), [triple.result for triple in triples]),
        "held_out": (ground(splits.held_out), list(splits.held_out)),
    }
    found: Scores = {}
    for name, (q, concepts) in grounded.items():
        noise = torch.Generator(model.device).manual_seed(derive_seed(model.seed, f"experiment {name}"))
        one = score(q, target_values(model.vocabulary, concepts), read, sizes, noise)
        found[name] = {"accuracy": one.accuracy.top1, "strict": one.accuracy.strict}
        if one.diversity is not None and one.coverage is not None:
            found[name] |= {"diversity": one.diversity.hard, "floor": one.diversity.uniform}
            found[name] |= {"coverage": one.coverage.value, "ceiling": one.coverage.ceiling}
    found["img2sym"] = described(model, concept_model)
    return {split: {key: float(x) for key, x in one.items()} for split, one in found.items()}


def described(model: VisualModel, concept_model: ConceptModel) -> dict[str, float]:
    """Share of the attributes of held-out images that are described as they are, and of whole images."""
    pictures = model.pictures(model.splits.held_out, PICTURED, generator(model.seed, "experiment described"))
    q = encode_with(concept_model.encode_image, pictures.images, model.device)
    read = torch.stack([p.argmax(-1) for p in concept_model.describe(q).probabilities.values()], dim=-1)
    right = read.cpu().numpy() == np.asarray(pictures.factors)
    return {"accuracy": float(right.mean()), "strict": float(right.all(axis=1).mean())}
