"""Penalties: against closed forms, with and without what they are to find, and as parts of the objective."""

import math

import pytest
import torch
from scipy.stats import entropy

from vision.gaussian import standard_normal
from vision.interfaces import Decoder
from vision.layered import AdditiveMasks, LayeredDecoder
from vision.networks import ConvDecoder, ConvEncoder
from vision.objectives import (
    Bernoulli,
    Pass,
    cross_covariance,
    forward,
    jacobian_l1,
    mask_entropy,
    off_diagonal_covariance,
)
from vision.vae import VAE

SHAPE = (3, 16, 16)


def vae() -> VAE:
    torch.manual_seed(0)
    small = {"widths": (8, 8), "hidden": 16}
    return VAE(ConvEncoder(SHAPE, 4, **small), ConvDecoder(SHAPE, 4, **small))


def images(n: int) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(2))


def seeded_generator() -> torch.Generator:
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


def passed(model: VAE, z: torch.Tensor, kl: list[float]) -> Pass:
    """A pass with these samples and KLs; the rest of it concerns no penalty."""
    return Pass(standard_normal(z.shape), z, model.decoder(z), torch.zeros(()), torch.tensor(kl))


def test_jacobian_l1_is_least_where_each_latent_has_a_part_of_its_own():
    """E|z - z'| = 2 / sqrt(pi): aligned, both latents together change every pixel once by that much;
    turned by 45 degrees every pixel changes with either, by 1 / sqrt(2) of it."""
    z = torch.randn(40_000, 2, generator=seeded_generator())
    values = {}
    for angle in (0.0, math.pi / 4):
        model = VAE(ConvEncoder(SHAPE, 2, widths=(8, 8), hidden=16), Painter(angle))
        values[angle] = jacobian_l1(model, passed(model, z, [1.0, 1.0]), seeded_generator()).item()
    aligned = math.prod(SHAPE) * 2 / math.sqrt(math.pi)
    assert values[0.0] == pytest.approx(aligned, rel=0.02)
    assert values[math.pi / 4] == pytest.approx(math.sqrt(2) * aligned, rel=0.02)


def test_jacobian_l1_counts_used_latents_only():
    z = torch.randn(4000, 2, generator=seeded_generator())
    model = VAE(ConvEncoder(SHAPE, 2, widths=(8, 8), hidden=16), Painter(0.0))
    both = jacobian_l1(model, passed(model, z, [1.0, 1.0]), seeded_generator())
    one = jacobian_l1(model, passed(model, z, [1.0, 0.0]), seeded_generator())
    assert one.item() == pytest.approx(both.item() / 2, rel=0.05)


def test_jacobian_l1_has_a_gradient_through_the_samples_and_none_through_the_kl():
    model = vae()
    given = forward(model, images(16), Bernoulli(), seeded_generator())
    given = given._replace(kl=given.kl + 1)  # all latents count as used
    penalty = jacobian_l1(model, given, seeded_generator())
    to_z, to_kl = torch.autograd.grad(penalty, (given.z, given.kl), retain_graph=True, allow_unused=True)
    assert (to_z.abs().sum(0) > 0).all()
    assert to_kl is None
    penalty.backward()
    assert all(weight.grad.abs().sum() > 0 for weight in model.encoder.parameters())


def test_off_diagonal_covariance_is_that_of_dip_vae_one():
    mean = torch.randn(50, 4, generator=seeded_generator())
    expected = torch.cov(mean.T, correction=0)
    expected = (expected - expected.diag().diag()).square().sum()
    assert torch.allclose(off_diagonal_covariance(mean), expected, rtol=1e-4)
    assert off_diagonal_covariance(torch.randn(200_000, 3, generator=seeded_generator())) < 1e-3
    assert off_diagonal_covariance(torch.randn(1, 3)) == 0


