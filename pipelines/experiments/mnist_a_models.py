"""What the experiment `mnist-a` trains: a judge of MNIST-A, JMVAE and the triple ELBO."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.config import JMVAE, Joint, Judge, Precision, TrELBO
from pipelines.devices import Machine, autocast, place
from pipelines.runs.files import fingerprint, sha256
from pipelines.stages.joint import method_of
from pipelines.training.fitting import by_descent, fit
from scan import judge as judges
from scan import models
from scan.jmvae import jmvae
from scan.multimodal import MultimodalVAE
from scan.trelbo import trelbo
from vision import objectives
from vision.data import ImageSet, batches
from vision.data.mnist import ATTRIBUTES, mnist_a
from vision.data.selection import Selection
from vision.randomness import derive_seed, generator, step_generator

VALUES = tuple(len(values) for values in ATTRIBUTES.values())
COMBINATIONS = np.array(list(itertools.product(*(range(values) for values in VALUES))))
HELD_OUT, TEST_IMAGES = 24, 4_000
LATENTS, BATCH = 10, 512


class Plan(NamedTuple):
    """The size of an experiment."""

    images: int
    side: int
    """Of the images, in pixels."""
    widths: tuple[int, ...]
    """Of the convolutions of the image encoders and the decoder."""
    steps: int
    """Of each model, 64 pairs each."""
    lr: float
    judge_steps: int


SHORT = Plan(images=60_000, side=64, widths=(16, 32, 64, 64), steps=2_500, lr=2e-3, judge_steps=4_000)
FULL = Plan(images=595_345, side=64, widths=(32, 64, 64, 64), steps=250_000, lr=1e-4, judge_steps=30_000)
"""As many images and steps as the authors'."""


class World(NamedTuple):
    """What a model of one seed learns from, and what it must not see."""

    pixels: Tensor
    """uint8 (N, H, W, C), on the device."""
    factors: Tensor
    """(N, 4), on the device."""
    held_out: np.ndarray
    """Combinations (24, 4)."""
    taught: np.ndarray
    """The other combinations (216, 4)."""


def digest_of(folder: Path) -> str:
    """Of the idx files of a folder."""
    return fingerprint({path.name: sha256(path) for path in sorted(folder.glob("*idx*"))})


def world_of(folder: Path, plan: Plan, seed: int, device: torch.device) -> World:
    """The images of a seed, and its held-out combinations."""
    rng = generator(seed, "mnist-a")
    order = rng.permutation(len(COMBINATIONS))
    held_out, taught = COMBINATIONS[order[:HELD_OUT]], COMBINATIONS[order[HELD_OUT:]]
    images = _images(folder, plan, rng)
    rows = np.flatnonzero(~(images.factors[:, None] == held_out).all(-1).any(1))
    factors = torch.from_numpy(images.factors[rows]).to(device)
    return World(batches.resident(images, rows, device), factors, held_out, taught)


def judge_of(folder: Path, plan: Plan, out: Path, machine: Machine) -> judges.Judge:
    """The judge of all seeds, of all combinations; an interrupted training goes on."""
    device = machine.device
    settings = Judge(steps=plan.judge_steps, network="pooled")
    torch.manual_seed(derive_seed(0, "judge weights"))
    judge = place(judges.Judge((1, plan.side, plan.side), VALUES, network=settings.network), device)

    @functools.cache  # not rendered where the training is finished
    def seen() -> tuple[Tensor, Tensor]:
        images = _images(folder, plan, generator(0, "mnist-a judge"))
        pixels = batches.resident(images, np.arange(len(images)), device)
        return pixels, torch.from_numpy(images.factors).to(device)

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        pixels, factors = seen()
        rows = batches.plain(0, step, len(pixels), settings.batch, device)
        x = judges.augment(batches.take(pixels, rows), step_generator(0, step, device))
        with autocast(device, precision_of(machine)):
            logits = judge(x.contiguous(memory_format=torch.channels_last))
        value = judges.judge_loss(logits, factors[rows])
        return value, {"loss": value}

    place_of_state = out / f"judge-{plan.images}-{plan.side}-{plan.judge_steps}"
    place_of_state.mkdir(parents=True, exist_ok=True)
    fit(by_descent(judge, loss, settings), settings, place_of_state, "judge", machine)
    return judge.eval()


