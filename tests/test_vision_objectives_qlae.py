"""QLAE: the straight-through gradient, what moves the values of the grid, and the Gaussian that SCAN sees."""

import math

import pytest
import torch
from torch import Tensor

from vision.models import build
from vision.objectives import Bernoulli, Normal, Pass, qlae, quantised_forward
from vision.quantised import Quantiser
from vision.vae import VAE

SPEC = {
    "kind": "quantised",
    "shape": [3, 8, 8],
    "latents": 4,
    "values": 5,
    "widths": [8],
    "hidden": 16,
    "activation": "elu",
}


def model() -> VAE:
    torch.manual_seed(0)
    vae = build(SPEC)
    assert isinstance(vae, VAE)
    return vae


def images(n: int) -> Tensor:
    return torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def codes(n: int, latents: int) -> Tensor:
    return torch.randn(n, latents, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def test_a_code_becomes_the_nearest_value_of_its_own_latent() -> None:
    quantiser = Quantiser(2, 3).double()
    quantiser.values.data = torch.tensor([[-1.0, 0.0, 1.0], [10.0, 5.0, 7.0]]).double()
    z = torch.tensor([[0.4, 5.9], [-9.0, 6.1], [0.6, 99.0]]).double()
    assert quantiser(z).tolist() == [[0.0, 5.0], [-1.0, 7.0], [1.0, 10.0]]
    assert quantiser.step().tolist() == [1.0, 2.5]
    assert torch.equal(Quantiser(2, 3).values, torch.tensor([[-0.5, 0.0, 0.5]] * 2))
    with pytest.raises(ValueError, match="at least 2 values, got 1"):
        Quantiser(2, 1)


def test_the_straight_through_gradient_is_exactly_the_identity() -> None:
    quantiser, z = Quantiser(3, 5).double(), codes(7, 3).requires_grad_()
    value, upstream = quantiser.straight_through(z), codes(7, 3).roll(1)
    to_z, to_values = torch.autograd.grad(value, (z, quantiser.values), upstream, allow_unused=True)
    assert torch.equal(value, z + (quantiser(z) - z).detach())
    assert torch.equal(to_z, upstream)
    assert to_values is None


def test_the_encoder_gets_the_gradient_of_the_decoder_at_the_values() -> None:
    """The gradient of the reconstruction with respect to z is that with respect to q(z)."""
    vae, x = model(), images(6)
    passed = quantised_forward(vae, x, Bernoulli())
    (to_z,) = torch.autograd.grad(passed.reconstruction, passed.z, retain_graph=True)
    q = passed.q.mean.detach().requires_grad_()
    cost = Bernoulli().cost(vae, vae.decoder.decoder(q), x).mean()
    (to_q,) = torch.autograd.grad(cost, q)
    assert torch.allclose(to_z, to_q, rtol=1e-4, atol=1e-6)


def test_the_loss_is_its_equation_and_neutral_weights_leave_the_reconstruction() -> None:
    z, q = codes(6, 4), codes(6, 4).roll(1, dims=0)
    passed = Pass(model().encode(images(6)).to("cpu"), z, torch.zeros(6, 3, 8, 8), torch.tensor(7.0), z[0])
    passed = passed._replace(q=type(passed.q)(q, q))
    loss = qlae(passed, quantisation=0.3, commitment=0.1)
    assert loss.value.item() == pytest.approx(7 + 192 * 0.4 * (z - q).square().mean().item(), rel=1e-10)
    assert loss.terms["quantisation"] == loss.terms["commitment"] == (z - q).square().mean()
    assert qlae(passed, quantisation=0, commitment=0).value == 7


def test_quantisation_moves_values_towards_codes_and_commitment_codes_towards_values() -> None:
    vae, x = model(), images(32)
    before = quantised_forward(vae, x, Normal(1e6))
    distances = []
    for weights in ((1.0, 0.0), (0.0, 1.0)):
        vae = model()
        optimiser = torch.optim.SGD(vae.parameters(), lr=5e-4)
        for _ in range(10):
            passed = quantised_forward(vae, x, Normal(1e6))
            optimiser.zero_grad()
            qlae(passed, quantisation=weights[0], commitment=weights[1]).value.backward()
            optimiser.step()
        after = quantised_forward(vae, x, Normal(1e6))
        distances.append(
            (after.z - after.q.mean).square().mean() / (before.z - before.q.mean).square().mean()
        )
        values_moved = not torch.equal(vae.encoder.quantiser.values, model().encoder.quantiser.values)
        codes_moved = not torch.allclose(after.z, before.z, atol=1e-6)
        assert (values_moved, codes_moved) == (weights[0] > 0, weights[1] > 0)
    assert max(distances) < 0.9


def test_a_gradient_reaches_every_parameter() -> None:
    vae = model()
    vae.encoder.code.weight.data *= 5  # so that codes are near every value
    passed = quantised_forward(vae, images(256), Bernoulli())
    qlae(passed, quantisation=0.01, commitment=0.01).value.backward()
    for name, weight in vae.named_parameters():
        assert weight.grad is not None, name
        assert (weight.grad.abs().flatten(1).sum(1) > 0).all() if weight.ndim > 1 else weight.grad.any(), name


def test_scan_sees_values_with_half_a_step_and_the_decoder_snaps_to_them() -> None:
    vae, x = model(), images(40)
    q = vae.encode(x)
    assert torch.allclose(q.std, torch.full_like(q.std, 0.25 / 2))
    assert set(q.mean.unique().tolist()) <= {-0.5, -0.25, 0.0, 0.25, 0.5}
    z = q.mean + 0.12 * (2 * torch.rand(q.mean.shape) - 1)
    assert torch.equal(vae.decode(z), vae.decode(q.mean))
    pictures = vae.decode(q.mean)
    vae.standardise(q)
    q = vae.encode(x)
    assert torch.allclose(q.mean.mean(0), torch.zeros(4), atol=1e-5)
    assert torch.allclose(q.mean.var(0, correction=0) + q.variance.mean(0), torch.ones(4), atol=1e-4)
    assert torch.allclose(vae.decode(q.mean), pictures, atol=1e-6)


def test_codes_of_equal_values_have_a_finite_deviation() -> None:
    quantiser = Quantiser(2, 3)
    quantiser.values.data.zero_()
    assert (2 * (quantiser.step() / 2).log()).isfinite().all()
    assert math.isclose(quantiser.step()[0].item(), 1e-4, rel_tol=1e-6)
