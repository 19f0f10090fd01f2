"""From the section `vision` to functions: the likelihood, the objective with its schedules, the penalties."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from pipelines.config import (
    DCIGN,
    DIPVAEI,
    DIPVAEII,
    QLAE,
    AdaGVAE,
    AdaMLVAE,
    AnnealedVAE,
    BernoulliLikelihood,
    BetaTCVAE,
    BetaVAE,
    BottleneckVAE,
    FactorVAE,
    GaussianLikelihood,
    InfoGAN,
    InfoWGANGP,
    JointNetwork,
    JointVAE,
    LayeredNetwork,
    Linear,
    PairObjective,
    PerceptualLikelihood,
    SlowVAE,
)
from pipelines.config import Vision as Settings
from pipelines.errors import UsageError
from pipelines.training import schedules
from vision import objectives
from vision.dae import DAE
from vision.interfaces import Decoder
from vision.layered import LayeredDecoder
from vision.objectives import Likelihood, Pass
from vision.quantised import QuantisedDecoder
from vision.schedules import Schedule, constant
from vision.vae import VAE

Penalty = Callable[[Pass, torch.Generator], Tensor]


class Objective(NamedTuple):
    """What a network is trained for, besides the penalties."""

    loss: Callable[[Pass, int], objectives.Loss]
    """(pass, step) -> loss."""
    beta: float | None
    """The weight of the KL at the last step; None where there is no KL."""


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


def objective_of(settings: Settings, vae: VAE, device: torch.device, images: int) -> Objective:
    """The objective that the settings name, with its schedules and weights; without the part of a second
    network, which is that of a method (`pipelines.stages.methods`).

    Args:
        settings: The section `vision`.
        vae: The model in training.
        device: Where it is.
        images: N, how many it learns from.

    Raises:
        UsageError: For batches that the objective cannot use with so few images.
    """
    chosen, steps, batch = settings.objective, settings.training.steps, settings.training.batch
    kl_weights = kl_weights_of(settings, vae, device)
    match chosen:
        case BetaVAE():
            capacity = None if chosen.capacity is None else schedules.of(chosen.capacity, steps)
            return _beta_vae(schedules.of(chosen.beta, steps), capacity, steps, kl_weights)
        case AnnealedVAE():
            return _beta_vae(constant(chosen.gamma), schedules.of(chosen.capacity, steps), steps, kl_weights)
        case BottleneckVAE():
            return _beta_vae(constant(chosen.gamma), constant(chosen.capacity), steps, kl_weights)
        case FactorVAE():
            return _beta_vae(constant(1.0), None, steps, kl_weights)
        case BetaTCVAE():
            if chosen.estimator == "mss" and batch > images:
                raise UsageError(
                    f"vision.training.batch: {batch} is more than the {images} images, of which stratified "
                    "sampling takes each once: lower it, or --set vision.objective.estimator=mws"
                )
            return _beta_tcvae(chosen, images, steps, kl_weights)
        case DIPVAEI() | DIPVAEII():
            return _dip_vae(chosen, kl_weights)
        case AdaGVAE() | AdaMLVAE() | DCIGN():
            return _beta_vae(schedules.of(chosen.beta, steps), None, steps, kl_weights)
        case SlowVAE():
            return _slow_vae(chosen, steps, kl_weights)
        case JointVAE():
            assert isinstance(settings.network, JointNetwork), "the config has no other"
            return _joint_vae(chosen, settings.network.categories, steps)
        case QLAE():
            return _qlae(chosen)
        case InfoGAN() | InfoWGANGP():
            raise AssertionError("their losses are not of a pass: `pipelines.stages.adversarial`")


def _beta_vae(beta: Schedule, capacity: Schedule | None, steps: int, kl_weights: Tensor | None) -> Objective:
    def loss(passed: Pass, step: int) -> objectives.Loss:
        nats = None if capacity is None else capacity(step)
        return objectives.beta_vae(passed, beta=beta(step), kl_weights=kl_weights, capacity=nats)

    return Objective(loss, beta(steps))


def _beta_tcvae(chosen: BetaTCVAE, images: int, steps: int, kl_weights: Tensor | None) -> Objective:
    beta = schedules.of(chosen.beta, steps)

    def loss(passed: Pass, step: int) -> objectives.Loss:
        return objectives.beta_tcvae(
            passed,
            images,
            alpha=chosen.alpha,
            beta=beta(step),
            gamma=chosen.gamma,
            estimator=chosen.estimator,
            kl_weights=kl_weights,
        )

    return Objective(loss, 1.0)


def _dip_vae(chosen: DIPVAEI | DIPVAEII, kl_weights: Tensor | None) -> Objective:
    dip_vae = objectives.dip_vae_i if isinstance(chosen, DIPVAEI) else objectives.dip_vae_ii

    def loss(passed: Pass, step: int) -> objectives.Loss:
        return dip_vae(
            passed, off_diagonal=chosen.off_diagonal, diagonal=chosen.diagonal, kl_weights=kl_weights
        )

    return Objective(loss, 1.0)


def _slow_vae(chosen: SlowVAE, steps: int, kl_weights: Tensor | None) -> Objective:
    beta = schedules.of(chosen.beta, steps)

    def loss(passed: Pass, step: int) -> objectives.Loss:
        return objectives.slow_vae(
            passed, beta=beta(step), gamma=chosen.gamma, rate=chosen.rate, kl_weights=kl_weights
        )

    return Objective(loss, beta(steps))


def _joint_vae(chosen: JointVAE, categories: Sequence[int], steps: int) -> Objective:
    continuous = schedules.of(chosen.capacity_continuous, steps)
    categorical = schedules.of(chosen.capacity_categorical, steps)

    def loss(passed: Pass, step: int) -> objectives.Loss:
        return objectives.joint_vae(
            passed,
            categories,
            gamma_continuous=chosen.gamma_continuous,
            gamma_categorical=chosen.gamma_categorical,
            capacity_continuous=continuous(step),
            capacity_categorical=categorical(step),
        )

    return Objective(loss, chosen.gamma_continuous)


def _qlae(chosen: QLAE) -> Objective:
    def loss(passed: Pass, step: int) -> objectives.Loss:
        return objectives.qlae(passed, quantisation=chosen.quantisation, commitment=chosen.commitment)

    return Objective(loss, None)


def beta_of(settings: Settings, vae: VAE, device: torch.device, images: int) -> float | None:
    """The weight of the KL at the last step; None without a KL. Arguments as `objective_of`."""
    if isinstance(settings.objective, InfoGAN | InfoWGANGP):
        return None
    return objective_of(settings, vae, device, images).beta


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


def penalties_of(settings: Settings, vae: VAE) -> dict[str, tuple[Schedule, Penalty]]:
    """The penalties that have a weight, by name: (weight at a step, the penalty of a pass)."""
    is_grid, is_paired = (isinstance(settings.objective, kinds) for kinds in (QLAE, PairObjective))

    def codes(passed: Pass) -> Tensor:
        if is_grid:  # whose values have no gradient to the encoder
            return passed.z
        mean = passed.q.mean
        # The two of a pair stand half a batch apart: here side by side, in the same half of the batch.
        return mean.unflatten(0, (2, -1)).transpose(0, 1).flatten(0, 1) if is_paired else mean

    functions: dict[str, Penalty] = {
        "jacobian_l1": partial(objectives.jacobian_l1, vae),
        "off_diagonal_covariance": lambda passed, _: objectives.off_diagonal_covariance(codes(passed)),
    }
    network = settings.network
    if isinstance(network, LayeredNetwork):
        first = network.mask_latents
        functions["cross_covariance"] = lambda passed, _: objectives.cross_covariance(
            codes(passed)[:, :first], codes(passed)[:, first:]
        )
        decoder = vae.decoder
        assert isinstance(decoder, LayeredDecoder), "it is that of the network"
        functions["mask_entropy"] = lambda passed, _: objectives.mask_entropy(decoder, passed)
    functions["hessian"] = partial(_hessian, vae.decoder)
    functions["latent_multiinformation"] = lambda passed, _: objectives.latent_multiinformation(passed.z)
    weights = settings.penalties.weights()
    assert "auto" not in weights.values(), "weights are resolved when a run starts"
    at_step = {name: constant(weight) for name, weight in weights.items() if weight}
    if "mask_entropy" in at_step:
        until = settings.penalties.mask_entropy_until
        falling = Linear(kind="linear", start=weights["mask_entropy"], end=0.0, until=until)
        at_step["mask_entropy"] = schedules.of(falling, settings.training.steps)
    return {name: (weight, functions[name]) for name, weight in at_step.items()}


def _hessian(decoder: Decoder, passed: Pass, generator: torch.Generator) -> Tensor:
    """The normalised Hessian penalty at the codes of a pass; of a quantised decoder between its values."""
    if isinstance(decoder, QuantisedDecoder):
        z = decoder.quantiser.straight_through(passed.z)
        return objectives.normalised_hessian(decoder.decoder, z, generator)
    return objectives.normalised_hessian(decoder, passed.z, generator)
