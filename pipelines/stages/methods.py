"""How the vision model is trained: the method that its objective needs, from the section `vision`.

Most objectives are a loss of one pass of a batch, minimised by one optimiser. One that needs a second
network, or batches of another kind, is a `case` of `method_of` with an update of its own.
"""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from pipelines.config import Config
from pipelines.devices import autocast
from pipelines.stages.objectives import objective_of, penalties_of
from pipelines.training.fitting import Method, by_descent
from pipelines.training.updates import StepLoss
from vision import objectives
from vision.data import batches
from vision.objectives import Likelihood
from vision.randomness import derive_seed, step_generator
from vision.vae import VAE


class Seen(NamedTuple):
    """What the vision model learns from."""

    pixels: Tensor
    """Images uint8 (N, H, W, C) on the device, as `batches.resident` returns them."""
    factors: np.ndarray
    """Their factors, integers (N, K): for methods that need pairs, or batches in which one factor varies."""


def method_of(config: Config, vae: VAE, seen: Seen, likelihood: Likelihood) -> Method:
    """The networks, optimisers and update that the objective of the config needs.

    Args:
        config: The section `vision`, and the seed.
        vae: The model in training.
        seen: What it learns from.
        likelihood: Of an image given a code.
    """
    return by_descent(vae, loss_of(config, vae, seen.pixels, likelihood), config.vision.training)


def loss_of(config: Config, vae: VAE, pixels: Tensor, likelihood: Likelihood) -> StepLoss:
    """What each step minimises, on resident images (`batches.resident`).

    Args:
        config: Objective, penalties, batch size and the seed.
        vae: The model in training.
        pixels: Images uint8 (N, H, W, C), as `batches.resident` returns them.
        likelihood: Of an image given a code.
    """
    settings, training, device = config.vision, config.vision.training, pixels.device
    objective, penalties = objective_of(settings, vae, device), penalties_of(settings, vae)
    batch_seed = derive_seed(config.seed, "vision batches")
    noise_seed = derive_seed(config.seed, "vision noise")

    def loss_at(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        x = batches.take(pixels, batches.plain(batch_seed, step, len(pixels), training.batch, device))
        generator = step_generator(noise_seed, step, device)
        with autocast(device, training.precision):
            passed = objectives.forward(vae, x, likelihood, generator)
            loss = objective.loss(passed, step)
            for name, (weight, penalty) in penalties.items():
                loss = loss.plus(name, weight, penalty(passed, generator))
        return loss.value, {"loss": loss.value, **loss.terms}

    return loss_at
