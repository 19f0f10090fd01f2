"""Losses of the encoder family against reference values in float64 (`vae_losses.json` names the source)."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vision import models, objectives
from vision.gaussian import Gaussian, kl_from_prior
from vision.objectives import Pass, beta_vae, dip_vae, factor_vae, forward
from vision.objectives.beta_tcvae import decomposition, log_densities
from vision.schedules import linear
from vision.vae import VAE

REFERENCE: dict[str, Any] = json.loads((Path(__file__).parent / "vae_losses.json").read_text())
LOSSES: dict[str, Any] = REFERENCE["losses"]
N = int(REFERENCE["estimators"]["N"])
TOLERANCE = 1e-10


def tensor(name: str) -> Tensor:
    return torch.tensor(REFERENCE[name], dtype=torch.float64)


def gaussian() -> Gaussian:
    return Gaussian(tensor("mean"), tensor("logvar"))


def passed(q: Gaussian | None = None) -> Pass:
    """A pass whose reconstruction costs nothing, so that a loss is its regulariser."""
    q = gaussian() if q is None else q
    free = torch.zeros((), dtype=torch.float64)
    return Pass(q, tensor("z"), torch.empty(0), free, kl_from_prior(q).mean(0))


def agrees(found: Tensor | float, expected: float) -> bool:
    value = found.item() if isinstance(found, Tensor) else found
    return math.isclose(value, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def test_the_kl_of_each_latent_and_the_beta_vae() -> None:
    for found, expected in zip(passed().kl, LOSSES["kl_per_dim"], strict=True):
        assert agrees(found, expected)
    assert agrees(beta_vae(passed(), beta=1.0).value, LOSSES["kl"])
    assert agrees(beta_vae(passed(), beta=4.0).value, LOSSES["beta_vae_reg_beta4"])


def test_the_capacity_of_the_annealed_vae_grows_and_that_of_the_bottleneck_vae_does_not() -> None:
    capacity = linear(0.0, 25.0, 0, 100_000)
    for step, expected in LOSSES["anneal_c25_100k"].items():
        assert agrees(capacity(int(step)), expected)
    for step in (0, 50_000, 300_000):
        loss = beta_vae(passed(), beta=1000.0, capacity=capacity(step))
        assert agrees(loss.value, LOSSES[f"annealed_vae_reg_step{step}_g1000_c25"])
    loss = beta_vae(passed(), beta=4.0, capacity=10.0)
    assert agrees(loss.value, LOSSES["bottleneck_vae_reg_g4_target10"])


def test_the_dip_vaes_are_the_kl_and_the_distance_of_a_covariance_from_the_identity() -> None:
    found = dip_vae.covariance_of_means(gaussian())
    assert torch.allclose(found, torch.tensor(LOSSES["cov_z_mean"], dtype=torch.float64), rtol=TOLERANCE)
    first = objectives.dip_vae_i(passed(), off_diagonal=10.0, diagonal=100.0)
    second = objectives.dip_vae_ii(passed(), off_diagonal=10.0, diagonal=10.0)
    assert agrees(first.value, LOSSES["dip_i_reg_od10_dfactor10"])
    assert agrees(second.value, LOSSES["dip_ii_reg_od10_dfactor1"])


def test_the_covariance_of_codes_is_the_biased_covariance_of_means_and_the_mean_variance() -> None:
    q = gaussian()
    expected = np.cov(q.mean.numpy(), rowvar=False, bias=True) + np.diag(q.variance.mean(0).numpy())
    assert np.allclose(dip_vae.covariance_of_codes(q).numpy(), expected, rtol=TOLERANCE, atol=0)


def test_log_densities_are_of_every_sample_under_every_posterior() -> None:
    q, z = gaussian(), tensor("z")
    found = log_densities(z, q)
    for i in range(len(z)):
        own = torch.distributions.Normal(q.mean, q.std).log_prob(z[i])
        assert torch.allclose(found[i], own, rtol=TOLERANCE)
    for density, expected in zip(found[0, 0], REFERENCE["log_density_row0"], strict=True):
        assert agrees(density, expected)


@pytest.mark.parametrize(("estimator", "name"), [("mws", "mws"), ("mss", "mss_correct")])
def test_the_parts_of_the_kl_by_both_estimators(estimator: Any, name: str) -> None:
    expected = REFERENCE["estimators"][name]
    parts = decomposition(tensor("z"), gaussian(), N, estimator)
    for part, key in zip(parts, ("mi", "tc", "dwkl"), strict=True):
        assert agrees(part, expected[key])
    loss = objectives.beta_tcvae(passed(), N, alpha=1.0, beta=6.0, gamma=1.0, estimator=estimator)
    assert agrees(loss.value, LOSSES["kl"] + 5 * expected["tc"])
    total = parts.mutual_information + 6 * parts.total_correlation + parts.dimension_wise_kl
    assert agrees(total, expected["total_a1_b6_g1"])


def without_constant(z: Tensor, q: Gaussian) -> Tensor:
    """The total correlation of Locatello et al. 2019: no weights at all."""
    pairs = log_densities(z, q)
    return (pairs.sum(2).logsumexp(1) - pairs.logsumexp(1).sum(1)).mean()


def test_weighted_sampling_adds_a_constant_and_changes_no_gradient() -> None:
    mean, logvar = tensor("mean").requires_grad_(), tensor("logvar").requires_grad_()
    q, noise = Gaussian(mean, logvar), (tensor("z") - tensor("mean")) / gaussian().std
    z = q.mean + q.std * noise
    plain = without_constant(z, q)
    weighted = decomposition(z, q, N, "mws").total_correlation
    assert agrees(plain, LOSSES["tc_dlib"])
    assert agrees(LOSSES["kl"] + 5 * plain, LOSSES["beta_tcvae_reg_beta6"])
    assert agrees(weighted - plain, 2 * math.log(8 * N))
    for one, other in zip(
        torch.autograd.grad(plain, (mean, logvar), retain_graph=True),
        torch.autograd.grad(weighted, (mean, logvar)),
        strict=True,
    ):
        assert one.abs().max() > 1e-3
        assert torch.allclose(one, other, rtol=0, atol=TOLERANCE)


def test_the_losses_of_the_factor_vae() -> None:
    expected = REFERENCE["factor_vae"]
    joint, product = (torch.tensor(expected[key], dtype=torch.float64) for key in ("joint", "permuted"))
    assert agrees(factor_vae.log_ratio(joint), expected["tc"])
    assert agrees(factor_vae.cross_entropy(joint, product), expected["disc_loss"])


def test_likelihoods_of_logits() -> None:
    """Of (B, H, W) here. tanh(o) / 2 + 1/2, the reference's other activation, is sigmoid(2 o)."""
    vae = models.build({"kind": "convolutional", "shape": [1, 8, 8], "latents": 2, "widths": [2]})
    assert isinstance(vae, VAE)
    x, logits = tensor("images")[:, None], tensor("logits")[:, None]
    bernoulli, squared = objectives.Bernoulli(), objectives.Perceptual(None, "pixels")
    for scale, activation in ((1, "logits"), (2, "tanh")):
        for likelihood, name in ((bernoulli, "bernoulli"), (squared, "l2")):
            found = likelihood.cost(vae, scale * logits, x)
            for cost, expected in zip(found, LOSSES[f"{name}_{activation}"], strict=True):
                assert agrees(cost, expected)


@pytest.mark.parametrize(
    "neutral",
    [
        lambda passed: objectives.dip_vae_i(passed, off_diagonal=0, diagonal=0),
        lambda passed: objectives.dip_vae_ii(passed, off_diagonal=0, diagonal=0),
        lambda passed: objectives.beta_tcvae(passed, 100, beta=1.0),
        lambda passed: objectives.beta_tcvae(passed, 100, beta=1.0, estimator="mss"),
        lambda passed: beta_vae(passed, beta=1.0, capacity=0.0),
    ],
)
def test_with_neutral_weights_a_member_is_the_negative_elbo(neutral: Any) -> None:
    torch.manual_seed(0)
    vae = models.build({"kind": "convolutional", "shape": [3, 16, 16], "latents": 4, "widths": [4, 4]})
    assert isinstance(vae, VAE)
    one = forward(vae, torch.rand(6, 3, 16, 16), objectives.Bernoulli())
    assert torch.equal(neutral(one).value, one.reconstruction + one.kl.sum())
