"""The denoising autoencoder whose features stand in for pixels in the beta-VAE_DAE."""

from typing import Any

import torch
from torch import Tensor

from pipelines.config import Config
from pipelines.devices import Machine, autocast, place
from pipelines.runs import datasets
from pipelines.runs.folder import Made, RunFolder
from pipelines.runs.randomness import derive, noise
from pipelines.training.learning import keep, learn
from pipelines.training.updates import StepLoss
from vision import models, objectives
from vision.dae import DAE
from vision.data import batches


def specification(config: Config, shape: tuple[int, int, int]) -> dict[str, Any]:
    """What rebuilds the model, written beside its weights."""
    settings = config.dae
    assert settings is not None, "there is no such model without its section"
    return models.resolve(
        {
            "kind": "dae",
            "shape": list(shape),
            "code": settings.code,
            "widths": list(settings.widths),
            "bound": settings.bound,
            "colour": config.vision.colour,
        }
    )


def run(config: Config, run: RunFolder, machine: Machine) -> Made:
    """Train it to restore images from which a rectangle was cut out."""
    settings, device = config.dae, machine.device
    assert settings is not None, "there is no such stage without its section"
    data = datasets.load(config, run, quiet=machine.quiet)
    pixels = datasets.resident(data.images, data.train, device)
    spec = specification(config, data.images.shape)
    torch.manual_seed(derive(config.seed, "dae weights"))
    dae = models.build(spec)
    assert isinstance(dae, DAE)
    place(dae, device)
    trained = learn(dae, loss_of(config, dae, pixels), settings, run.stage("dae"), "dae", machine)
    return keep(
        dae,
        spec,
        {**trained.last, "images": len(pixels), "precision": settings.precision},
        trained,
        run,
        "dae",
        machine,
    )


def loss_of(config: Config, dae: DAE, pixels: Tensor) -> StepLoss:
    """What each step minimises, on resident images (`datasets.resident`)."""
    settings, device = config.dae, pixels.device
    assert settings is not None, "there is no such stage without its section"
    order, dice = derive(config.seed, "dae batches"), derive(config.seed, "dae noise")

    def loss_at(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        x = datasets.batch(pixels, batches.plain(order, step, len(pixels), settings.batch, device))
        with autocast(device, settings.precision):
            loss = objectives.denoising(dae, x, noise(dice, step, device))
        return loss.value, {"loss": loss.value, **loss.terms}

    return loss_at
