"""Burgess et al. (2018), section 4.2: as capacity grows, which factors of dSprites are encoded first?

The factors of rendered sprites go through a channel (`vision.capacity`) into a decoder, in both forms. The
onset of a factor is the capacity from which its KL stays above 0.1 nats. The claim holds where x and y come
before the scale, the scale before the shape, and that before the orientation. The paper shows position at 3.1
nats, with the scale at 7.3, with the shape at 15.4 and with the orientation at 23.8; reconstructions are
drawn there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipelines.devices import Machine
from pipelines.experiments import Asked, Outcome, Verdict
from pipelines.report import plots
from vision.capacity import Channel, ExactChannel, PenalisedChannel, capacity_at, onset
from vision.data import ImageSet, to_bytes, to_unit
from vision.data.dsprites import dsprites
from vision.data.selection import Selection
from vision.networks import ConvDecoder
from vision.randomness import derive_seed, generator

SIDE = 32
STEPS, WARMUP, BATCH = 6000, 500, 64
DECODER_LR = 1e-3
WIDTHS = (32, 32, 32)
"""Channels of the transposed convolutions of the decoder, after two layers of 256 units."""
BLOCK = 64
"""Batches that are rendered at once."""
EVERY = 20
"""Steps between two records."""
SHOWN_NATS = (3.1, 7.3, 15.4, 23.8)
SHOWN_IMAGES = 12
THRESHOLD = 0.1
ORDER = ("x", "y", "scale", "shape", "orientation")


class Form(NamedTuple):
    """A form of the channel, and how it is trained."""

    channel: Callable[[int], Channel]
    """Of a number of factors."""
    lr: float
    penalty: float
    """gamma, the weight of |KL - C|."""


FORMS = {
    "exact capacity": Form(ExactChannel, 2e-2, 0.0),
    "penalty": Form(PenalisedChannel, 1e-2, 30.0),
}


class Found(NamedTuple):
    """One training."""

    capacities: list[float]
    kl: dict[str, list[float]]
    """By factor, in nats, at each capacity."""
    losses: list[float]
    """Reconstruction in nats an image, mean since the record before."""
    onsets: dict[str, float | None]
    reconstructions: dict[str, Tensor]
    """uint8 (N, 1, H, W) of the same images at `SHOWN_NATS`, and the images."""


def run(asked: Asked, machine: Machine) -> Outcome:
    """Train both forms with each seed."""
    steps = asked.steps or STEPS
    sprites = dsprites(generator(0, "sprites"), Selection(images=1), size=SIDE)
    found: dict[str, Found] = {}
    for seed in asked.seeds:
        for name, form in FORMS.items():
            title = f"{name}, seed {seed}"
            found[title] = train(form, sprites, seed, steps, machine.device)
            machine.say(f"capacity: {title}: {spelled(found[title])}")
    verdict = verdict_of(found, steps)
    return Outcome(
        tuple(_lines(found, verdict)),
        verdict,
        {
            "steps": steps,
            "threshold_nats": THRESHOLD,
            "trainings": {t: _jsonable(f) for t, f in found.items()},
        },
        _figures(found),
    )


def train(form: Form, sprites: ImageSet, seed: int, steps: int, device: torch.device) -> Found:
    """One training of channel and decoder while the capacity grows.

    Args:
        form: Of the channel.
        sprites: A set that renders.
        seed: Of weights, images and noise.
        steps: Of both optimisers; a twelfth of them, at most 500, at the first capacity.
        device: Where to compute.
    """
    torch.manual_seed(derive_seed(seed, "capacity weights"))
    order = [sprites.names.index(name) for name in ORDER]
    channel = form.channel(len(ORDER)).to(device)
    decoder = ConvDecoder(sprites.shape, len(ORDER), widths=WIDTHS, hidden_layers=2).to(device)
    optimisers = (
        torch.optim.Adam(decoder.parameters(), lr=DECODER_LR),
        torch.optim.Adam(channel.parameters(), lr=form.lr),
    )
    noise = torch.Generator(device).manual_seed(derive_seed(seed, "capacity noise"))
    shown_f, shown_x = next(_batches(sprites, order, generator(seed, "capacity shown"), device))
    shown = {"images": to_bytes(shown_x[:SHOWN_IMAGES]).cpu()}
    batches = _batches(sprites, order, generator(seed, "capacity images"), device)
    warmup = min(WARMUP, steps // 12)
    capacities: list[float] = []
    kl: list[list[float]] = []
    losses: list[float] = []
    since: list[Tensor] = []
    for step in range(steps):
        capacity = capacity_at(step, steps, warmup=warmup)
        f, x = next(batches)
        passed = channel(f, capacity, noise)
        loss = functional.binary_cross_entropy_with_logits(decoder(passed.z), x, reduction="sum") / len(x)
        value = loss + form.penalty * (passed.kl.sum() - capacity).abs()
        for optimiser in optimisers:
            optimiser.zero_grad()
        value.backward()
        for optimiser in optimisers:
            optimiser.step()
        since.append(loss.detach())
        if step >= warmup and (step % EVERY == 0 or step == steps - 1):
            capacities.append(capacity)
            kl.append(passed.kl.tolist())
            losses.append(torch.stack(since).mean().item())
            since = []
        for nats in SHOWN_NATS:
            if f"{nats} nats" not in shown and capacity >= nats:
                shown[f"{nats} nats"] = _reconstructed(channel, decoder, shown_f[:SHOWN_IMAGES], capacity)
    by_factor = {name: list(column) for name, column in zip(ORDER, zip(*kl, strict=True), strict=True)}
    onsets = {name: onset(capacities, column, THRESHOLD) for name, column in by_factor.items()}
    return Found(capacities, by_factor, losses, onsets, shown)


def _batches(
    sprites: ImageSet, order: list[int], rng: np.random.Generator, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Standardised factors (B, K) in `ORDER`, and images (B, 1, H, W) in [0, 1], without end."""
    sizes = np.array(sprites.sizes)
    middle, deviation = (sizes - 1) / 2, np.sqrt((sizes**2 - 1) / 12)  # of 0 .. size - 1, uniform
    while True:
        some = sprites.sample(BLOCK * BATCH, rng)
        standard = ((some.factors - middle) / deviation)[:, order].astype(np.float32)
        for rows in torch.arange(len(some)).split(BATCH):
            yield torch.from_numpy(standard)[rows].to(device), to_unit(some.images[rows].to(device))


