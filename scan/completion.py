"""Imagine an expression by concepts with a value for each attribute of several, new ones for each image.

q(z|y) is one Gaussian. Where latents depend on what a concept leaves open, as those of a hair style on the
side from which it is seen, it also covers what lies between the images of the concept. The mixture

    q(z|Y) = 1/|Y| sum over y' in Y of q(z|y') ,    Y the completions of y: a value for each open attribute,

keeps them apart: a completion y' is drawn uniformly, then z of q(z|y'), or its mean. It is told more than the
Gaussian, namely which symbols are values of one attribute, and it says nothing about how abstract the symbol
y has become: the values of open attributes vary because they are drawn. Operators, OR and NOT are applied to
words, as in `symbols.alternatives`, not in latents.

A binary attribute stays open, since no symbol says that it is absent; a concept with one that NOT excludes is
excluded in latents, as in `scan.mixture`, and others are excluded in words.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from scan.expression_grounding import Grounder
from scan.grounding import k_hot
from scan.mixture import ROUNDS, Component, Excluded
from symbols import (
    Alternative,
    Concept,
    ConflictError,
    Expression,
    Vocabulary,
    alternatives,
    attributes_of,
    evaluate,
    is_weighted,
    taught_names,
)

FEWEST_DRAWS = 256
"""Completions that are drawn at a time."""


class Completed(NamedTuple):
    """Images of an expression, and the concept of each."""

    concepts: tuple[Concept, ...]
    """n concepts that the expression denotes, with a value for each attribute of several values."""
    z: Tensor
    """The latents (n, D) of the images."""
    images: Tensor
    """(n, C, H, W) in [0, 1]."""


def has_completions(vocabulary: Vocabulary) -> bool:
    """Whether an attribute has several values: a concept that leaves it open has as many completions."""
    return any(not attribute.binary for attribute in vocabulary.attributes)


def completions(
    expression: Expression, vocabulary: Vocabulary, n: int, generator: torch.Generator | None = None
) -> tuple[Concept, ...]:
    """Return n random concepts that an expression denotes, with a value for each attribute of several values.

    The alternatives of an OR take turns at random; within one all completions are equally likely, also those
    that no image of the data shows.

    Args:
        expression: In words; operators, OR and NOT have their exact meaning.
        vocabulary: The words.
        n: How many.
        generator: Source of the draws.

    Raises:
        ConflictError, EmptyError: For an expression that denotes nothing.
        ValueError: For taught words, whose open attributes are not known, for weights, which are those of
            Gaussians, and where NOT leaves nothing of many draws.
    """
    return _drawn(_parts(expression, vocabulary), vocabulary, n, generator)[0]


def _parts(expression: Expression, vocabulary: Vocabulary) -> tuple[Alternative, ...]:
    """The alternatives of an expression that has completions."""
    if taught_names(expression):
        raise ValueError("a taught word has no set of completions: take words of the vocabulary")
    if is_weighted(expression):
        raise ValueError("weights are those of one Gaussian, and completions are many: leave them out")
    return alternatives(expression, vocabulary)


def _drawn(
    parts: Sequence[Alternative], vocabulary: Vocabulary, n: int, generator: torch.Generator | None
) -> tuple[tuple[Concept, ...], tuple[Alternative, ...]]:
    """n completions, and the alternative of each."""
    device = torch.device("cpu") if generator is None else generator.device
    chosen = torch.randint(len(parts), (n,), generator=generator, device=device).cpu().numpy()
    rows = np.empty((n, len(vocabulary.names)), dtype=np.int64)
    for number in np.unique(chosen):
        places = np.flatnonzero(chosen == number)
        rows[places] = _rows(parts[number], vocabulary, len(places), generator, device)
    return tuple(vocabulary.describe(row) for row in rows), tuple(parts[number] for number in chosen)


def _rows(
    part: Alternative, vocabulary: Vocabulary, n: int, generator: torch.Generator | None, device: torch.device
) -> np.ndarray:
    """Factors (n, A) of completions of an alternative, drawn again where NOT excludes them.

    Where so little is left that fewer than n are found, n of those are drawn with replacement: each is then
    still as likely as any other completion.
    """
    asked = vocabulary.factors(evaluate(part.expression))
    found = np.empty((0, len(asked)), dtype=np.int64)
    for _ in range(ROUNDS):
        drawn = _filled(asked, vocabulary, max(4 * n, FEWEST_DRAWS), generator, device)
        for expression in part.excluded:
            with suppress(ConflictError):  # it denotes nothing
                drawn = drawn[~vocabulary.matches(drawn, evaluate(expression))]
        found = np.concatenate((found, drawn))
        if len(found) >= n:
            return found[:n]
    if not len(found):
        draws = ROUNDS * max(4 * n, FEWEST_DRAWS)
        raise ValueError(f"NOT leaves nothing of {draws:,} random completions of the expression")
    again = torch.randint(len(found), (n,), generator=generator, device=device)
    return found[again.cpu().numpy()]


def _filled(
    asked: np.ndarray, vocabulary: Vocabulary, n: int, generator: torch.Generator | None, device: torch.device
) -> np.ndarray:
    """Factors (n, A) of a concept (A,), with uniform values where it is -1; open binary attributes are 0."""
    uniform = torch.rand(n, len(asked), generator=generator, device=device).cpu().numpy()
    values = np.array([1 if a.binary else len(a.values) for a in vocabulary.attributes])
    return np.where(asked < 0, (uniform * values).astype(np.int64), asked)


@torch.no_grad()
def complete(
    grounder: Grounder,
    expression: Expression,
    n: int,
    generator: torch.Generator | None = None,
    *,
    mean: bool = False,
) -> tuple[tuple[Concept, ...], Tensor]:
    """Return n completions of an expression, and latents (n, D) of each.

    Args:
        grounder: What expressions are grounded with.
        expression: As in `completions`, which says what is raised.
        n: How many.
        generator: Source of the draws, on the device of the grounder.
        mean: Take the mean of each q(z|y') in place of a sample, of what NOT leaves of it.
    """
    parts = _parts(expression, grounder.vocabulary)
    concepts, drawn_from = _drawn(parts, grounder.vocabulary, n, generator)
    q = grounder.model.encode_symbol(k_hot(grounder.vocabulary, concepts, grounder.device))
    z = q.mean.clone() if mean else q.sample(generator)
    excluded = {one: _excluded_in_latents(grounder, one.excluded) for one in parts}
    rows_of: dict[tuple[Concept, Alternative], list[int]] = {}
    for row, drawn in enumerate(zip(concepts, drawn_from, strict=True)):
        if excluded[drawn[1]]:
            rows_of.setdefault(drawn, []).append(row)
    for (_, part), rows in rows_of.items():
        component = Component(q[torch.tensor(rows[:1], device=z.device)], excluded[part])
        z[rows] = component.moments().mean if mean else component.sample(len(rows), generator)
    return concepts, z


def _excluded_in_latents(grounder: Grounder, expressions: tuple[Expression, ...]) -> tuple[Excluded, ...]:
    """What of NOT is not excluded by the choice of words, which says nothing of binary attributes."""
    binary = {a.name for a in grounder.vocabulary.attributes if a.binary}
    found = (grounder.excluded(one) for one in expressions if binary & attributes_of(one))
    return tuple(one for one in found if one is not None)
