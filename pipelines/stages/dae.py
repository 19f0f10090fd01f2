"""The denoising autoencoder whose features stand in for pixels in the beta-VAE_DAE."""

from typing import Any

import torch
from torch import Tensor

from pipelines.config import Config
from pipelines.devices import Machine, autocast, place
from pipelines.runs import datasets
from pipelines.runs.folder import RunFolder, StageResult
from pipelines.training.fitting import by_descent, fit, save_model
from pipelines.training.updates import StepLoss
from vision import models, objectives
from vision.dae import DAE
from vision.data import batches
from vision.randomness import derive_seed, step_generator


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
            "colour": config.vision.network.colour,
        }
    )


def run(config: Config, run: RunFolder, machine: Machine) -> StageResult:
    """Train it to restore images from which a rectangle was cut out."""
    settings, device = config.dae, machine.device
    assert settings is not None, "there is no such stage without its section"
    data = datasets.load(config, run, quiet=machine.quiet)
    pixels = batches.resident(data.images, data.train, device)
    spec = specification(config, data.images.shape)
    torch.manual_seed(derive_seed(config.seed, "dae weights"))
    dae = models.build(spec)
    assert isinstance(dae, DAE)
    place(dae, device)
    method = by_descent(dae, loss_of(config, dae, pixels), settings)
    trained = fit(method, settings, run.stage("dae"), "dae", machine)
    return save_model(
        dae,
        spec,
        {**trained.last, "images": len(pixels), "precision": settings.precision},
        trained,
        run,
        "dae",
        machine,
    )


def loss_of(config: Config, dae: DAE, pixels: Tensor) -> StepLoss:
    """What each step minimises, on resident images (`batches.resident`).

    Args:
        config: Batch size, precision and the seed.
        dae: The model in training.
        pixels: Images uint8 (N, H, W, C), as `batches.resident` returns them.
    """
    settings, device = config.dae, pixels.device
    assert settings is not None, "there is no such stage without its section"
    batch_seed = derive_seed(config.seed, "dae batches")
    noise_seed = derive_seed(config.seed, "dae noise")

    def loss_at(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        x = batches.take(pixels, batches.plain(batch_seed, step, len(pixels), settings.batch, device))
        with autocast(device, settings.precision):
            loss = objectives.denoising(dae, x, step_generator(noise_seed, step, device))
        return loss.value, {"loss": loss.value, **loss.terms}

    return loss_at