@torch.no_grad()
def _reconstructed(channel: Channel, decoder: nn.Module, f: Tensor, capacity: float) -> Tensor:
    """Images uint8 (B, 1, H, W) from factors that come through without noise."""
    gain, _, _ = channel.gains(capacity)
    return to_bytes(decoder(gain * f).sigmoid()).cpu()


def is_ordered(onsets: dict[str, float | None]) -> bool:
    """Whether x and y come before the scale, and the scale, the shape and the orientation one by one.

    >>> is_ordered({"x": 1.0, "y": 0.9, "scale": 5.0, "shape": 12.0, "orientation": None})
    False
    """
    known = [value for name in ORDER if (value := onsets[name]) is not None]
    if len(known) < len(ORDER):
        return False
    position = max(known[:2])
    later = [position, *known[2:]]
    return all(before < after for before, after in pairwise(later))


def spelled(found: Found) -> str:
    """The onsets, in words."""
    words = ", ".join(f"{n} {'never' if o is None else f'{o:.1f}'}" for n, o in found.onsets.items())
    return f"onset in nats: {words}"


def verdict_of(found: Mapping[str, Found], steps: int) -> Verdict:
    """Reproduced where every training has the order, refuted where none has it after `STEPS` steps."""
    ordered = [is_ordered(one.onsets) for one in found.values()]
    if all(ordered):
        return "reproduced"
    return "undecided" if any(ordered) or steps < STEPS else "refuted"


def _lines(found: dict[str, Found], verdict: Verdict) -> list[str]:
    ordered = sum(is_ordered(one.onsets) for one in found.values())
    return [
        *(f"{title}: {spelled(one)}" for title, one in found.items()),
        f"position before scale before shape before orientation: {verdict} "
        f"({ordered} of {len(found)} trainings)",
    ]


def _jsonable(found: Found) -> dict[str, Any]:
    return {
        "onset_nats": found.onsets,
        "ordered": is_ordered(found.onsets),
        "capacity_nats": [round(value, 4) for value in found.capacities],
        "kl_nats": {name: [round(value, 5) for value in column] for name, column in found.kl.items()},
        "reconstruction_nats": [round(value, 3) for value in found.losses],
    }


def _figures(found: dict[str, Found]) -> dict[str, bytes]:
    panels: dict[str, plots.Lines] = {}
    rows: dict[str, Tensor] = {}
    for title, one in found.items():
        panels[f"KL of each factor, nats ({title})"] = plots.Lines(one.capacities, one.kl)
        panels[f"reconstruction, nats ({title})"] = plots.Lines(one.capacities, {"": one.losses})
        for label, images in one.reconstructions.items():
            rows.setdefault("images" if label == "images" else f"{label}, {title}", images)
    return {
        "curves": plots.against(panels, "capacity C, nats", SHOWN_NATS),
        "reconstructions": plots.strips(rows),
    }
