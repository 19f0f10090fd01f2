"""Disentanglement of an image encoder: its codes of images whose factors are known, and their scores.

A code is the mean of q(z|x). Rendered sets give fresh images of all combinations, others a draw of their own
images, those of the training set included: the model is trained without factors. The same metrics are taken
of a perfect code (the factors' indices themselves) and a random one (standard normal, of as many latents),
since neither scores 1 or 0 in every metric. Metrics that average over latents leave out those whose posterior
is the prior, by their KL.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
import torch

from vision.data import ImageSet
from vision.encoding import ImageEncoder, encode_with
from vision.gaussian import ACTIVE, kl_from_prior
from vision.metric_names import BINS
from vision.metrics import (
    MetricError,
    Parts,
    dci,
    mutual_information,
    sap_matrix,
)
from vision.metrics.information import factor_entropies
from vision.metrics.mig import gaps, modularity_of
from vision.randomness import derive_seed, generator

POINTS = 3_000
"""To fit on, and half as many to test, in an evaluation."""
DCI_WORK = 3_000 * 51 * 32
"""Points x values of all factors x latents that DCI takes some seconds for; with more, fewer points."""
MIN_POINTS = 500
BATCH = 2_000


class Encoded(NamedTuple):
    """Codes of images, and their factors."""

    parts: Parts
    kl: np.ndarray
    """(D,): mean KL of each latent from the prior, in nats."""
    names: tuple[str, ...]
    """The factors that vary; the columns of `parts`."""
    left_out: tuple[str, ...]
    """Factors with a single value among the first points to fit on, or to test on."""
    images: str
    """Which images, as text."""


def encoded(
    encoder: ImageEncoder,
    images: ImageSet,
    points: int,
    seed: int,
    device: torch.device,
    *,
    progress: Callable[[int], object] = lambda images: None,
) -> Encoded:
    """Encode images whose factors are known: fresh ones of a rendered set, else a draw of the set's own.

    Args:
        encoder: The image encoder; a code is the mean of its posterior.
        images: The set, of the model's shape.
        points: Images to fit on, and half as many to test; of a stored set at most two thirds, and a third.
        seed: Of the draw.
        device: Where the model is.
        progress: Called after every batch, with the number of its images; `points_of` is their sum.

    Raises:
        MetricError: When the images are too few, or no factor of them varies.
    """
    rng = generator(seed, "disentanglement images")
    codes, factors, divergences = [], [], []
    total = points_of(images, points)
    order = None if images.render else rng.permutation(len(images))[:total]
    for start in range(0, total, BATCH):
        n = min(BATCH, total - start)
        some = images.sample(n, rng) if order is None else images.subset(order[start : start + n])
        q = encode_with(encoder, some.images, device)
        codes.append(q.mean.double().cpu().numpy())
        factors.append(some.factors)
        divergences.append(kl_from_prior(q).double().cpu().numpy())
        progress(n)
    if total < 6:
        raise MetricError(f"{total} images are too few")
    z, v, fit = np.concatenate(codes), np.concatenate(factors), total * 2 // 3
    # DCI may see MIN_POINTS only (`_dci_points`), and a factor has to vary among these.
    head = v[: min(fit, MIN_POINTS)], v[fit : fit + MIN_POINTS // 2]
    varies = np.logical_and(*((part != part[0]).any(axis=0) for part in head))
    if not varies.any():
        raise MetricError("no factor of the images varies")
    v, kl = v[:, varies], np.concatenate(divergences).mean(axis=0)
    return Encoded(
        Parts(z[:fit], v[:fit], z[fit:], v[fit:], derive_seed(seed, "disentanglement"), kl > ACTIVE),
        kl,
        tuple(compress(images.names, varies)),
        tuple(compress(images.names, ~varies)),
        "fresh images of all combinations" if order is None else "images of the data set",
    )


def points_of(images: ImageSet, points: int) -> int:
    """The number of images that `encoded` encodes: half as many again as `points`, if there are so many."""
    total = points + points // 2
    return total if images.render else min(total, len(images))


def disentanglement(
    encoder: ImageEncoder, images: ImageSet, seed: int, device: torch.device, points: int = POINTS
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The scores of an encoder, and the matrices that they are read from.

    A rendered set no larger than the points asked for is taken to be a trial: as many images as it has.

    Args:
        encoder: The image encoder.
        images: The set, of the model's shape.
        seed: Of the draw and of the learners.
        device: Where the model is.
        points: Images to fit on, and half as many to test.

    Returns:
        Scores and matrices, JSON-able; where nothing can be scored both have `not_measured`, which says why.
    """
    try:
        found = encoded(encoder, images, min(points, max(len(images) * 2 // 3, MIN_POINTS)), seed, device)
        if len(found.names) < 2:
            raise MetricError("the metrics compare factors: at least 2 that vary are needed")
        return _measured(found)
    except MetricError as error:
        return {"not_measured": str(error)}, {"not_measured": str(error)}


def _measured(found: Encoded) -> tuple[dict[str, Any], dict[str, Any]]:
    parts = found.parts
    rng = np.random.default_rng(parts.seed)
    noise = [rng.standard_normal(part.shape) for part in (parts.codes, parts.codes_test)]
    perfect = parts._replace(
        codes=parts.factors.astype(np.float64),
        codes_test=parts.factors_test.astype(np.float64),
        active=None,
    )
    random = parts._replace(codes=noise[0], codes_test=noise[1], active=None)
    dci_points = _dci_points(parts)
    scores, matrices = _scores(parts, dci_points)
    metrics = {
        **scores,
        "perfect": _scores(perfect, dci_points)[0],
        "random": _scores(random, dci_points)[0],
        "codes": {"model": "mean of q(z|x)", "perfect": "factor indices", "random": "standard normal"},
        "images": found.images,
        "points": len(parts.codes),
        "points_test": len(parts.codes_test),
        "latents": parts.codes.shape[1],
        "latents_active": int((found.kl > ACTIVE).sum()),
        "factors": {n: len(np.unique(c)) for n, c in zip(found.names, parts.factors.T, strict=True)},
        "factors_left_out": list(found.left_out),
        "bins": BINS,
        "seed": parts.seed,
    }
    return metrics, {"factors": list(found.names), "kl_per_latent": found.kl.tolist(), **matrices}


def _scores(parts: Parts, dci_points: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The scores of a code, and the matrices (D, K) that they are read from."""
    codes, factors, codes_test, factors_test, seed, active = parts
    predicted = sap_matrix(codes, factors, codes_test, factors_test)
    few, some = dci_points, max(dci_points // 2, 2)
    learned = dci(codes[:few], factors[:few], codes_test[:some], factors_test[:some], seed=seed)
    information, entropies = mutual_information(codes, factors, bins=BINS), factor_entropies(factors)
    every = np.ones(codes.shape[1], dtype=bool)
    scores = {
        "mig": float((gaps(information, axis=0) / entropies).mean()),
        "modularity": modularity_of(information, every),
        "modularity_active": modularity_of(
            information, every if active is None else active, active_only=True
        ),
        "sap": float(gaps(predicted, axis=0).mean()),
        "dci": {
            **{name: getattr(learned, name) for name in learned._fields if name != "importance"},
            "points": len(codes[:few]),
            "points_test": len(codes_test[:some]),
        },
    }
    matrices = {
        "factor_entropy": entropies.tolist(),
        "mutual_information": information.tolist(),
        "dci_importance": learned.importance.tolist(),
        "sap": predicted.tolist(),
    }
    return scores, matrices


def _dci_points(parts: Parts) -> int:
    values = sum(len(np.unique(column)) for column in parts.factors.T)
    affordable = DCI_WORK // (values * parts.codes.shape[1])
    return min(len(parts.codes), max(affordable, MIN_POINTS))


def by_kl(matrices: Mapping[str, Any]) -> Sequence[int]:
    """The latents of the matrices, by decreasing KL from the prior."""
    return np.argsort(-np.array(matrices["kl_per_latent"]), kind="stable").tolist()
