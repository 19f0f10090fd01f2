"""The denoising autoencoder whose features stand in for pixels in the beta-VAE_DAE."""

import torch
from torch import Tensor

from pipelines import datasets, schedules
from pipelines.config import Config
from pipelines.devices import Machine, place
from pipelines.errors import RunError
from pipelines.files import write_json
from pipelines.randomness import batch_indices, derive, noise
from pipelines.runs import OWN_MODEL, RunFolder
from pipelines.stages import Made
from pipelines.training import log_interval, train
from vision import models, objectives, weights
from vision.dae import DAE


def run(config: Config, run: RunFolder, machine: Machine) -> Made:
    """Train it to restore images from which a rectangle was cut out."""
    settings, device, folder = config.dae, machine.device, run.stage("dae")
    assert settings is not None, "there is no such stage without its section"
    data = datasets.load(config, run)
    pixels = datasets.resident(data.images, data.train, device)
    spec = models.resolve(
        {
            "kind": "dae",
            "shape": list(data.images.shape),
            "code": settings.code,
            "widths": list(settings.widths),
            "bound": settings.bound,
            "colour": config.vision.colour,
        }
    )
    torch.manual_seed(derive(config.seed, "dae weights"))
    dae = models.build(spec)
    assert isinstance(dae, DAE)
    place(dae, device)
    order, dice = derive(config.seed, "dae batches"), derive(config.seed, "dae noise")

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        x = datasets.batch(pixels, batch_indices(order, step, len(pixels), settings.batch, device))
        with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
            value = objectives.denoising(dae, x, generator=noise(dice, step, device))
        return value, {"loss": value}

    trained = train(
        dae,
        torch.optim.Adam(dae.parameters(), fused=True),
        loss,
        steps=settings.steps,
        learning_rate=schedules.learning_rate(settings),
        folder=folder,
        label="dae",
        quiet=machine.quiet,
        log_every=log_interval(settings.steps),
        checkpoint_seconds=settings.checkpoint_seconds,
    )
    weights.save(folder / OWN_MODEL, dae, spec)
    metrics = {
        **trained.last,
        "images": len(pixels),
        "parameters": sum(p.numel() for p in dae.parameters()),
        "seconds": round(trained.seconds, 3),
        "images_per_second": round(settings.steps * settings.batch / max(trained.seconds, 1e-9), 1),
        "device": str(device),
        "threads": torch.get_num_threads(),
    }
    write_json(folder / "metrics.json", metrics)
    return Made((OWN_MODEL, "metrics.json", "log.jsonl"), trained.earlier_seconds)


def load_dae(run: RunFolder, device: torch.device) -> DAE:
    """The finished autoencoder of a run, frozen.

    Raises:
        RunError: When the file is missing, damaged, or no DAE.
    """
    path = run.stage("dae") / OWN_MODEL
    try:
        state, spec = weights.load(path)
        dae = models.build(spec)
        dae.load_state_dict(state)
    except (weights.WeightsError, ValueError, RuntimeError) as error:
        raise RunError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(dae, DAE):
        raise RunError(f"{path} holds a {spec['kind']}, not a denoising autoencoder")
    return place(dae, device).eval().requires_grad_(False)
