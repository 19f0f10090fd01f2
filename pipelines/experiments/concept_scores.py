"""How well concepts grounded on a visual model become images, and images symbols, in a few numbers a split.

The functions are those of the evaluation of a run (`scan.evaluation`), on fewer images of each concept, and
on the analytic operators beside the learned ones where asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipelines.experiments.visual_models import VisualModel
from scan import analytic_operators
from scan.concept_model import ConceptModel
from scan.evaluation import Reader, Sizes, reader, score, target_values
from scan.fitting import fit
from scan.grounded_scan import GroundedSCAN
from scan.grounding import SCAN
from scan.joint_model import SymbolModel
from scan.operators import Operators
from symbols import OPERATORS, Concept, Vocabulary
from vision.data import to_bytes
from vision.encoding import encode_with
from vision.gaussian import Gaussian
from vision.models import VisionModel
from vision.randomness import derive_seed, generator

SIZES = Sizes(16, 64)
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
    found = {
        name: of_split(model, read, q, concepts, sizes, name) for name, (q, concepts) in grounded.items()
    }
    found["img2sym"] = described(model, concept_model)
    return found


def of_split(
    model: VisualModel, read: Reader, q: Gaussian, concepts: Sequence[Concept], sizes: Sizes, purpose: str
) -> dict[str, float]:
    """Accuracy, strict accuracy, and where something is open diversity, coverage, floor and ceiling.

    Args:
        model: Of a seed.
        read: Decoder and judge.
        q: The grounded concepts, over (S, D).
        concepts: What their images should show, (S,).
        sizes: Images of each.
        purpose: Of the images, from which their seed is derived.
    """
    noise = torch.Generator(model.device).manual_seed(derive_seed(model.seed, f"experiment {purpose}"))
    one = score(q, target_values(model.vocabulary, concepts), read, sizes, noise)
    found = {"accuracy": one.accuracy.top1, "strict": one.accuracy.strict}
    if one.diversity is not None and one.coverage is not None:
        found |= {"diversity": one.diversity.hard, "floor": one.diversity.uniform}
        found |= {"coverage": one.coverage.value, "ceiling": one.coverage.ceiling}
    return {key: float(x) for key, x in found.items()}


@torch.no_grad()
def imagined(model: VisualModel, q: Gaussian, n: int, purpose: str) -> Tensor:
    """n images uint8 (n, C, H, W) of a Gaussian over (1, D).

    Args:
        model: Of a seed.
        q: A grounded concept.
        n: How many.
        purpose: Of the images, from which their seed is derived.
    """
    noise = torch.Generator(model.device).manual_seed(derive_seed(model.seed, f"experiment {purpose}"))
    z = q[torch.zeros(n, dtype=torch.long, device=model.device)].sample(noise)
    return to_bytes(model.vision.decode(z)).cpu()


def reader_of(model: VisualModel, scan: SymbolModel) -> Reader:
    """Decoder and judge of a visual model."""
    return reader(GroundedSCAN(model.vision, scan), model.judge)


def ground(
    model: VisualModel, pairs: Named, steps: int | None = None, vocabulary: Vocabulary | None = None
) -> SCAN:
    """SCAN with the settings of the run's config, grounded in the codes of named images.

    Args:
        model: Of a seed.
        pairs: Codes and names.
        steps: For a trial; None for those of the config.
        vocabulary: Of the names; None for the run's.
    """
    settings = model.config.symbols
    return fit(
        pairs.q_x,
        pairs.concepts,
        model.vocabulary if vocabulary is None else vocabulary,
        encoder=settings.encoder,
        hidden=settings.hidden,
        steps=settings.steps if steps is None else steps,
        batch=settings.batch,
        lr=settings.lr,
        weight_decay=settings.weight_decay,
        beta=settings.beta,
        grounding=settings.grounding,
        direction=settings.direction,
        expert_penalty=settings.expert_penalty,
        pair_penalty=settings.pair_penalty,
        completion=settings.completion,
        seed=model.seed,
    )


def described(model: VisualModel, concept_model: ConceptModel) -> dict[str, float]:
    """Share of the attributes of held-out images that are described as they are, and of whole images."""
    pictures = model.pictures(model.splits.held_out, PICTURED, generator(model.seed, "experiment described"))
    q = encode_with(concept_model.encode_image, pictures.images, model.device)
    right = concept_model.describe(q).factors == np.asarray(pictures.factors)
    return {"accuracy": float(right.mean()), "strict": float(right.all(axis=1).mean())}
