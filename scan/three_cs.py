"""The three C's: how well images imagined from a description agree with it, and with all that it leaves open.

For S concepts with n images each, a judge gives probabilities f_a (S, n, V_a) for every attribute a with V_a
values, and `targets` (S, A) says which value the concept asks for, -1 where it leaves the attribute open, as
in `scan.accuracy`.

- Correctness: the share of the specified attributes that are read as asked. It is `Accuracy.top1`; here it
  stands beside what a guess would reach.
- Coverage: whatever is left open should vary as it does in the world. With p_a the frequencies of the values
  read in the n images, and u_a the true distribution of the attribute among images of the concept,

      mean over open a of 1 - JS(p_a, u_a) ,
      JS(p, u) = [KL(p || m) + KL(u || m)] / 2 ,    m = (p + u) / 2 ,

  in nats, hence from 1 - ln 2 = 0.307 to 1. Two numbers belong beside it: the *ceiling*, what n independent
  draws from the truth reach on average (0.841 for 10 values and n = 10), and the *floor*, what a generator
  that shows one single value reaches (0.78 for 2 values, 0.47 for 10).
- Compositionality: both of these on concepts whose combinations were held out of training.

Vedantam et al., "Generative Models of Visually Grounded Imagination", ICLR 2018, section 4.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from scan.accuracy import Floats, Targets, accuracy, checked, mean_of_known, row_mean


class Correctness(NamedTuple):
    """In [0, 1], higher is better; nan where nothing was specified."""

    value: float
    """Specified attributes read as asked: mean over a concept's images and attributes, then over concepts."""
    chance: float
    """The same for values drawn uniformly."""


class Coverage(NamedTuple):
    """In [0, 1], higher is better: means over a concept's open attributes, then over concepts.

    They are nan where no attribute is open.
    """

    value: float
    """1 - JS of what was read and the truth."""
    ceiling: float
    """The expected value for independent draws from the truth, as many as there are images."""
    floor: float
    """The expected value where all images show the same value, itself drawn from the truth."""


def correctness(probabilities: Sequence[Floats], targets: Targets) -> Correctness:
    """Return how often the judge reads what the concepts ask for, and how often it would by chance.

    Args:
        probabilities: For each of A attributes, the judge's probabilities (S, n, V_a).
        targets: (S, A) integers, the value asked for or -1.

    Raises:
        ValueError: for shapes that do not fit together and values out of range.

    >>> p = np.array([[[0.9, 0.1], [0.2, 0.8]]])  # one concept, two images, one attribute of two values
    >>> correctness([p], np.array([[1]]))
    Correctness(value=0.5, chance=0.5)
    """
    value = accuracy(probabilities, targets).top1
    guessed = np.array([[1 / p.shape[-1] for p in probabilities]]).repeat(len(targets), 0)
    return Correctness(value, mean_of_known(row_mean(guessed, targets >= 0)))


def coverage(
    probabilities: Sequence[Floats], targets: Targets, truth: Sequence[Floats] | None = None
) -> Coverage:
    """Return how far the open attributes vary as they do in the world, with ceiling and floor.

    Args:
        probabilities: For each of A attributes, the judge's probabilities (S, n, V_a); the best value counts.
        targets: (S, A) integers, -1 where a concept leaves an attribute open.
        truth: For each attribute its distribution (S, V_a) given the concept (`conditional_truth`), nan where
            it is not known, which is then left out; uniform by default.

    Raises:
        ValueError: for shapes that do not fit together, values out of range, and a truth that does not sum
            to 1.
    """
    arrays = checked(probabilities, targets)
    if truth is None:
        truth = [np.full((len(targets), p.shape[-1]), 1 / p.shape[-1]) for p in arrays]
    _check_truth(truth, arrays)
    images = arrays[0].shape[1]
    read = [np.eye(p.shape[-1])[p.argmax(-1)].mean(1) for p in arrays]  # each (S, V_a)
    found = np.stack([1 - js(p, u) for p, u in zip(read, truth, strict=True)], -1)  # (S, A)
    best = np.stack([1 - expected_js(u, images) for u in truth], -1)
    worst = np.stack([1 - collapsed_js(u) for u in truth], -1)
    left_open = (targets < 0) & ~np.isnan(found)
    measures = (mean_of_known(row_mean(np.nan_to_num(x), left_open)) for x in (found, best, worst))
    return Coverage(*measures)


