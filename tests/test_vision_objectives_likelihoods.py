"""Likelihoods: against the distributions they are of, on the decoders that they suit."""

import pytest
import torch

from vision import models
from vision.colour import CyclicHSV
from vision.dae import DAE
from vision.gaussian import kl_from_prior
from vision.networks import ConvDecoder, ConvEncoder
from vision.objectives import Bernoulli, Normal, Perceptual, beta_vae, forward
from vision.vae import VAE

SHAPE = (3, 16, 16)
FEATURES = ("pixels", "bottleneck", "dae_logits")


def vae(colour=None) -> VAE:
    torch.manual_seed(0)
    small = {"widths": (8, 8), "hidden": 16}
    return VAE(ConvEncoder(SHAPE, 4, **small), ConvDecoder(SHAPE, 4, **small), colour)


def dae(colour=None) -> DAE:
    torch.manual_seed(1)
    return DAE(SHAPE, 6, widths=(8, 8), bound="tanh", colour=colour).requires_grad_(False)


def images(n: int = 5) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(2))


def seeded_generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_likelihoods_are_those_of_their_distributions_summed_over_pixels():
    model, logits, x = vae(), torch.randn(4, *SHAPE), images(4)
    binary = (x > 0.5).float()
    expected = -torch.distributions.Bernoulli(logits=logits).log_prob(binary).sum((1, 2, 3))
    assert torch.allclose(Bernoulli().cost(model, logits, binary), expected)
    normal = torch.distributions.Normal(logits.sigmoid(), 0.3)
    assert torch.allclose(Normal(0.3).cost(model, logits, x), -normal.log_prob(x).sum((1, 2, 3)))
    with pytest.raises(ValueError, match="positive, got 0"):
        Normal(0)


def test_the_best_logits_for_a_grey_image_are_its_own_and_cost_its_entropy():
    x = images(1).clamp(0.05, 0.95)
    logits = x.logit().requires_grad_()
    cost = Bernoulli().cost(vae(), logits, x).sum()
    cost.backward()
    assert logits.grad.abs().max() < 1e-5
    assert torch.allclose(cost, torch.distributions.Bernoulli(x).entropy().sum())


def test_likelihoods_survive_extreme_logits():
    model, logits = vae(), torch.tensor([[1e4, -1e4]])
    assert Bernoulli().cost(model, logits, torch.tensor([[1.0, 0.0]])).item() == 0
    assert Bernoulli().cost(model, logits, torch.tensor([[0.0, 1.0]])).item() == pytest.approx(2e4)


def test_a_bernoulli_is_refused_where_the_decoder_puts_out_the_image_itself():
    model = models.build(
        {"kind": "layered", "shape": SHAPE, "mask_latents": 2, "components": 2, "widths": [8]}
    )
    with pytest.raises(ValueError, match=r"LayeredDecoder is the image itself .*take Normal or Perceptual"):
        forward(model, images(2), Bernoulli(), seeded_generator())
    for likelihood in (Normal(), Perceptual(None, "pixels")):
        assert forward(model, images(2), likelihood, seeded_generator()).reconstruction.isfinite()


def test_the_reduction_is_a_mean_over_the_batch():
    model, x = vae(), images(2)
    q = model.encode(x)
    logits = model.decoder(q.mean)
    for likelihood in (Bernoulli(), Normal(), Perceptual(dae(), "dae_logits")):
        cost = likelihood.cost(model, logits, x)
        assert cost.shape == (2,)
        alone = torch.cat([likelihood.cost(model, logits[i : i + 1], x[i : i + 1]) for i in range(2)])
        assert torch.allclose(cost, alone, rtol=1e-4)
    repeated = forward(model, x.repeat(2000, 1, 1, 1), Bernoulli(), seeded_generator())
    assert torch.allclose(repeated.kl.sum(), kl_from_prior(q).sum(1).mean(), rtol=1e-4)


@pytest.mark.parametrize("chosen", FEATURES)
def test_perceptual_gradients_flow_through_j_into_the_vae_and_not_into_j(chosen):
    model, frozen = vae(), dae()
    forward(model, images(), Perceptual(frozen, chosen), seeded_generator()).reconstruction.backward()
    for name, weight in model.decoder.named_parameters():
        assert weight.grad.abs().sum() > 0, name
    assert all(weight.grad is None for weight in frozen.parameters())


@pytest.mark.parametrize("chosen", FEATURES)
def test_the_perceptual_cost_is_a_sum_of_squares_without_a_half(chosen):
    model, frozen, x = vae(), dae(), images(3)
    output = torch.randn(3, *SHAPE)
    features, features_hat = frozen.features(x, chosen), frozen.features(output.sigmoid(), chosen)
    expected = [((a - b) ** 2).sum() for a, b in zip(features, features_hat, strict=True)]
    assert torch.allclose(Perceptual(frozen, chosen).cost(model, output, x), torch.stack(expected))
    painter = vae()
    painter.decoder.link = "identity"
    assert torch.equal(Perceptual(frozen, chosen).cost(painter, x, x), torch.zeros(3))


def test_the_perceptual_cost_compares_images_not_logits():
    model, x = vae(), images(2)
    assert Perceptual(None, "pixels").cost(model, x.logit(), x).abs().max() < 1e-6


def test_perceptual_costs_that_would_be_wrong_are_refused():
    model, x = vae(), images(1)
    with pytest.raises(ValueError, match="freeze the denoising autoencoder first"):
        forward(model, x, Perceptual(dae().requires_grad_(True), "bottleneck"))
    with pytest.raises(ValueError, match="'bottleneck' are features of a denoising autoencoder"):
        Perceptual(None, "bottleneck")
    with pytest.raises(ValueError, match="'logits': choose from pixels, bottleneck, dae_logits"):
        Perceptual(dae(), "logits")
    with pytest.raises(ValueError, match=r"the VAE sees .* in RGB\(\), .* in CyclicHSV\(\)"):
        forward(model, x, Perceptual(dae(CyclicHSV()), "bottleneck"))


@pytest.mark.parametrize("chosen", FEATURES)
def test_losses_are_float32_and_accurate_under_autocast(chosen):
    model, x = vae(), images(16)
    for likelihood in (Bernoulli(), Normal(), Perceptual(dae(), chosen)):
        exact = beta_vae(forward(model, x, likelihood, seeded_generator()), beta=1.0).value
        with torch.autocast("cpu", torch.bfloat16):
            value = beta_vae(forward(model, x, likelihood, seeded_generator()), beta=1.0).value
        assert value.dtype == torch.float32
        assert torch.allclose(value, exact, rtol=0.02)
