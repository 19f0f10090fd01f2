"""Which attributes a visual model can be expected to encode, before it is trained.

An attribute of V values takes about ln V nats of KL. Its class means reduce the reconstruction term by some
nats (`vision.data.contrast.class_mean_nats`), so that at a beta above

    nats / ln V        (the break-even beta)

its KL is more than that. Labels that say nothing of the images reduce the term by (V - 1) / (N - 1) of the
nats of their whole variance by chance, which is taken off. The break-even beta is a lower bound: an attribute
that shows little in the means, such as a pose or a pair of attributes, reduces the reconstruction by more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipelines.config import (
    DCIGN,
    DIPVAEI,
    DIPVAEII,
    AdaGVAE,
    AdaMLVAE,
    BetaTCVAE,
    BetaVAE,
    Config,
    Constant,
    FactorVAE,
    GaussianLikelihood,
    JointVAE,
    LayeredNetwork,
    Schedule,
    SlowVAE,
)
from pipelines.runs import image_weights
from vision.data import ImageSet
from vision.data.contrast import class_mean_nats, total_variance


class BreakEven(NamedTuple):
    """Of an attribute."""

    name: str
    values: int
    """That images show."""
    nats: float
    """By which its class means reduce the reconstruction term, less what is so by chance."""
    beta: float
    """Above which its KL is more than that."""


def break_even(image_set: ImageSet, scale: float) -> list[BreakEven]:
    """The break-even beta of each attribute with two values or more, the lowest first.

    Args:
        image_set: The images and their factors.
        scale: Of the Gaussian likelihood, pixels in [0, 1].
    """
    found, whole = [], total_variance(image_set.images) / (2 * scale**2)
    for name, column in zip(image_set.names, image_set.factors.T, strict=True):
        values = len(np.unique(column))
        if values > 1:
            by_chance = whole * (values - 1) / (len(column) - 1)
            nats = max(0.0, class_mean_nats(image_set.images, column, scale) - by_chance)
            found.append(BreakEven(name, values, nats, nats / math.log(values)))
    return sorted(found, key=lambda one: one.beta)


def betas(config: Config) -> tuple[float, float] | None:
    """The weight of the KL at the first and at the last step; None where an objective has no such weight."""
    objective = config.vision.objective
    match objective:
        case JointVAE():
            return objective.gamma_continuous, objective.gamma_continuous
        case FactorVAE() | BetaTCVAE() | DIPVAEI() | DIPVAEII():
            return 1.0, 1.0
        case BetaVAE() | AdaGVAE() | AdaMLVAE() | SlowVAE() | DCIGN():
            return _ends(objective.beta)
    return None


def _ends(schedule: Schedule) -> tuple[float, float]:
    """The value of a schedule at the first and at the last step."""
    if isinstance(schedule, Constant):
        return schedule.value, schedule.value
    return schedule.start, schedule.end


def lines(config: Config, image_set: ImageSet) -> list[str]:
    """The table and what follows from it, for the terminal; none without attributes or a Gaussian
    likelihood."""
    config = image_weights.of_images(config, image_set)
    likelihood = config.vision.likelihood
    if not image_set.names or not isinstance(likelihood, GaussianLikelihood):
        return []
    assert likelihood.scale != "auto", "weights are resolved by now"
    found = break_even(image_set, likelihood.scale)
    width = max(len(one.name) for one in found) if found else 0
    table = [
        "break-even beta: the nats by which an attribute's means reduce the reconstruction at scale "
        f"{likelihood.scale:g}, over ln of its values",
        *[
            f"  {one.name:<{width}}  {one.nats:9,.1f} / ln {one.values:<3} = {one.beta:9,.1f}"
            for one in found
        ],
    ]
    weights = betas(config)
    if weights is None:
        return table
    start, end = weights
    goes = f"beta is {end:g}" if start == end else f"beta goes from {start:g} to {end:g}"
    network = config.vision.network
    if isinstance(network, LayeredNetwork) and network.mask_kl_weight != 1:
        goes += f" (of outlines {network.mask_kl_weight:g} times that)"
    return [*table, f"{goes}: {prospect(found, start, end)}"]


def as_json(config: Config, image_set: ImageSet) -> dict[str, float] | None:
    """The break-even beta of each attribute; None without a Gaussian likelihood."""
    likelihood = image_weights.of_images(config, image_set).vision.likelihood
    if not isinstance(likelihood, GaussianLikelihood):
        return None
    assert likelihood.scale != "auto", "weights are resolved by now"
    return {one.name: one.beta for one in break_even(image_set, likelihood.scale)}


def prospect(found: Sequence[BreakEven], start: float, end: float) -> str:
    """Which attributes are likely to be lost at a beta that goes from `start` to `end`, in words."""
    lost = [one.name for one in found if one.beta <= min(start, end)]
    risky = [one.name for one in found if min(start, end) < one.beta <= max(start, end)]
    parts = []
    if lost:
        parts.append(f"likely to be lost: {', '.join(lost)}")
    if risky:
        parts.append(f"may be lost, as their break-even beta is below the highest: {', '.join(risky)}")
    if not parts:
        return "every break-even beta is above it"
    return (
        "; ".join(parts)
        + " (hardly visible in the means; a lower vision.likelihood.scale or beta keeps more)"
    )
