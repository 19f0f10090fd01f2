"""From the section `vision` to functions: the likelihood, the objective with its schedules, the penalties."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from pipelines.config import (
    DCIGN,
    AdaGVAE,
    AdaMLVAE,
    BernoulliLikelihood,
    BetaVAE,
    GaussianLikelihood,
    JointNetwork,
    JointVAE,
    LayeredNetwork,
    PerceptualLikelihood,
    SlowVAE,
)
from pipelines.config import Vision as Settings
from pipelines.training import schedules
from vision import objectives
from vision.dae import DAE
from vision.objectives import Likelihood, Pass
from vision.vae import VAE

Penalty = Callable[[Pass, torch.Generator], Tensor]


class Objective(NamedTuple):
    """What a network is trained for, besides the penalties."""

    loss: Callable[[Pass, int], objectives.Loss]
    """(pass, step) -> loss."""
    beta: float
    """The weight of the KL at the last step."""


def likelihood_of(settings: Settings, dae: DAE | None) -> Likelihood:
    """The likelihood of the images that the settings name; `dae` gives the features of a perceptual one."""
    match settings.likelihood:
        case BernoulliLikelihood():
            return objectives.Bernoulli()
        case GaussianLikelihood(scale=scale):
            assert scale != "auto", "weights are resolved when a run starts"
            return objectives.Normal(scale)
        case PerceptualLikelihood(features=features):
            return objectives.Perceptual(dae, features)


def objective_of(settings: Settings, vae: VAE, device: torch.device) -> Objective:
    """The objective that the settings name, with its schedules and weights.

    Args:
        settings: The section `vision`.
        vae: The model in training.
        device: Where it is.
    """
    chosen, steps = settings.objective, settings.training.steps
    match chosen:
        case BetaVAE():
            beta = schedules.of(chosen.beta, steps)
            capacity = None if chosen.capacity is None else schedules.of(chosen.capacity, steps)
            kl_weights = kl_weights_of(settings, vae, device)

            def beta_vae(passed: Pass, step: int) -> objectives.Loss:
                nats = None if capacity is None else capacity(step)
                return objectives.beta_vae(passed, beta=beta(step), kl_weights=kl_weights, capacity=nats)

            return Objective(beta_vae, beta(steps))
        case AdaGVAE() | AdaMLVAE() | DCIGN():
            beta, kl_weights = schedules.of(chosen.beta, steps), kl_weights_of(settings, vae, device)
            return Objective(
                lambda passed, step: objectives.beta_vae(passed, beta=beta(step), kl_weights=kl_weights),
                beta(steps),
            )
        case SlowVAE(gamma=gamma, rate=rate):
            beta, kl_weights = schedules.of(chosen.beta, steps), kl_weights_of(settings, vae, device)
            return Objective(
                lambda passed, step: objectives.slow_vae(
                    passed, beta=beta(step), gamma=gamma, rate=rate, kl_weights=kl_weights
                ),
                beta(steps),
            )
        case JointVAE():
            continuous = schedules.of(chosen.capacity_continuous, steps)
            categorical = schedules.of(chosen.capacity_categorical, steps)
            assert isinstance(settings.network, JointNetwork), "the config has no other"
            categories = settings.network.categories
            return Objective(
                lambda passed, step: objectives.joint_vae(
                    passed,
                    categories,
                    gamma_continuous=chosen.gamma_continuous,
                    gamma_categorical=chosen.gamma_categorical,
                    capacity_continuous=continuous(step),
                    capacity_categorical=categorical(step),
                ),
                chosen.gamma_continuous,
            )


def kl_weights_of(settings: Settings, vae: VAE, device: torch.device) -> Tensor | None:
    """Weights (D,) of the latents' KL relative to each other; None where they are all 1.

    Args:
        settings: The section `vision`.
        vae: The model, of D latents.
        device: Of the weights.
    """
    network = settings.network
    if not isinstance(network, LayeredNetwork):
        return None
    weights = torch.ones(vae.latents, device=device)
    weights[: network.mask_latents] = network.mask_kl_weight
    return weights


def penalties_of(settings: Settings, vae: VAE) -> dict[str, tuple[float, Penalty]]:
    """The penalties that have a weight, by name: (weight, the penalty of a pass)."""
    functions: dict[str, Penalty] = {
        "jacobian_l1": partial(objectives.jacobian_l1, vae),
        "off_diagonal_covariance": lambda passed, _: objectives.off_diagonal_covariance(passed.q.mean),
    }
    network = settings.network
    if isinstance(network, LayeredNetwork):
        first = network.mask_latents
        functions["cross_covariance"] = lambda passed, _: objectives.cross_covariance(
            passed.q.mean[:, :first], passed.q.mean[:, first:]
        )
    weights: dict[str, float] = settings.penalties.model_dump()
    assert "auto" not in weights.values(), "weights are resolved when a run starts"
    return {name: (weight, functions[name]) for name, weight in weights.items() if weight}
