"""See: a beta-VAE, or beta-VAE_DAE, on the images alone."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.config import Config
from pipelines.config import Vision as Settings
from pipelines.devices import Machine, autocast, place
from pipelines.report import health
from pipelines.runs import datasets
from pipelines.runs.datasets import Data
from pipelines.runs.folder import Made, RunFolder
from pipelines.runs.metrics import jsonable
from pipelines.runs.models import load
from pipelines.runs.randomness import derive, generator, noise
from pipelines.training import schedules
from pipelines.training.learning import keep
from pipelines.training.starts import NOTE, Start, learn_best, steps_of
from pipelines.training.updates import StepLoss
from vision import models, objectives
from vision.dae import DAE
from vision.data import batches
from vision.encoding import ENCODING_BATCH, encode
from vision.gaussian import ACTIVE, kl_from_prior
from vision.objectives import Likelihood, Pass
from vision.vae import VAE

METRIC_IMAGES = 2000
STANDARD_IMAGES = 10_000
"""From which origin and unit of the latents are taken; drawn, since a stored set may be sorted."""
DIGITS = 9

Penalty = Callable[[Pass, torch.Generator], Tensor]


def run(config: Config, run: RunFolder, machine: Machine) -> Made:
    """Train on every image that is neither held out nor a test image."""
    settings, device = config.vision, machine.device
    data = datasets.load(config, run, quiet=machine.quiet)
    pixels = datasets.resident(data.images, data.train, device)
    spec = specification(settings, data.images.shape)
    likelihood = likelihood_of(settings, _dae(settings, run, device))

    def new(number: int) -> VAE:
        torch.manual_seed(derive(config.seed, f"vision weights {number}" if number else "vision weights"))
        vae = models.build(spec)
        assert isinstance(vae, VAE)
        return place(vae, device)

    def start(number: int) -> Start[VAE]:
        vae = new(number)
        return Start(vae, loss_of(config, vae, pixels, likelihood))

    seen = _pixels(pixels)
    for line in health.of_images(seen):
        machine.say(f"vision: warning: {line}")
    vae = new(0)
    beta = schedules.of(settings.beta, settings.steps)(settings.steps)
    normalised = objectives.normalised_beta(beta, vae.latents, _features(config, vae))
    machine.say(f"vision: {len(pixels):,} images, beta ends at {beta:.4g}, normalised {normalised:.3g}")
    vae, trained = learn_best(start, settings, run, "vision", machine)
    vae.eval()
    some = generator(config.seed, "standard images").permutation(data.train)[:STANDARD_IMAGES]
    vae.standardise(encode(vae, data.images.images[torch.from_numpy(some)], device))
    metrics = {
        "beta": beta,
        "beta_normalised": normalised,
        "train": _measure(vae, data, data.train, likelihood, device),
        "test_images": _measure(vae, data, data.splits.test_images, likelihood, device),
        "held_out": _measure(vae, data, data.held_out, likelihood, device),
        "kl_trained": trained.last.get("kl"),
        "pixels": seen,
        "images": len(pixels),
        "precision": settings.precision,
        "images_per_second": round(steps_of(settings) * settings.batch / max(trained.seconds, 1e-9), 1),
    }
    made = keep(vae, spec, metrics, trained, run, "vision", machine)
    return made._replace(files=(*made.files, NOTE)) if settings.starts > 1 else made


def specification(settings: Settings, shape: tuple[int, int, int]) -> dict[str, Any]:
    """What rebuilds the model, written beside its weights."""
    spec: dict[str, Any] = {
        "kind": {"vae": "convolutional", "layered_vae": "layered"}[settings.kind],
        "shape": list(shape),
        "widths": list(settings.widths),
        "hidden": settings.hidden,
        "activation": settings.activation,
        "colour": settings.colour,
        "precision_limit": settings.precision_limit,
    }
    if settings.kind == "layered_vae":
        spec |= {"mask_latents": settings.where, "components": settings.layers, "masks": settings.masks}
    elif settings.latents is not None:
        spec |= {"latents": settings.latents}
    return models.resolve(spec)


def loss_of(config: Config, vae: VAE, pixels: Tensor, likelihood: Likelihood) -> StepLoss:
    """What each step minimises, on resident images (`datasets.resident`)."""
    settings, device = config.vision, pixels.device
    objective, penalties = objective_of(settings, vae, device), penalties_of(settings, vae)
    order, dice = derive(config.seed, "vision batches"), derive(config.seed, "vision noise")

    def loss_at(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        x = datasets.batch(pixels, batches.plain(order, step, len(pixels), settings.batch, device))
        random = noise(dice, step, device)
        with autocast(device, settings.precision):
            passed = objectives.forward(vae, x, likelihood, random)
            loss = objective(passed, step)
            for name, (weight, penalty) in penalties.items():
                loss = loss.plus(name, weight, penalty(passed, random))
        return loss.value, {"loss": loss.value, **loss.terms}

    return loss_at


def objective_of(
    settings: Settings, vae: VAE, device: torch.device
) -> Callable[[Pass, int], objectives.Loss]:
    """The beta-VAE with the schedules and weights that the settings name, as a function of pass and step."""
    beta = schedules.of(settings.beta, settings.steps)
    capacity = None if settings.capacity is None else schedules.of(settings.capacity, settings.steps)
    kl_weights = None
    if settings.kind == "layered_vae":
        kl_weights = torch.ones(vae.latents, device=device)
        kl_weights[: settings.where] = settings.where_weight

    def objective(passed: Pass, step: int) -> objectives.Loss:
        nats = None if capacity is None else capacity(step)
        return objectives.beta_vae(passed, beta=beta(step), kl_weights=kl_weights, capacity=nats)

    return objective


def penalties_of(settings: Settings, vae: VAE) -> dict[str, tuple[float, Penalty]]:
    """The penalties that have a weight, by name: (weight, the penalty of a pass)."""
    first = settings.where
    penalties: dict[str, tuple[float, Penalty]] = {
        "jacobian_l1": (settings.sparsity, partial(objectives.jacobian_l1, vae)),
        "off_diagonal_covariance": (
            settings.decorrelation,
            lambda passed, _: objectives.off_diagonal_covariance(passed.q.mean),
        ),
        "cross_covariance": (
            settings.independence,
            lambda passed, _: objectives.cross_covariance(passed.q.mean[:, :first], passed.q.mean[:, first:]),
        ),
    }
    return {name: chosen for name, chosen in penalties.items() if chosen[0]}


def _features(config: Config, vae: VAE) -> int:
    """N, the number of terms that the reconstruction sums over."""
    settings = config.vision
    if settings.reconstruction == "perceptual" and settings.layer == "bottleneck" and config.dae is not None:
        return config.dae.code
    return math.prod(vae.shape)


def _dae(settings: Settings, run: RunFolder, device: torch.device) -> DAE | None:
    """The denoising autoencoder that the reconstruction is compared in, where it is."""
    if settings.reconstruction == "perceptual" and settings.layer != "pixels":
        return load(run, "dae", DAE, device)
    return None


def likelihood_of(settings: Settings, dae: DAE | None) -> Likelihood:
    """What the settings compare images by; a DAE where it is by one's features."""
    match settings.reconstruction:
        case "bernoulli":
            return objectives.Bernoulli()
        case "gaussian":
            return objectives.Normal(settings.scale)
        case "perceptual":
            return objectives.Perceptual(dae, settings.layer)


