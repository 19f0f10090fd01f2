"""The training pairs of a concept model: training concepts, each with a few images that show it."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from scan.data import Data


class Examples(NamedTuple):
    """The training pairs: M symbols, each with one image."""

    concept: np.ndarray
    """Indices (M,) into the training concepts."""
    image: np.ndarray
    """Indices (M,) into the image set; -1 for an image that was rendered for its pair."""
    pixels: Tensor
    """The images, uint8 (M, C, H, W)."""


def draw_examples(data: Data, each: int, rng: np.random.Generator) -> Examples:
    """Draw training images of every training concept.

    Where the set has fewer than asked for, more are rendered with the factors of those it has, so that no
    held-out combination appears; where it cannot render, they repeat in turn.

    Args:
        data: The images and the training concepts.
        each: Images of each concept.
        rng: Source of the draws, and of the nuisances of rendered images.

    Raises:
        ValueError: For a concept without any training image.
    """
    train, render = data.train, data.images.render
    factors = data.images.factors[train]
    images, shown = [], []
    for concept in data.splits.train_symbols:
        matching = train[data.vocabulary.matches(factors, concept)]
        if not len(matching):
            raise ValueError(f"no training image shows the training concept '{concept}'")
        drawn = rng.permutation(matching)[:each]
        more = np.full(each - len(drawn), -1) if render else np.resize(drawn, each - len(drawn))
        images.append(np.concatenate((drawn, more)))
        shown.append(data.images.factors[np.resize(drawn, each)])
    image = np.concatenate(images)
    pixels = data.images.images[torch.from_numpy(image)]
    missing = image < 0
    if render and missing.any():
        pixels[torch.from_numpy(missing)] = render(np.concatenate(shown)[missing], rng)
    return Examples(np.repeat(np.arange(len(images)), each), image, pixels)


def listing(data: Data, pairs: Examples) -> dict[str, object]:
    """Which images each concept was shown with, for `examples.json`.

    Args:
        data: The training concepts.
        pairs: Their examples.
    """
    shown = pairs.image.reshape(len(data.splits.train_symbols), -1)
    return {
        "examples": [
            {
                "concept": dict(concept.items()),
                "images": row[row >= 0].tolist(),
                "rendered": int((row < 0).sum()),
            }
            for concept, row in zip(data.splits.train_symbols, shown, strict=True)
        ]
    }
