"""The published lists of a data set: what is held out, what is taught, what is tested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symbols.concepts import Concept
from symbols.triples import Triple
from symbols.vocabulary import Vocabulary


@dataclass(frozen=True)
class Splits:
    """The published lists."""

    held_out: tuple[Concept, ...]
    test_images: np.ndarray
    """Indices (T,) into the image set."""
    train_symbols: tuple[Concept, ...]
    test_symbols: tuple[Concept, ...]
    test_operators: tuple[Triple, ...]
    """Results are test symbols; both operands are training symbols in about half of them, where possible."""
    validation_symbols: tuple[Concept, ...] = ()
    """Neither training nor test symbols: what settings may be chosen by."""
    held_out_pairs: tuple[Concept, ...] = ()
    """Two values of different attributes each, never seen together."""

    def to_dict(self) -> dict[str, Any]:
        """The lists as JSON-able values."""
        listed: dict[str, Any] = {name: _items(getattr(self, name)) for name in CONCEPTS}
        return listed | {
            "test_images": self.test_images.tolist(),
            "test_operators": [
                {"op": op, "left": dict(a.items()), "right": dict(b.items()), "result": dict(result.items())}
                for op, a, b, result in self.test_operators
            ],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], words: Vocabulary) -> Splits:
        """The lists that `to_dict` wrote.

        Args:
            content: What `to_dict` returned.
            words: The vocabulary of the concepts.

        Raises:
            VocabularyError: For a concept that the vocabulary does not know.
        """
        triples = []
        for triple in content["test_operators"]:
            concepts = [words.concept(triple[side]) for side in ("left", "right", "result")]
            triples.append(Triple(triple["op"], *concepts))
        return cls(
            test_images=np.array(content["test_images"], dtype=np.int64),
            test_operators=tuple(triples),
            **{name: tuple(words.concept(items) for items in content[name]) for name in CONCEPTS},
        )


CONCEPTS = ("held_out", "held_out_pairs", "train_symbols", "validation_symbols", "test_symbols")
"""The lists of concepts among `Splits`."""


def _items(concepts: Iterable[Concept]) -> list[dict[str, str]]:
    return [dict(concept.items()) for concept in concepts]


def shows_pair(words: Vocabulary, factors: np.ndarray, pairs: Sequence[Concept]) -> np.ndarray:
    """Which images show both values of a held-out pair.

    Args:
        words: The vocabulary.
        factors: The value of each attribute in each image, (N, A).
        pairs: Concepts of level 2.

    Returns:
        bool (N,).
    """
    shown = np.zeros(len(factors), dtype=bool)
    for pair in pairs:
        shown |= words.matches(factors, pair)
    return shown
