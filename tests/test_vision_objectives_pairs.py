"""Ada-GVAE, Ada-ML-VAE and SlowVAE: against reference values, numerical integration, and the beta-VAE."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vision.gaussian import Gaussian, kl, kl_from_prior
from vision.networks import ConvDecoder, ConvEncoder
from vision.objectives import (
    Bernoulli,
    Pass,
    ada_gvae,
    ada_ml_vae,
    beta_vae,
    forward,
    laplace_cross_entropy,
    reconstruct,
    slow_vae,
    target_of,
)
from vision.objectives.ada_vae import differs, halves, joined
from vision.objectives.slow_vae import transition_kl
from vision.vae import VAE

GOLDEN = json.loads((Path(__file__).parent / "pairs_golden.json").read_text())
SHAPE = (1, 16, 16)


def golden(name: str) -> Tensor:
    return torch.tensor(GOLDEN[name], dtype=torch.float64)


def golden_pairs() -> Gaussian:
    mean = torch.cat((golden("mean1"), golden("mean2")))
    return Gaussian(mean, torch.cat((golden("logvar1"), golden("logvar2"))))


def gaussians(n: int, latents: int = 5) -> Gaussian:
    generator = torch.Generator().manual_seed(0)
    draw = torch.randn(2, n, latents, generator=generator, dtype=torch.float64)
    return Gaussian(draw[0], draw[1] - 1)


def model() -> VAE:
    torch.manual_seed(0)
    small = {"widths": (8, 8), "hidden": 16}
    return VAE(ConvEncoder(SHAPE, 4, **small), ConvDecoder(SHAPE, 4, **small))


def images(n: int = 8) -> Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(2))


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def of_posteriors(q: Gaussian) -> Pass:
    zero = torch.zeros((), dtype=torch.float64)
    return Pass(q, q.mean, q.mean, zero, kl_from_prior(q).mean(0))


@pytest.mark.parametrize(("average", "key"), [(ada_gvae, "gvae"), (ada_ml_vae, "mlvae")])
def test_averages_are_those_of_the_reference(average, key):
    shared, expected = average(golden_pairs()), GOLDEN[key]
    for part, name in ((shared.mean, "mean"), (shared.logvar, "logvar")):
        both = torch.tensor(expected[f"{name}1"] + expected[f"{name}2"], dtype=torch.float64)
        assert torch.allclose(part, both, rtol=0, atol=1e-10)
    nats = beta_vae(of_posteriors(shared), beta=4.0).value / 4
    assert nats.item() == pytest.approx(expected["kl"], abs=1e-10)


def test_latents_differ_from_the_middle_between_the_least_and_the_largest_kl_of_the_pair():
    one, other = halves(golden_pairs())
    assert torch.equal(differs(one, other), torch.tensor(GOLDEN["differs"]))
    assert torch.allclose(2 * kl(one, other), golden("twice_kl"), rtol=1e-10, atol=0)


@pytest.mark.parametrize("average", [ada_gvae, ada_ml_vae])
def test_shared_latents_are_equal_in_a_pair_and_the_others_as_they_were(average):
    q = gaussians(12)
    own = differs(*halves(q))
    assert own.any(1).all()
    assert not own.all(1).any()
    one, other = halves(average(q))
    before = halves(q)
    for pair, was in ((one, before[0]), (other, before[1])):
        assert torch.equal(pair.mean[own], was.mean[own])
        assert torch.equal(pair.logvar[own], was.logvar[own])
    assert torch.equal(one.mean[~own], other.mean[~own])
    assert torch.equal(one.logvar[~own], other.logvar[~own])


@pytest.mark.parametrize("average", [ada_gvae, ada_ml_vae])
def test_of_two_equal_images_the_loss_is_the_negative_elbo(average):
    vae, x = model(), images(4)
    twice = torch.cat((x, x))
    target = target_of(vae, twice, Bernoulli())
    shared = average(vae.encoder(target))
    assert torch.allclose(shared.mean, vae.encoder(target).mean, atol=1e-6)
    loss = beta_vae(reconstruct(vae, shared, target, Bernoulli(), noise()), beta=1.0)
    plain = beta_vae(forward(vae, twice, Bernoulli(), noise()), beta=1.0)
    assert torch.allclose(loss.value, plain.value)


@pytest.mark.parametrize("average", [ada_gvae, ada_ml_vae, lambda q: q])
def test_a_gradient_reaches_every_row_of_every_weight_from_pairs(average):
    vae, x = model(), images(64)
    target = target_of(vae, x, Bernoulli())
    passed = reconstruct(vae, average(vae.encoder(target)), target, Bernoulli(), noise())
    slow_vae(passed, beta=1.0, gamma=1.0).value.backward()
    rows = vae.encoder.code.weight.grad.abs().sum(1)
    assert (rows > 0).all()
    for name, weight in vae.named_parameters():
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize(("m", "sigma", "rate"), [(0.0, 1.0, 6.0), (0.7, 0.3, 6.0), (-2.0, 0.5, 1.5)])
def test_the_laplace_cross_entropy_is_its_integral(m: float, sigma: float, rate: float):
    # Two parts that meet at the kink of |v|, Gauss-Legendre in each.
    nodes, weights = (torch.tensor(part) for part in np.polynomial.legendre.leggauss(200))
    total = 0.0
    for low, high in ((min(m - 12 * sigma, -1.0), 0.0), (0.0, max(m + 12 * sigma, 1.0))):
        v = (high - low) / 2 * nodes + (high + low) / 2
        density = torch.exp(-((v - m) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
        total += ((high - low) / 2 * weights * density * (rate * v.abs() - math.log(rate / 2))).sum().item()
    found = laplace_cross_entropy(*torch.tensor([m, sigma], dtype=torch.float64), rate)
    assert found.item() == pytest.approx(total, abs=1e-10)


def test_the_transition_term_is_a_kl_in_both_directions():
    q = gaussians(8)
    one, other = halves(q)
    expected = 0.0
    for a, b in ((one, other), (other, one)):
        entropy = torch.distributions.Normal(a.mean, a.std).entropy()
        expected += (laplace_cross_entropy(a.mean - b.mean, a.std, 3.0) - entropy).sum(1).mean() / 2
    found = transition_kl(q, 3.0)
    assert found.item() == pytest.approx(expected.item(), abs=1e-10)
    assert torch.allclose(transition_kl(joined(other, one), 3.0), found)
    assert found > 0


def test_without_the_transition_and_with_beta_two_it_is_twice_the_elbo():
    vae, x = model(), images()
    passed = forward(vae, x, Bernoulli(), noise())
    twice = slow_vae(passed, beta=2.0, gamma=0.0)
    assert torch.allclose(twice.value, 2 * beta_vae(passed, beta=1.0).value)
    weighted = slow_vae(passed, beta=2.0, gamma=10.0)
    assert torch.allclose(weighted.value - twice.value, 10 * weighted.terms["transition"], atol=1e-3)
    assert weighted.terms.keys() == {"reconstruction", "kl", "transition"}


def test_latents_that_stay_cost_less_than_latents_that_all_change_a_little():
    logvar = torch.full((2, 4), -6.0, dtype=torch.float64)
    one_changes = torch.tensor([[0.0] * 4, [1.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    all_change = torch.tensor([[0.0] * 4, [0.5] * 4], dtype=torch.float64)  # the same length
    assert transition_kl(Gaussian(one_changes, logvar), 6.0) < transition_kl(
        Gaussian(all_change, logvar), 6.0
    )


def test_odd_batches_and_rates_that_are_not_positive_are_refused():
    q = gaussians(3)
    for function in (ada_gvae, ada_ml_vae, lambda q: transition_kl(q, 6.0)):
        with pytest.raises(ValueError, match="pairs are an even number of images, got 3"):
            function(q)
    with pytest.raises(ValueError, match="rate of a Laplace distribution must be positive, got 0"):
        laplace_cross_entropy(torch.zeros(1), torch.ones(1), 0.0)
