"""JointVAE: the KL of categories, their relaxation, the loss, and what later stages see of them."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vision import models, weights
from vision.gaussian import kl_from_prior
from vision.joint import LEAST_VARIANCE, JointDecoder, JointEncoder
from vision.networks import ConvDecoder, ConvEncoder
from vision.objectives import Bernoulli, Normal, categorical_kl, forward_joint, joint_vae
from vision.objectives.joint_vae import gumbel_softmax
from vision.vae import VAE

GOLDEN = json.loads((Path(__file__).parent / "pairs_golden.json").read_text())
SHAPE = (1, 16, 16)
CATEGORIES = (3, 2)
SPEC = {
    "kind": "joint",
    "shape": SHAPE,
    "latents": 4,
    "categories": CATEGORIES,
    "widths": (8, 8),
    "hidden": 16,
}


def model() -> VAE:
    torch.manual_seed(0)
    vae = models.build(SPEC)
    assert isinstance(vae, VAE)
    return vae


def images(n: int = 8) -> Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(2))


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_the_kl_of_a_category_is_that_of_the_reference():
    log_p = torch.tensor(GOLDEN["joint_logits"], dtype=torch.float64).log_softmax(1)
    nats = categorical_kl(log_p, (5,)).sum(1).mean()
    assert nats.item() == pytest.approx(GOLDEN["joint_categorical_kl"], abs=1e-10)


def test_the_kl_of_several_categories_is_the_sum_of_their_kls():
    logits = torch.randn(6, 5, generator=noise(), dtype=torch.float64)
    expected = sum(
        torch.distributions.kl_divergence(
            torch.distributions.Categorical(logits=part),
            torch.distributions.Categorical(logits=torch.zeros_like(part)),
        )
        for part in logits.split(CATEGORIES, 1)
    )
    log_p = torch.cat([part.log_softmax(1) for part in logits.split(CATEGORIES, 1)], 1)
    assert torch.allclose(categorical_kl(log_p, CATEGORIES).sum(1), expected, rtol=0, atol=1e-10)


def test_relaxed_samples_lie_on_the_simplex_and_choose_with_the_probabilities():
    p = torch.tensor([0.7, 0.2, 0.1, 0.4, 0.6], dtype=torch.float64)
    c = gumbel_softmax(p.log().expand(40_000, -1), CATEGORIES, 0.67, noise())
    for part, expected in zip(c.split(CATEGORIES, 1), p.split(CATEGORIES), strict=True):
        assert torch.allclose(part.sum(1), torch.ones(40_000, dtype=torch.float64))
        assert (part >= 0).all()
        shares = torch.bincount(part.argmax(1), minlength=len(expected)) / 40_000
        assert torch.allclose(shares.double(), expected, atol=0.012)  # five standard deviations
    cold = gumbel_softmax(p.log().expand(1000, -1), CATEGORIES, 1e-4, noise())
    assert ((cold < 1e-6) | (cold > 1 - 1e-6)).double().mean() > 0.99
    with pytest.raises(ValueError, match="temperature of a Gumbel-softmax must be positive, got 0"):
        gumbel_softmax(p.log()[None], CATEGORIES, 0.0)


def test_with_neutral_weights_it_is_the_negative_elbo():
    vae, x = model(), images()
    passed = forward_joint(vae, x, Bernoulli(), 0.67, noise())
    loss = joint_vae(passed, CATEGORIES, gamma_continuous=1.0, gamma_categorical=1.0)
    q, log_p = vae.encoder.posterior(x)
    random = noise()
    code = torch.cat((q.sample(random), gumbel_softmax(log_p, CATEGORIES, 0.67, random)), 1)
    p_x = torch.distributions.Bernoulli(logits=vae.decoder.of_code(code), validate_args=False)
    kl = kl_from_prior(q).sum(1) + categorical_kl(log_p, CATEGORIES).sum(1)
    elbo = p_x.log_prob(x).sum((1, 2, 3)) - kl
    assert torch.allclose(loss.value, -elbo.mean())
    assert torch.allclose(loss.terms["kl"], kl.mean())


def test_each_kl_is_pulled_to_its_capacity_at_its_weight_and_categories_hold_no_more_than_they_can():
    passed = forward_joint(model(), images(), Bernoulli(), 0.67, noise())
    weighted = {"gamma_continuous": 30.0, "gamma_categorical": 7.0}
    loss = joint_vae(passed, CATEGORIES, **weighted, capacity_continuous=2.0, capacity_categorical=1.0)
    kl_z, kl_c = loss.terms["kl_continuous"], loss.terms["kl_categorical"]
    expected = passed.reconstruction + 30 * (kl_z - 2).abs() + 7 * (kl_c - 1).abs()
    assert torch.allclose(loss.value, expected)
    most = math.log(3) + math.log(2)
    at_most = joint_vae(passed, CATEGORIES, **weighted, capacity_categorical=most).value
    assert torch.equal(joint_vae(passed, CATEGORIES, **weighted, capacity_categorical=99.0).value, at_most)


def test_a_gradient_reaches_every_row_of_every_weight():
    vae = model()
    passed = forward_joint(vae, images(32), Bernoulli(), 0.67, noise())
    joint_vae(passed, CATEGORIES, gamma_continuous=1.0, gamma_categorical=1.0).value.backward()
    assert vae.encoder.code.weight.shape[0] == 2 * 4 + sum(CATEGORIES)
    assert (vae.encoder.code.weight.grad.abs().sum(1) > 0).all()
    for name, weight in vae.named_parameters():
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().sum() > 0, name


def test_later_stages_see_a_gaussian_with_the_moments_of_the_one_hot_categories():
    vae, x = model(), images()
    q = vae.encode(x)
    posterior = vae.encoder.posterior(x)
    assert q.mean.shape == (8, 4 + 5) == (8, vae.latents)
    p = posterior.log_p.exp()
    assert torch.equal(q.mean[:, :4], posterior.q.mean)
    assert torch.allclose(q.mean[:, 4:], p)
    one_hot = torch.distributions.OneHotCategorical(p[:, :3])
    assert torch.allclose(q.variance[:, 4:7], one_hot.variance + LEAST_VARIANCE)


def test_decoding_reads_the_largest_value_as_the_category_also_after_standardising():
    vae, x = model(), images()
    q = vae.encode(x)
    plain = vae.decode(q.mean)
    vae.standardise(q)
    assert torch.allclose(vae.decode(vae.encode(x).mean), plain, atol=1e-5)
    code = torch.cat((q.mean[:, :4], torch.tensor([[0.1, 0.7, 0.2, 0.4, 0.3]]).expand(8, -1)), 1)
    certain = torch.cat((q.mean[:, :4], torch.tensor([[0.0, 1.0, 0.0, 1.0, 0.0]]).expand(8, -1)), 1)
    assert torch.equal(vae.decoder(code), vae.decoder.of_code(certain))


def test_the_model_file_rebuilds_it(tmp_path: Path):
    vae, x = model(), images()
    weights.save(tmp_path / "model", vae, models.resolve(SPEC))
    loaded, spec = weights.rebuild(tmp_path / "model", models.build)
    assert spec["categories"] == list(CATEGORIES)
    assert torch.equal(loaded.encode(x).mean, vae.encode(x).mean)


def test_misfits_are_refused():
    small = {"widths": (8,), "hidden": 16}
    with pytest.raises(ValueError, match="categories of at least 2 values each, got \\[1\\]"):
        JointEncoder(SHAPE, 4, [1], **small)
    with pytest.raises(ValueError, match="5 values of categories leave no continuous ones of 5 latents"):
        JointDecoder(ConvDecoder(SHAPE, 5, **small), CATEGORIES)
    plain = VAE(ConvEncoder(SHAPE, 4, **small), ConvDecoder(SHAPE, 4, **small))
    with pytest.raises(ValueError, match="needs a joint encoder and decoder, got ConvEncoder"):
        forward_joint(plain, images(), Normal(), 0.67)
    with pytest.raises(ValueError, match="categories of kind joint is a list of positive integers"):
        models.build({**SPEC, "categories": [0]})
