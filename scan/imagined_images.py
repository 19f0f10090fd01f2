"""How like real images a model's images are, by `scan.realism`, each measure beside that of real images.

Accuracy and diversity rest on a judge that knows the data's values and no others. Here imagined images are
compared with real ones: their colours with the data's colours, each image with the nearest real one, and how
much images of one concept vary in what has no name.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from scan.concept_model import ConceptModel
from scan.data import Data
from scan.evaluation import DECODING_BATCH, target_values
from scan.judge import Judge
from scan.realism import (
    ColourProbe,
    colour_probe,
    nearest_distance,
    palette_distance,
    spread,
    variance_within,
)
from symbols import Concept
from vision.data import to_unit
from vision.randomness import derive_seed, generator

IMAGES = 1000
"""Imagined images of a split, and at most as many real ones beside them."""
AMONG = 5000
"""Training images among which the nearest is looked for, and on which the colour probe is fitted."""
DUPLICATES = 0.5
"""Median distance of real images below which most have a copy: no distance can be compared with it."""
CONCEPTS = 40
SAMPLES = 16
"""Concepts, and images of each, on which the variance within a concept is measured."""


class Palettes(NamedTuple):
    """How far colours lie from the data's, in RGB units (0 to 255), by factor: medians."""

    probe: ColourProbe
    real: dict[str, float]
    """Of test images."""
    uniform_random: dict[str, float]


class RealImages(NamedTuple):
    """Real images, and what the measures make of them."""

    train: Tensor
    """(N, C, H, W) in [0, 1]."""
    test: Tensor
    nearest: float
    """Median distance of a test image from the nearest training image, as `nearest_distance` has it."""
    confidence: np.ndarray
    """(A,): the judge's mean probability of its best value."""
    variance: float
    palettes: Palettes | None
    """None where no factor is a colour."""


@torch.no_grad()
def measure_real(judge: Judge, data: Data, seed: int, device: torch.device) -> RealImages:
    """Measure real images: some that were trained on, and test images.

    Args:
        judge: The classifier.
        data: The images and the published lists.
        seed: Of the choice of images.
        device: Where the judge is.
    """
    rng = generator(seed, "real images")
    rows = rng.permutation(data.train)[:AMONG]
    train = _images(data, rows, device)
    test = _images(data, rng.permutation(data.splits.test_images)[:IMAGES], device)
    return RealImages(
        train,
        test,
        nearest_distance(test, train).median().item(),
        _confidence(judge, test).mean(axis=0),
        variance_within(test.unsqueeze(0)).mean().item(),
        _palettes(data, rows, train, test, seed) if data.images.colours else None,
    )


def _palettes(data: Data, rows: np.ndarray, train: Tensor, test: Tensor, seed: int) -> Palettes:
    """The probe of training images, which are those of `rows`, and distances of test images and at random."""
    painted = [
        torch.tensor(palette)[data.images.factors[rows, data.images.names.index(name)]]
        for name, palette in data.images.colours.items()
    ]
    probe = colour_probe(train, torch.stack(painted, dim=1).to(train.device))
    random = torch.from_numpy(generator(seed, "random colours").uniform(0, 255, (10_000, 3)))
    real, uniform_random = {}, {}
    for colours, (name, palette) in zip(
        probe.colours(test).unbind(1), data.images.colours.items(), strict=True
    ):
        real[name] = _distance(colours, palette)
        uniform_random[name] = _distance(random, palette)
    return Palettes(probe, real, uniform_random)


def _distance(colours: Tensor, palette: Sequence[Sequence[float]]) -> float:
    """Median distance of colours (N, 3) from the nearest of a palette."""
    return palette_distance(colours.cpu(), torch.tensor(palette)).median().item()


