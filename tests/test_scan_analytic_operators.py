"""The analytic operators on Gaussians against the set operators on concepts they stand for."""

import itertools

import torch

from scan.analytic_operators import OPERATORS as ANALYTIC
from scan.analytic_operators import conjunction, ignore, in_common
from symbols import OPERATORS, Attribute, Concept, Vocabulary, apply
from vision.gaussian import Gaussian, standard_normal

VALUES = ("a", "b", "c", "d")
WORDS = Vocabulary(tuple(Attribute(name, VALUES) for name in ("wall", "floor", "shape")))


def axis_aligned(concept: Concept) -> Gaussian:
    """One latent per attribute: a narrow Gaussian at a given value, the prior where left open; (1, 3)."""
    mean, logvar = torch.zeros(1, 3), torch.zeros(1, 3)
    for name, value in concept.items():
        mean[0, WORDS.names.index(name)] = VALUES.index(value) - 1.5
        logvar[0, WORDS.names.index(name)] = -5.0
    return Gaussian(mean, logvar)


def all_concepts() -> list[Concept]:
    rows = itertools.product((None, *VALUES), repeat=3)
    return [
        WORDS.concept({n: v for n, v in zip(WORDS.names, row, strict=True) if v is not None}) for row in rows
    ]


def test_every_pair_of_concepts_recombines_as_sets_do() -> None:
    concepts = [c for c in all_concepts() if c.level != 3][::2]
    checked = dict.fromkeys(OPERATORS, 0)
    for op in OPERATORS:
        for left, right in itertools.product(concepts, concepts):
            if op == "AND" and not left.is_orthogonal_to(right):
                continue
            expected = axis_aligned(apply(op, left, right))
            result = ANALYTIC[op](axis_aligned(left), axis_aligned(right))
            torch.testing.assert_close(result.mean, expected.mean)
            torch.testing.assert_close(result.logvar, expected.logvar)
            checked[op] += 1
    assert min(checked.values()) > 100


def test_the_product_of_two_posteriors_is_their_bayesian_update() -> None:
    # Two noisy measurements 1.0 and 2.0 of variance 1 and 2 of one quantity whose prior is N(0, 1).
    precision = torch.tensor([[1.0, 0.5]])
    posteriors = [Gaussian(torch.tensor([[p * m / (1 + p)]]), -torch.tensor([[1 + p]]).log())
                  for p, m in ((1.0, 1.0), (0.5, 2.0))]  # fmt: skip
    both = conjunction(*posteriors)
    torch.testing.assert_close(both.variance, 1 / (1 + precision.sum(-1, keepdim=True)))
    torch.testing.assert_close(both.mean, torch.tensor([[(1.0 * 1.0 + 0.5 * 2.0) / 2.5]]))


def test_the_product_stays_a_distribution_where_both_inputs_are_wider_than_the_prior() -> None:
    wide = Gaussian(torch.full((1, 2), 0.3), torch.full((1, 2), 1.5))
    result = conjunction(wide, wide)
    assert result.logvar.isfinite().all()
    torch.testing.assert_close(result.variance, wide.variance)


def test_the_prior_is_neutral() -> None:
    q, prior = axis_aligned(WORDS.concept({"wall": "b", "floor": "c"})), standard_normal((1, 3))
    for result in (
        conjunction(q, prior),
        conjunction(prior, q),
        ignore(q, prior),
    ):
        torch.testing.assert_close(result.mean, q.mean)
        torch.testing.assert_close(result.logvar, q.logvar)
    assert in_common(q, prior).logvar.abs().max() == 0
    assert ignore(q, q).logvar.abs().max() == 0
