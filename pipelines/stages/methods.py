"""How the vision model is trained: the method that its objective needs, from the section `vision`.

Most objectives are a loss of one pass of a batch, minimised by one optimiser. One that needs a second
network, or batches of another kind, is a `case` of `method_of` with an update of its own.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipelines.config import DCIGN, AdaGVAE, AdaMLVAE, Config, JointVAE, SlowVAE
from pipelines.devices import autocast
from pipelines.stages import factor_batches
from pipelines.stages.objectives import kl_weights_of, objective_of, penalties_of
from pipelines.training import schedules
from pipelines.training.fitting import Method, by_descent
from pipelines.training.updates import StepLoss
from vision import objectives
from vision.data import batches
from vision.objectives import Likelihood, Pass
from vision.randomness import derive_seed, step_generator
from vision.vae import VAE


class Seen(NamedTuple):
    """What the vision model learns from."""

    pixels: Tensor
    """Images uint8 (N, H, W, C) on the device, as `batches.resident` returns them."""
    factors: np.ndarray
    """Their factors, integers (N, K): for methods that need pairs, or batches in which one factor varies."""
    names: tuple[str, ...] = ()
    """Of the factors."""


def method_of(config: Config, vae: VAE, seen: Seen, likelihood: Likelihood) -> Method:
    """The networks, optimisers and update that the objective of the config needs.

    Args:
        config: The section `vision`, and the seed.
        vae: The model in training.
        seen: What it learns from.
        likelihood: Of an image given a code.
    """
    objective, training = config.vision.objective, config.vision.training
    match objective:
        case AdaGVAE() | AdaMLVAE() | SlowVAE():
            return by_descent(vae, _loss_of_pairs(objective, config, vae, seen, likelihood), training)
        case DCIGN():
            return by_descent(vae, _loss_of_groups(objective, config, vae, seen, likelihood), training)
        case JointVAE(temperature=temperature):

            def forward(x: Tensor, generator: torch.Generator) -> Pass:
                return objectives.forward_joint(vae, x, likelihood, temperature, generator)

            return by_descent(
                vae, step_loss(config, vae, seen.pixels.device, plain(config, seen.pixels), forward), training
            )
    return by_descent(vae, loss_of(config, vae, seen.pixels, likelihood), training)


def loss_of(config: Config, vae: VAE, pixels: Tensor, likelihood: Likelihood) -> StepLoss:
    """What each step minimises, on resident images (`batches.resident`).

    Args:
        config: Objective, penalties, batch size and the seed.
        vae: The model in training.
        pixels: Images uint8 (N, H, W, C), as `batches.resident` returns them.
        likelihood: Of an image given a code.
    """

    def forward(x: Tensor, generator: torch.Generator) -> Pass:
        return objectives.forward(vae, x, likelihood, generator)

    return step_loss(config, vae, pixels.device, plain(config, pixels), forward)


def plain(config: Config, pixels: Tensor) -> Callable[[int], Tensor]:
    """Step -> its batch (B, C, H, W) of resident images, each as often as any other."""
    seed, batch, device = (
        derive_seed(config.seed, "vision batches"),
        config.vision.training.batch,
        pixels.device,
    )
    return lambda step: batches.take(pixels, batches.plain(seed, step, len(pixels), batch, device))


def step_loss(
    config: Config,
    vae: VAE,
    device: torch.device,
    batch_at: Callable[[int], Tensor],
    forward: Callable[[Tensor, torch.Generator], Pass],
) -> StepLoss:
    """The loss of a pass at each step, with the penalties.

    Args:
        config: Objective, penalties and the seed.
        vae: The model in training.
        device: Where it is.
        batch_at: Step -> images (B, C, H, W) in [0, 1].
        forward: (images, noise) -> their pass through the model.
    """
    settings, training = config.vision, config.vision.training
    objective, penalties = objective_of(settings, vae, device), penalties_of(settings, vae)
    noise_seed = derive_seed(config.seed, "vision noise")

    def loss_at(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        x = batch_at(step)
        generator = step_generator(noise_seed, step, device)
        with autocast(device, training.precision):
            passed = forward(x, generator)
            loss = objective.loss(passed, step)
            for name, (weight, penalty) in penalties.items():
                loss = loss.plus(name, weight, penalty(passed, generator))
        return loss.value, {"loss": loss.value, **loss.terms}

    return loss_at


def _loss_of_pairs(
    objective: AdaGVAE | AdaMLVAE | SlowVAE, config: Config, vae: VAE, seen: Seen, likelihood: Likelihood
) -> StepLoss:
    pairs = factor_batches.pairs_of(objective, seen.factors, seen.names)
    seed, batch, pixels = derive_seed(config.seed, "vision pairs"), config.vision.training.batch, seen.pixels

    def batch_at(step: int) -> Tensor:
        drawn = pairs(seed, step, batch // 2, pixels.device)
        return batches.take(pixels, torch.cat((drawn.one, drawn.other)))

    forward = factor_batches.forward_pairs(objective, vae, likelihood)
    return step_loss(config, vae, pixels.device, batch_at, forward)


def _loss_of_groups(
    objective: DCIGN, config: Config, vae: VAE, seen: Seen, likelihood: Likelihood
) -> StepLoss:
    settings, training, pixels = config.vision, config.vision.training, seen.pixels
    groups = factor_batches.groups_of(objective, seen.factors, seen.names, vae.latents)
    device, beta = pixels.device, schedules.of(objective.beta, training.steps)
    active = factor_batches.active_latents(objective, vae.latents, len(groups.contexts)).to(device)
    weights, penalties = kl_weights_of(settings, vae, device), penalties_of(settings, vae)
    kl_weights = active.float() if weights is None else active * weights
    batch_seed, noise_seed = (
        derive_seed(config.seed, "vision groups"),
        derive_seed(config.seed, "vision noise"),
    )

    def loss_at(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        drawn = groups(batch_seed, step, training.batch, device)
        x, group = batches.take(pixels, drawn.indices), drawn.group
        generator = step_generator(noise_seed, step, device)
        with autocast(device, training.precision):
            target = objectives.target_of(vae, x, likelihood)
            q = vae.encoder(target)
            clamped = objectives.clamped(q, active[group])
            passed = objectives.reconstruct(vae, clamped, target, likelihood, generator)
            loss = objectives.beta_vae(passed, beta=beta(step), kl_weights=kl_weights[group])
            invariance = objectives.invariance(q, active[group])
            loss = loss.plus("invariance", objective.invariance_strength, invariance)
            for name, (weight, penalty) in penalties.items():
                loss = loss.plus(name, weight, penalty(passed, generator))
        return loss.value, {"loss": loss.value, **loss.terms}

    return loss_at
