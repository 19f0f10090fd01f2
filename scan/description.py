"""What symbols say about images: the answer of img2sym.

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

import torch
from torch import Tensor

from symbols import Concept, Vocabulary


class Said(NamedTuple):
    """A symbol or a concept that holds for an image, with its probability in [0, 1]."""

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
        """How likely each symbol is, (N, K): within its block, or alone if binary."""
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
        factors = torch.stack([p.argmax(-1) for p in self.probabilities.values()], -1)
        return tuple(self.vocabulary.describe(row) for row in factors.cpu().numpy())

    def listed(self, threshold: float = 0.5) -> tuple[tuple[Said, ...], ...]:
        """For each image, the symbols whose probability reaches the threshold, the most likely first."""
        return _reaching(self._unigrams, self.symbol_probabilities, threshold)

    def holding(
        self, concepts: Iterable[Concept] | None = None, threshold: float = 0.5
    ) -> tuple[tuple[Said, ...], ...]:
        """For each image, the concepts that hold, the most likely first.

        A concept is as likely as the least likely of its values. Where the vocabulary has an alias for it,
        that is its name.

        Args:
            concepts: The concepts to try; by default every single symbol and every alias.
            threshold: The probability that a concept has to reach.
        """
        aliases = self.vocabulary.aliases
        if concepts is None:
            named = self._unigrams + list(aliases.items())
        else:
            names = {concept: name for name, concept in aliases.items()}
            named = [(names.get(concept, str(concept)), concept) for concept in concepts]
        if not named:
            return ((),) * len(self)
        columns = []
        for _, concept in named:
            y = torch.from_numpy(self.vocabulary.encode(concept)).to(self.logits.device)
            columns.append(self.symbol_probabilities.masked_fill(y == 0, 1.0).amin(-1))
        return _reaching(named, torch.stack(columns, -1), threshold)

    def samples(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n draws of y for each image, every symbol an independent Bernoulli variable: bool (N, n, K)."""
        p = self.logits.sigmoid().unsqueeze(1).expand(-1, n, -1)
        return torch.bernoulli(p, generator=generator).bool()

    def to_dicts(self, threshold: float = 0.5) -> list[dict[str, Any]]:
        """A JSON-able record of each image: its best description, what is listed and holds, probabilities."""
        said = zip(self.best(), self.listed(threshold), self.holding(threshold=threshold), strict=True)
        return [
            {
                "description": dict(best.items()),
                "symbols": {one.name: round(one.probability, 4) for one in listed},
                "concepts": {one.name: round(one.probability, 4) for one in holding},
                "probabilities": self._by_value(i),
            }
            for i, (best, listed, holding) in enumerate(said)
        ]

    def __str__(self) -> str:
        """One line per image: the best description, each value with its probability."""
        lines = []
        for concept, p in zip(self.best(), self.symbol_probabilities.tolist(), strict=True):
            chosen = self.vocabulary.encode(concept).nonzero()[0]
            lines.append(", ".join(f"{self.vocabulary.symbols[k]} ({p[k]:.2f})" for k in chosen))
        return "\n".join(lines)

    @property
    def _unigrams(self) -> list[tuple[str, Concept]]:
        items = [(a.name, value) for a in self.vocabulary.attributes for value in a.values]
        return [
            (name, self.vocabulary.concept([item]))
            for name, item in zip(self.vocabulary.symbols, items, strict=True)
        ]

    def _by_value(self, image: int) -> dict[str, dict[str, float]]:
        rounded = [round(p, 4) for p in self.symbol_probabilities[image].tolist()]
        return {
            a.name: dict(zip(a.values, rounded[self.vocabulary.block(a.name)], strict=True))
            for a in self.vocabulary.attributes
        }

    def _block(self, name: str) -> Tensor:
        return self.logits[:, self.vocabulary.block(name)]


class SymbolScores(NamedTuple):
    """How sampled symbols agree with those that are true of the images, each in [0, 1], higher is better."""

    exact: float
    """Share of the samples that have every symbol right, the absent ones too."""
    precision: float
    """Share of the sampled symbols that are true; nan where none was sampled."""
    recall: float
    """Share of the true symbols that were sampled; nan where none is true."""


def symbol_scores(samples: Tensor, truth: Tensor) -> SymbolScores:
    """Score n samples of the symbols of N images, bool (N, n, K), against the true ones, bool (N, K).

    >>> truth = torch.tensor([[True, False, True]])
    >>> symbol_scores(torch.tensor([[[True, True, False], [True, False, True]]]), truth)
    SymbolScores(exact=0.5, precision=0.75, recall=0.75)
    """
    wanted = truth.unsqueeze(1).expand_as(samples)
    both = (samples & wanted).sum().item()
    said, true = samples.sum().item(), wanted.sum().item()
    exact = (samples == wanted).all(-1).float().mean().item()
    return SymbolScores(exact, both / said if said else math.nan, both / true if true else math.nan)


def _reaching(
    named: Sequence[tuple[str, Concept]], probabilities: Tensor, threshold: float
) -> tuple[tuple[Said, ...], ...]:
    """For each image the named concepts whose probability (N, M) reaches the threshold, the best first."""
    ordered, places = probabilities.sort(dim=-1, descending=True, stable=True)
    return tuple(
        tuple(Said(named[i][0], named[i][1], p) for i, p in zip(row, values, strict=True) if p >= threshold)
        for row, values in zip(places.tolist(), ordered.tolist(), strict=True)
    )
