"""Accuracy and diversity of images generated from symbols, as read by a judge.

For S concepts with n images each, a judge gives probabilities f_a (S, n, V_a) for every attribute a with V_a
values, and `targets` (S, A) says which value the concept asks for, -1 where it leaves the attribute open.

- Accuracy: does the model understand the symbol? The fraction of specified attributes that are read as asked.
- Diversity: did it learn an abstraction? Whatever is left open should vary like the uniform distribution U_a:

      sum over open a of KL(p_a || U_a) = ln V_a - H(p_a) ,    p_a the judge's readings over the n images.

  0 nats is a perfectly even spread, ln V_a a constant. A perfectly uniform sampler, too, shows a positive
  value on n images: `expected_kl_to_uniform`, which is always to be given beside the measured value.

A model whose images show something else than was asked for may be diverse by that alone: `right_diversity`
takes only the images that show all that was asked for.

Protocol after Higgins et al., "SCAN: Learning Hierarchical Compositional Visual Concepts", ICLR 2018, section
5, with KL(p || U) because the reverse is infinite as soon as one value was not drawn.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Targets = NDArray[np.integer]

MANY_VALUES = 8
"""Attributes with more values than this (colours) are also scored by their top 3."""
FEWEST_RIGHT = 20
"""Right images that a concept needs for their diversity to be measured."""


class Accuracy(NamedTuple):
    """Fractions in [0, 1], higher is better; nan where nothing was specified."""

    top1: float
    """Specified attributes read as asked: mean over a concept's images and attributes, then over concepts."""
    top3: float
    """The same, where an attribute of many values counts as right among the judge's three best."""
    strict: float
    """Images with every specified attribute right: mean over images, then over concepts."""
    top1_per_attribute: Floats
    """(A,): mean over the concepts that specify the attribute."""
    top3_per_attribute: Floats
    """(A,): the same for `top3`."""
    concepts_per_attribute: NDArray[np.int64]
    """(A,): how many concepts specify the attribute."""


class Diversity(NamedTuple):
    """KL to the uniform distribution in nats, >= 0, lower is more diverse; nan where nothing was left open.

    `hard` counts the judge's best values, `soft` averages its probabilities. The scalars are means over the
    concepts with at least one open attribute.
    """

    hard: float
    """Mean over a concept's open attributes."""
    soft: float
    uniform: float
    """The `hard` to be expected of a perfectly uniform sampler on as many images."""
    hard_sum: float
    """Sum over a concept's open attributes."""
    soft_sum: float
    uniform_sum: float
    hard_per_attribute: Floats
    """(A,): mean over the concepts that leave the attribute open."""
    soft_per_attribute: Floats
    uniform_per_attribute: Floats


class RightDiversity(NamedTuple):
    """How diverse the images are that show all that a concept asks for."""

    excess: float
    """KL to the uniform distribution in nats beyond that of a uniform sampler on as many images: mean over a
    concept's open attributes, then over concepts; about 0 is uniform, nan without a concept."""
    concepts: int
    """Concepts with enough right images, of those that leave an attribute open."""


def accuracy(
    probabilities: Sequence[Floats], targets: Targets, *, top: int = 3, many: int = MANY_VALUES
) -> Accuracy:
    """Return how often the judge reads what the concepts ask for.

    Args:
        probabilities: For each of A attributes, the judge's probabilities (S, n, V_a).
        targets: (S, A) integers, the value asked for or -1.
        top: How many best values count in `top3`, for attributes of more than `many` values; the others count
            their single best value there too.
        many: See `top`.

    Raises:
        ValueError: for shapes that do not fit together and values out of range.

    >>> p = np.array([[[0.9, 0.1], [0.2, 0.8]]])  # one concept, two images, one attribute of two values
    >>> accuracy([p], np.array([[0]])).top1
    0.5
    """
    probabilities = checked(probabilities, targets)
    specified = targets >= 0  # (S, A)
    ranks = [_rank(p, targets[:, a]) for a, p in enumerate(probabilities)]  # each (S, n)
    first = np.stack([rank < 1 for rank in ranks], -1)  # (S, n, A)
    near = np.stack(
        [rank < (top if p.shape[-1] > many else 1) for rank, p in zip(ranks, probabilities, strict=True)], -1
    )
    strict = (first | ~specified[:, None]).all(-1).mean(-1)
    return Accuracy(
        mean_of_known(row_mean(first.mean(1), specified)),
        mean_of_known(row_mean(near.mean(1), specified)),
        mean_of_known(strict[specified.any(1)]),
        row_mean(first.mean(1).T, specified.T),
        row_mean(near.mean(1).T, specified.T),
        specified.sum(0),
    )


