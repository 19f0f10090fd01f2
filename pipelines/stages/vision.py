"""See: a beta-VAE, or beta-VAE_DAE, on the images alone."""

import functools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines import datasets, schedules
from pipelines.config import Config
from pipelines.config import Vision as Settings
from pipelines.devices import Machine, place
from pipelines.errors import RunError
from pipelines.files import write_json
from pipelines.randomness import batch_indices, derive, noise
from pipelines.runs import OWN_MODEL, RunFolder
from pipelines.stages import Made
from pipelines.stages.dae import load_dae
from pipelines.training import log_interval, train
from vision import models, objectives, weights
from vision.data import ImageSet, to_unit
from vision.gaussian import Gaussian
from vision.objectives import Reconstruction
from vision.vae import VAE

METRIC_IMAGES = 2000
ENCODING_BATCH = 512
ACTIVE = 0.1
"""Nats above which a latent counts as used."""


def run(config: Config, run: RunFolder, machine: Machine) -> Made:
    """Train on every image that is neither held out nor a test image."""
    settings, device, folder = config.vision, machine.device, run.stage("vision")
    data = datasets.load(config, run)
    pixels = datasets.resident(data.images, data.train, device)
    spec = specification(settings, data.images.shape)
    torch.manual_seed(derive(config.seed, "vision weights"))
    vae = models.build(spec)
    assert isinstance(vae, VAE)
    place(vae, device)
    reconstruction = _reconstruction(config, vae, run, device)
    beta = schedules.of(settings.beta, settings.steps)
    capacity = None if settings.capacity is None else schedules.of(settings.capacity, settings.steps)
    order, dice = derive(config.seed, "vision batches"), derive(config.seed, "vision noise")

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        x = datasets.batch(pixels, batch_indices(order, step, len(pixels), settings.batch, device))
        with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
            terms = objectives.beta_vae(
                vae,
                x,
                beta=beta(step),
                reconstruction=reconstruction,
                capacity=None if capacity is None else capacity(step),
                generator=noise(dice, step, device),
            )
        return terms.loss, {"loss": terms.loss, "reconstruction": terms.reconstruction, "kl": terms.kl}

    features = feature_count(config, vae)
    normalised = objectives.normalised_beta(beta(settings.steps), settings.latents, features)
    machine.say(
        f"vision: {len(pixels)} images, beta ends at {beta(settings.steps):.4g} (x D/N = {normalised:.3g})"
    )
    trained = train(
        vae,
        torch.optim.Adam(vae.parameters(), fused=True),
        loss,
        steps=settings.steps,
        learning_rate=schedules.learning_rate(settings),
        folder=folder,
        label="vision",
        quiet=machine.quiet,
        log_every=log_interval(settings.steps),
        checkpoint_seconds=settings.checkpoint_seconds,
    )
    weights.save(folder / OWN_MODEL, vae, spec)
    metrics = {
        "beta": beta(settings.steps),
        "beta_normalised": normalised,
        "capacity": None if capacity is None else capacity(settings.steps),
        "train": _measure(vae, data.images, data.train, reconstruction, device),
        "test_images": _measure(vae, data.images, data.splits.test_images, reconstruction, device),
        "held_out": _measure(vae, data.images, data.held_out, reconstruction, device),
        "images": len(pixels),
        "parameters": sum(p.numel() for p in vae.parameters()),
        "seconds": round(trained.seconds, 3),
        "images_per_second": round(settings.steps * settings.batch / max(trained.seconds, 1e-9), 1),
        "device": str(device),
        "threads": torch.get_num_threads(),
    }
    write_json(folder / "metrics.json", metrics)
    return Made((OWN_MODEL, "metrics.json", "log.jsonl"), trained.earlier_seconds)


def specification(settings: Settings, shape: tuple[int, int, int]) -> dict[str, object]:
    """What rebuilds the model, written beside its weights."""
    spec = {
        "kind": "vae",
        "shape": list(shape),
        "latents": settings.latents,
        "widths": list(settings.widths),
        "hidden": settings.hidden,
        "activation": settings.activation,
        "colour": settings.colour,
    }
    return models.resolve(spec)


def feature_count(config: Config, vae: VAE) -> int:
    """N, the number of terms that the reconstruction sums over."""
    settings = config.vision
    if settings.reconstruction == "perceptual" and settings.layer == "bottleneck" and config.dae is not None:
        return config.dae.code
    return math.prod(vae.shape)


def _reconstruction(config: Config, vae: VAE, run: RunFolder, device: torch.device) -> Reconstruction:
    settings = config.vision
    match settings.reconstruction:
        case "bernoulli":
            return objectives.bernoulli
        case "gaussian":
            return functools.partial(objectives.gaussian, scale=settings.scale)
        case "perceptual":
            dae = None if settings.layer == "pixels" else load_dae(run, device)
            return objectives.perceptual_reconstruction(vae, dae, settings.layer)


@torch.no_grad()
def _measure(
    vae: VAE, image_set: ImageSet, indices: np.ndarray, reconstruction: Reconstruction, device: torch.device
) -> dict[str, Any] | None:
    """The terms of the objective, in float32, over the first images of a kind; None where there are none."""
    if not len(indices):
        return None
    pixels = datasets.resident(image_set, indices[:METRIC_IMAGES], device)
    sums = torch.zeros(2 + vae.latents, dtype=torch.float64)
    for part in torch.arange(len(pixels)).split(ENCODING_BATCH):
        x = datasets.batch(pixels, part.to(device))
        terms = objectives.beta_vae(
            vae, x, beta=1.0, reconstruction=reconstruction, generator=noise(0, 0, device)
        )
        values = torch.cat((torch.stack((terms.reconstruction, terms.kl)), terms.kl_per_latent))
        sums += values.double().cpu() * len(part)
    reconstruction_cost, kl, *per_latent = (sums / len(pixels)).tolist()
    return {
        "images": len(pixels),
        "reconstruction": reconstruction_cost,
        "kl": kl,
        "kl_per_latent": per_latent,
        "active_latents": sum(value > ACTIVE for value in per_latent),
    }


def load_vision(run: RunFolder, device: torch.device) -> VAE:
    """The finished model of a run, frozen.

    Raises:
        RunError: When the file is missing, damaged, or no VAE.
    """
    path = run.stage("vision") / OWN_MODEL
    try:
        state, spec = weights.load(path)
        vae = models.build(spec)
        vae.load_state_dict(state)
    except (weights.WeightsError, ValueError, RuntimeError) as error:
        raise RunError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(vae, VAE):
        raise RunError(f"{path} holds a {spec['kind']}, not a vision model")
    return place(vae, device).eval().requires_grad_(False)


@torch.no_grad()
def encode(vae: VAE, images: Tensor, indices: np.ndarray, device: torch.device) -> Gaussian:
    """q(z|x) over (N, D) of the uint8 images at `indices`, in float32, on the device."""
    parts = [
        vae.encode(to_unit(images[rows].to(device)).contiguous(memory_format=torch.channels_last))
        for rows in torch.from_numpy(indices).split(ENCODING_BATCH)
    ]
    return Gaussian(torch.cat([q.mean for q in parts]), torch.cat([q.logvar for q in parts]))
