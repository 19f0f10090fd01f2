"""Name: SCAN, grounded in the codes of a few images of each training concept.

The visual model is frozen, so every needed image is encoded once; no pixel is touched in the loop.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipelines import datasets, schedules
from pipelines.config import Config
from pipelines.datasets import Data
from pipelines.devices import Machine
from pipelines.errors import RunError
from pipelines.files import write_json
from pipelines.randomness import batch_indices, derive, generator, noise
from pipelines.runs import OWN_MODEL, RunFolder
from pipelines.stages import Made
from pipelines.stages.vision import encode, load_vision
from pipelines.training import log_interval, train
from scan.grounding import SCAN, grounding_loss
from scan.models import build
from vision import weights


class Examples(NamedTuple):
    """The training pairs: M symbols, each with one image."""

    concept: np.ndarray
    """Indices (M,) into the training concepts."""
    image: np.ndarray
    """Indices (M,) into the image set; -1 for an image that was rendered for its pair."""
    pixels: Tensor
    """The images, uint8 (M, C, H, W)."""


def run(config: Config, run: RunFolder, machine: Machine) -> Made:
    """Ground the training concepts in the codes of their examples."""
    settings, device, folder = config.symbols, machine.device, run.stage("symbols")
    data = datasets.load(config, run)
    vae = load_vision(run, device)
    pairs = draw_examples(data, settings.examples, generator(config.seed, "examples"))
    q_x = encode(vae, pairs.pixels, np.arange(len(pairs.pixels)), device)
    symbols = np.stack([data.vocabulary.encode(concept) for concept in data.splits.train_symbols])
    y = torch.from_numpy(symbols).to(device)
    concepts = torch.from_numpy(pairs.concept).to(device)
    spec = {
        "kind": "scan",
        "symbols": data.vocabulary.size,
        "latents": vae.latents,
        "encoder": settings.encoder,
        "hidden": list(settings.hidden),
    }
    torch.manual_seed(derive(config.seed, "symbols weights"))
    scan = build(spec).to(device)
    assert isinstance(scan, SCAN)
    order, dice = derive(config.seed, "symbols batches"), derive(config.seed, "symbols noise")

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        pair = batch_indices(order, step, len(concepts), settings.batch, device)
        terms = grounding_loss(
            scan,
            y[concepts[pair]],
            q_x[pair],
            beta=settings.beta,
            grounding=settings.grounding,
            direction=settings.direction,
            generator=noise(dice, step, device),
        )
        return terms.loss, {
            "loss": terms.loss,
            "reconstruction": terms.reconstruction,
            "kl": terms.kl,
            "grounding": terms.grounding,
        }

    trained = train(
        scan,
        torch.optim.AdamW(scan.parameters(), weight_decay=settings.weight_decay, fused=True),
        loss,
        steps=settings.steps,
        learning_rate=schedules.learning_rate(settings),
        folder=folder,
        label="symbols",
        quiet=machine.quiet,
        log_every=log_interval(settings.steps),
        checkpoint_seconds=settings.checkpoint_seconds,
    )
    weights.save(folder / OWN_MODEL, scan, spec)
    write_json(folder / "examples.json", _listing(data, pairs))
    metrics = {
        **trained.last,
        "concepts": len(y),
        "pairs": len(concepts),
        "seconds": round(trained.seconds, 3),
        "device": str(device),
        "threads": torch.get_num_threads(),
    }
    write_json(folder / "metrics.json", metrics)
    return Made((OWN_MODEL, "metrics.json", "examples.json", "log.jsonl"), trained.earlier_seconds)


def draw_examples(data: Data, each: int, rng: np.random.Generator) -> Examples:
    """Draw `each` training images of every training concept.

    Where the set has fewer, more are rendered with the factors of those it has, so that no held-out
    combination appears; where it cannot render, they repeat in turn.

    Raises:
        RunError: For a concept without any training image.
    """
    train, render = data.train, data.images.render
    factors = data.images.factors[train]
    images, wanted = [], []
    for taught in data.splits.train_symbols:
        matching = train[data.vocabulary.matches(factors, taught)]
        if not len(matching):
            raise RunError(f"symbols: no training image shows the training concept '{taught}'")
        drawn = rng.permutation(matching)[:each]
        more = np.full(each - len(drawn), -1) if render else np.resize(drawn, each - len(drawn))
        images.append(np.concatenate((drawn, more)))
        wanted.append(data.images.factors[np.resize(drawn, each)])
    image = np.concatenate(images)
    pixels = data.images.images[torch.from_numpy(image)]
    missing = image < 0
    if render and missing.any():
        pixels[torch.from_numpy(missing)] = render(np.concatenate(wanted)[missing], rng)
    return Examples(np.repeat(np.arange(len(images)), each), image, pixels)


def _listing(data: Data, pairs: Examples) -> dict[str, object]:
    """Which images each concept was shown with, for `examples.json`."""
    shown = pairs.image.reshape(len(data.splits.train_symbols), -1)
    return {
        "examples": [
            {
                "concept": dict(concept.items),
                "images": row[row >= 0].tolist(),
                "rendered": int((row < 0).sum()),
            }
            for concept, row in zip(data.splits.train_symbols, shown, strict=True)
        ]
    }


def load_scan(run: RunFolder, device: torch.device) -> SCAN:
    """The finished SCAN of a run, frozen.

    Raises:
        RunError: When the file is missing, damaged, or no SCAN.
    """
    path = run.stage("symbols") / OWN_MODEL
    try:
        state, spec = weights.load(path)
        scan = build(spec)
        scan.load_state_dict(state)
    except (weights.WeightsError, ValueError, RuntimeError) as error:
        raise RunError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(scan, SCAN):
        raise RunError(f"{path} holds a {spec['kind']}, not a SCAN")
    return scan.to(device).eval().requires_grad_(False)
