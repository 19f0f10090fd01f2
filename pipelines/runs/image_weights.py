"""Weights of the vision stage that follow from the images: `auto`, resolved when a run starts.

    vision.likelihood.scale           0.2236 sqrt(V / 280)
    vision.penalties.jacobian_l1      0.1 sqrt(280 1024 / (V H W))
    vision.penalties.mask_entropy     0.3 min(1, 1024 / (H W))

V is the total variance of the images, which `data.json` records; `vision.data.contrast` derives them. The
numbers are written into the run's config. They are functions of the data alone, so that a run that is gone on
with, on whatever machine, finds the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.config import Config, GaussianLikelihood
from pipelines.runs import datasets

if TYPE_CHECKING:
    from vision.data import ImageSet

VARIANCE = "total_variance"
"""The key of data.json."""
DIGITS = 4
"""Of a weight."""


def settle(config: Config, record: Mapping[str, Any]) -> Config:
    """The config with every `auto` of a weight resolved.

    Args:
        config: What is asked for.
        record: The content of data.json; one of an earlier version has no variance, which is then computed.
    """
    if not _asked(config):
        return config
    variance = record.get(VARIANCE)
    if variance is None:
        return of_images(config, datasets.images(config))
    height, width = record["shape"][1:]
    return _resolved(config, variance, height * width)


def of_images(config: Config, images: ImageSet) -> Config:
    """The config with every `auto` of a weight resolved for images that are at hand."""
    if not _asked(config):
        return config
    from vision.data.contrast import total_variance

    _, height, width = images.shape
    return _resolved(config, round(total_variance(images.images), 6), height * width)


def _asked(config: Config) -> list[str]:
    """The sections of `vision` in which something is auto."""
    vision = config.vision
    found = ["penalties"] if "auto" in vision.penalties.weights().values() else []
    if isinstance(vision.likelihood, GaussianLikelihood) and vision.likelihood.scale == "auto":
        found.append("likelihood")
    return found


def _resolved(config: Config, variance: float, pixels: int) -> Config:
    from vision.data.contrast import jacobian_l1_weight, likelihood_scale, mask_entropy_weight

    numbers = {
        "likelihood": {"scale": likelihood_scale(variance)},
        "penalties": {
            "jacobian_l1": jacobian_l1_weight(variance, pixels),
            "mask_entropy": mask_entropy_weight(pixels),
        },
    }
    vision = config.vision
    for name in _asked(config):
        section = getattr(vision, name)
        update = {
            key: float(f"{value:.{DIGITS}g}")
            for key, value in numbers[name].items()
            if getattr(section, key) == "auto"
        }
        vision = vision.model_copy(update={name: section.model_copy(update=update)})
    return config.model_copy(update={"vision": vision})
