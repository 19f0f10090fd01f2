"""The beta-VAE: against its equation, and what it does to a model."""

import math

import pytest
import torch

from vision.colour import CyclicHSV
from vision.gaussian import kl_from_prior
from vision.networks import ConvDecoder, ConvEncoder
from vision.objectives import Bernoulli, Loss, Normal, beta_vae, forward, normalised_beta
from vision.vae import VAE

SHAPE = (3, 16, 16)
BERNOULLI = Bernoulli()


def vae(colour=None) -> VAE:
    torch.manual_seed(0)
    small = {"widths": (8, 8), "hidden": 16}
    return VAE(ConvEncoder(SHAPE, 4, **small), ConvDecoder(SHAPE, 4, **small), colour)


def images(n: int = 5) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(2))


def seeded_generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def loss_of(model, x, likelihood=BERNOULLI, **weights) -> Loss:
    return beta_vae(forward(model, x, likelihood, seeded_generator()), **weights)


def test_with_neutral_weights_the_objective_is_the_negative_elbo():
    model, x = vae(), images()
    loss = loss_of(model, x, beta=1.0)
    q = model.encode(x)
    p_x = torch.distributions.Bernoulli(
        logits=model.decoder(q.sample(seeded_generator())), validate_args=False
    )
    elbo = p_x.log_prob(x).sum((1, 2, 3)) - kl_from_prior(q).sum(1)
    assert torch.allclose(loss.value, -elbo.mean())
    assert torch.allclose(loss.value.detach(), loss.terms["reconstruction"] + loss.terms["kl"])


def test_beta_weighs_the_kl_and_the_terms_are_unweighted():
    model, x = vae(), images()
    plain, heavy = (loss_of(model, x, beta=beta) for beta in (0.0, 7.0))
    assert torch.equal(plain.value, plain.terms["reconstruction"])
    assert torch.allclose(heavy.value - plain.value, 7 * heavy.terms["kl"], atol=1e-3)
    assert torch.equal(heavy.terms["kl"], plain.terms["kl"])
    kl = forward(model, x, BERNOULLI, seeded_generator()).kl
    assert kl.shape == (4,)
    assert torch.allclose(kl.sum(), heavy.terms["kl"])
    assert heavy.value.requires_grad
    assert not any(term.requires_grad for term in heavy.terms.values())


def test_capacity_pulls_the_kl_from_both_sides():
    model, x = vae(), images()
    kl = loss_of(model, x, beta=1.0).terms["kl"].item()
    gradients = {}
    for capacity in (0.0, kl / 2, 2 * kl):
        loss = loss_of(model, x, beta=10.0, capacity=capacity)
        penalty = loss.value - loss.terms["reconstruction"]
        assert penalty.item() == pytest.approx(10 * abs(kl - capacity), rel=1e-3)
        gradients[capacity] = torch.autograd.grad(loss.value, model.encoder.code.weight)[0]
    plain = torch.autograd.grad(loss_of(model, x, beta=10.0).value, model.encoder.code.weight)[0]
    none = torch.autograd.grad(loss_of(model, x, beta=0.0).value, model.encoder.code.weight)[0]
    assert torch.allclose(gradients[0.0], plain)
    assert torch.allclose(gradients[kl / 2], plain)
    assert torch.allclose(gradients[2 * kl] - none, none - plain, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("likelihood", [BERNOULLI, Normal()])
def test_the_objective_reaches_every_weight_of_the_vae(likelihood):
    model = vae()
    loss_of(model, images(), likelihood, beta=4.0).value.backward()
    for name, weight in model.named_parameters():
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().sum() > 0, name


def test_images_are_compared_in_the_colour_space_of_the_networks():
    colour = CyclicHSV()
    inner, outer, x = vae(), vae(colour), images()
    within = loss_of(inner, colour.encode(x), beta=1.0)
    outside = loss_of(outer, x, beta=1.0)
    assert torch.equal(within.value, outside.value)


def test_normalised_beta_is_beta_latents_over_features():
    assert normalised_beta(1.0, 32, 100) == pytest.approx(0.32)
    assert normalised_beta(53, 32, math.prod((3, 80, 80))) == pytest.approx(0.0883, abs=1e-4)


def test_a_vae_learns_one_bit_and_pays_one_bit_for_it():
    torch.manual_seed(0)
    shape = (1, 8, 8)
    x = torch.zeros(64, *shape)
    x[::2, :, :4] = 1
    x[1::2, :, 4:] = 1
    model = VAE(ConvEncoder(shape, 2, widths=(8,), hidden=16), ConvDecoder(shape, 2, widths=(8,), hidden=16))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    generator = seeded_generator()
    for _ in range(250):
        loss = beta_vae(forward(model, x, BERNOULLI, generator), beta=1.0)
        optimiser.zero_grad()
        loss.value.backward()
        optimiser.step()
    # Without the code each pixel is a coin: 64 ln 2 nats. With it, the bit costs at least ln 2.
    assert loss.terms["reconstruction"] < 1.5 < 64 * math.log(2)
    assert math.log(2) * 0.9 < loss.terms["kl"] < 5
    assert torch.allclose(model.decode(model.encode(x).mean), x, atol=0.1)


def test_kl_weights_weigh_the_kl_of_each_latent():
    model, x = vae(), images(16)
    kl_weights = torch.linspace(0.5, 3, model.latents)
    passed = forward(model, x, BERNOULLI, seeded_generator())
    weighted = (kl_weights * passed.kl).sum()
    for capacity, penalty in ((None, weighted), (2.0, (weighted - 2).abs())):
        loss = beta_vae(passed, beta=2.0, kl_weights=kl_weights, capacity=capacity)
        assert torch.allclose(loss.value, passed.reconstruction + 2 * penalty)
        assert torch.allclose(loss.terms["kl"], passed.kl.sum())


def test_a_penalty_is_added_by_name_and_weight():
    weight = torch.tensor(2.0, requires_grad=True)
    loss = Loss(weight**2, {"square": torch.tensor(4.0)}).plus("cube", 0.5, weight**3)
    assert loss.value.item() == 4 + 0.5 * 8
    assert {name: term.item() for name, term in loss.terms.items()} == {"square": 4, "cube": 8}
    assert torch.autograd.grad(loss.value, weight)[0].item() == 4 + 0.5 * 12
    with pytest.raises(ValueError, match="has a term 'cube' already"):
        loss.plus("cube", 1.0, weight)