def contexts(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two latents that say where, and one more that is independent of them."""
    torch.manual_seed(7)
    return torch.randn(n, 2), torch.randn(n, 1)


def test_cross_covariance_is_the_sum_of_squared_covariances_of_moments():
    one, other = contexts(400_000)
    other = other + 0.5 * one[:, :1]
    f = torch.cat((one, one.square(), one.prod(1, keepdim=True)), 1)
    g = torch.cat((other, other.square()), 1)
    expected = torch.cov(torch.cat((f, g), 1).T)[:5, 5:].square().sum()
    assert cross_covariance(one, other).item() == pytest.approx(expected.item(), rel=0.02)


def test_cross_covariance_is_nothing_for_independent_groups_without_bias():
    one, other = contexts(32 * 4000)
    values = torch.stack(
        [cross_covariance(a, b) for a, b in zip(one.split(32), other.split(32), strict=True)]
    )
    assert values.min() < 0
    assert abs(values.mean()) < 4 * values.std() / 4000**0.5
    assert cross_covariance(one, other) < 1e-3


@pytest.mark.parametrize("kind", ["mean", "mean of a product", "variance"])
def test_cross_covariance_sees_what_covariance_does_not(kind: str):
    one, other = contexts(100_000)
    tied = {
        "mean": other + one[:, :1].square(),
        "mean of a product": other + one.prod(1, keepdim=True),
        "variance": other * one[:, :1],
    }[kind]
    assert off_diagonal_covariance(torch.cat((one, tied), 1)) < 1e-2
    assert cross_covariance(one, tied) > 1


def test_what_latents_share_is_measured_in_full_precision():
    one, other = contexts(64)
    values = off_diagonal_covariance(torch.cat((one, other), 1)), cross_covariance(one, other)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(off_diagonal_covariance(torch.cat((one, other), 1)), values[0])
        assert torch.equal(cross_covariance(one, other), values[1])


def test_cross_covariance_refuses_a_batch_without_halves():
    with pytest.raises(ValueError, match="at least 4 images, got 3"):
        cross_covariance(*contexts(3))


def test_cross_covariance_refuses_a_group_without_latents():
    one, _ = contexts(8)
    for groups in ((one[:, :0], one), (one, one[:, :0])):
        with pytest.raises(ValueError, match="two groups of latents, got"):
            cross_covariance(*groups)


def layers(bias: torch.Tensor) -> tuple[LayeredDecoder, Pass]:
    """A decoder of 4 components whose masks depend on one latent and a bias (4, 5, 6), and a pass of 12."""
    torch.manual_seed(0)
    decoder = LayeredDecoder(AdditiveMasks((4, 5, 6), 1), channels=3)
    with torch.no_grad():
        decoder.mask_bias.copy_(bias)
    z = torch.randn(12, decoder.latents)
    nothing = torch.zeros(())
    return decoder, Pass(standard_normal(z.shape), z, decoder(z), nothing, nothing)


def test_mask_entropy_is_that_of_the_components_at_each_pixel_of_a_quarter_of_the_batch():
    decoder, passed = layers(torch.randn(4, 5, 6))
    alpha = decoder.alpha(passed.z[:3, :1]).detach().double().numpy()
    expected = entropy(alpha, axis=1).sum() / 3
    assert 0 < expected < 30 * math.log(4)
    assert mask_entropy(decoder, passed).item() == pytest.approx(expected, rel=1e-5)


def test_mask_entropy_is_nothing_for_hard_masks_and_most_for_equal_ones():
    hard = 1e4 * torch.nn.functional.one_hot(torch.randint(4, (5, 6)), 4).permute(2, 0, 1).float()
    decoder, passed = layers(hard)
    value = mask_entropy(decoder, passed)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert all(p.grad.isfinite().all() for p in decoder.masks.parameters())
    decoder, passed = layers(torch.zeros(4, 5, 6))
    with torch.no_grad():
        decoder.masks.maps.zero_()
    assert mask_entropy(decoder, passed).item() == pytest.approx(30 * math.log(4), rel=1e-6)


def test_less_mask_entropy_makes_one_component_visible_at_each_pixel():
    decoder, passed = layers(torch.randn(4, 5, 6))
    descent = torch.optim.Adam(decoder.parameters(), lr=0.1)
    for _ in range(200):
        descent.zero_grad()
        mask_entropy(decoder, passed).backward()
        descent.step()
    assert decoder.alpha(passed.z[:3, :1]).amax(1).min() > 0.99
