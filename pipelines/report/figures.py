"""The image sheets of a run: training images, reconstructions, traversals, concepts, descriptions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipelines.report.sheets import Sheet
from scan.completion import completions
from scan.concept_model import ConceptModel
from scan.data import Data
from scan.evaluation import Reader, target_values
from symbols import Concept, Triple
from vision.data import to_bytes
from vision.encoding import encode
from vision.gaussian import ACTIVE, Gaussian, kl_from_prior
from vision.models import VisionModel

REACH = 2.5
"""Traversals go from minus to plus this many standard deviations of the prior."""


def samples(data: Data, rng: np.random.Generator, rows: int = 3, columns: int = 12) -> Sheet:
    """Training images, and in the JSON file the factors of each."""
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
def kl_per_latent(vision: VisionModel, images: Tensor) -> Tensor:
    """KL of each latent from the prior (D,), mean over uint8 images (N, C, H, W)."""
    return kl_from_prior(encode(vision, images, _device(vision))).mean(0).cpu()


@torch.no_grad()
def code(vision: VisionModel, images: Tensor) -> Tensor:
    """The mean codes (N, D) of uint8 images (N, C, H, W)."""
    return encode(vision, images, _device(vision)).mean


@torch.no_grad()
def traversals(vision: VisionModel, kl: Tensor, start: Tensor, *, columns: int = 11, most: int = 24) -> Sheet:
    """One latent a row, moved over the prior from a code; the rows sorted by KL.

    Args:
        vision: The visual model.
        kl: KL of each latent from the prior (D,), in nats.
        start: The code to start from (D,).
        columns: Values of each latent.
        most: Rows at most.
    """
    order = kl.argsort(descending=True, stable=True)[:most]
    order = order[: max(1, int((kl[order] > ACTIVE).sum()))]
    values = torch.linspace(-REACH, REACH, columns)
    z = start.repeat(len(order), columns, 1)
    z[torch.arange(len(order)), :, order] = values.to(z)
    made = to_bytes(vision.decode(z.flatten(0, 1))).cpu()
    return Sheet(
        "traversals",
        "Latent traversals, sorted by KL from the prior",
        made.unflatten(0, (len(order), columns)),
        tuple(f"z{k}: {kl[k]:.2f} nats" for k in order.tolist()),
        tuple(f"{value:+.1f}" for value in values.tolist()),
        about={"latents": order.tolist(), "nats": [round(v, 4) for v in kl[order].tolist()]},
    )


class Sampler(NamedTuple):
    """What images of concepts are drawn with, and read by."""

    model: ConceptModel
    read: Reader | None
    """The judge; None where there is none: no image is marked then."""
    generator: torch.Generator


@torch.no_grad()
def concept_images(
    sampler: Sampler, concepts: Sequence[Concept], name: str, title: str, columns: int = 10
) -> Sheet:
    """Images of concepts, one concept a row."""
    q = sampler.model.ground_concepts(concepts)
    images, wrong = _sample(sampler, q, concepts, columns)
    return Sheet(
        name,
        title,
        images,
        tuple(str(concept) for concept in concepts),
        tuple(f"sample {c + 1}" for c in range(columns)),
        wrong,
    )


@torch.no_grad()
def completed_images(
    sampler: Sampler, concepts: Sequence[Concept], name: str, title: str, columns: int = 10
) -> Sheet:
    """Images of completions of concepts, one concept a row; the JSON file says what each image is of."""
    words, noise = sampler.model.vocabulary, sampler.generator
    drawn = [completions(concept, words, columns, noise) for concept in concepts]
    q = sampler.model.ground_concepts([one for row in drawn for one in row])
    images, wrong = _decoded(sampler, q.sample(noise), concepts, columns)
    return Sheet(
        name,
        title,
        images,
        tuple(str(concept) for concept in concepts),
        tuple(f"completion {c + 1}" for c in range(columns)),
        wrong,
        about={"completions": [[str(one) for one in row] for row in drawn]},
    )


@torch.no_grad()
def recombinations(
    sampler: Sampler, triples: Sequence[Triple], name: str, title: str, inputs: int = 3, columns: int = 5
) -> Sheet:
    """One recombination a row: images of the two inputs, and of the operator's result."""
    model = sampler.model
    sides = [t.left for t in triples], [t.right for t in triples], [t.result for t in triples]
    left, right = model.ground_concepts(sides[0]), model.ground_concepts(sides[1])
    results = [model.recombine(t.op, left[i : i + 1], right[i : i + 1]) for i, t in enumerate(triples)]
    made = Gaussian(torch.cat([q.mean for q in results]), torch.cat([q.logvar for q in results]))
    first, _ = _sample(sampler, left, sides[0], inputs)
    second, _ = _sample(sampler, right, sides[1], inputs)
    result, wrong = _sample(sampler, made, sides[2], columns)
    if wrong is not None:
        wrong = np.concatenate((np.zeros((len(triples), 2 * inputs), dtype=bool), wrong), axis=1)
    return Sheet(
        name,
        title,
        torch.cat((first, second, result), dim=1),
        tuple(f"({t.left}) {t.op} ({t.right}) = {t.result}" for t in triples),
        (*_numbered("first", inputs), *_numbered("second", inputs), *_numbered("result", columns)),
        wrong,
        (inputs, inputs, columns),
    )


