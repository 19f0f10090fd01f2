"""How well a concept model imagines concepts by their completions (`scan.completion`)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scan.accuracy import accuracy, diversity
from scan.completion import completions
from scan.concept_model import ConceptModel
from scan.evaluation import DECODING_BATCH, Reader, target_values
from symbols import Concept


@torch.no_grad()
def completed_metrics(
    model: ConceptModel, concepts: Sequence[Concept], read: Reader, n: int, generator: torch.Generator
) -> dict[str, Any]:
    """Return accuracy and diversity of n images of each of S concepts, an image for each completion.

    Args:
        model: The concept model.
        concepts: Of the vocabulary, at least one.
        read: Decoder and judge.
        n: Images of each.
        generator: Source of completions and latents, on the model's device.

    Returns:
        As in `metrics.json`: "samples" of the completions' Gaussians, and their "means", of the same
        completions.
    """
    drawn = [one for concept in concepts for one in completions(concept, model.vocabulary, n, generator)[0]]
    targets, q = target_values(model.vocabulary, concepts), model.ground_concepts(drawn)

    def measured(z: Tensor) -> dict[str, float]:
        parts = [[p.float().cpu() for p in read(part)] for part in z.split(DECODING_BATCH)]
        found = [torch.cat(p).unflatten(0, (len(concepts), n)).numpy() for p in zip(*parts, strict=True)]
        return _scores(found, targets)

    return {
        "concepts": len(concepts),
        "images_per_concept": n,
        "samples": measured(q.sample(generator)),
        "means": measured(q.mean),
    }


def _scores(probabilities: Sequence[np.ndarray], targets: np.ndarray) -> dict[str, float]:
    one, spread = accuracy(probabilities, targets), diversity(probabilities, targets)
    return {
        "accuracy_top1": one.top1,
        "accuracy_strict": one.strict,
        "diversity_nats": spread.hard,
        "diversity_uniform_nats": spread.uniform,
    }
