"""Judge: a classifier trained on real images alone, by which imagined ones are read.

Where the set can be rendered it learns from fresh images, otherwise from the training images; like every
stage, from none of a held-out combination or pair. Every image it sees is disturbed as a decoder might
disturb it (`scan.judge.augment`).

How far it can be trusted is measured on images that it never saw, whose factors are known exactly, as they
are and disturbed.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.config import Config
from pipelines.devices import Machine, autocast, place
from pipelines.runs import datasets
from pipelines.runs.datasets import Data
from pipelines.runs.folder import RunFolder, StageResult
from pipelines.runs.randomness import derive_seed, generator, step_generator
from pipelines.training.fitting import fit, save_model
from pipelines.training.updates import StepLoss
from scan import models
from scan.judge import Judge, augment, judge_loss
from vision.data import ImageSet, batches

FRESH_IMAGES = 4000
"""Images rendered to test the judge."""
READING_BATCH = 512


def run(config: Config, run: RunFolder, machine: Machine) -> StageResult:
    """Train on real images, and measure on others."""
    settings, device = config.judge, machine.device
    data = datasets.load(config, run)
    seen = training_images(data, settings.images, generator(config.seed, "judge images"))
    spec = specification(data)
    torch.manual_seed(derive_seed(config.seed, "judge weights"))
    judge = models.build(spec)
    assert isinstance(judge, Judge)
    place(judge, device)
    loss = loss_of(config, judge, seen, device)
    trained = fit(judge, loss, settings, run.stage("judge"), "judge", machine)
    judge.eval()
    metrics = {
        **trained.last,
        "images": len(seen),
        "precision": settings.precision,
        **judge_accuracy(judge, data, config.seed, device),
    }
    return save_model(judge, spec, metrics, trained, run, "judge", machine)


def specification(data: Data) -> dict[str, Any]:
    """What rebuilds the model, written beside its weights."""
    sizes = data.vocabulary.factor_sizes
    return {"kind": "judge", "shape": list(data.images.shape), "sizes": list(sizes)}


def training_images(data: Data, n: int, rng: np.random.Generator) -> ImageSet:
    """The images to learn from: n fresh ones where the set can be rendered, else the training images."""
    if data.images.render is None:
        return data.images.subset(data.train)
    return data.images.sample(n, rng, data.may_be_learned_from)


def loss_of(config: Config, judge: Judge, seen: ImageSet, device: torch.device) -> StepLoss:
    """What each step minimises, on the images to learn from."""
    settings = config.judge
    pixels = datasets.resident(seen, np.arange(len(seen)), device)
    factors = torch.from_numpy(seen.factors).to(device)
    batch_seed = derive_seed(config.seed, "judge batches")
    noise_seed = derive_seed(config.seed, "judge noise")

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        rows = batches.plain(batch_seed, step, len(pixels), settings.batch, device)
        x = augment(datasets.batch(pixels, rows), step_generator(noise_seed, step, device))
        x = x.contiguous(memory_format=torch.channels_last)
        with autocast(device, settings.precision):
            logits = judge(x)
        value = judge_loss(logits, factors[rows])
        return value, {"loss": value}

    return loss


def judge_accuracy(judge: Judge, data: Data, seed: int, device: torch.device) -> dict[str, Any]:
    """How often the judge is right on real images that it never saw, per attribute.

    `clean_accuracy` is the mean over attributes on images as they are: on fresh images of all combinations
    where these can be rendered, so that the judge is compared with exact knowledge, else on the test images.
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
        right = read_images(judge, images, device, blur_seed)
        share = right.mean(axis=0)
        metrics[f"{kind}_accuracy"] = round(float(share.mean()), 5)
        metrics[kind] = {name: round(float(s), 5) for name, s in zip(images.names, share, strict=True)}
    return metrics


@torch.no_grad()
def read_images(
    judge: Judge, images: ImageSet, device: torch.device, disturb: int | None = None
) -> np.ndarray:
    """Where the judge reads real images right, bool (N, A), as they are or disturbed by a seed."""
    pixels = datasets.resident(images, np.arange(len(images)), device)
    right = []
    for part, rows in enumerate(torch.arange(len(images), device=device).split(READING_BATCH)):
        x = datasets.batch(pixels, rows)
        if disturb is not None:
            x = augment(x, step_generator(disturb, part, device)).contiguous(
                memory_format=torch.channels_last
            )
        read = torch.stack([p.argmax(-1) for p in judge.probabilities(x)], dim=-1)
        right.append(read.cpu().numpy() == images.factors[rows.cpu().numpy()])
    return np.concatenate(right)
