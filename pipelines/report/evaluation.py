"""Measure what a concept model imagines: from Gaussians over latents to accuracy, diversity and confusions.

All concepts of a split are sampled, decoded and read by the judge in large batches; nothing loops over
images. A concept that leaves attributes open gets more images than one that does not, for its diversity;
accuracy is taken over the same number of images of every concept.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipelines.config import Precision
from pipelines.devices import autocast
from scan.accuracy import Accuracy, Diversity, accuracy, confusion, diversity, from_flat
from scan.concept_model import ConceptModel
from scan.judge import Judge
from symbols import Concept, Triple, Vocabulary
from vision.gaussian import Gaussian, kl_from_prior

DECODING_BATCH = 256
"""Images at a time: on two CPU cores a quarter faster than 512."""
SPECIFIC = 0.1
"""Nats above which a concept is taken to specify a latent."""

Reader = Callable[[Tensor], Sequence[Tensor]]
"""Latents (B, D) -> the judge's probabilities (B, V_a) of each attribute of the images they decode to."""


class Sizes(NamedTuple):
    """Images of each concept."""

    accuracy: int
    """On which accuracy is measured."""
    diversity: int
    """Of a concept that leaves attributes open, on which its diversity is measured."""


class Scores(NamedTuple):
    """What came of a list of S concepts."""

    accuracy: Accuracy
    diversity: Diversity | None
    """None where no concept leaves anything open."""
    per_level: dict[int, float]
    """Top-1 accuracy of the concepts that mention 1, 2, ... attributes."""
    top1: np.ndarray
    """(S,): the same for each concept."""
    strict: np.ndarray
    """(S,): share of a concept's images with every specified attribute right."""
    right: np.ndarray
    """bool (S, n, A): which attributes of the images are read as asked; False where they are left open."""
    confusion: list[np.ndarray]
    """(V_a, V_a) for each attribute: images by the value asked for (row) and read (column)."""
    sizes: Sizes


def reader(model: ConceptModel, judge: Judge, precision: Precision = "fp32") -> Reader:
    """Decode and read: what the judge sees is what sym2img shows, straight from the decoder."""

    def read(z: Tensor) -> Sequence[Tensor]:
        with autocast(z.device, precision):
            x = model.decode_image(z)
            return judge.probabilities(x.contiguous(memory_format=torch.channels_last))

    return read


@torch.no_grad()
def readings(q: Gaussian, n: int, read: Reader, generator: torch.Generator | None = None) -> list[np.ndarray]:
    """Read n images of each of S Gaussians (S, D): probabilities (S, n, V_a) for each attribute."""
    rows = torch.arange(len(q), device=q.mean.device).repeat_interleave(n)
    z = q[rows].sample(generator)
    parts = [[p.float().cpu() for p in read(part)] for part in z.split(DECODING_BATCH)]
    return [torch.cat(p).unflatten(0, (len(q), n)).numpy() for p in zip(*parts, strict=True)]


def score(
    q: Gaussian, wanted: np.ndarray, read: Reader, sizes: Sizes, generator: torch.Generator | None = None
) -> Scores:
    """Score what S Gaussians (S, D) decode to against the concepts that they should be.

    Args:
        q: The grounded concepts.
        wanted: (S, A) values asked for, -1 where a concept leaves an attribute open.
        read: Decoder and judge.
        sizes: Images of each concept.
        generator: Source of the latents, on the device of `q`.
    """
    left_open = (wanted < 0).any(axis=1)
    more = max(sizes.accuracy, sizes.diversity)
    groups = [(np.flatnonzero(left_open), more), (np.flatnonzero(~left_open), sizes.accuracy)]
    parts = [
        (rows, readings(q[torch.from_numpy(rows)], n, read, generator)) for rows, n in groups if len(rows)
    ]
    order = np.argsort(np.concatenate([rows for rows, _ in parts]))
    few = [
        np.concatenate([p[:, : sizes.accuracy] for p in column])[order]
        for column in zip(*(read for _, read in parts), strict=True)
    ]
    specified = wanted >= 0
    right = np.stack([p.argmax(-1) for p in few], axis=-1) == wanted[:, None]  # (S, n, A)
    levels = specified.sum(axis=1)
    top1 = (right.mean(axis=1) * specified).sum(axis=1) / np.maximum(levels, 1)
    return Scores(
        accuracy(few, wanted),
        diversity(parts[0][1], wanted[left_open]) if left_open.any() else None,
        {int(level): float(top1[levels == level].mean()) for level in np.unique(levels[levels > 0])},
        top1,
        (right | ~specified[:, None]).all(axis=-1).mean(axis=1),
        right,
        confusion(few, wanted),
        Sizes(sizes.accuracy, more),
    )


