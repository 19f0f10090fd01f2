"""How the vision model is trained: the method that its objective needs, from the section `vision`.

Most objectives are a loss of one pass of a batch, minimised by one optimiser. One that needs a second
network, or batches of another kind, is a `case` of `method_of` with an update of its own.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipelines.config import Config, FactorVAE
from pipelines.devices import autocast, place
from pipelines.stages.objectives import Penalty, objective_of, penalties_of
from pipelines.training.fitting import Method, by_descent
from pipelines.training.updates import StepLoss, alternate, descend
from vision import objectives
from vision.data import batches
from vision.objectives import Discriminator, Likelihood, Pass
from vision.randomness import derive_seed, step_generator
from vision.vae import VAE

MOMENTS = 0.5, 0.9
"""Of the discriminator's Adam (Kim and Mnih 2018, appendix A)."""


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
    match config.vision.objective:
        case FactorVAE() as chosen:
            return factor_vae(config, chosen, vae, seen.pixels, likelihood)
    return by_descent(vae, loss_of(config, vae, seen.pixels, likelihood), config.vision.training)


def loss_of(
    config: Config,
    vae: VAE,
    pixels: Tensor,
    likelihood: Likelihood,
    further: Mapping[str, tuple[float, Penalty]] | None = None,
) -> StepLoss:
    """What each step minimises, on resident images (`batches.resident`).

    Args:
        config: Objective, penalties, batch size and the seed.
        vae: The model in training.
        pixels: Images uint8 (N, H, W, C), as `batches.resident` returns them.
        likelihood: Of an image given a code.
        further: Penalties of the method, by name: (weight, the penalty of a pass).
    """
    settings, training, device = config.vision, config.vision.training, pixels.device
    objective = objective_of(settings, vae, device, len(pixels))
    penalties = {**(further or {}), **penalties_of(settings, vae)}
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


def factor_vae(config: Config, chosen: FactorVAE, vae: VAE, pixels: Tensor, likelihood: Likelihood) -> Method:
    """The FactorVAE: a step of the VAE, then one of the discriminator, on codes of two batches of images.

    The discriminator compares the codes that the step of the VAE was made with, and permuted codes of a batch
    of its own (`vision.objectives.factor_vae`).
    """
    training, device = config.vision.training, pixels.device
    torch.manual_seed(derive_seed(config.seed, "vision discriminator"))
    settings = chosen.discriminator
    discriminator = place(Discriminator(vae.latents, settings.hidden, settings.layers), device)
    adam = torch.optim.Adam(discriminator.parameters(), betas=MOMENTS, fused=True)
    batch_seed = derive_seed(config.seed, "vision discriminator batches")
    noise_seed = derive_seed(config.seed, "vision discriminator noise")
    z = torch.empty(0)  # the codes of this step

    def correlation(passed: Pass, _: torch.Generator) -> Tensor:
        nonlocal z
        z = passed.z.detach()
        return objectives.total_correlation(discriminator, passed.z)

    def discrimination(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        x = batches.take(pixels, batches.plain(batch_seed, step, len(pixels), training.batch, device))
        generator = step_generator(noise_seed, step, device)
        with autocast(device, training.precision):
            with torch.no_grad():
                other = vae.encoder(vae.colour.encode(x)).sample(generator)
            loss = objectives.discrimination(discriminator, z, objectives.permuted(other, generator)).value
        return loss, {"discriminator": loss}

    further = {"total_correlation": (chosen.gamma, correlation)}
    learned = by_descent(vae, loss_of(config, vae, pixels, likelihood, further), training)
    update = alternate(learned.update, descend(adam, discrimination, lambda step: settings.lr))
    return Method(
        {**learned.modules, "discriminator": discriminator},
        {**learned.optimisers, "discriminator": adam},
        update,
    )
