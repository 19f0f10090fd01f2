"""See: train a network of the encoder family on the images alone, by one objective with penalties."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.config import QLAE, Config, InfoGAN, InfoWGANGP, PerceptualLikelihood, VisionTraining
from pipelines.config import Vision as Settings
from pipelines.config.prior_knowledge import prior_knowledge
from pipelines.devices import Machine, place
from pipelines.report import health
from pipelines.runs import datasets
from pipelines.runs.folder import RunFolder, StageResult
from pipelines.runs.metrics import jsonable
from pipelines.runs.models import load
from pipelines.stages.methods import Seen, method_of
from pipelines.stages.objectives import beta_of, likelihood_of
from pipelines.training.fitting import save_half, save_model
from pipelines.training.restarts import RECORD, Restart, successive_halving, total_steps
from scan.data import Data
from scan.multimodal import MultimodalVAE
from scan.run_format import MODEL
from vision import models, objectives, weights
from vision.dae import DAE
from vision.data import batches
from vision.encoding import ENCODING_BATCH, encode
from vision.gaussian import ACTIVE, kl_from_prior
from vision.info_gan import InfoEncoder
from vision.objectives import Likelihood
from vision.randomness import derive_seed, generator, step_generator
from vision.vae import VAE

METRIC_IMAGES = 2000
STANDARD_IMAGES = 10_000
"""From which origin and unit of the latents are taken; drawn, since a stored set may be sorted."""
DIGITS = 9


def run(config: Config, run: RunFolder, machine: Machine) -> StageResult:
    """Train on every image that is neither held out nor a test image; with a joint model, take its half."""
    if config.joint is not None:
        return _of_joint(config, run, machine)
    settings, training, device = config.vision, config.vision.training, machine.device
    data = datasets.load(config, run, quiet=machine.quiet)
    pixels = batches.resident(data.images, data.train, device)
    spec = specification(settings, data.images.shape)
    dae = dae_of(settings, run, device)
    likelihood = likelihood_of(settings, dae)
    seen = Seen(pixels, data.images.factors[data.train], data.images.names)

    def new(number: int) -> VAE:
        purpose = f"vision weights {number}" if number else "vision weights"
        torch.manual_seed(derive_seed(config.seed, purpose))
        vae = models.build(spec)
        assert isinstance(vae, VAE)
        return place(initialised(vae, training, pixels), device)

    def restart(number: int) -> Restart[VAE]:
        vae = new(number)
        return Restart(vae, method_of(config, vae, seen, likelihood))

    of_pixels = _pixels(pixels)
    for line in health.of_images(of_pixels):
        machine.say(f"vision: warning: {line}")
    vae = new(0)
    beta, normalised = beta_of(settings, vae, device, len(pixels)), None
    about = f"objective {settings.objective.kind}"
    if beta is not None:
        normalised = objectives.normalised_beta(beta, vae.latents, _features(config, vae))
        about = f"beta ends at {beta:.4g}, normalised {normalised:.3g}"
    machine.say(f"vision: {len(pixels):,} images, {about}")
    if isinstance(vae.encoder, InfoEncoder) and vae.encoder.categories:
        machine.say("vision: words are grounded in the Gaussian codes only, not in categorical ones")
    vae, trained = successive_halving(restart, training, run, "vision", machine)
    vae.eval()
    some = generator(config.seed, "standard images").permutation(data.train)[:STANDARD_IMAGES]
    vae.standardise(encode(vae, data.images.images[torch.from_numpy(some)], device))
    spec = _restored(vae, spec, dae, run)
    metrics = {
        "objective": settings.objective.kind,
        "prior_knowledge": prior_knowledge(settings),
        "restored": vae.restorer is not None,
        "beta": beta,
        "beta_normalised": normalised,
        **_measures(vae, data, likelihood, device),
        "kl_trained": trained.last.get("kl"),
        "pixels": of_pixels,
        "images": len(pixels),
        "precision": training.precision,
        "images_per_second": round(total_steps(training) * training.batch / max(trained.seconds, 1e-9), 1),
    }
    result = save_model(vae, spec, metrics, trained, run, "vision", machine)
    return result._replace(files=(*result.files, RECORD)) if training.restarts > 1 else result


def _of_joint(config: Config, run: RunFolder, machine: Machine) -> StageResult:
    """The visual half of the joint model, measured on the same images; its latents are those of the words."""
    settings, device = config.vision, machine.device
    data = datasets.load(config, run, quiet=machine.quiet)
    vae = load(run, "joint", MultimodalVAE, device).vision
    dae = dae_of(settings, run, device)
    likelihood = likelihood_of(settings, dae)
    spec = _restored(vae, weights.load(run.stage("joint") / MODEL)[1]["vision"], dae, run)
    assert config.joint is not None, "it is the half of a joint model"
    metrics = {
        "objective": config.joint.kind,
        "prior_knowledge": prior_knowledge(settings, config.joint),
        "restored": vae.restorer is not None,
        **_measures(vae, data, likelihood, device),
        "pixels": _pixels(batches.resident(data.images, data.train, device)),
        "precision": settings.training.precision,
    }
    return save_half(vae, spec, metrics, run, "vision", machine)


def _restored(vae: VAE, spec: dict[str, Any], dae: DAE | None, run: RunFolder) -> dict[str, Any]:
    """The model's images restored by the autoencoder that it was trained with, and its specification then.

    Such a loss compares what the autoencoder makes of two images, and not the images: those of the decoder
    alone are noise.
    """
    if dae is None:
        return spec
    vae.restorer = dae
    return models.resolve({**spec, "restorer": weights.load(run.stage("dae") / MODEL)[1]})


def specification(settings: Settings, shape: tuple[int, int, int]) -> dict[str, Any]:
    """What rebuilds the model, written beside its weights."""
    network = settings.network.model_dump(mode="json", exclude={"mask_kl_weight"})
    match settings.objective:
        case InfoGAN(noise=noise, categories=categories) | InfoWGANGP(noise=noise, categories=categories):
            network |= {"kind": "info_gan", "noise": noise, "categories": categories}
        case QLAE(values=values):
            del network["precision_limit"]
            network |= {"kind": "quantised", "values": values}
    return models.resolve({"shape": list(shape), **network})


def initialised(vae: VAE, training: VisionTraining, pixels: Tensor) -> VAE:
    """The model with fresh weights; where it is asked for, it decodes the mean of uint8 (N, H, W, C)."""
    if training.output_bias == "mean":
        vae.initialise_output_bias(vae.colour.encode(batches.take(_some(pixels), slice(None))).mean(0))
    return vae


def _features(config: Config, vae: VAE) -> int:
    """N, the number of terms that the reconstruction sums over."""
    likelihood = config.vision.likelihood
    is_code = isinstance(likelihood, PerceptualLikelihood) and likelihood.features == "bottleneck"
    return config.dae.code if is_code and config.dae is not None else math.prod(vae.shape)


def dae_of(settings: Settings, run: RunFolder, device: torch.device) -> DAE | None:
    """The denoising autoencoder in whose features the reconstruction is compared; None where it is not."""
    return load(run, "dae", DAE, device) if needs_dae(settings) else None


def needs_dae(settings: Settings) -> bool:
    """Whether the reconstruction is compared in the features of a denoising autoencoder."""
    likelihood = settings.likelihood
    return isinstance(likelihood, PerceptualLikelihood) and likelihood.features != "pixels"


def _measures(vae: VAE, data: Data, likelihood: Likelihood, device: torch.device) -> dict[str, Any]:
    """What `_measure` finds on images of each kind."""
    kinds = {"train": data.train, "test_images": data.splits.test_images, "held_out": data.held_out}
    return {kind: _measure(vae, data, rows, likelihood, device) for kind, rows in kinds.items()}


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
    pixels = batches.resident(data.images, indices[:METRIC_IMAGES], device)
    sums = torch.zeros(2 + vae.latents, dtype=torch.float64)
    for part, rows in enumerate(torch.arange(len(pixels), device=device).split(ENCODING_BATCH)):
        x = batches.take(pixels, rows)
        passed = objectives.forward(vae, x, likelihood, step_generator(0, part, device))
        nats = kl_from_prior(vae.encode(x)).mean(0)
        values = torch.cat((torch.stack((passed.reconstruction, nats.sum())), nats))
        sums += values.double().cpu() * len(rows)
    cost, kl, *per_latent = (sums / len(pixels)).tolist()
    metrics = {
        "images": len(pixels),
        "reconstruction": cost,
        "kl": kl,
        "kl_per_latent": per_latent,
        "active_latents": sum(value > ACTIVE for value in per_latent),
    }
    return jsonable(metrics, DIGITS)


def _some(pixels: Tensor) -> Tensor:
    """Up to METRIC_IMAGES of N images, evenly from all of them."""
    return pixels[torch.linspace(0, len(pixels) - 1, min(len(pixels), METRIC_IMAGES)).long()]


def _pixels(pixels: Tensor) -> dict[str, float]:
    """Of uint8 (N, H, W, C): the largest standard deviation of a pixel, the share of images of one colour."""
    flat = _some(pixels).flatten(1, 2)
    plain = (flat == flat[:, :1]).all(dim=1).all(dim=-1)
    return {
        "deviation": flat.float().std(dim=0, correction=0).max().item(),
        "plain": plain.float().mean().item(),
    }
