"""Ground expressions: concepts by the symbol encoder, operations by the operators, OR and NOT as mixtures.

An expression is first taken apart into alternatives without OR and NOT inside (`symbols.alternatives`); each
is one Gaussian of the mixture, with the experts of what NOT excludes from it (`scan.mixture`). A weight is a
power of the Gaussian (`scan.analytic_operators.power`).
"""

from collections.abc import Mapping
from typing import NamedTuple, get_args

import torch
from torch import Tensor

from scan.analytic_operators import power
from scan.description import Description
from scan.grounding import k_hot
from scan.joint_model import SymbolModel
from scan.mixture import Component, Excluded, Mixture, odds_reader
from scan.operators import Operators
from scan.teaching import TaughtConcept
from symbols import (
    OPERATORS,
    Concept,
    ConflictError,
    Expression,
    Operation,
    Operator,
    TaughtName,
    Vocabulary,
    Weighted,
    alternatives,
    evaluate,
    taught_names,
)
from vision.gaussian import Gaussian


def operator_named(name: str) -> Operator:
    """Return the learned operator of a name in any case, with spaces or underscores.

    Raises:
        ValueError: For an unknown operator.
    """
    spelt = " ".join(name.upper().replace("_", " ").split())
    if spelt not in OPERATORS:
        raise ValueError(f"unknown operator {name!r}: expected one of {', '.join(get_args(Operator))}")
    return OPERATORS[OPERATORS.index(spelt)]


def single(q: Gaussian, latents: int) -> Mixture:
    """Return a Gaussian over (1, D) as a mixture of one component.

    Raises:
        ValueError: For a Gaussian over anything else.
    """
    if tuple(q.mean.shape) != (1, latents):
        raise ValueError(
            f"expected a Gaussian over (1, {latents}), one concept, got one over {tuple(q.mean.shape)}"
        )
    return Mixture([Component(q)])


class Grounder(NamedTuple):
    """What expressions are grounded with."""

    model: SymbolModel
    operators: Operators | None
    vocabulary: Vocabulary
    taught: Mapping[str, TaughtConcept]
    device: torch.device
    """Where the models are."""

    def mixture(self, expression: Expression) -> Mixture:
        """Return the mixture of an expression, a component for each alternative.

        Raises:
            ConflictError: For an AND that contradicts itself.
            ValueError: For a NOT that leaves nothing, an operation without operators, an unknown taught name.
        """
        components = []
        for alternative in alternatives(expression, self.vocabulary):
            excluded = [self.excluded(one) for one in alternative.excluded]
            kept = tuple(one for one in excluded if one is not None)
            components.append(Component(self.ground(alternative.expression), kept))
        return Mixture(components)

    def ground(self, expression: Expression) -> Gaussian:
        """Return the Gaussian (1, D) of an expression without OR and NOT.

        Raises:
            ValueError: For an operation without operators, and for an unknown taught name.
        """
        match expression:
            case Concept():
                return self.model.encode_symbol(k_hot(self.vocabulary, [expression], self.device))
            case TaughtName(name):
                if name not in self.taught:
                    raise ValueError(f'no concept "{name}" was taught')
                return self.taught[name].q.to(self.device)
            case Weighted(weight, inner):
                return power(self.ground(inner), weight)
            case Operation(op, left, right):
                return self.operate(op, self.ground(left), self.ground(right))
        raise AssertionError("alternatives have neither OR nor NOT inside")

    def operate(self, op: Operator, left: Gaussian, right: Gaussian) -> Gaussian:
        """Return q_r over (1, D), two concepts recombined by a learned operator.

        Raises:
            ValueError: Without operators.
        """
        if self.operators is None:
            raise ValueError(f"{op} needs the learned operators, and this model has none: train them first")
        return self.operators(left, right, torch.tensor([OPERATORS.index(op)], device=self.device))

    def excluded(self, expression: Expression) -> Excluded | None:
        """Return what NOT excludes, or None where that denotes nothing.

        P(e|z) is the product of the symbol decoder's probabilities of the values of a concept; of an
        expression with taught words, which the decoder does not know, it is that of `odds_reader`.

        Args:
            expression: Without OR and NOT.
        """
        weight, inner = 1.0, expression
        if isinstance(expression, Weighted):
            weight, inner = expression.weight, expression.expression
        if taught_names(inner):
            q = self.ground(inner)
            return Excluded(q, odds_reader(q), weight)
        try:
            concept = evaluate(inner)
        except ConflictError:
            return None
        values = torch.from_numpy(self.vocabulary.encode(concept)).bool().to(self.device)

        def probability(z: Tensor) -> Tensor:
            described = Description(self.vocabulary, self.model.decode_symbol(z).float())
            return described.symbol_probabilities[:, values].prod(-1)

        return Excluded(self.ground(concept), probability, weight)
