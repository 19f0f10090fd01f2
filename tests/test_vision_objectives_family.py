"""AnnealedVAE, DIP-VAEs, beta-TCVAE, FactorVAE: estimates against closed forms, and what gradients reach."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from vision.dae import DAE
from vision.gaussian import Gaussian
from vision.networks import ConvDecoder, ConvEncoder
from vision.objectives import (
    Bernoulli,
    Discriminator,
    Likelihood,
    Loss,
    Normal,
    Pass,
    Perceptual,
    beta_tcvae,
    beta_vae,
    dip_vae_i,
    dip_vae_ii,
    discrimination,
    forward,
    permuted,
    total_correlation,
)
from vision.objectives.beta_tcvae import Estimator, decomposition, stratified_log_weights
from vision.vae import VAE

SHAPE = (3, 16, 16)
LATENTS = 4
BERNOULLI = Bernoulli()


def vae() -> VAE:
    torch.manual_seed(0)
    small = {"widths": (8, 8), "hidden": 16}
    return VAE(ConvEncoder(SHAPE, LATENTS, **small), ConvDecoder(SHAPE, LATENTS, **small))  # type: ignore[arg-type]


def discriminator(latents: int = LATENTS) -> Discriminator:
    torch.manual_seed(1)
    return Discriminator(latents, hidden=32, layers=2)


def seeded(number: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def pass_of(model: VAE, n: int = 12, likelihood: Likelihood = BERNOULLI) -> Pass:
    return forward(model, torch.rand(n, *SHAPE, generator=seeded(2)), likelihood, seeded())


MEMBERS: dict[str, Callable[[Pass], Loss]] = {
    "annealed_vae": lambda passed: beta_vae(passed, beta=100.0, capacity=3.0),
    "dip_vae_i": dip_vae_i,
    "dip_vae_ii": dip_vae_ii,
    "mss": lambda passed: beta_tcvae(passed, 500, alpha=2.0, gamma=3.0, estimator="mss"),
    "mws": lambda passed: beta_tcvae(passed, 500, alpha=2.0, gamma=3.0),
    "factor_vae": lambda passed: beta_vae(passed, beta=1.0).plus(
        "total_correlation", 10.0, total_correlation(discriminator(), passed.z)
    ),
}


def perceptual() -> Perceptual:
    torch.manual_seed(4)
    return Perceptual(DAE(SHAPE, 6, widths=(8, 8), bound="tanh").requires_grad_(False), "bottleneck")


@pytest.mark.parametrize(
    "likelihood", [BERNOULLI, Normal(), perceptual()], ids=lambda one: type(one).__name__
)
@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_reaches_every_row_of_every_weight_of_the_vae(name: str, likelihood: Likelihood) -> None:
    model = vae()
    MEMBERS[name](pass_of(model, likelihood=likelihood)).value.backward()
    for where, weight in model.named_parameters():
        assert weight.grad is not None, where
        assert weight.grad.isfinite().all(), where
        assert weight.grad.abs().sum() > 0, where
    heads = model.encoder.get_submodule("code").get_parameter("weight").grad
    assert heads is not None
    assert (heads.abs().sum(1) > 0).all()


def test_kl_weights_weigh_the_kl_of_each_latent_in_every_member() -> None:
    passed, weights = pass_of(vae()), torch.linspace(0.5, 3, LATENTS)
    extra = ((weights - 1) * passed.kl).sum()
    for member in (dip_vae_i, dip_vae_ii):
        assert torch.allclose(member(passed, kl_weights=weights).value, member(passed).value + extra)
    weighted = beta_tcvae(passed, 500, kl_weights=weights).value
    assert torch.allclose(weighted, beta_tcvae(passed, 500).value + extra)


@pytest.mark.parametrize(("batch", "images"), [(2, 2), (2, 9), (8, 8), (8, 737_280), (5, 6)])
def test_the_weights_of_stratified_sampling_sum_to_one_and_are_not_negative(batch: int, images: int) -> None:
    weights = stratified_log_weights(batch, images).exp()
    assert torch.allclose(weights.sum(1), torch.ones(batch, dtype=torch.float64), rtol=0, atol=1e-12)
    assert torch.allclose(weights.sum(0), torch.ones(batch, dtype=torch.float64), rtol=0, atol=1e-12)
    assert (weights > 0).all()
    assert torch.allclose(weights.diagonal(), torch.full((batch,), 1 / images, dtype=torch.float64))


@pytest.mark.parametrize(("batch", "images"), [(1, 9), (9, 8)])
def test_batches_that_stratified_sampling_cannot_use_are_refused(batch: int, images: int) -> None:
    with pytest.raises(ValueError, match=f"a batch of 2 to N = {images} images, got {batch}"):
        stratified_log_weights(batch, images)


def test_the_expected_weight_of_an_image_is_that_of_the_data_set() -> None:
    """Over all batches of 3 with image i, the mean of sum_k W_ik f(k) is the mean of f over the data."""
    f = torch.tensor([1.0, -2.0, 5.0, 0.5, 3.0], dtype=torch.float64)
    weights = stratified_log_weights(3, len(f)).exp()[0]
    others = itertools.permutations(range(1, len(f)), 2)
    means = [(weights * f[[0, *other]]).sum() for other in others]
    assert torch.allclose(torch.stack(means).mean(), f.mean())


def test_the_total_correlation_of_correlated_codes_is_found() -> None:
    """q(z) = N(0, [[1, r], [r, 1]]): TC = -1/2 log(1 - r^2); of means with r / s^2, s^2 their variance."""
    n, r, noise = 2000, 0.8, 0.1
    between = torch.tensor([[1 - noise, r], [r, 1 - noise]]).double()
    mean = torch.randn(n, 2, generator=seeded()).double() @ torch.linalg.cholesky(between).T
    q = Gaussian(mean, torch.full_like(mean, math.log(noise)))
    z = q.sample(seeded())
    found = decomposition(z, q, n, "mss")
    assert found.total_correlation.item() == pytest.approx(-0.5 * math.log(1 - r**2), abs=0.06)
    assert found.dimension_wise_kl.item() == pytest.approx(0.0, abs=0.03)
    determinant = (1 - r**2) / noise**2
    assert found.mutual_information.item() == pytest.approx(0.5 * math.log(determinant), abs=0.06)


def test_the_weights_of_the_three_parts() -> None:
    passed = pass_of(vae())
    parts = decomposition(passed.z, passed.q, 500)
    loss = beta_tcvae(passed, 500, alpha=2.0, beta=4.0, gamma=0.5)
    extra = parts.mutual_information + 3 * parts.total_correlation - 0.5 * parts.dimension_wise_kl
    assert torch.allclose(loss.value, passed.reconstruction + passed.kl.sum() + extra)
    assert loss.terms.keys() == {"reconstruction", "kl", *parts._fields}
    with pytest.raises(ValueError, match="unknown estimator 'msw'"):
        beta_tcvae(passed, 500, estimator="msw")  # type: ignore[arg-type]


def test_estimates_are_float32_under_autocast_as_without_it() -> None:
    passed = pass_of(vae())
    inside: list[Loss] = []
    with torch.autocast("cpu", torch.bfloat16):
        inside += [beta_tcvae(passed, 500), dip_vae_i(passed), dip_vae_ii(passed)]
    outside = [beta_tcvae(passed, 500), dip_vae_i(passed), dip_vae_ii(passed)]
    for one, other in zip(inside, outside, strict=True):
        assert one.value.dtype == torch.float32
        assert torch.equal(one.value, other.value)
    with torch.autocast("cpu", torch.bfloat16):
        assert discriminator()(passed.z).dtype == torch.float32


def test_latents_are_permuted_over_the_batch_independently() -> None:
    z = torch.arange(40.0).reshape(8, 5)
    found = permuted(z, seeded())
    assert torch.equal(found.sort(dim=0).values, z)
    rows = (found - torch.arange(5.0)) / 5
    assert len({tuple(column.tolist()) for column in rows.T}) == 5
    assert torch.equal(found, permuted(z, seeded()))


def test_the_discriminator_has_the_parameters_of_the_study() -> None:
    assert sum(weight.numel() for weight in Discriminator(10).parameters()) == 5_018_002
    with pytest.raises(ValueError, match="at least one hidden layer, got 0"):
        Discriminator(10, layers=0)


def test_each_of_the_two_losses_has_gradients_for_its_own_network_only() -> None:
    critic, z = discriminator(), torch.randn(16, LATENTS, generator=seeded(), requires_grad=True)
    total_correlation(critic, z).backward()
    assert z.grad is not None
    assert (z.grad.abs().sum(0) > 0).all()
    assert all(weight.grad is None for weight in critic.parameters())
    z.grad = None
    discrimination(critic, z, permuted(z, seeded())).value.backward()
    assert z.grad is None
    for name, weight in critic.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_a_trained_discriminator_estimates_the_total_correlation() -> None:
    """Of N(0, [[1, r], [r, 1]]), whose total correlation is -1/2 log(1 - r^2)."""
    r, critic = 0.6, discriminator(2)
    adam = torch.optim.Adam(critic.parameters(), lr=1e-2, betas=(0.5, 0.9))
    mixing = torch.tensor([[1.0, 0.0], [r, math.sqrt(1 - r**2)]])
    generator = seeded()

    def codes(n: int) -> Tensor:
        return torch.randn(n, 2, generator=generator) @ mixing.T

    for _ in range(200):
        loss = discrimination(critic, codes(500), permuted(codes(500), generator)).value
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert loss < 0.98 * math.log(2)
    assert total_correlation(critic, codes(20_000)).item() == pytest.approx(
        -0.5 * math.log(1 - r**2), abs=0.05
    )


@pytest.mark.parametrize("estimator", ["mws", "mss"])
def test_the_parts_of_the_kl_stay_finite_far_from_each_other(estimator: Estimator) -> None:
    """Densities of 40 deviations apart are 0 even in float64: logarithms are summed as such."""
    z = 40.0 * torch.arange(6, dtype=torch.float64)[:, None].repeat(1, 3)
    q = Gaussian(z.clone(), torch.full_like(z, -8.0))
    parts = decomposition(z, q, 100, estimator)
    assert all(part.isfinite() for part in parts)
    # Every sample is seen in its own posterior alone, which has the weight 1 / (B N) or 1 / N.
    own = math.log(600) if estimator == "mws" else math.log(100)
    assert parts.mutual_information.item() == pytest.approx(own)
    assert parts.total_correlation.item() == pytest.approx(2 * own)
