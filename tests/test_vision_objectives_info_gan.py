"""InfoGAN and InfoWGAN-GP: the bounds of L_I, the penalty in closed form, what a code becomes."""

import math
import re

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from vision.gaussian import Gaussian, kl_from_prior
from vision.info_gan import InfoEncoder
from vision.models import build
from vision.networks import ConvEncoder
from vision.objectives import info_gan

CODES, NOISE, CATEGORIES = 3, 2, 4
SPEC = {
    "kind": "info_gan",
    "shape": [3, 8, 8],
    "latents": CODES,
    "noise": NOISE,
    "categories": [CATEGORIES],
    "widths": [4],
    "hidden": 8,
    "activation": "elu",
}


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("scale", [0.0, 0.3, 3.0, 100.0])
def test_information_on_a_category_is_at_most_its_entropy_whatever_q_is(scale: float) -> None:
    k = torch.arange(60) % 5
    for seed in range(20):
        logits = scale * draw(60, 5, seed=seed)
        assert info_gan.categorical_information(logits, k) <= math.log(5) + 1e-12


def test_a_perfect_q_reaches_the_entropy_of_a_category_and_an_ignorant_one_nothing() -> None:
    k = torch.arange(60) % 5
    perfect = 50 * F.one_hot(k, 5).double()
    assert info_gan.categorical_information(perfect, k).item() == pytest.approx(math.log(5), abs=1e-10)
    assert info_gan.categorical_information(0 * perfect, k).item() == pytest.approx(0, abs=1e-10)


def test_the_exact_posterior_of_a_gaussian_code_reaches_its_mutual_information() -> None:
    """x = c + s e: Q(c|x) = N(x / (1 + s^2), s^2 / (1 + s^2)), I(c; x) = 1/2 ln(1 + 1 / s^2)."""
    c, s = draw(400_000, 2), torch.tensor([0.5, 2.0], dtype=torch.float64)
    x = c + s * draw(400_000, 2, seed=1)
    logvar = (s.square() / (1 + s.square())).log().expand_as(x)
    found = info_gan.gaussian_information(Gaussian(x / (1 + s.square()), logvar), c).item()
    exact = 0.5 * (1 + 1 / s.square()).log().sum().item()
    assert found == pytest.approx(exact, abs=0.01)
    off = Gaussian(x / (1 + s.square()) + 0.3, logvar - 0.2)
    assert info_gan.gaussian_information(off, c).item() < found
    assert info_gan.gaussian_information(Gaussian(0 * c, 0 * c), c).item() == pytest.approx(0, abs=0.01)


def test_a_precision_limit_bounds_the_information_on_a_gaussian_code() -> None:
    """At the least variance and without an error L_I is (1 + ln P) / 2 for each code."""
    limit = 20.0
    best = Gaussian(draw(9, 2), torch.full((9, 2), -math.log(limit), dtype=torch.float64))
    bound = 1 + math.log(limit)
    assert info_gan.gaussian_information(best, best.mean).item() == pytest.approx(bound, abs=1e-10)
    q = ConvEncoder((3, 8, 8), 2, widths=(4,), hidden=8, precision_limit=limit)(50 * torch.randn(9, 3, 8, 8))
    assert info_gan.gaussian_information(q, q.mean) <= bound + 1e-6


def test_the_penalty_of_a_linear_critic_is_that_of_its_slope() -> None:
    slope = draw(3, 8, 8, seed=2)
    real, fake = draw(5, 3, 8, 8, seed=3), draw(5, 3, 8, 8, seed=4)
    found = info_gan.gradient_penalty(lambda x: (slope * x).sum((1, 2, 3)), real, fake)
    assert found.item() == pytest.approx((slope.norm().item() - 1) ** 2, rel=1e-10)


def test_the_penalty_is_taken_between_a_real_and_a_generated_image() -> None:
    """f = ||x||^2 / 2 has the gradient x; between a and -a the norm is |2 e - 1| ||a||, e ~ U(0, 1)."""
    real = torch.full((20_000, 1, 1, 1), 2.0, dtype=torch.float64)
    found = info_gan.gradient_penalty(lambda x: x.square().sum((1, 2, 3)) / 2, real, -real)
    # E (2 u - 1)^2 for u = |2 e - 1| ~ U(0, 1) is 1 / 3
    assert found.item() == pytest.approx(1 / 3, abs=0.01)


