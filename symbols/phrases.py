"""The phrases that stand for concepts in expressions: values, attributes with values, aliases."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from symbols.concepts import Concept
from symbols.names import spelling
from symbols.vocabulary import Vocabulary


class Phrases(NamedTuple):
    """What can be written for a concept; the keys are in the form of `symbols.names.spelling`."""

    explicit: dict[str, Concept]
    """Phrases with one reading: "wall: red" and aliases."""
    loose: dict[str, list[Concept]]
    """Phrases with one reading or more: "red", "red wall", "wall red", binary attributes, "anything"."""
    longest: int
    """Characters of the longest phrase."""
    names: tuple[str, ...]
    """The phrases that an error may suggest, as the vocabulary spells them."""

    def read(self, written: str) -> list[Concept]:
        """The concepts that a text may stand for; empty where it is no phrase."""
        key = spelling(written)
        return [self.explicit[key]] if key in self.explicit else self.loose.get(key, [])


@lru_cache(maxsize=16)
def phrases(vocabulary: Vocabulary) -> Phrases:
    """Everything that names a concept of a vocabulary."""
    explicit: dict[str, Concept] = {}
    loose: dict[str, list[Concept]] = {}
    names = list(vocabulary.aliases)
    for attribute in vocabulary.attributes:
        for value in attribute.values:
            concept = vocabulary.concept({attribute.name: value})
            explicit[spelling(f"{attribute.name}: {value}")] = concept
            short = [attribute.name] if attribute.binary else [value, f"{value} {attribute.name}"]
            for phrase in (*short, f"{attribute.name} {value}"):
                loose.setdefault(spelling(phrase), []).append(concept)
            names += short
    for name, concept in vocabulary.aliases.items():
        explicit.setdefault(spelling(name), concept)
    anything = vocabulary.concept()
    loose.setdefault(spelling(str(anything)), [anything])
    return Phrases(explicit, loose, max(map(len, (*explicit, *loose))), tuple(names))
