"""What a concept means: the latents that it specifies, and the known words that are nearest to it.

The distance of a concept q and a word w is min(KL(q || w), KL(w || q)) in nats: how nearly one is a case of
the other. KL(q || w) alone would put every narrow word far from a wide concept that contains it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from symbols import Concept, Vocabulary
from vision.gaussian import ACTIVE, Gaussian, kl, kl_from_prior


class Nearest(NamedTuple):
    """A known word, and its distance from the concept."""

    name: str
    nats: float
    """min(KL(concept || word), KL(word || concept)), summed over the latents."""


class Meaning(NamedTuple):
    """What a concept means."""

    specific: tuple[tuple[int, float], ...]
    """The latents that it specifies with their KL from the prior in nats, the largest first."""
    nats: float
    """KL(concept || prior), summed over the latents."""
    nearest: tuple[Nearest, ...]
    """The nearest words first."""

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able record."""
        return {
            "specific_latents": {str(latent): round(nats, 4) for latent, nats in self.specific},
            "nats": round(self.nats, 4),
            "nearest": {one.name: round(one.nats, 4) for one in self.nearest},
        }


def single_words(vocabulary: Vocabulary) -> dict[str, Concept]:
    """Return what the symbols and the aliases of a vocabulary stand for, by name."""
    symbols = np.eye(vocabulary.size, dtype=int)
    words = dict(zip(vocabulary.symbols, map(vocabulary.decode, symbols), strict=True))
    return {**words, **vocabulary.aliases}


def concatenated(gaussians: Sequence[Gaussian]) -> Gaussian:
    """Return Gaussians over (N, D) each as one, over (sum of all N, D)."""
    return Gaussian(torch.cat([q.mean for q in gaussians]), torch.cat([q.logvar for q in gaussians]))


def meaning(q: Gaussian, names: Sequence[str], known: Gaussian, most: int = 5) -> Meaning:
    """Return what a concept means.

    Args:
        q: The concept, over (1, D).
        names: M known words.
        known: Their Gaussians, over (M, D).
        most: How many of the nearest to return.
    """
    nats = kl_from_prior(q)[0]
    order = nats.argsort(descending=True)
    ordered = zip(order.tolist(), nats[order].tolist(), strict=True)
    specific = tuple((latent, value) for latent, value in ordered if value > ACTIVE)
    distances = torch.minimum(kl(q, known).sum(-1), kl(known, q).sum(-1))
    nearest = torch.sort(distances, stable=True)
    words = zip(nearest.indices[:most].tolist(), nearest.values[:most].tolist(), strict=True)
    return Meaning(specific, float(nats.sum()), tuple(Nearest(names[i], value) for i, value in words))
