"""DC-IGN: what is clamped, and which gradient it gets in place of its own."""

import pytest
import torch
from torch import Tensor

from vision.gaussian import Gaussian
from vision.networks import ConvDecoder, ConvEncoder
from vision.objectives import (
    Bernoulli,
    Loss,
    beta_vae,
    clamped,
    forward,
    invariance,
    reconstruct,
    target_of,
)
from vision.vae import VAE

SHAPE = (1, 16, 16)
ACTIVE = torch.tensor([True, False, False, True])
LIKELIHOOD = Bernoulli()


def model() -> VAE:
    torch.manual_seed(0)
    small = {"widths": (8, 8), "hidden": 16}
    return VAE(ConvEncoder(SHAPE, 4, **small), ConvDecoder(SHAPE, 4, **small))


def images(n: int = 8) -> Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(2))


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def posteriors(dtype: torch.dtype = torch.float64) -> Gaussian:
    draw = torch.randn(2, 8, 4, generator=noise(), dtype=dtype)
    return Gaussian(draw[0].requires_grad_(), draw[1].requires_grad_())


def loss_of(vae: VAE, x: Tensor, q: Gaussian, active: Tensor, strength: float, beta: float = 1.0) -> Loss:
    target = target_of(vae, x, LIKELIHOOD)
    passed = reconstruct(vae, clamped(q, active), target, LIKELIHOOD, noise())
    loss = beta_vae(passed, beta=beta, kl_weights=active.float())
    return loss.plus("invariance", strength, invariance(q, active))


def test_clamped_latents_are_the_same_in_the_whole_batch_and_active_ones_as_they_were():
    q = posteriors()
    found = clamped(q, ACTIVE)
    for part, was in ((found.mean, q.mean), (found.logvar, q.logvar)):
        assert torch.equal(part[:, ACTIVE], was[:, ACTIVE])
        assert torch.equal(part[:, ~ACTIVE], part[:1, ~ACTIVE].expand(8, -1))
        assert torch.allclose(part[0, ~ACTIVE], was[:, ~ACTIVE].mean(0))


def test_the_reconstruction_has_no_gradient_at_clamped_latents():
    vae, q = model(), posteriors(torch.float32)
    loss = loss_of(vae, images(), q, ACTIVE, strength=0.0)
    for part in torch.autograd.grad(loss.value, (q.mean, q.logvar)):
        assert (part[:, ~ACTIVE] == 0).all()
        assert (part[:, ACTIVE] != 0).all()


@pytest.mark.parametrize("strength", [1.0, 0.01])
def test_the_gradient_of_clamped_means_is_the_strength_times_their_distance_from_the_mean(strength: float):
    q = posteriors()
    (gradient,) = torch.autograd.grad(strength * len(q) * invariance(q, ACTIVE), q.mean)
    expected = strength * (q.mean - q.mean.mean(0))
    assert torch.allclose(gradient[:, ~ACTIVE], expected[:, ~ACTIVE], rtol=0, atol=1e-10)
    assert (gradient[:, ACTIVE] == 0).all()
    vae, q = model(), posteriors(torch.float32)
    (gradient,) = torch.autograd.grad(loss_of(vae, images(), q, ACTIVE, strength).value, q.mean)
    expected = strength * (q.mean - q.mean.mean(0)) / len(q)
    assert torch.allclose(gradient[:, ~ACTIVE], expected[:, ~ACTIVE], rtol=0, atol=1e-6)


def test_the_variance_of_clamped_latents_within_a_batch_falls_after_one_step():
    vae, x = model(), images()
    optimiser = torch.optim.SGD(vae.encoder.parameters(), lr=1e-4)

    def within() -> Tensor:
        return vae.encoder(x).mean.var(0)[~ACTIVE]

    before = within().detach()
    loss_of(vae, x, vae.encoder(x), ACTIVE, strength=1e5).value.backward()
    optimiser.step()
    assert (within() < before).all()


def test_with_all_latents_active_and_neutral_weights_it_is_the_elbo():
    vae, x = model(), images()
    every = torch.ones(4, dtype=torch.bool)
    loss = loss_of(vae, x, vae.encoder(x), every, strength=1.0)
    plain = beta_vae(forward(vae, x, LIKELIHOOD, noise()), beta=1.0)
    assert torch.equal(loss.value, plain.value)
    assert loss.terms["invariance"] == 0


def test_over_the_groups_a_gradient_reaches_every_row_of_every_weight():
    vae, x = model(), images(32)
    for active in (ACTIVE, ~ACTIVE):
        loss_of(vae, x, vae.encoder(x), active, strength=1.0).value.backward()
    assert (vae.encoder.code.weight.grad.abs().sum(1) > 0).all()
    for name, weight in vae.named_parameters():
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().sum() > 0, name
