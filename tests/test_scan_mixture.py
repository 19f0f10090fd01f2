"""Mixtures with exclusions: samples and moments against densities integrated on a grid."""

import math

import pytest
import torch
from torch import Tensor

from scan.analytic_operators import power
from scan.mixture import Component, Excluded, Mixture, odds_reader
from scan.symbol_networks import ExpertSymbolEncoder
from vision.gaussian import Gaussian, standard_normal

GRID = torch.linspace(-6, 6, 4001)


def gaussian(mean: float, std: float) -> Gaussian:
    return Gaussian(torch.tensor([[mean]]), torch.tensor([[2 * math.log(std)]]))


def density(q: Gaussian) -> Tensor:
    return (-0.5 * ((GRID - q.mean[0]) / q.std[0]) ** 2).exp() / q.std[0]


def on_grid(mixture: Mixture) -> tuple[float, float]:
    """Mean and variance of 1/K sum_k q_k a_k / Z_k."""
    total = torch.zeros_like(GRID)
    for component in mixture.components:
        kept = density(component.q) * component.acceptance(GRID.unsqueeze(-1))
        total += kept / kept.sum()
    total /= total.sum()
    mean = (total * GRID).sum()
    return float(mean), float((total * (GRID - mean) ** 2).sum())


MIXTURES = {
    "or": Mixture([Component(gaussian(-2.0, 0.3)), Component(gaussian(1.0, 0.5))]),
    "not": Mixture([Component(gaussian(0.0, 1.0), (Excluded(q := gaussian(0.7, 0.4), odds_reader(q)),))]),
    "both": Mixture(
        [
            Component(gaussian(0.0, 1.0), (Excluded(q, odds_reader(q), weight=3.0),)),
            Component(gaussian(-3.0, 0.2)),
        ]
    ),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_moments_and_samples_are_those_of_the_density(name: str) -> None:
    mixture = MIXTURES[name]
    mean, variance = on_grid(mixture)
    moments = mixture.moments()
    assert moments.mean.item() == pytest.approx(mean, abs=5e-3)
    assert moments.variance.item() == pytest.approx(variance, rel=1e-2)
    z = mixture.sample(40_000, torch.Generator().manual_seed(0))
    assert z.shape == (40_000, 1)
    assert z.mean().item() == pytest.approx(mean, abs=4 * math.sqrt(variance / 40_000))
    assert z.var().item() == pytest.approx(variance, rel=0.05)


def test_not_takes_its_share_of_every_interval() -> None:
    (component,) = MIXTURES["not"].components
    total = density(component.q) * (1 - density(q) / (density(q) + density(gaussian(0.0, 1.0))))
    total /= total.sum()
    z = component.sample(40_000, torch.Generator().manual_seed(1))[:, 0]
    for low, high in ((-3.0, -1.0), (-1.0, 0.3), (0.3, 1.1), (1.1, 3.0)):
        expected = total[(low < GRID) & (high > GRID)].sum().item()
        share = ((low < z) & (high > z)).float().mean().item()
        assert share == pytest.approx(expected, abs=4 * math.sqrt(expected / 40_000))
    assert expected > 0.1


def test_a_plain_gaussian_is_itself_and_is_sampled_as_one() -> None:
    q = Gaussian(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, -3.0]]))
    mixture = Mixture([Component(q)])
    assert mixture.moments() is q
    drawn = mixture.sample(5, torch.Generator().manual_seed(3))
    wide = Gaussian(q.mean.expand(5, -1), q.logvar.expand(5, -1))
    assert torch.equal(drawn, wide.sample(torch.Generator().manual_seed(3)))


def test_an_exclusion_of_everything_is_refused() -> None:
    q = gaussian(0.0, 0.1)
    mixture = Mixture([Component(q, (Excluded(q, lambda z: torch.ones(len(z))),))])
    with pytest.raises(ValueError, match="next to nothing"):
        mixture.sample(1)
    with pytest.raises(ValueError, match="next to nothing"):
        mixture.moments()


def test_the_odds_of_a_concept_are_its_density_over_the_priors() -> None:
    q = gaussian(1.0, 0.5)
    p = odds_reader(q)(GRID.unsqueeze(-1))
    ratio = density(q) / density(gaussian(0.0, 1.0))
    torch.testing.assert_close(p, ratio / (1 + ratio))
    assert torch.equal(odds_reader(standard_normal((1, 3)))(torch.randn(4, 3)), torch.full((4,), 0.5))


def test_a_weight_is_a_weight_of_the_symbol() -> None:
    torch.manual_seed(0)
    encoder = ExpertSymbolEncoder(4, 6)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter)
    y = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    for weight in (0.1, 1.0, 2.0, 10.0):
        found, expected = power(encoder(y), weight), encoder(weight * y)
        torch.testing.assert_close(found.mean, expected.mean)
        torch.testing.assert_close(found.logvar, expected.logvar)


def test_a_concept_wider_than_the_prior_stays_a_gaussian_under_any_weight() -> None:
    wide = gaussian(0.5, 2.0)
    for weight in (0.5, 1.0, 5.0, 100.0):
        assert power(wide, weight).variance.isfinite().all()
    torch.testing.assert_close(power(wide, 1.0).logvar, wide.logvar)
