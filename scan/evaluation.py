"""Measure the images of a concept model: from Gaussians over latents to accuracy, diversity and confusions.

All concepts of a split are sampled, decoded and read by the judge in large batches; nothing loops over
images. A concept that leaves attributes open gets more images than one that does not, for its diversity;
accuracy is taken over the same number of images of every concept.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from scan.accuracy import (
    Accuracy,
    Diversity,
    RightDiversity,
    accuracy,
    confusion,
    diversity,
    kl_to_uniform,
    right_diversity,
)
from scan.analytic_operators import specific
from scan.joint_model import JointModel
from scan.judge import Judge
from scan.three_cs import Coverage, correctness, coverage
from symbols import Concept, Triple, Vocabulary
from vision.gaussian import Gaussian

DECODING_BATCH = 256
"""Images at a time: on two CPU cores a quarter faster than 512."""

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
    right_diversity: RightDiversity | None
    """The same."""
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
    chance: float
    """The top-1 accuracy of values drawn uniformly."""
    coverage: Coverage | None
    """As `diversity`."""


def reader(model: JointModel, judge: Judge) -> Reader:
    """Return a function that decodes latents and gives the judge's probabilities of the images.

    Args:
        model: Whose images are read, as they come from the decoder.
        judge: The classifier, on the model's device.
    """

    def read(z: Tensor) -> Sequence[Tensor]:
        x = model.decode_image(z)
        return judge.probabilities(x.contiguous(memory_format=torch.channels_last))

    return read


@torch.no_grad()
def readings(q: Gaussian, n: int, read: Reader, generator: torch.Generator | None = None) -> list[np.ndarray]:
    """Return the judge's probabilities (S, n, V_a) of each attribute for n images of each of S Gaussians.

    Args:
        q: The grounded concepts, over (S, D).
        n: Images of each.
        read: Decoder and judge.
        generator: Source of the latents, on the device of `q`.
    """
    rows = torch.arange(len(q), device=q.mean.device).repeat_interleave(n)
    z = q[rows].sample(generator)
    parts = [[p.float().cpu() for p in read(part)] for part in z.split(DECODING_BATCH)]
    return [torch.cat(p).unflatten(0, (len(q), n)).numpy() for p in zip(*parts, strict=True)]


def score(
    q: Gaussian,
    targets: np.ndarray,
    read: Reader,
    sizes: Sizes,
    generator: torch.Generator | None = None,
    truth: Sequence[np.ndarray] | None = None,
) -> Scores:
    """Score the images of S Gaussians against the values that their concepts ask for.

    Args:
        q: The grounded concepts, over (S, D).
        targets: (S, A) values asked for, -1 where a concept leaves an attribute open.
        read: Decoder and judge.
        sizes: Images of each concept.
        generator: Source of the latents, on the device of `q`.
        truth: For each attribute its distribution (S, V_a) given the concept, for `coverage`; uniform by
            default.

    Raises:
        ValueError: For another number of Gaussians than of targets.
    """
    if len(q) != len(targets):
        raise ValueError(f"expected a Gaussian for each of {len(targets)} concepts, got {len(q)}")
    left_open = (targets < 0).any(axis=1)
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
    specified = targets >= 0
    right = np.stack([p.argmax(-1) for p in few], axis=-1) == targets[:, None]  # (S, n, A)
    levels = specified.sum(axis=1)
    top1 = (right.mean(axis=1) * specified).sum(axis=1) / np.maximum(levels, 1)
    true = None if truth is None else [u[left_open] for u in truth]
    return Scores(
        accuracy(few, targets),
        diversity(parts[0][1], targets[left_open]) if left_open.any() else None,
        right_diversity(parts[0][1], targets[left_open]) if left_open.any() else None,
        {int(level): float(top1[levels == level].mean()) for level in np.unique(levels[levels > 0])},
        top1,
        (right | ~specified[:, None]).all(axis=-1).mean(axis=1),
        right,
        confusion(few, targets),
        Sizes(sizes.accuracy, more),
        correctness(few, targets).chance,
        coverage(parts[0][1], targets[left_open], true) if left_open.any() else None,
    )


def split_metrics(
    scores: Scores, names: Sequence[str], train_kl: np.ndarray, targets: np.ndarray
) -> dict[str, Any]:
    """Return the scores of a split as `metrics.json` has them.

    Args:
        scores: What `score` returned.
        names: The A attributes.
        train_kl: (A,) KL to uniform in nats of each attribute among the training images: the diversity of a
            model that reproduces the frequencies of an uneven data set (`frequencies`).
        targets: (S, A) as in `score`.
    """
    one, spread, covered = scores.accuracy, scores.diversity, scores.coverage
    among_right = scores.right_diversity
    return {
        "concepts": len(targets),
        "accuracy_top1": one.top1,
        "accuracy_top3": one.top3,
        "accuracy_strict": one.strict,
        "accuracy_chance": scores.chance,
        "accuracy_per_level": scores.per_level,
        "diversity_nats": spread and spread.hard,
        "diversity_soft_nats": spread and spread.soft,
        "diversity_uniform_nats": spread and spread.uniform,
        "diversity_data_nats": _data_nats(train_kl, targets),
        "diversity_sum_nats": spread and spread.hard_sum,
        "diversity_sum_soft_nats": spread and spread.soft_sum,
        "diversity_sum_uniform_nats": spread and spread.uniform_sum,
        "diversity_right_excess_nats": among_right and among_right.excess,
        "diversity_right_concepts": among_right and among_right.concepts,
        "coverage": covered and covered.value,
        "coverage_ceiling": covered and covered.ceiling,
        "coverage_floor": covered and covered.floor,
        "images_per_concept": scores.sizes.accuracy,
        "images_per_open_concept": scores.sizes.diversity if spread else None,
        "per_attribute": {
            name: {
                "accuracy_top1": one.top1_per_attribute[a],
                "accuracy_top3": one.top3_per_attribute[a],
                "concepts": int(one.concepts_per_attribute[a]),
                "diversity_nats": spread and spread.hard_per_attribute[a],
                "diversity_soft_nats": spread and spread.soft_per_attribute[a],
                "diversity_uniform_nats": spread and spread.uniform_per_attribute[a],
                "diversity_data_nats": train_kl[a],
            }
            for a, name in enumerate(names)
        },
    }


def pair_metrics(scores: Scores, pairs: np.ndarray) -> dict[str, float]:
    """Return how often two attributes of each of S concepts are right, whatever the others are, in [0, 1].

    Args:
        scores: What `score` returned.
        pairs: bool (S, A), the attributes of each concept that matter.
    """
    of_each = (scores.right * pairs[:, None]).sum(axis=-1) / pairs.sum(axis=1)[:, None]
    return {
        "accuracy_pair": float(of_each.mean()),
        "accuracy_pair_strict": float((scores.right | ~pairs[:, None]).all(axis=-1).mean()),
    }


def operand_metrics(scores: Scores, triples: Sequence[Triple], taught: Sequence[Concept]) -> dict[str, Any]:
    """Return the top-1 accuracy of recombinations by whether both operands are among the taught concepts.

    Args:
        scores: What `score` returned for the results of S triples.
        triples: The S triples.
        taught: The concepts that symbols were grounded with.

    Returns:
        Means in [0, 1] and counts; a mean over no triple is None.
    """
    known = set(taught)
    both = np.array([t.left in known and t.right in known for t in triples], dtype=bool)
    metrics: dict[str, Any] = {}
    for name, rows in (("taught", both), ("other", ~both)):
        metrics[f"accuracy_operands_{name}"] = float(scores.top1[rows].mean()) if rows.any() else None
        metrics[f"concepts_operands_{name}"] = int(rows.sum())
    return metrics


def specificity(q: Gaussian) -> dict[str, Any]:
    """Return how many latents concepts specify, those with a KL from the prior above `ACTIVE` nats.

    Args:
        q: The Gaussians of S concepts, over (S, D).

    Returns:
        The number of concepts, the mean number of specific latents, the number of concepts without any.
    """
    latents = specific(q).sum(dim=-1).float()
    return {
        "concepts": len(q),
        "specific_latents": latents.mean().item(),
        "concepts_without_specific_latents": int((latents == 0).sum()),
    }


def _data_nats(train_kl: np.ndarray, targets: np.ndarray) -> float | None:
    left_open = targets < 0
    some = left_open.any(axis=1)
    if not some.any():
        return None
    return float(((left_open * train_kl).sum(axis=1)[some] / left_open.sum(axis=1)[some]).mean())


def frequencies(factors: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Return the KL to uniform in nats, (A,), of the values of each attribute over a set of images.

    Args:
        factors: The value of each attribute in each image, (N, A) integers.
        sizes: The number of values V_a of each attribute.
    """
    columns = zip(factors.T, sizes, strict=True)
    return np.array([float(kl_to_uniform(np.bincount(c, minlength=v) / len(c))) for c, v in columns])


def target_values(vocabulary: Vocabulary, concepts: Sequence[Concept]) -> np.ndarray:
    """Return the values that S concepts ask for, (S, A) integers, -1 where they leave an attribute open."""
    return np.stack([vocabulary.factors(concept) for concept in concepts])


def tabulate(scores: Scores, vocabulary: Vocabulary) -> dict[str, Any]:
    """Return the confusion tables of a split: for each attribute its values, and counts[asked][read].

    Args:
        scores: What `score` returned.
        vocabulary: Of the attributes.
    """
    return {
        a.name: {"values": ["absent", "present"] if a.binary else list(a.values), "counts": table.tolist()}
        for a, table in zip(vocabulary.attributes, scores.confusion, strict=True)
    }
