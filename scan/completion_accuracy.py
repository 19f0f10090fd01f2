"""How well a concept model imagines concepts by their completions (`scan.completion`)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scan.accuracy import accuracy, diversity
from scan.completion import completions
from scan.concept_model import ConceptModel
from scan.data import Data
from scan.evaluation import DECODING_BATCH, Reader, target_values
from scan.imagined_images import IMAGES, RealImages, decoded, off_palette
from symbols import Concept, Vocabulary
from vision.randomness import derive_seed


@torch.no_grad()
def completed_metrics(
    model: ConceptModel,
    data: Data,
    concepts: Sequence[Concept],
    read: Reader,
    n: int,
    beside: RealImages,
    seed: int,
) -> dict[str, Any]:
    """Return accuracy, diversity and colours of n images of each of S concepts, an image for each completion.

    Args:
        model: The concept model.
        data: The images and the vocabulary, in which at least one attribute has several values.
        concepts: Of the vocabulary, at least one.
        read: Decoder and judge.
        n: Images of each.
        beside: Of real images (`scan.imagined_images.measure_real`).
        seed: Of completions and latents.

    Returns:
        As in `metrics.json`: "samples" of the completions' Gaussians, and their "means", of the same
        completions. Diversity is that of open attributes of several values: others are not completed.
    """
    noise = torch.Generator(model.device).manual_seed(derive_seed(seed, "completions"))
    drawn = [one for concept in concepts for one in completions(concept, data.vocabulary, n, noise)]
    targets, q = target_values(data.vocabulary, concepts), model.ground_concepts(drawn)
    some = np.arange(0, len(drawn), max(1, len(drawn) // IMAGES))
    left_open = np.repeat(targets < 0, n, axis=0)[some]

    def measured(z: Tensor) -> dict[str, Any]:
        parts = [[p.float().cpu() for p in read(part)] for part in z.split(DECODING_BATCH)]
        found = [torch.cat(p).unflatten(0, (len(concepts), n)).numpy() for p in zip(*parts, strict=True)]
        far = None
        if beside.palettes is not None:
            x = decoded(model, z[torch.from_numpy(some).to(z.device)])
            far = off_palette(data, x, left_open, beside.palettes)
        return _scores(found, targets, data.vocabulary) | {"off_palette": far}

    return {
        "concepts": len(concepts),
        "images_per_concept": n,
        "samples": measured(q.sample(noise)),
        "means": measured(q.mean),
    }


def _scores(
    probabilities: Sequence[np.ndarray], targets: np.ndarray, vocabulary: Vocabulary
) -> dict[str, float]:
    """Accuracy of all attributes, and diversity of those of several values."""
    several = [place for place, attribute in enumerate(vocabulary.attributes) if not attribute.binary]
    one = accuracy(probabilities, targets)
    spread = diversity([probabilities[a] for a in several], targets[:, several])
    return {
        "accuracy_top1": one.top1,
        "accuracy_strict": one.strict,
        "diversity_nats": spread.hard,
        "diversity_uniform_nats": spread.uniform,
    }
