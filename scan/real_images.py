"""What a model makes of real images: their descriptions (img2sym), and their reconstructions.

img2sym is measured by two protocols. **Best values**: the mean of q(z|x) is decoded and every attribute takes
its most likely value. **Sampled symbols**, the paper's: z is drawn from q(z|x), and every symbol is an
independent Bernoulli variable with the probability that the decoder gives it.
"""

from typing import Any

import numpy as np
import torch

from scan.concept_model import ConceptModel
from scan.data import Data
from scan.description import symbol_scores
from scan.evaluation import Reader
from scan.judge_accuracy import READING_BATCH
from symbols import Vocabulary
from vision.encoding import encode_with
from vision.gaussian import ACTIVE, Gaussian, kl_from_prior
from vision.randomness import derive_seed

DRAWS = 4
"""Descriptions that are sampled of each image."""
BEST = "the mean of q(z|x), the most likely value of each attribute"
SAMPLED = "z drawn from q(z|x), every symbol an independent Bernoulli variable (the paper's)"


def sets(data: Data) -> dict[str, np.ndarray]:
    """The images to measure on, as indices, by name: unseen combinations first, and no empty set."""
    named = {
        "held_out_combinations": data.held_out,
        "test_images": data.splits.test_images,
        "held_out_pairs": data.held_out_pairs,
    }
    return {name: rows for name, rows in named.items() if len(rows)}


def encoded(model: ConceptModel, data: Data) -> dict[str, Gaussian]:
    """Return q(z|x) over (N, D) of every set of `sets`."""
    images = data.images.images
    return {
        name: encode_with(model.encode_image, images[torch.from_numpy(rows)], model.device)
        for name, rows in sets(data).items()
    }


@torch.no_grad()
def describing(model: ConceptModel, data: Data, codes: dict[str, Gaussian], seed: int) -> dict[str, Any]:
    """img2sym on real images: of held-out combinations where there are any, else on the test images.

    Args:
        model: The concept model.
        data: The images and the vocabulary.
        codes: q(z|x) of every set, as `encoded` returns it.
        seed: Of the sampled symbols.
    """
    metrics = {}
    for name, rows in sets(data).items():
        probabilities = model.describe(codes[name]).probabilities.values()
        read = torch.stack([p.argmax(-1) for p in probabilities], dim=-1).numpy()
        right = read == data.images.factors[rows]
        metrics[name] = {
            "protocol": BEST,
            "accuracy": right.mean(),
            "accuracy_strict": right.all(axis=1).mean(),
            "per_attribute": dict(zip(data.vocabulary.names, right.mean(axis=0).tolist(), strict=True)),
            "images": len(rows),
            "sampled": _sampled(model, data, rows, codes[name], derive_seed(seed, f"describe {name}")),
        }
    first = next(iter(metrics))
    return {**metrics.pop(first), "measured_on": first, **metrics}


def _sampled(model: ConceptModel, data: Data, rows: np.ndarray, q: Gaussian, seed: int) -> dict[str, Any]:
    """img2sym by sampling, as the paper has it."""
    generator = torch.Generator(model.device).manual_seed(seed)
    repeated = q[torch.arange(len(q), device=model.device).repeat_interleave(DRAWS)]
    description = model.describe(repeated, generator, mean=False)
    samples = description.samples(1, torch.Generator().manual_seed(seed)).unflatten(0, (len(q), DRAWS))
    scores = symbol_scores(samples.squeeze(2), true_symbols(data.vocabulary, data.images.factors[rows]))
    return {
        "protocol": SAMPLED,
        "exact_match": scores.exact,
        "precision": scores.precision,
        "recall": scores.recall,
        "samples_per_image": DRAWS,
    }


def true_symbols(vocabulary: Vocabulary, factors: np.ndarray) -> torch.Tensor:
    """The symbols that are true of images with factors (N, A), bool (N, K).

    Args:
        vocabulary: Of K symbols.
        factors: The value of each attribute in each image, (N, A).
    """
    blocks = [
        factors[:, [a]] == (1 if attribute.binary else np.arange(attribute.size))
        for a, attribute in enumerate(vocabulary.attributes)
    ]
    return torch.from_numpy(np.concatenate(blocks, axis=1))


@torch.no_grad()
def reconstruction_accuracy(data: Data, read: Reader, codes: dict[str, Gaussian]) -> dict[str, Any]:
    """Return how often the judge reads reconstructions of unseen images right, and the KL of their codes.

    Args:
        data: The images and the vocabulary.
        read: Decoder and judge.
        codes: q(z|x) of every set, as `encoded` returns it.
    """
    metrics = {}
    for name in sorted(codes, key=lambda name: name != "test_images"):
        q, truth = codes[name], data.images.factors[sets(data)[name]]
        seen = [torch.stack([p.argmax(-1) for p in read(z)], dim=-1) for z in q.mean.split(READING_BATCH)]
        share = (torch.cat(seen).cpu().numpy() == truth).mean(axis=0)
        nats = kl_from_prior(q).mean(0)
        metrics[name] = {
            "reconstruction_accuracy": share.mean(),
            "per_attribute": dict(zip(data.vocabulary.names, share.tolist(), strict=True)),
            "images": len(truth),
            "kl": nats.sum().item(),
            "kl_per_latent": nats.tolist(),
            "active_latents": int((nats > ACTIVE).sum()),
        }
    return metrics