def tell(scores: Scores, names: Sequence[str], flat: np.ndarray, wanted: np.ndarray) -> dict[str, Any]:
    """The scores of a split as `metrics.json` has them.

    Args:
        scores: What `score` returned.
        names: The A attributes.
        flat: (A,) nats from flat of each attribute among the images that were trained on: what a model that
            learned the frequencies of an uneven data set shows.
        wanted: (S, A) as in `score`.
    """
    one, spread = scores.accuracy, scores.diversity
    return {
        "concepts": len(wanted),
        "accuracy_top1": one.top1,
        "accuracy_top3": one.top3,
        "accuracy_strict": one.strict,
        "accuracy_per_level": scores.per_level,
        "diversity_nats": spread and spread.hard,
        "diversity_soft_nats": spread and spread.soft,
        "diversity_floor_nats": spread and spread.floor,
        "diversity_data_nats": _data_nats(flat, wanted),
        "diversity_sum_nats": spread and spread.hard_sum,
        "diversity_sum_soft_nats": spread and spread.soft_sum,
        "diversity_sum_floor_nats": spread and spread.floor_sum,
        "images_per_concept": scores.sizes.accuracy,
        "images_per_open_concept": scores.sizes.diversity if spread else None,
        "per_attribute": {
            name: {
                "accuracy_top1": one.top1_per_attribute[a],
                "accuracy_top3": one.top3_per_attribute[a],
                "concepts": int(one.concepts_per_attribute[a]),
                "diversity_nats": spread and spread.hard_per_attribute[a],
                "diversity_soft_nats": spread and spread.soft_per_attribute[a],
                "diversity_floor_nats": spread and spread.floor_per_attribute[a],
                "diversity_data_nats": flat[a],
            }
            for a, name in enumerate(names)
        },
    }


def tell_pairs(scores: Scores, pairs: np.ndarray) -> dict[str, float]:
    """How often two attributes of each of S concepts are right, whatever the others are.

    Args:
        scores: What `score` returned.
        pairs: bool (S, A), the attributes of each concept that matter.
    """
    of_each = (scores.right * pairs[:, None]).sum(axis=-1) / pairs.sum(axis=1)[:, None]
    return {
        "accuracy_pair": float(of_each.mean()),
        "accuracy_pair_strict": float((scores.right | ~pairs[:, None]).all(axis=-1).mean()),
    }


def tell_operands(scores: Scores, triples: Sequence[Triple], taught: Sequence[Concept]) -> dict[str, Any]:
    """Top-1 accuracy of recombinations by whether both operands are among the taught concepts.

    A mean over no triple is None.
    """
    known = set(taught)
    both = np.array([t.left in known and t.right in known for t in triples], dtype=bool)
    told: dict[str, Any] = {}
    for name, rows in (("taught", both), ("other", ~both)):
        told[f"accuracy_operands_{name}"] = float(scores.top1[rows].mean()) if rows.any() else None
        told[f"concepts_operands_{name}"] = int(rows.sum())
    return told


def specific(q: Gaussian) -> dict[str, Any]:
    """How many latents the Gaussians (S, D) of S concepts specify: those that differ from the prior."""
    latents = (kl_from_prior(q) > SPECIFIC).sum(dim=-1).float()
    return {
        "concepts": len(q),
        "specific_latents": latents.mean().item(),
        "concepts_without_specific_latents": int((latents == 0).sum()),
    }


def _data_nats(flat: np.ndarray, wanted: np.ndarray) -> float | None:
    left_open = wanted < 0
    some = left_open.any(axis=1)
    if not some.any():
        return None
    return float(((left_open * flat).sum(axis=1)[some] / left_open.sum(axis=1)[some]).mean())


def frequencies(factors: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Nats from flat (A,) of each attribute over images with factors (N, A)."""
    columns = zip(factors.T, sizes, strict=True)
    return np.array([float(from_flat(np.bincount(c, minlength=v) / len(c))) for c, v in columns])


def wanted(vocabulary: Vocabulary, concepts: Sequence[Concept]) -> np.ndarray:
    """The values that concepts ask for, (S, A), -1 where they leave an attribute open."""
    return np.stack([vocabulary.factors(concept) for concept in concepts])


def tabulate(scores: Scores, vocabulary: Vocabulary) -> dict[str, Any]:
    """The confusion tables of a split: for each attribute its values, and counts[asked][read]."""
    return {
        a.name: {"values": ["absent", "present"] if a.binary else list(a.values), "counts": table.tolist()}
        for a, table in zip(vocabulary.attributes, scores.confusion, strict=True)
    }


def jsonable(value: Any, digits: int = 5) -> Any:
    """Numbers rounded and as plain Python, what is not a number as null, so that the JSON is valid.

    >>> jsonable({"a": float("nan"), 1: np.float64(0.123456789)})
    {'a': None, '1': 0.12346}
    """
    if isinstance(value, Mapping):
        return {str(key): jsonable(inner, digits) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(inner, digits) for inner in value]
    if isinstance(value, float | np.floating):
        return round(float(value), digits) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
