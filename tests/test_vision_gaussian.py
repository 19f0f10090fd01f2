import pytest
import torch

from vision.gaussian import Gaussian, bounded, kl, kl_from_prior, standard_normal


def gaussian(seed: int, batch: int = 3, latents: int = 4) -> Gaussian:
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(batch, latents, generator=generator, dtype=torch.float64)
    return Gaussian(mean, torch.randn(batch, latents, generator=generator, dtype=torch.float64))


def log_density(p: Gaussian, z: torch.Tensor) -> torch.Tensor:
    return torch.distributions.Normal(p.mean, p.std).log_prob(z)


def test_kl_agrees_with_monte_carlo_in_the_direction_of_its_arguments():
    q, p = gaussian(0), gaussian(1)
    many = Gaussian(q.mean.expand(200_000, -1, -1), q.logvar.expand(200_000, -1, -1))
    z = many.sample(torch.Generator().manual_seed(2))
    ratio = log_density(q, z) - log_density(p, z)
    error = ratio.std(0) / len(z) ** 0.5
    assert ((ratio.mean(0) - kl(q, p)).abs() < 5 * error).all()
    assert ((kl(q, p) - kl(p, q)).abs() > 20 * error).any()


def test_kl_by_hand():
    q = Gaussian(torch.tensor([[1.0]]), torch.tensor([[0.0]]))
    p = Gaussian(torch.tensor([[0.0]]), torch.tensor([[4.0]]).log())
    assert kl(q, p).item() == pytest.approx(0.5 * (torch.tensor(4.0).log().item() + 2 / 4 - 1))
    assert kl(p, q).item() == pytest.approx(0.5 * (-torch.tensor(4.0).log().item() + 5 - 1))


def test_kl_vanishes_exactly_where_the_two_agree():
    q = gaussian(3)
    assert torch.equal(kl(q, q), torch.zeros_like(q.mean))
    assert (kl(q, gaussian(4)) > 0).all()


def test_the_prior_is_the_standard_normal():
    q = gaussian(5)
    prior = standard_normal(q.mean.shape)
    assert torch.allclose(kl_from_prior(q), kl(q, prior))
    assert torch.equal(prior.std, torch.ones(3, 4))


def test_samples_have_the_gaussians_moments_and_carry_gradients_to_both_parameters():
    mean = torch.tensor([[2.0, -1.0]], requires_grad=True)
    logvar = torch.tensor([[0.25, 4.0]]).log().requires_grad_()
    q = Gaussian(mean.expand(100_000, 2), logvar.expand(100_000, 2))
    z = q.sample(torch.Generator().manual_seed(0))
    assert torch.allclose(z.mean(0), mean[0], atol=0.03)
    assert torch.allclose(z.var(0), logvar[0].exp(), rtol=0.03)
    # d/d mean E[z^2] = 2 mean, d/d logvar E[z^2] = variance
    z.square().mean(0).sum().backward()
    assert torch.allclose(mean.grad, 2 * mean.detach(), rtol=0.05)
    assert torch.allclose(logvar.grad, logvar.detach().exp(), rtol=0.05)


def test_equal_generators_give_equal_samples():
    q = gaussian(6)
    first, second = (q.sample(torch.Generator().manual_seed(9)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, q.sample(torch.Generator().manual_seed(10)))


def test_indexing_takes_rows_and_detach_cuts_the_graph():
    q = gaussian(7)
    assert torch.equal(q[1:].mean, q.mean[1:])
    assert torch.equal(q[1:].logvar, q.logvar[1:])
    assert len(q) == 3
    learning = Gaussian(q.mean.clone().requires_grad_(), q.logvar)
    assert learning.sample().requires_grad
    assert not learning.detach().sample().requires_grad


def test_parameters_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(2, 4\)"):
        Gaussian(torch.zeros(2, 3), torch.zeros(2, 4))


def test_bounded_is_nearly_the_identity_at_zero_and_never_leaves_its_limits() -> None:
    small = torch.linspace(-1, 1, 11)
    torch.testing.assert_close(bounded(small, 10.0), small, rtol=0.01, atol=0)
    assert bounded(torch.tensor([-1e9, 1e9]), 16.0).tolist() == [-16, 16]
