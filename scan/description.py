"""Images described in symbols: the result of img2sym.

The symbol decoder gives a logit for each of K symbols. Within a block of mutually exclusive values the
logits are normalised by a softmax; a free binary attribute keeps its sigmoid. `samples` draws from the
decoder's own distribution instead, independent Bernoulli symbols, as Higgins et al. (ICLR 2018) describe
images.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from scan.joint_model import SymbolModel
from symbols import Concept, Vocabulary
from vision.gaussian import Gaussian

CONCEPTS = 1_000
"""Concepts whose probabilities are looked up at a time."""


class Prediction(NamedTuple):
    """A symbol or a concept that is predicted for an image, with its probability in [0, 1]."""

    name: str
    concept: Concept
    probability: float


@dataclass(frozen=True, eq=False)
class Description:
    """Descriptions of N images; `description[i]` is that of one of them.

    Args:
        vocabulary: The words.
        logits: The symbol decoder's logits (N, K).
    """

    vocabulary: Vocabulary
    logits: Tensor

    def __post_init__(self) -> None:
        if self.logits.ndim != 2 or self.logits.shape[1] != self.vocabulary.size:
            raise ValueError(f"expected logits (N, {self.vocabulary.size}), got {tuple(self.logits.shape)}")

    def __len__(self) -> int:
        return len(self.logits)

    def __getitem__(self, index: int | slice) -> Description:
        rows = slice(index, index + 1 or None) if isinstance(index, int) else index
        if isinstance(index, int) and not -len(self) <= index < len(self):
            raise IndexError(f"image {index} of {len(self)}")
        return Description(self.vocabulary, self.logits[rows])

    @cached_property
    def symbol_probabilities(self) -> Tensor:
        """The probability of each symbol, (N, K): a softmax within its block, a sigmoid if binary."""
        parts = [
            self._block(a.name).sigmoid() if a.binary else self._block(a.name).softmax(-1)
            for a in self.vocabulary.attributes
        ]
        return torch.cat(parts, -1)

    @property
    def probabilities(self) -> dict[str, Tensor]:
        """The probabilities (N, V) of each attribute's factor; V = 2, absent and present, if binary."""
        result = {}
        for attribute in self.vocabulary.attributes:
            p = self.symbol_probabilities[:, self.vocabulary.block(attribute.name)]
            result[attribute.name] = torch.cat((1 - p, p), -1) if attribute.binary else p
        return result

    def best(self) -> tuple[Concept, ...]:
        """The most likely full concept of each image: every block's best value, every attribute above 1/2."""
        return tuple(self.vocabulary.describe(row) for row in self.factors)

    @property
    def factors(self) -> np.ndarray:
        """The most likely value of each attribute, integers (N, A), as in `Vocabulary.describe`."""
        best = torch.stack([p.argmax(-1) for p in self.probabilities.values()], -1)
        return best.cpu().numpy()

    def symbols(self, threshold: float = 0.5) -> tuple[tuple[Prediction, ...], ...]:
        """For each image, the symbols whose probability reaches the threshold, the most likely first."""
        return _reaching(self._unigrams, self.symbol_probabilities, threshold)

    def concepts(
        self, concepts: Iterable[Concept] | None = None, threshold: float = 0.5
    ) -> tuple[tuple[Prediction, ...], ...]:
        """For each image, the concepts whose probability reaches the threshold, the most likely first.

        The probability of a concept is the smallest of those of its values. Its name is an alias of the
        vocabulary where there is one.

        Args:
            concepts: The concepts to try; by default every single symbol and every alias.
            threshold: A probability in [0, 1].
        """
        aliases = self.vocabulary.aliases
        if concepts is None:
            named = self._unigrams + list(aliases.items())
            probabilities = torch.cat((self.symbol_probabilities, self._smallest(aliases.values())), -1)
        else:
            names = {concept: name for name, concept in aliases.items()}
            named = [(names.get(concept, str(concept)), concept) for concept in concepts]
            probabilities = self._smallest(concept for _, concept in named)
        return _reaching(named, probabilities, threshold)

    def samples(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Return n draws of y for each image, bool (N, n, K), every symbol an independent Bernoulli variable.

        Args:
            n: Draws of each image.
            generator: Source of the draws, on the device of the logits.
        """
        p = self.logits.sigmoid().unsqueeze(1).expand(-1, n, -1)
        return torch.bernoulli(p, generator=generator).bool()

    def to_dicts(self, threshold: float = 0.5) -> list[dict[str, Any]]:
        """Return a JSON-able record of each image.

        It has the best description, the symbols and the concepts whose probability reaches the threshold, and
        the probability of every value.
        """
        predicted = zip(self.best(), self.symbols(threshold), self.concepts(threshold=threshold), strict=True)
        records = []
        for i, (best, symbols, concepts) in enumerate(predicted):
            record = {
                "description": dict(best.items()),
                "symbols": {one.name: round(one.probability, 4) for one in symbols},
                "concepts": {one.name: round(one.probability, 4) for one in concepts},
                "probabilities": self._by_value(i),
            }
            records.append(record)
        return records

    def __str__(self) -> str:
        """One line per image: the best description, each value with its probability."""
        lines = []
        for concept, p in zip(self.best(), self.symbol_probabilities.tolist(), strict=True):
            chosen = self.vocabulary.encode(concept).nonzero()[0]
            lines.append(", ".join(f"{self.vocabulary.symbols[k]} ({p[k]:.2f})" for k in chosen))
        return "\n".join(lines)

    @cached_property
    def _unigrams(self) -> list[tuple[str, Concept]]:
        items = [(a.name, value) for a in self.vocabulary.attributes for value in a.values]
        return [
            (name, Concept.unchecked([item], self.vocabulary.names))
            for name, item in zip(self.vocabulary.symbols, items, strict=True)
        ]

    def _smallest(self, concepts: Iterable[Concept]) -> Tensor:
        """The smallest probability of the values of each of M concepts, (N, M); 1 of the empty concept."""
        asked = [self.vocabulary.encode(concept) for concept in concepts]
        y = torch.tensor(np.stack(asked), device=self.logits.device) if asked else self.logits[:0]
        p = self.symbol_probabilities.unsqueeze(1)  # (N, 1, K)
        return torch.cat([p.masked_fill(some == 0, 1.0).amin(-1) for some in y.split(CONCEPTS)], dim=1)

    def _by_value(self, image: int) -> dict[str, dict[str, float]]:
        rounded = [round(p, 4) for p in self.symbol_probabilities[image].tolist()]
        return {
            a.name: dict(zip(a.values, rounded[self.vocabulary.block(a.name)], strict=True))
            for a in self.vocabulary.attributes
        }

    def _block(self, name: str) -> Tensor:
        return self.logits[:, self.vocabulary.block(name)]


def check_codes(q: Gaussian | Tensor, latents: int) -> None:
    """Refuse what no symbol decoder of D latents can describe.

    Raises:
        TypeError: For an expression, which `ground` turns into a Gaussian.
        ValueError: For a Gaussian or codes that are not over (B, D).
    """
    if not isinstance(q, Gaussian | Tensor):
        raise TypeError(f"expected a Gaussian or codes, got {q!r}: ground an expression first")
    shape = tuple(q.shape if isinstance(q, Tensor) else q.mean.shape)
    if len(shape) != 2 or shape[1] != latents:
        what = "codes" if isinstance(q, Tensor) else "a Gaussian"
        raise ValueError(f"expected {what} over (B, {latents}), got {shape}")


def described(model: SymbolModel, vocabulary: Vocabulary, z: Tensor) -> Description:
    """Return descriptions, on the CPU, of codes z (B, D) in the K words of a vocabulary."""
    return Description(vocabulary, model.decode_symbol(z).float().cpu())


class SymbolScores(NamedTuple):
    """How sampled symbols agree with those that are true of the images, each in [0, 1], higher is better."""

    exact: float
    """Share of the samples that have every symbol right, the absent ones too."""
    precision: float
    """Share of the sampled symbols that are true; nan where none was sampled."""
    recall: float
    """Share of the true symbols that were sampled; nan where none is true."""


def symbol_scores(samples: Tensor, truth: Tensor) -> SymbolScores:
    """Return how n samples of the symbols of N images agree with the true symbols.

    Args:
        samples: bool (N, n, K).
        truth: bool (N, K).

    >>> truth = torch.tensor([[True, False, True]])
    >>> symbol_scores(torch.tensor([[[True, True, False], [True, False, True]]]), truth)
    SymbolScores(exact=0.5, precision=0.75, recall=0.75)
    """
    targets = truth.unsqueeze(1).expand_as(samples)
    both = (samples & targets).sum().item()
    sampled, true = samples.sum().item(), targets.sum().item()
    exact = (samples == targets).all(-1).float().mean().item()
    return SymbolScores(exact, both / sampled if sampled else math.nan, both / true if true else math.nan)


def _reaching(
    named: Sequence[tuple[str, Concept]], probabilities: Tensor, threshold: float
) -> tuple[tuple[Prediction, ...], ...]:
    """For each image the named concepts whose probability (N, M) reaches the threshold, the best first."""
    ordered, places = probabilities.sort(dim=-1, descending=True, stable=True)
    found = []
    for row, values in zip(places.tolist(), ordered.tolist(), strict=True):
        ranked = [(named[i], p) for i, p in zip(row, values, strict=True) if p >= threshold]
        found.append(tuple(Prediction(name, concept, p) for (name, concept), p in ranked))
    return tuple(found)