def diversity(probabilities: Sequence[Floats], targets: Targets) -> Diversity:
    """Return how far the open attributes are from uniform.

    Args:
        probabilities: For each of A attributes, the judge's probabilities (S, n, V_a).
        targets: (S, A) integers, -1 where a concept leaves an attribute open.

    Raises:
        ValueError: for shapes that do not fit together and values out of range.
    """
    probabilities = checked(probabilities, targets)
    left_open = targets < 0
    images = probabilities[0].shape[1]
    counts = [np.eye(p.shape[-1])[p.argmax(-1)] for p in probabilities]  # each (S, n, V_a), one-hot
    hard = np.stack([kl_to_uniform(c.mean(1)) for c in counts], -1)  # (S, A)
    soft = np.stack([kl_to_uniform(p.mean(1)) for p in probabilities], -1)
    expected = np.array([[expected_kl_to_uniform(p.shape[-1], images) for p in probabilities]])
    uniform = expected.repeat(len(targets), 0)
    measures = (hard, soft, uniform)
    some = left_open.any(1)
    mean, mean_soft, mean_uniform = (mean_of_known(row_mean(nats, left_open)) for nats in measures)
    total, total_soft, total_uniform = (mean_of_known((nats * left_open).sum(1)[some]) for nats in measures)
    each, each_soft, each_uniform = (row_mean(nats.T, left_open.T) for nats in measures)
    means, sums = (mean, mean_soft, mean_uniform), (total, total_soft, total_uniform)
    return Diversity(*means, *sums, each, each_soft, each_uniform)


def right_diversity(
    probabilities: Sequence[Floats], targets: Targets, *, fewest: int = FEWEST_RIGHT
) -> RightDiversity:
    """Return how far the open attributes are from uniform in the images whose specified attributes are right.

    Args:
        probabilities: For each of A attributes, the judge's probabilities (S, n, V_a); the best value counts.
        targets: (S, A) integers, -1 where a concept leaves an attribute open.
        fewest: Right images that a concept needs to be counted, at least 1.

    Raises:
        ValueError: for shapes that do not fit together and values out of range.
    """
    probabilities = checked(probabilities, targets)
    left_open = targets < 0
    read = np.stack([p.argmax(-1) for p in probabilities], -1)  # (S, n, A)
    right = ((read == targets[:, None]) | left_open[:, None]).all(-1)  # (S, n)
    images = right.sum(1)
    some = np.maximum(images, 1)
    numbers, of_concept = np.unique(some, return_inverse=True)
    excess = np.empty(targets.shape)
    for a, p in enumerate(probabilities):
        counts = (np.eye(p.shape[-1])[read[:, :, a]] * right[..., None]).sum(1)  # (S, V_a)
        expected = np.array([expected_kl_to_uniform(p.shape[-1], int(n)) for n in numbers])
        excess[:, a] = kl_to_uniform(counts / some[:, None]) - expected[of_concept]
    counted = left_open & (images >= fewest)[:, None]
    return RightDiversity(mean_of_known(row_mean(excess, counted)), int(counted.any(1).sum()))


def kl_to_uniform(p: Floats) -> Floats:
    """Return KL(p || uniform) = ln V - H(p) in nats, (...), of probabilities p (..., V) that sum to 1.

    >>> kl_to_uniform(np.array([[0.5, 0.5], [1.0, 0.0]])).round(4).tolist()
    [0.0, 0.6931]
    """
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    return np.maximum(math.log(p.shape[-1]) + (p * logs).sum(-1), 0.0)


