"""How the vision model is trained: the method that its objective needs, from the section `vision`.

Most objectives are a loss of one pass of a batch, minimised by one optimiser. One that needs a second
network, or batches of another kind, is a `case` of `method_of` with an update of its own.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipelines.config import (
    DCIGN,
    QLAE,
    AdaGVAE,
    AdaMLVAE,
    Config,
    FactorVAE,
    InfoGAN,
    InfoWGANGP,
    JointVAE,
    SlowVAE,
)
from pipelines.config import Vision as Settings
from pipelines.devices import autocast, place
from pipelines.stages import factor_batches
from pipelines.stages.adversarial import adversarial
from pipelines.stages.image_batches import plain
from pipelines.stages.objectives import Penalty, kl_weights_of, objective_of, penalties_of
from pipelines.training import schedules
from pipelines.training.fitting import NETWORK, Method, by_descent, decayed
from pipelines.training.updates import StepLoss, alternate, descend
from vision import objectives
from vision.data import batches, rooms
from vision.objectives import Discriminator, Likelihood, Pass
from vision.randomness import derive_seed, step_generator
from vision.schedules import Schedule, constant
from vision.vae import VAE

MOMENTS = 0.5, 0.9
"""Of the discriminator's Adam (Kim and Mnih 2018, appendix A)."""


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
        case FactorVAE():
            return factor_vae(config, objective, vae, seen.pixels, likelihood)
        case AdaGVAE() | AdaMLVAE() | SlowVAE():
            return by_descent(vae, _loss_of_pairs(objective, config, vae, seen, likelihood), training)
        case DCIGN():
            return by_descent(vae, _loss_of_groups(objective, config, vae, seen, likelihood), training)
        case JointVAE(temperature=temperature):

            def forward(x: Tensor, generator: torch.Generator) -> Pass:
                return objectives.forward_joint(vae, x, likelihood, temperature, generator)

            return by_descent(
                vae, step_loss(config, vae, seen.pixels, plain(config, seen.pixels), forward), training
            )
        case InfoGAN() | InfoWGANGP():
            return adversarial(config, vae, seen.pixels, objective)
        case QLAE(weight_decay=weight_decay):
            return _by_quantisation(config, vae, seen.pixels, likelihood, weight_decay)
    return by_descent(vae, loss_of(config, vae, seen.pixels, likelihood), training)


def loss_of(
    config: Config,
    vae: VAE,
    pixels: Tensor,
    likelihood: Likelihood,
    further: Mapping[str, tuple[Schedule, Penalty]] | None = None,
) -> StepLoss:
    """What each step minimises, on resident images (`batches.resident`).

    Args:
        config: Objective, penalties, batch size and the seed.
        vae: The model in training.
        pixels: Images uint8 (N, H, W, C), as `batches.resident` returns them.
        likelihood: Of an image given a code.
        further: Penalties of the method, by name: (weight at a step, the penalty of a pass).
    """

    def forward(x: Tensor, generator: torch.Generator) -> Pass:
        return objectives.forward(vae, x, likelihood, generator)

    return step_loss(config, vae, pixels, plain(config, pixels), forward, further)


def _by_quantisation(
    config: Config, vae: VAE, pixels: Tensor, likelihood: Likelihood, weight_decay: float
) -> Method:
    """QLAE: a pass without noise, and AdamW that leaves biases and the values of the grid alone."""

    def forward(x: Tensor, generator: torch.Generator) -> Pass:
        return objectives.quantised_forward(vae, x, likelihood)

    loss = step_loss(config, vae, pixels, plain(config, pixels), forward)
    adam = decayed(vae, weight_decay, without=("quantiser",))
    update = descend(adam, loss, schedules.learning_rate(config.vision.training))
    return Method({NETWORK: vae}, {NETWORK: adam}, update)


