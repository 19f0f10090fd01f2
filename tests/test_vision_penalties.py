"""Penalties: against closed forms, with and without what they are to find, and as parts of the objective."""

import math

import pytest
import torch

from vision.networks import ConvDecoder, ConvEncoder, Decoder
from vision.objectives import beta_vae
from vision.penalties import covariance, dependence, spread
from vision.vae import VAE

SHAPE = (3, 16, 16)


def vae() -> VAE:
    torch.manual_seed(0)
    small = {"widths": (8, 8), "hidden": 16}
    return VAE(ConvEncoder(SHAPE, 4, **small), ConvDecoder(SHAPE, 4, **small))


def images(n: int) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(2))


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(3)


class Painter(Decoder):
    """Two latents that paint the left and the right half, turned by an angle: the same pictures."""

    link = "identity"

    def __init__(self, angle: float) -> None:
        super().__init__()
        self.shape, self.latents = SHAPE, 2
        cos, sin = math.cos(angle), math.sin(angle)
        self.turn = torch.tensor([[cos, sin], [-sin, cos]])

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return (z @ self.turn).repeat_interleave(8, dim=1)[:, None, None].expand(-1, *SHAPE)


def test_spread_is_least_where_each_latent_has_a_part_of_its_own():
    """E|z - z'| = 2 / sqrt(pi): aligned, both latents together change every pixel once by that much;
    turned by 45 degrees every pixel changes with either, by 1 / sqrt(2) of it."""
    z = torch.randn(40_000, 2, generator=noise())
    values = {}
    for angle in (0.0, math.pi / 4):
        model = VAE(ConvEncoder(SHAPE, 2, widths=(8, 8), hidden=16), Painter(angle))
        values[angle] = spread(model, z, model.decoder(z), torch.ones(2), generator=noise()).item()
    aligned = math.prod(SHAPE) * 2 / math.sqrt(math.pi)
    assert values[0.0] == pytest.approx(aligned, rel=0.02)
    assert values[math.pi / 4] == pytest.approx(math.sqrt(2) * aligned, rel=0.02)


def test_spread_counts_used_latents_only():
    z = torch.randn(4000, 2, generator=noise())
    model = VAE(ConvEncoder(SHAPE, 2, widths=(8, 8), hidden=16), Painter(0.0))
    both = spread(model, z, model.decoder(z), torch.tensor([1.0, 1.0]), generator=noise())
    one = spread(model, z, model.decoder(z), torch.tensor([1.0, 0.0]), generator=noise())
    assert one.item() == pytest.approx(both.item() / 2, rel=0.05)


def test_sparsity_weighs_spread_in_the_objective():
    model, x = vae(), images(16)
    plain, sparse = (beta_vae(model, x, beta=2.0, sparsity=weight, generator=noise()) for weight in (0, 0.5))
    assert torch.equal(plain.spread, torch.zeros(()))
    assert torch.allclose(sparse.loss - plain.loss, 0.5 * sparse.spread, atol=1e-3)
    assert torch.equal(sparse.reconstruction, plain.reconstruction)


def test_covariance_is_that_of_dip_vae_one():
    mean = torch.randn(50, 4, generator=noise())
    expected = torch.cov(mean.T, correction=0)
    expected = (expected - expected.diag().diag()).square().sum()
    assert torch.allclose(covariance(mean), expected, rtol=1e-4)
    assert covariance(torch.randn(200_000, 3, generator=noise())) < 1e-3
    assert covariance(torch.randn(1, 3)) == 0


def test_decorrelation_weighs_covariance_in_the_objective():
    model, x = vae(), images(16)
    plain, weighed = (
        beta_vae(model, x, beta=2.0, decorrelation=weight, generator=noise()) for weight in (0, 50.0)
    )
    assert torch.allclose(weighed.covariance, covariance(model.encode(x).mean))
    assert torch.allclose(weighed.loss - plain.loss, 50 * weighed.covariance, atol=1e-3)


def contexts(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two latents that say where, and one more that is independent of them."""
    torch.manual_seed(7)
    return torch.randn(n, 2), torch.randn(n, 1)


def test_dependence_is_the_sum_of_squared_covariances_of_moments():
    one, other = contexts(400_000)
    other = other + 0.5 * one[:, :1]
    f = torch.cat((one, one.square(), one.prod(1, keepdim=True)), 1)
    g = torch.cat((other, other.square()), 1)
    expected = torch.cov(torch.cat((f, g), 1).T)[:5, 5:].square().sum()
    assert dependence(one, other).item() == pytest.approx(expected.item(), rel=0.02)


def test_dependence_is_nothing_for_independent_groups_without_bias():
    one, other = contexts(32 * 4000)
    values = torch.stack([dependence(a, b) for a, b in zip(one.split(32), other.split(32), strict=True)])
    assert values.min() < 0
    assert abs(values.mean()) < 4 * values.std() / 4000**0.5
    assert dependence(one, other) < 1e-3


@pytest.mark.parametrize("kind", ["mean", "mean of a product", "variance"])
def test_dependence_sees_what_covariance_does_not(kind: str):
    one, other = contexts(100_000)
    tied = {
        "mean": other + one[:, :1].square(),
        "mean of a product": other + one.prod(1, keepdim=True),
        "variance": other * one[:, :1],
    }[kind]
    assert covariance(torch.cat((one, tied), 1)) < 1e-2
    assert dependence(one, tied) > 1


def test_independence_weighs_dependence_between_the_first_latents_and_the_others():
    model, x = vae(), images(8)
    plain, weighed = (
        beta_vae(model, x, beta=2.0, independence=weight, first=3, generator=noise()) for weight in (0, 50.0)
    )
    mean = model.encode(x).mean
    assert torch.allclose(weighed.dependence, dependence(mean[:, :3], mean[:, 3:]))
    assert torch.allclose(weighed.loss - plain.loss, 50 * weighed.dependence, atol=1e-3)


def test_what_latents_share_is_measured_in_full_precision():
    one, other = contexts(64)
    values = covariance(torch.cat((one, other), 1)), dependence(one, other)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(covariance(torch.cat((one, other), 1)), values[0])
        assert torch.equal(dependence(one, other), values[1])


def test_dependence_refuses_a_batch_without_halves():
    with pytest.raises(ValueError, match="at least 4 images, got 3"):
        dependence(*contexts(3))