def expected_kl_to_uniform(values: int, images: int) -> float:
    """Return the expected KL(frequencies || uniform), in nats, of draws from the uniform distribution itself.

    Exact: V E[(X/n) ln(X/n)] + ln V with X binomial (n, 1/V). About (V - 1) / (2n) for large n.

    Args:
        values: V, at least 1.
        images: The number of draws n, at least 1.

    Raises:
        ValueError: For fewer values or images.

    >>> round(expected_kl_to_uniform(16, 200), 3), round(expected_kl_to_uniform(3, 100), 3)
    (0.038, 0.01)
    """
    if values < 1 or images < 1:
        raise ValueError(f"expected at least one value and one image, got {values} and {images}")
    if values == 1:
        return 0.0
    x = np.arange(1, images + 1)
    log_factorial = np.concatenate([[0.0], np.log(x).cumsum()])
    choose = log_factorial[images] - log_factorial[x] - log_factorial[images - x]
    log_weight = choose - x * math.log(values) + (images - x) * math.log1p(-1 / values)
    share = x / images
    return math.log(values) + values * float((np.exp(log_weight) * share * np.log(share)).sum())


def confusion(probabilities: Sequence[Floats], targets: Targets) -> list[NDArray[np.int64]]:
    """Count images by the value asked for and the value read.

    Args:
        probabilities: For each of A attributes, the judge's probabilities (S, n, V_a).
        targets: (S, A) integers, -1 where a concept leaves an attribute open; these images are not counted.

    Returns:
        For each attribute a table (V_a, V_a) of counts: rows are values asked for, columns values read.

    Raises:
        ValueError: for shapes that do not fit together and values out of range.
    """
    probabilities = checked(probabilities, targets)
    tables = []
    for a, p in enumerate(probabilities):
        values = p.shape[-1]
        asked = np.broadcast_to(targets[:, [a]], p.shape[:2])
        chosen = asked >= 0
        cells = asked[chosen] * values + p.argmax(-1)[chosen]
        tables.append(np.bincount(cells, minlength=values**2).reshape(values, values))
    return tables


def _rank(p: Floats, targets: Targets) -> NDArray[np.int64]:
    """How many values the judge prefers to the target, (S, n); ties go to the value of lower index."""
    best_first = np.argsort(-p, axis=-1, kind="stable")
    return (best_first == targets[:, None, None]).argmax(-1)


def row_mean(x: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Mean over the chosen entries of each row, nan where there are none: (R, C) -> (R,)."""
    number = chosen.sum(1)
    return np.where(number > 0, (x * chosen).sum(1) / np.maximum(number, 1), np.nan)


def mean_of_known(x: Floats) -> float:
    """Mean over the entries that are not nan; nan without any."""
    known = x[~np.isnan(x)]
    return float(known.mean()) if known.size else math.nan


def checked(probabilities: Sequence[Floats], targets: Targets) -> list[Floats]:
    """The probabilities as float64, when they fit the targets; ValueError as `accuracy` otherwise."""
    arrays: list[Floats] = [np.asarray(p, dtype=np.float64) for p in probabilities]
    if targets.ndim != 2 or targets.shape[1] != len(arrays):
        raise ValueError(
            f"{len(arrays)} attributes need targets of shape (S, {len(arrays)}), got {targets.shape}"
        )
    for a, p in enumerate(arrays):
        if p.ndim != 3 or p.shape[:2] != (len(targets), arrays[0].shape[1]) or p.shape[1] < 1:
            raise ValueError(
                f"attribute {a}: expected probabilities (S, n, V) with S = {len(targets)}, got {p.shape}"
            )
        if targets[:, a].max(initial=-1) >= p.shape[2] or targets[:, a].min(initial=-1) < -1:
            raise ValueError(f"attribute {a}: targets must lie in -1..{p.shape[2] - 1}")
    return arrays