def step_loss(
    config: Config,
    vae: VAE,
    pixels: Tensor,
    batch_at: Callable[[int], Tensor],
    forward: Callable[[Tensor, torch.Generator], Pass],
    further: Mapping[str, tuple[Schedule, Penalty]] | None = None,
) -> StepLoss:
    """The loss of a pass at each step, with the penalties.

    Args:
        config: Objective, penalties and the seed.
        vae: The model in training.
        pixels: The resident images, uint8 (N, H, W, C).
        batch_at: Step -> images (B, C, H, W) in [0, 1].
        forward: (images, noise) -> their pass through the model.
        further: Penalties of the method, by name: (weight at a step, the penalty of a pass).
    """
    settings, training, device = config.vision, config.vision.training, pixels.device
    objective = objective_of(settings, vae, device, len(pixels))
    penalties = {**(further or {}), **penalties_of(settings, vae)}
    noise_seed = derive_seed(config.seed, "vision noise")

    def loss_at(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        x = batch_at(step)
        generator = step_generator(noise_seed, step, device)
        with autocast(device, training.precision):
            passed = forward(x, generator)
            loss = objective.loss(passed, step)
            loss = _penalised(loss, settings, penalties, passed, step, generator)
        return loss.value, {"loss": loss.value, **loss.terms}

    return loss_at


def _penalised(
    loss: objectives.Loss,
    settings: Settings,
    penalties: Mapping[str, tuple[Schedule, Penalty]],
    passed: Pass,
    step: int,
    generator: torch.Generator,
) -> objectives.Loss:
    """The loss with the penalties that this step has; one of every n-th step counts n times."""
    for name, (weight, penalty) in penalties.items():
        every, now = settings.penalties.every(name), weight(step)
        if step % every == 0 and now:
            loss = loss.plus(name, now, every * penalty(passed, generator))
    return loss


def _loss_of_pairs(
    objective: AdaGVAE | AdaMLVAE | SlowVAE, config: Config, vae: VAE, seen: Seen, likelihood: Likelihood
) -> StepLoss:
    seed, half, device = (
        derive_seed(config.seed, "vision pairs"),
        config.vision.training.batch // 2,
        seen.pixels.device,
    )
    if isinstance(objective, SlowVAE) and objective.pairs == "frames":
        firsts, nexts = (_on_device(part, device) for part in _frames(config, seen))

        def batch_at(step: int) -> Tensor:
            rows = batches.plain(seed, step, len(firsts), half, device)
            return torch.cat((batches.take(firsts, rows), batches.take(nexts, rows)))
    else:
        pairs = factor_batches.pairs_of(objective, seen.factors, seen.names)

        def batch_at(step: int) -> Tensor:
            drawn = pairs(seed, step, half, device)
            return batches.take(seen.pixels, torch.cat((drawn.one, drawn.other)))

    forward = factor_batches.forward_pairs(objective, vae, likelihood)
    return step_loss(config, vae, seen.pixels, batch_at, forward)


def _frames(config: Config, seen: Seen) -> tuple[Tensor, Tensor]:
    """Two neighbouring frames (N, C, H, W) of each room that is learned from, uint8."""
    rng = np.random.default_rng(derive_seed(config.seed, "frames"))
    return rooms.frames(seen.factors, size=seen.pixels.shape[1], rng=rng)


def _on_device(images: Tensor, device: torch.device) -> Tensor:
    """Images (N, C, H, W) as `batches.take` reads them, (N, H, W, C)."""
    return images.permute(0, 2, 3, 1).contiguous().to(device)


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
            loss = _penalised(loss, settings, penalties, passed, step, generator)
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
    batch_at = plain(config, pixels, "vision discriminator batches")
    noise_seed = derive_seed(config.seed, "vision discriminator noise")
    z = torch.empty(0)  # the codes of this step

    def correlation(passed: Pass, _: torch.Generator) -> Tensor:
        nonlocal z
        z = passed.z.detach()
        return objectives.total_correlation(discriminator, passed.z)

    def discrimination(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        generator = step_generator(noise_seed, step, device)
        with autocast(device, training.precision):
            with torch.no_grad():
                other = vae.encoder(vae.colour.encode(batch_at(step))).sample(generator)
            loss = objectives.discrimination(discriminator, z, objectives.permuted(other, generator)).value
        return loss, {"discriminator": loss}

    further = {"total_correlation": (constant(chosen.gamma), correlation)}
    learned = by_descent(vae, loss_of(config, vae, pixels, likelihood, further), training)
    update = alternate(learned.update, descend(adam, discrimination, lambda step: settings.lr))
    return Method(
        {**learned.modules, "discriminator": discriminator},
        {**learned.optimisers, "discriminator": adam},
        update,
    )