@torch.no_grad()
def _measure(
    vae: VAE, data: Data, indices: np.ndarray, likelihood: Likelihood, device: torch.device
) -> dict[str, Any] | None:
    """The reconstruction term, and the KL of standardised codes, in float32, over the first images of a kind.

    None where there are none. The KL is that of `vae.encode`, which every later stage sees; in the units in
    which the encoder was trained it is larger, and the training log has that one.
    """
    if not len(indices):
        return None
    pixels = datasets.resident(data.images, indices[:METRIC_IMAGES], device)
    sums = torch.zeros(2 + vae.latents, dtype=torch.float64)
    for part, rows in enumerate(torch.arange(len(pixels), device=device).split(ENCODING_BATCH)):
        x, dice = datasets.batch(pixels, rows), noise(0, part, device)
        passed = objectives.forward(vae, x, likelihood, dice)
        nats = kl_from_prior(vae.encode(x)).mean(0)
        values = torch.cat((torch.stack((passed.reconstruction, nats.sum())), nats))
        sums += values.double().cpu() * len(rows)
    cost, kl, *per_latent = (sums / len(pixels)).tolist()
    told = {
        "images": len(pixels),
        "reconstruction": cost,
        "kl": kl,
        "kl_per_latent": per_latent,
        "active_latents": sum(value > ACTIVE for value in per_latent),
    }
    return jsonable(told, DIGITS)


def _pixels(pixels: Tensor) -> dict[str, float]:
    """Of uint8 (N, H, W, C): the largest standard deviation of a pixel, the share of images of one colour."""
    flat = pixels[torch.linspace(0, len(pixels) - 1, min(len(pixels), METRIC_IMAGES)).long()].flatten(1, 2)
    plain = (flat == flat[:, :1]).all(dim=1).all(dim=-1)
    return {
        "deviation": flat.float().std(dim=0, correction=0).max().item(),
        "plain": plain.float().mean().item(),
    }