def test_the_penalty_has_a_gradient_to_the_critic_and_none_to_the_images() -> None:
    weight = draw(3, seed=5).requires_grad_()
    real, fake = draw(4, 3, 1, 1).requires_grad_(), draw(4, 3, 1, 1, seed=1).requires_grad_()
    info_gan.gradient_penalty(lambda x: x.flatten(1) @ weight, real, fake).backward()
    norm = weight.detach().norm()
    assert weight.grad is not None
    assert torch.allclose(weight.grad, 2 * (norm - 1) * weight.detach() / norm, rtol=1e-10)
    assert real.grad is None
    assert fake.grad is None


def test_the_losses_are_those_of_the_papers() -> None:
    real, fake = draw(7), draw(7, seed=1)
    d_real, d_fake = real.sigmoid(), fake.sigmoid()
    expected = -(d_real.log().mean() + (1 - d_fake).log().mean())
    assert info_gan.discriminator_loss(real, fake).item() == pytest.approx(expected.item(), rel=1e-10)
    assert info_gan.generator_loss(fake).item() == pytest.approx(-d_fake.log().mean().item(), rel=1e-10)
    assert info_gan.critic_loss(real, fake) == fake.mean() - real.mean()
    assert info_gan.critic_generator_loss(fake) == -fake.mean()


def test_the_encoder_gives_q_of_the_codes_and_the_prior_of_the_rest() -> None:
    torch.manual_seed(0)
    vae, x = build(SPEC), torch.rand(6, 3, 8, 8)
    q, of_codes = vae.encode(x), vae.encoder.q(vae.encoder.features(x)).gaussian
    assert q.mean.shape == (6, CODES + NOISE + CATEGORIES)
    assert torch.equal(q.mean[:, :CODES], of_codes.mean)
    assert (kl_from_prior(q)[:, CODES:] == 0).all()
    vae.standardise(q)
    assert (vae.encode(x).logvar[:, CODES:] == 0).all(), "noise stays standard normal"


def test_only_the_largest_score_of_a_category_counts_and_categories_are_uniform() -> None:
    torch.manual_seed(0)
    vae, z = build(SPEC), torch.randn(40_000, CODES + NOISE + CATEGORIES)
    other = z[:50].clone()
    other[:, -CATEGORIES:] *= 7
    assert torch.equal(vae.decode(z[:50]), vae.decode(other))
    other[:, -CATEGORIES:] = z[:50, -CATEGORIES:].roll(1, dims=1)
    assert (vae.decode(z[:50]) != vae.decode(other)).flatten(1).any(1).all()
    shares = z[:, -CATEGORIES:].argmax(1).bincount() / len(z)
    assert torch.allclose(shares, torch.full((CATEGORIES,), 1 / CATEGORIES), atol=0.01)


@pytest.mark.parametrize(("noise", "categories"), [(-1, []), (0, [1]), (0, [3, -2])])
def test_impossible_codes_are_refused(noise: int, categories: list[int]) -> None:
    encoder = ConvEncoder((3, 8, 8), 2, widths=(4,), hidden=8)
    with pytest.raises(ValueError, match=re.escape(f"at least 2 values, got {noise} and {categories}")):
        InfoEncoder(encoder, noise=noise, categories=categories)


def test_several_categorical_codes_are_read_one_by_one() -> None:
    encoder = InfoEncoder(ConvEncoder((3, 8, 8), 2, widths=(4,), hidden=8), noise=1, categories=[3, 2])
    z = torch.tensor([[0.0, 0.0, 9.0, 1.0, 2.0, 0.0, -1.0, -2.0], [0.0, 0.0, 9.0, 1.0, 0.0, 3.0, -1.0, 5.0]])
    assert encoder.latents == 8
    assert [values.tolist() for values in encoder.values(z)] == [[1, 2], [0, 1]]
    q = encoder.q(encoder.features(torch.rand(5, 3, 8, 8)))
    assert [logits.shape for logits in q.logits] == [(5, 3), (5, 2)]