def conditional_truth(factors: np.ndarray, targets: Targets, sizes: Sequence[int]) -> tuple[Floats, ...]:
    """Return the distribution of every attribute among the images that show each concept.

    Args:
        factors: The value of each attribute in each image of the world, (N, A) integers.
        targets: (S, A) integers, the values that the concepts ask for, -1 where they leave an attribute open.
        sizes: The number of values V_a of each attribute.

    Returns:
        (S, V_a) for each attribute, rows of nan for a concept that no image shows.

    >>> factors = np.array([[0, 0], [0, 0], [0, 1], [1, 1]])
    >>> _, second = conditional_truth(factors, np.array([[0, -1], [1, -1]]), (2, 2))
    >>> second.round(3).tolist()
    [[0.667, 0.333], [0.0, 1.0]]
    """
    truth = tuple(np.full((len(targets), size), np.nan) for size in sizes)
    for concept, target in enumerate(targets):
        shown = factors[((factors == target) | (target < 0)).all(-1)]
        if not len(shown):
            continue
        for a, size in enumerate(sizes):
            truth[a][concept] = np.bincount(shown[:, a], minlength=size) / len(shown)
    return truth


def js(p: Floats, u: Floats) -> Floats:
    """Return the Jensen-Shannon divergence in nats, (...), of distributions (..., V): from 0 to ln 2.

    >>> js(np.array([1.0, 0.0]), np.array([[1.0, 0.0], [0.0, 1.0]])).round(4).tolist()
    [0.0, 0.6931]
    """
    return _js_terms(p, u).sum(-1)


def expected_js(u: Floats, images: int) -> Floats:
    """Return the expected JS(frequencies, u) in nats, (...), of draws from u (..., V) itself.

    Exact: JS is a sum over the values, and the count of one value is binomial (images, u_v).

    Args:
        u: Distributions over V values.
        images: The number of draws, at least 1.

    Raises:
        ValueError: For fewer images.

    >>> [round(1 - float(expected_js(np.full(k, 1 / k), 10)), 3) for k in (2, 4, 10, 16)]
    [0.986, 0.952, 0.841, 0.759]
    """
    if images < 1:
        raise ValueError(f"expected at least one image, got {images}")
    shares, place = np.unique(u, return_inverse=True)
    x = np.arange(images + 1)
    log_factorial = np.concatenate([[0.0], np.log(x[1:]).cumsum()])
    choose = log_factorial[images] - log_factorial[x] - log_factorial[images - x]
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.where(x == 0, 0.0, x * np.log(shares)[:, None])  # (different shares, images + 1)
        others = np.where(x == images, 0.0, (images - x) * np.log1p(-shares)[:, None])
    weight = np.exp(choose + drawn + others)
    of_value = (weight * _js_terms(x / images, np.broadcast_to(shares[:, None], weight.shape))).sum(-1)
    return of_value[place].reshape(u.shape).sum(-1)


def collapsed_js(u: Floats) -> Floats:
    """Return the expected JS(p, u) in nats, (...), where p is one value that is drawn from u (..., V)."""
    values = u.shape[-1]
    each = js(np.eye(values), np.broadcast_to(u[..., None, :], (*u.shape, values)))  # (..., V)
    return (u * each).sum(-1)


def _js_terms(p: Floats, u: Floats) -> Floats:
    """What each value adds to JS(p, u), (..., V)."""
    middle = (p + u) / 2
    return (_p_log_ratio(p, middle) + _p_log_ratio(u, middle)) / 2


def _p_log_ratio(p: Floats, q: Floats) -> Floats:
    """p ln(p / q), 0 where p is 0."""
    safe = np.where(p > 0, p / np.where(q > 0, q, 1), 1.0)
    return np.where(np.isnan(p + q), np.nan, p * np.log(safe))


def _check_truth(truth: Sequence[Floats], probabilities: Sequence[Floats]) -> None:
    if len(truth) != len(probabilities):
        raise ValueError(f"expected a truth for each of {len(probabilities)} attributes, got {len(truth)}")
    for a, (u, p) in enumerate(zip(truth, probabilities, strict=True)):
        if u.shape != (p.shape[0], p.shape[2]):
            raise ValueError(
                f"attribute {a}: expected a truth of shape {(p.shape[0], p.shape[2])}, got {u.shape}"
            )
        total = u.sum(-1)
        wrong = ~np.isnan(total) & ~np.isclose(total, 1)
        if wrong.any() or (u < 0).any():
            raise ValueError(f"attribute {a}: a truth has probabilities that sum to 1, got {total[wrong]}")
