"""How often the judge reads real images right that it never saw, as they are and disturbed."""

from typing import Any

import numpy as np
import torch

from scan.data import Data
from scan.judge import Judge, augment
from vision.data import ImageSet, batches
from vision.randomness import derive_seed, generator, step_generator

FRESH_IMAGES = 4000
"""Images rendered to test the judge."""
READING_BATCH = 512


def judge_accuracy(judge: Judge, data: Data, seed: int, device: torch.device) -> dict[str, Any]:
    """How often the judge is right on real images that it never saw, per attribute.

    `clean_accuracy` is the mean over attributes on images as they are: on fresh images of all combinations
    where these can be rendered, so that the judge is compared with known factors, else on the test images.

    Args:
        judge: The classifier.
        data: The images and the published lists.
        seed: Of fresh images and of the disturbance.
        device: Where the judge is.
    """
    sets = {"test_images": data.images.subset(data.splits.test_images)}
    if len(data.held_out):
        sets["held_out_combinations"] = data.images.subset(data.held_out)
    if data.images.render:
        sets["fresh"] = data.images.sample(FRESH_IMAGES, generator(seed, "judge test"))
    measured = {name: _compare(judge, images, seed, device) for name, images in sets.items()}
    main = "fresh" if "fresh" in sets else "test_images"
    return {
        "clean_accuracy": measured[main]["clean_accuracy"],
        "blurred_accuracy": measured[main]["blurred_accuracy"],
        "measured_on": main,
        "per_attribute": measured[main]["clean"],
        "per_attribute_blurred": measured[main]["blurred"],
        "sets": measured,
    }


def _compare(judge: Judge, images: ImageSet, seed: int, device: torch.device) -> dict[str, Any]:
    metrics: dict[str, Any] = {"images": len(images)}
    for kind in ("clean", "blurred"):
        blur_seed = None if kind == "clean" else derive_seed(seed, "judge blur")
        right = right_readings(judge, images, device, blur_seed)
        share = right.mean(axis=0)
        metrics[f"{kind}_accuracy"] = round(float(share.mean()), 5)
        metrics[kind] = {name: round(float(s), 5) for name, s in zip(images.names, share, strict=True)}
    return metrics


@torch.no_grad()
def right_readings(
    judge: Judge, images: ImageSet, device: torch.device, disturb: int | None = None
) -> np.ndarray:
    """Where the judge reads real images right, bool (N, A), as they are or disturbed by a seed.

    Args:
        judge: The classifier.
        images: N images whose factors are known.
        device: Where the judge is.
        disturb: Seed of the disturbance (`scan.judge.augment`); None for images as they are.
    """
    pixels = batches.resident(images, np.arange(len(images)), device)
    right = []
    for part, rows in enumerate(torch.arange(len(images), device=device).split(READING_BATCH)):
        x = batches.take(pixels, rows)
        if disturb is not None:
            x = augment(x, step_generator(disturb, part, device)).contiguous(
                memory_format=torch.channels_last
            )
        read = torch.stack([p.argmax(-1) for p in judge.probabilities(x)], dim=-1)
        right.append(read.cpu().numpy() == images.factors[rows.cpu().numpy()])
    return np.concatenate(right)