@torch.no_grad()
def realism(
    model: ConceptModel, judge: Judge, data: Data, concepts: Sequence[Concept], beside: RealImages, seed: int
) -> dict[str, Any]:
    """Compare what a model imagines of some concepts with real images, by name as in `metrics.json`.

    Distances are medians, in units of 0 to 255. Where nothing can be measured there is None.

    Args:
        model: The concept model.
        judge: The classifier, on its device.
        data: The images and the vocabulary.
        concepts: Those to imagine, S.
        beside: Of real images, as `measure_real` returns it.
        seed: Of the draws.
    """
    noise = torch.Generator(model.device).manual_seed(derive_seed(seed, "realism"))
    each = max(1, IMAGES // len(concepts))
    q = model.ground_concepts(concepts)
    x = decoded(model, q[torch.arange(len(q), device=model.device).repeat_interleave(each)].sample(noise))
    left_open = np.repeat(target_values(data.vocabulary, concepts) < 0, each, axis=0)
    sure = _confidence(judge, x)
    asked = [(float(sure[o, a].mean()) if o.any() else None) for a, o in enumerate(left_open.T)]
    named = zip(data.vocabulary.names, asked, beside.confidence.tolist(), strict=True)
    known = [(a, b) for a, b in zip(asked, beside.confidence.tolist(), strict=True) if a is not None]
    nearest = nearest_distance(x, beside.train).median().item()
    palettes = beside.palettes
    return {
        "images": len(x),
        "nearest_real_distance": nearest,
        "nearest_real_distance_of_real": beside.nearest,
        "nearest_real_distance_ratio": _ratio(nearest, beside.nearest, DUPLICATES),
        "judge_confidence": float(np.mean([a for a, _ in known])) if known else None,
        "judge_confidence_of_real": float(np.mean([b for _, b in known])) if known else None,
        "judge_confidence_per_attribute": {name: {"imagined": a, "real": b} for name, a, b in named},
        "off_palette": None if palettes is None else off_palette(data, x, left_open, palettes),
        "variance_ratio": _ratio(variance_within(x.unsqueeze(0)).mean().item(), beside.variance),
        **_nuisances(model, judge, data, concepts, seed),
    }


def off_palette(
    data: Data, x: Tensor, left_open: np.ndarray, palettes: Palettes
) -> dict[str, dict[str, float | None]]:
    """Return the median distance in RGB units (0 to 255) of colours from the nearest of the data's.

    Args:
        data: The images, of which some factors may be colours.
        x: Imagined images (N, C, H, W) in [0, 1].
        left_open: bool (N, A), the attributes that were not asked for: their colours count.
        palettes: As `measure_real` finds them.

    Returns:
        By factor, of imagined images, real ones and random colours; None where no image counts.
    """
    found: dict[str, dict[str, float | None]] = {}
    imagined = palettes.probe.colours(x).cpu()
    for place, (name, palette) in enumerate(data.images.colours.items()):
        colours = imagined[torch.from_numpy(left_open[:, data.images.names.index(name)]), place]
        found[name] = {
            "imagined": _distance(colours, palette) if len(colours) else None,
            "real": palettes.real[name],
            "uniform_random": palettes.uniform_random[name],
        }
    return found


def _nuisances(
    model: ConceptModel, judge: Judge, data: Data, concepts: Sequence[Concept], seed: int
) -> dict[str, Any]:
    """How much images of one concept vary, relative to real images of it, for concepts that specify most.

    Images that the judge reads as something else do not count, so that errors are not taken for variety.
    """
    highest = max(concept.level for concept in concepts)
    some = [concept for concept in concepts if concept.level == highest][:CONCEPTS]
    rng = generator(seed, "nuisances")
    noise = torch.Generator(model.device).manual_seed(derive_seed(seed, "nuisances"))
    asked = target_values(data.vocabulary, some)
    shown, kept = _shown(data, some, asked, rng)
    real = to_unit(shown.to(model.device))
    q = model.ground_concepts(some)
    z = q[torch.arange(len(q), device=model.device).repeat_interleave(SAMPLES)].sample(noise)
    codes = torch.cat([model.encode_image(part).mean for part in real.flatten(0, 1).split(DECODING_BATCH)])
    within = variance_within(real, torch.from_numpy(kept).to(real.device))
    found = []
    for made, counted in ((decoded(model, z), True), (decoded(model, codes), kept)):
        counts = torch.from_numpy(_as_asked(judge, made, asked) & counted).to(made.device)
        found.append(spread(variance_within(made.unflatten(0, (len(some), -1)), counts), within))
    imagined, reconstructed = found
    return {
        "nuisance_spread": imagined.kept,
        "nuisance_spread_of_reconstructions": reconstructed.kept,
        "nuisance_variance_ratio": imagined.ratio,
        "nuisance_level": highest,
        "nuisance_concepts": imagined.concepts,
    }


def _shown(
    data: Data, concepts: Sequence[Concept], asked: np.ndarray, rng: np.random.Generator
) -> tuple[Tensor, np.ndarray]:
    """Real images of each concept, uint8 (S, n, C, H, W), and which of them are not repeated, bool (S, n)."""
    if data.images.render is not None:
        rows = np.repeat(asked, SAMPLES, axis=0)
        drawn = data.images.sample_factors(len(rows), rng)
        images = data.images.render(np.where(rows < 0, drawn, rows), rng)
        return images.unflatten(0, (len(concepts), SAMPLES)), np.ones((len(concepts), SAMPLES), dtype=bool)
    chosen = np.zeros((len(concepts), SAMPLES), dtype=np.int64)
    kept = np.zeros((len(concepts), SAMPLES), dtype=bool)
    for place, concept in enumerate(concepts):
        matching = rng.permutation(np.flatnonzero(data.vocabulary.matches(data.images.factors, concept)))
        found = matching[:SAMPLES]
        chosen[place, : len(found)] = found
        kept[place, : len(found)] = True
    return data.images.images[torch.from_numpy(chosen)], kept


def _as_asked(judge: Judge, x: Tensor, asked: np.ndarray) -> np.ndarray:
    """Which images (S * n, C, H, W) of S concepts are read as asked (S, A), bool (S, n)."""
    read = torch.cat(
        [
            torch.stack([p.argmax(-1) for p in judge.probabilities(part)], -1)
            for part in x.split(DECODING_BATCH)
        ]
    )
    seen = read.cpu().numpy().reshape(len(asked), -1, asked.shape[1])
    return ((asked[:, None] < 0) | (seen == asked[:, None])).all(axis=-1)


def _confidence(judge: Judge, x: Tensor) -> np.ndarray:
    """The judge's probability of its best value of each attribute, (N, A)."""
    parts = [
        torch.stack([p.amax(-1) for p in judge.probabilities(part)], dim=-1)
        for part in x.split(DECODING_BATCH)
    ]
    return torch.cat(parts).cpu().numpy()


def decoded(model: ConceptModel, z: Tensor) -> Tensor:
    """Return the images (N, C, H, W) in [0, 1] of latents z (N, D), decoded in parts."""
    return torch.cat([model.decode_image(part) for part in z.split(DECODING_BATCH)])


def _images(data: Data, rows: np.ndarray, device: torch.device) -> Tensor:
    return to_unit(data.images.images[torch.from_numpy(rows)].to(device))


def _ratio(value: float, beside: float, least: float = 0.0) -> float | None:
    return value / beside if beside > least else None