def _numbered(part: str, n: int) -> list[str]:
    return [f"{part} {column + 1}" for column in range(n)]


class Prediction(NamedTuple):
    """The most likely value of one attribute, by img2sym."""

    attribute: str
    value: str
    probability: float
    truth: str

    @property
    def right(self) -> bool:
        """Whether it is the true value."""
        return self.value == self.truth


@torch.no_grad()
def predictions(model: ConceptModel, data: Data, indices: np.ndarray) -> list[list[Prediction]]:
    """The predictions of img2sym for images, one list an image, in the order of the attributes."""
    images = data.images.images[torch.from_numpy(indices)]
    probabilities = model.img2sym(images).probabilities
    found: list[list[Prediction]] = [[] for _ in indices]
    for a, attribute in enumerate(data.vocabulary.attributes):
        names = ("no", "yes") if attribute.binary else attribute.values
        p = probabilities[attribute.name]
        for of_image, row, truth in zip(found, p, data.images.factors[indices, a].tolist(), strict=True):
            best = int(row.argmax())
            of_image.append(Prediction(attribute.name, names[best], float(row[best]), names[truth]))
    return found


def descriptions(
    data: Data, indices: np.ndarray, predicted: Sequence[Sequence[Prediction]], title: str
) -> Sheet:
    """Images in one row, named by their `predictions`, which the JSON file has in full."""
    names, about = [], []
    for of_image in predicted:
        names.append(", ".join(f"{p.attribute}: {p.value}" for p in of_image))
        about.append({p.attribute: {**p._asdict(), "right": p.right} for p in of_image})
    images = data.images.images[torch.from_numpy(indices)].unsqueeze(0)
    return Sheet("img2sym", title, images, ("image",), tuple(names), about={"descriptions": about})


def _sample(
    sampler: Sampler, q: Gaussian, concepts: Sequence[Concept], n: int
) -> tuple[Tensor, np.ndarray | None]:
    """Images uint8 (S, n, C, H, W) of each Gaussian, and bool (S, n): which are read otherwise than asked."""
    rows = torch.arange(len(q), device=q.mean.device).repeat_interleave(n)
    return _decoded(sampler, q[rows].sample(sampler.generator), concepts, n)


def _decoded(
    sampler: Sampler, z: Tensor, concepts: Sequence[Concept], n: int
) -> tuple[Tensor, np.ndarray | None]:
    """The same of latents (S * n, D)."""
    images = to_bytes(sampler.model.decode_image(z)).cpu().unflatten(0, (len(concepts), n))
    if sampler.read is None:
        return images, None
    read = torch.stack([p.argmax(-1) for p in sampler.read(z)], dim=-1).cpu().numpy()
    asked = np.repeat(target_values(sampler.model.vocabulary, concepts), n, axis=0)
    return images, ((asked >= 0) & (asked != read)).any(axis=1).reshape(len(concepts), n)


def _device(vision: VisionModel) -> torch.device:
    """Where the parameters are."""
    return next(vision.parameters()).device  # type: ignore[attr-defined]
