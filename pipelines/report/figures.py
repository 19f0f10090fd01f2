"""The pictures of a run, as sheets: what went in, what the models make of it, what they imagine."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipelines.report.sheets import Sheet
from pipelines.runs.datasets import Data
from scan.concept_model import ConceptModel
from scan.evaluation import Reader, target_values
from symbols import Concept, Triple
from vision.data import to_bytes
from vision.encoding import encode
from vision.gaussian import ACTIVE, Gaussian, kl_from_prior
from vision.models import VisionModel

REACH = 2.5
"""Traversals go from minus to plus this many standard deviations of the prior."""


def samples(data: Data, rng: np.random.Generator, rows: int = 3, columns: int = 12) -> Sheet:
    """Images that were trained on, and in the JSON file what is in each."""
    chosen = np.resize(rng.permutation(data.train)[: rows * columns], rows * columns)
    words = [str(data.vocabulary.describe(row)) for row in data.images.factors[chosen]]
    return Sheet(
        "samples",
        "Images of the training set",
        data.images.images[torch.from_numpy(chosen)].unflatten(0, (rows, columns)),
        tuple(f"row {r + 1}" for r in range(rows)),
        tuple(f"image {c + 1}" for c in range(columns)),
        about={"images": [words[r * columns : (r + 1) * columns] for r in range(rows)]},
    )


@torch.no_grad()
def reconstructions(vision: VisionModel, data: Data, indices: np.ndarray, name: str, title: str) -> Sheet:
    """Originals above, reconstructions (of the mean code) below."""
    images = data.images.images[torch.from_numpy(indices)]
    made = to_bytes(vision.decode(code(vision, images))).cpu()
    return Sheet(
        name,
        title,
        torch.stack((images, made)),
        ("original", "reconstruction"),
        tuple(str(data.vocabulary.describe(row)) for row in data.images.factors[indices]),
        about={"indices": indices.tolist()},
    )


@torch.no_grad()
def nats_from_prior(vision: VisionModel, images: Tensor) -> Tensor:
    """KL of each latent from the prior (D,), mean over uint8 images (N, C, H, W)."""
    return kl_from_prior(encode(vision, images, _device(vision))).mean(0).cpu()


@torch.no_grad()
def code(vision: VisionModel, images: Tensor) -> Tensor:
    """The mean codes (N, D) of uint8 images (N, C, H, W)."""
    return encode(vision, images, _device(vision)).mean


@torch.no_grad()
def traversals(
    vision: VisionModel, nats: Tensor, start: Tensor, *, columns: int = 11, most: int = 24
) -> Sheet:
    """One latent a row, moved over the prior from a code; the rows sorted by KL.

    Args:
        vision: The visual model.
        nats: KL of each latent from the prior (D,).
        start: The code to start from (D,).
        columns: Values of each latent.
        most: Rows at most.
    """
    order = nats.argsort(descending=True, stable=True)[:most]
    order = order[: max(1, int((nats[order] > ACTIVE).sum()))]
    values = torch.linspace(-REACH, REACH, columns)
    z = start.repeat(len(order), columns, 1)
    z[torch.arange(len(order)), :, order] = values.to(z)
    made = to_bytes(vision.decode(z.flatten(0, 1))).cpu()
    return Sheet(
        "traversals",
        "Latent traversals, sorted by KL from the prior",
        made.unflatten(0, (len(order), columns)),
        tuple(f"z{k}: {nats[k]:.2f} nats" for k in order.tolist()),
        tuple(f"{value:+.1f}" for value in values.tolist()),
        about={"latents": order.tolist(), "nats": [round(v, 4) for v in nats[order].tolist()]},
    )


class Imagination(NamedTuple):
    """What a run imagines with, and who reads it."""

    model: ConceptModel
    read: Reader | None
    """None where there is no judge: nothing is marked then."""
    generator: torch.Generator


@torch.no_grad()
def imagined(by: Imagination, concepts: Sequence[Concept], name: str, title: str, columns: int = 10) -> Sheet:
    """Images of concepts, one a row."""
    q = by.model.ground_concepts(concepts)
    images, wrong = _sample(by, q, concepts, columns)
    return Sheet(
        name,
        title,
        images,
        tuple(str(concept) for concept in concepts),
        tuple(f"sample {c + 1}" for c in range(columns)),
        wrong,
    )


@torch.no_grad()
def recombined(
    by: Imagination, triples: Sequence[Triple], name: str, title: str, inputs: int = 3, columns: int = 5
) -> Sheet:
    """One recombination a row: images of the two inputs, and of what the operator makes of them."""
    model = by.model
    sides = [t.left for t in triples], [t.right for t in triples], [t.result for t in triples]
    left, right = model.ground_concepts(sides[0]), model.ground_concepts(sides[1])
    results = [model.recombine(t.op, left[i : i + 1], right[i : i + 1]) for i, t in enumerate(triples)]
    made = Gaussian(torch.cat([q.mean for q in results]), torch.cat([q.logvar for q in results]))
    first, _ = _sample(by, left, sides[0], inputs)
    second, _ = _sample(by, right, sides[1], inputs)
    result, wrong = _sample(by, made, sides[2], columns)
    if wrong is not None:
        wrong = np.concatenate((np.zeros((len(triples), 2 * inputs), dtype=bool), wrong), axis=1)
    return Sheet(
        name,
        title,
        torch.cat((first, second, result), dim=1),
        tuple(f"({t.left}) {t.op} ({t.right}) = {t.result}" for t in triples),
        tuple(
            f"{part} {c + 1}"
            for part, n in (("first", inputs), ("second", inputs), ("result", columns))
            for c in range(n)
        ),
        wrong,
        (inputs, inputs, columns),
    )


class Word(NamedTuple):
    """What img2sym says of one attribute."""

    attribute: str
    said: str
    probability: float
    truth: str

    @property
    def right(self) -> bool:
        """Whether it is so."""
        return self.said == self.truth


@torch.no_grad()
def described(model: ConceptModel, data: Data, indices: np.ndarray) -> list[list[Word]]:
    """What img2sym says of images, attribute by attribute."""
    images = data.images.images[torch.from_numpy(indices)]
    probabilities = model.img2sym(images).probabilities
    told: list[list[Word]] = [[] for _ in indices]
    for a, attribute in enumerate(data.vocabulary.attributes):
        names = ("no", "yes") if attribute.binary else attribute.values
        p = probabilities[attribute.name]
        for words, row, truth in zip(told, p, data.images.factors[indices, a].tolist(), strict=True):
            best = int(row.argmax())
            words.append(Word(attribute.name, names[best], float(row[best]), names[truth]))
    return told


def described_sheet(data: Data, indices: np.ndarray, words: Sequence[Sequence[Word]], title: str) -> Sheet:
    """The images of `described` in one row, their descriptions in the JSON file."""
    told = [{w.attribute: {**w._asdict(), "right": w.right} for w in said} for said in words]
    return Sheet(
        "img2sym",
        title,
        data.images.images[torch.from_numpy(indices)].unsqueeze(0),
        ("image",),
        tuple(", ".join(f"{w.attribute}: {w.said}" for w in said) for said in words),
        about={"descriptions": told},
    )


def _sample(
    by: Imagination, q: Gaussian, concepts: Sequence[Concept], n: int
) -> tuple[Tensor, np.ndarray | None]:
    """n images of each Gaussian, uint8 (S, n, C, H, W), and which of them are read otherwise, (S, n)."""
    rows = torch.arange(len(q), device=q.mean.device).repeat_interleave(n)
    z = q[rows].sample(by.generator)
    images = to_bytes(by.model.decode_image(z)).cpu().unflatten(0, (len(q), n))
    if by.read is None:
        return images, None
    read = torch.stack([p.argmax(-1) for p in by.read(z)], dim=-1).cpu().numpy()
    asked = np.repeat(target_values(by.model.vocabulary, concepts), n, axis=0)
    return images, ((asked >= 0) & (asked != read)).any(axis=1).reshape(len(q), n)


def _device(vision: VisionModel) -> torch.device:
    """Where the parameters are."""
    return next(vision.parameters()).device  # type: ignore[attr-defined]
