"""Judge: a classifier trained on real images alone, by which imagined ones are read.

Where the set can be rendered it learns from fresh images, otherwise from the training images; like every
stage, from none of a held-out combination or pair. Every image it sees is disturbed as a decoder might
disturb it (`scan.judge.augment`).

Its accuracy is measured on images that it never saw, whose factors are known exactly, as they are and
disturbed (`scan.judge_accuracy`).
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.config import Config
from pipelines.config import Judge as Settings
from pipelines.devices import Machine, autocast, place
from pipelines.runs import datasets
from pipelines.runs.folder import RunFolder, StageResult
from pipelines.training.fitting import by_descent, fit, save_model
from pipelines.training.updates import StepLoss
from scan import models
from scan.data import Data
from scan.judge import Judge, augment, judge_loss
from scan.judge_accuracy import judge_accuracy
from symbols import Vocabulary
from vision.data import ImageSet, batches
from vision.interfaces import Shape
from vision.randomness import derive_seed, generator, step_generator


def run(config: Config, run: RunFolder, machine: Machine) -> StageResult:
    """Train on real images, and measure on others."""
    settings, device = config.judge, machine.device
    data = datasets.load(config, run)
    seen = training_images(data, settings.images, generator(config.seed, "judge images"))
    spec = specification(settings, data.images.shape, data.vocabulary)
    torch.manual_seed(derive_seed(config.seed, "judge weights"))
    judge = models.build(spec)
    assert isinstance(judge, Judge)
    place(judge, device)
    loss = loss_of(config, judge, seen, device)
    trained = fit(by_descent(judge, loss, settings), settings, run.stage("judge"), "judge", machine)
    judge.eval()
    metrics = {
        **trained.last,
        "images": len(seen),
        "precision": settings.precision,
        **judge_accuracy(judge, data, config.seed, device),
    }
    return save_model(judge, spec, metrics, trained, run, "judge", machine)


def specification(settings: Settings, shape: Shape, words: Vocabulary) -> dict[str, Any]:
    """What rebuilds the model, written beside its weights.

    Args:
        settings: The section of the config.
        shape: (C, H, W) of the images.
        words: Their attributes.
    """
    sizes = list(words.factor_sizes)
    return {"kind": "judge", "shape": list(shape), "sizes": sizes, "network": settings.network}


def training_images(data: Data, n: int, rng: np.random.Generator) -> ImageSet:
    """The images to learn from: n fresh ones where the set can be rendered, else the training images.

    Args:
        data: The images and the published lists.
        n: How many to render.
        rng: Source of factors and nuisances.
    """
    if data.images.render is None:
        return data.images.subset(data.train)
    return data.images.sample(n, rng, data.may_be_learned_from)


def loss_of(config: Config, judge: Judge, seen: ImageSet, device: torch.device) -> StepLoss:
    """What each step minimises, on the images to learn from.

    Args:
        config: Batch size, precision and the seed.
        judge: The classifier in training.
        seen: The images to learn from.
        device: Where the classifier is.
    """
    settings = config.judge
    pixels = batches.resident(seen, np.arange(len(seen)), device)
    factors = torch.from_numpy(seen.factors).to(device)
    batch_seed = derive_seed(config.seed, "judge batches")
    noise_seed = derive_seed(config.seed, "judge noise")

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        rows = batches.plain(batch_seed, step, len(pixels), settings.batch, device)
        x = augment(batches.take(pixels, rows), step_generator(noise_seed, step, device))
        x = x.contiguous(memory_format=torch.channels_last)
        with autocast(device, settings.precision):
            logits = judge(x)
        value = judge_loss(logits, factors[rows])
        return value, {"loss": value}

    return loss