@torch.no_grad()
def real_accuracy(judge: judges.Judge, folder: Path, plan: Plan, device: torch.device) -> dict[str, float]:
    """How often the judge is right on images of MNIST's test digits, by attribute."""
    rng = generator(0, "mnist-a test")
    images = mnist_a(folder, rng, Selection(images=TEST_IMAGES), size=plan.side, part="test")
    pixels = batches.resident(images, np.arange(len(images)), device)
    read = []
    for rows in torch.arange(len(images), device=device).split(BATCH):
        read.append(torch.stack([p.argmax(-1) for p in judge.probabilities(batches.take(pixels, rows))], -1))
    right = (torch.cat(read).cpu().numpy() == images.factors).mean(0)
    return dict(zip(ATTRIBUTES, right.tolist(), strict=True))


def model_of(method: str, world: World, plan: Plan, seed: int, out: Path, machine: Machine) -> MultimodalVAE:
    """A model trained by "JMVAE" or "TrELBO"; an interrupted training goes on."""
    device, symbols = machine.device, k_hot(world.factors)
    network = {"kind": "convolutional", "latents": LATENTS, "hidden": 256, "widths": list(plan.widths)}
    specification = {
        "kind": "multimodal",
        "vision": {"shape": [1, plan.side, plan.side], **network},
        "symbols": {"symbols": sum(VALUES), "encoder": "experts", "decoder": "mlp", "hidden": [128]},
    }
    torch.manual_seed(derive_seed(seed, f"{method} weights"))
    model = models.build(specification)
    assert isinstance(model, MultimodalVAE)
    place(model, device)
    settings = settings_of(method, plan)
    attributes = torch.block_diag(*(torch.ones(1, values) for values in VALUES)).to(device)
    seeds = {name: derive_seed(seed, f"mnist-a {name}") for name in ("batches", "noise")}
    likelihood = objectives.Bernoulli()

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        rows = batches.plain(seeds["batches"], step, len(symbols), settings.batch, device)
        noise = step_generator(seeds["noise"], step, device)
        x, y = batches.take(world.pixels, rows), symbols[rows]
        with autocast(device, precision_of(machine)):
            if isinstance(settings, JMVAE):
                value, terms = jmvae(model, x, y, likelihood, generator=noise)
            else:
                value, terms = trelbo(model, x, y, likelihood, attributes, generator=noise)
        return value, {"loss": value, **terms}

    place_of_state = out / f"{method}-{seed}-{fingerprint(plan._asdict())[:8]}"
    place_of_state.mkdir(parents=True, exist_ok=True)
    fit(method_of(settings, model, loss), settings, place_of_state, f"{method}, seed {seed}", machine)
    return model.eval()


def precision_of(machine: Machine) -> Precision:
    """What networks are trained in."""
    return "bf16" if machine.bf16 else "fp32"


def settings_of(method: str, plan: Plan) -> Joint:
    """Steps and learning rates of a method."""
    training: dict[str, Any] = {"steps": plan.steps, "lr": plan.lr, "expert_lr": 10 * plan.lr}
    return JMVAE(kind="jmvae", **training) if method == "JMVAE" else TrELBO(kind="trelbo", **training)


def k_hot(targets: Tensor) -> Tensor:
    """Symbols (B, K) of values (B, 4), -1 for one that is not mentioned."""
    columns = [
        F.one_hot(column + 1, values + 1)[:, 1:] for column, values in zip(targets.T, VALUES, strict=True)
    ]
    return torch.cat(columns, 1).float()


def _images(folder: Path, plan: Plan, rng: np.random.Generator) -> ImageSet:
    return mnist_a(folder, rng, Selection(images=plan.images), size=plan.side)
