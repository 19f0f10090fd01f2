import math

import pytest
import torch

from vision.colour import CyclicHSV
from vision.dae import DAE, occlude
from vision.gaussian import kl_from_prior
from vision.networks import ConvDecoder, ConvEncoder
from vision.objectives import (
    bernoulli,
    bernoulli_reconstruction,
    beta_vae,
    denoising,
    gaussian,
    gaussian_reconstruction,
    normalised_beta,
    perceptual,
    perceptual_reconstruction,
)
from vision.vae import VAE

SHAPE = (3, 16, 16)
LAYERS = ("pixels", "bottleneck", "dae_logits")


def vae(colour=None) -> VAE:
    torch.manual_seed(0)
    small = {"widths": (8, 8), "hidden": 16}
    return VAE(ConvEncoder(SHAPE, 4, **small), ConvDecoder(SHAPE, 4, **small), colour)


def dae(colour=None) -> DAE:
    torch.manual_seed(1)
    return DAE(SHAPE, 6, widths=(8, 8), bound="tanh", colour=colour).requires_grad_(False)


def images(n: int = 5) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(2))


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_likelihoods_are_those_of_their_distributions_summed_over_pixels():
    logits, x = torch.randn(4, *SHAPE), images(4)
    binary = (x > 0.5).float()
    expected = -torch.distributions.Bernoulli(logits=logits).log_prob(binary).sum((1, 2, 3))
    assert torch.allclose(bernoulli(logits, binary), expected)
    normal = torch.distributions.Normal(logits.sigmoid(), 0.3)
    assert torch.allclose(gaussian(logits.sigmoid(), x, scale=0.3), -normal.log_prob(x).sum((1, 2, 3)))
    with pytest.raises(ValueError, match="positive, got 0"):
        gaussian(logits, x, scale=0)


def test_the_best_logits_for_a_grey_image_are_its_own_and_cost_its_entropy():
    x = images(1).clamp(0.05, 0.95)
    logits = x.logit().requires_grad_()
    cost = bernoulli(logits, x).sum()
    cost.backward()
    assert logits.grad.abs().max() < 1e-5
    assert torch.allclose(cost, torch.distributions.Bernoulli(x).entropy().sum())


def test_likelihoods_survive_extreme_logits():
    logits = torch.tensor([[1e4, -1e4]])
    assert bernoulli(logits, torch.tensor([[1.0, 0.0]])).item() == 0
    assert bernoulli(logits, torch.tensor([[0.0, 1.0]])).item() == pytest.approx(2e4)


def test_with_neutral_weights_the_objective_is_the_negative_elbo():
    model, x = vae(), images()
    terms = beta_vae(model, x, beta=1.0, generator=noise())
    q = model.encode(x)
    p_x = torch.distributions.Bernoulli(logits=model.decoder(q.sample(noise())), validate_args=False)
    elbo = p_x.log_prob(x).sum((1, 2, 3)) - kl_from_prior(q).sum(1)
    assert torch.allclose(terms.loss, -elbo.mean())
    assert torch.allclose(terms.loss.detach(), terms.reconstruction + terms.kl)


def test_beta_weighs_the_kl_and_the_terms_are_unweighted():
    model, x = vae(), images()
    plain, heavy = (beta_vae(model, x, beta=beta, generator=noise()) for beta in (0.0, 7.0))
    assert torch.equal(plain.loss, plain.reconstruction)
    assert torch.allclose(heavy.loss - plain.loss, 7 * heavy.kl, atol=1e-3)
    assert torch.equal(heavy.kl, plain.kl)
    assert heavy.kl_per_latent.shape == (4,)
    assert torch.allclose(heavy.kl_per_latent.sum(), heavy.kl)
    assert heavy.loss.requires_grad
    assert not any(term.requires_grad for term in heavy[1:])


def test_the_reduction_is_a_mean_over_the_batch():
    model, x = vae(), images(2)
    q = model.encode(x)
    logits = model.decoder(q.mean)
    perceptual_cost = perceptual_reconstruction(model, dae(), "dae_logits")
    for cost in (bernoulli, gaussian_reconstruction(model), perceptual_cost):
        assert cost(logits, x).shape == (2,)
        alone = torch.cat([cost(logits[i : i + 1], x[i : i + 1]) for i in range(2)])
        assert torch.allclose(cost(logits, x), alone, rtol=1e-4)
    repeated = beta_vae(model, x.repeat(2000, 1, 1, 1), beta=1.0, generator=noise())
    assert torch.allclose(repeated.kl, kl_from_prior(q).sum(1).mean(), rtol=1e-4)


def test_capacity_pulls_the_kl_from_both_sides():
    model, x = vae(), images()
    kl = beta_vae(model, x, beta=1.0, generator=noise()).kl.item()
    gradients = {}
    for capacity in (0.0, kl / 2, 2 * kl):
        terms = beta_vae(model, x, beta=10.0, capacity=capacity, generator=noise())
        assert (terms.loss - terms.reconstruction).item() == pytest.approx(10 * abs(kl - capacity), rel=1e-3)
        gradients[capacity] = torch.autograd.grad(terms.loss, model.encoder.code.weight)[0]
    plain = torch.autograd.grad(
        beta_vae(model, x, beta=10.0, generator=noise()).loss, model.encoder.code.weight
    )[0]
    none = torch.autograd.grad(
        beta_vae(model, x, beta=0.0, generator=noise()).loss, model.encoder.code.weight
    )[0]
    assert torch.allclose(gradients[0.0], plain)
    assert torch.allclose(gradients[kl / 2], plain)
    assert torch.allclose(gradients[2 * kl] - none, none - plain, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("likelihood", [bernoulli_reconstruction, gaussian_reconstruction])
def test_the_objective_reaches_every_weight_of_the_vae(likelihood):
    model = vae()
    beta_vae(model, images(), beta=4.0, reconstruction=likelihood(model), generator=noise()).loss.backward()
    for name, weight in model.named_parameters():
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("layer", LAYERS)
def test_perceptual_gradients_flow_through_j_into_the_vae_and_not_into_j(layer):
    model, frozen = vae(), dae()
    cost = perceptual_reconstruction(model, frozen, layer)
    beta_vae(model, images(), beta=0.0, reconstruction=cost, generator=noise()).loss.backward()
    for name, weight in model.decoder.named_parameters():
        assert weight.grad.abs().sum() > 0, name
    assert all(weight.grad is None for weight in frozen.parameters())


@pytest.mark.parametrize("layer", LAYERS)
def test_the_perceptual_cost_is_a_sum_of_squares_without_a_half(layer):
    frozen, x, x_hat = dae(), images(3), images(6)[3:]
    features, features_hat = frozen.features(x, layer), frozen.features(x_hat, layer)
    expected = [((a - b) ** 2).sum() for a, b in zip(features, features_hat, strict=True)]
    assert torch.allclose(perceptual(frozen, layer, x_hat, x), torch.stack(expected))
    assert torch.equal(perceptual(frozen, layer, x, x), torch.zeros(3))


def test_the_perceptual_cost_compares_images_not_logits():
    model, x = vae(), images(2)
    cost = perceptual_reconstruction(model, None, "pixels")
    assert cost(x.logit(), x).abs().max() < 1e-6


def test_perceptual_costs_that_would_be_wrong_are_refused():
    x = images(1)
    with pytest.raises(ValueError, match="freeze the denoising autoencoder first"):
        perceptual(dae().requires_grad_(True), "bottleneck", x, x)
    with pytest.raises(ValueError, match="'bottleneck' is a layer of a denoising autoencoder"):
        perceptual(None, "bottleneck", x, x)
    with pytest.raises(ValueError, match="'logits': choose from pixels, bottleneck, dae_logits"):
        perceptual(dae(), "logits", x, x)
    with pytest.raises(ValueError, match=r"the VAE sees .* in RGB\(\), .* in CyclicHSV\(\)"):
        perceptual_reconstruction(vae(), dae(CyclicHSV()), "bottleneck")


def test_images_are_compared_in_the_colour_space_of_the_networks():
    colour = CyclicHSV()
    inner, outer, x = vae(), vae(colour), images()
    within = beta_vae(inner, colour.encode(x), beta=1.0, generator=noise())
    outside = beta_vae(outer, x, beta=1.0, generator=noise())
    assert torch.equal(within.loss, outside.loss)


@pytest.mark.parametrize("layer", LAYERS)
def test_losses_are_float32_and_accurate_under_autocast(layer):
    model, x = vae(), images(16)
    cost = perceptual_reconstruction(model, dae(), layer)
    for reconstruction in (bernoulli, gaussian_reconstruction(vae()), cost):
        exact = beta_vae(model, x, beta=1.0, reconstruction=reconstruction, generator=noise())
        with torch.autocast("cpu", torch.bfloat16):
            terms = beta_vae(model, x, beta=1.0, reconstruction=reconstruction, generator=noise())
        assert terms.loss.dtype == torch.float32
        assert torch.allclose(terms.loss, exact.loss, rtol=0.02)


def test_denoising_wants_the_uncorrupted_image():
    model, x = DAE(SHAPE, 6, widths=(8, 8)), images()
    restored = model(occlude(x, noise())).sigmoid()
    expected = (restored - x).square().sum((1, 2, 3)).mean()
    loss = denoising(model, x, generator=noise())
    assert torch.allclose(loss, expected)
    loss.backward()
    assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())


def test_denoising_in_another_colour_space_still_cuts_out_black():
    colour, x = CyclicHSV(), images()
    model = DAE(SHAPE, 6, widths=(8, 8), colour=colour)
    seen = []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    loss = denoising(model, x, generator=noise())
    corrupted = colour.encode(occlude(x, noise()))
    assert torch.equal(seen[0], corrupted)
    expected = (model(corrupted).sigmoid() - colour.encode(x)).square().sum((1, 2, 3)).mean()
    assert torch.allclose(loss, expected)


def test_normalised_beta_is_beta_latents_over_features():
    assert normalised_beta(1.0, 32, 100) == pytest.approx(0.32)
    assert normalised_beta(53, 32, math.prod((3, 80, 80))) == pytest.approx(0.0883, abs=1e-4)


def test_a_vae_learns_one_bit_and_pays_one_bit_for_it():
    torch.manual_seed(0)
    shape = (1, 8, 8)
    x = torch.zeros(64, *shape)
    x[::2, :, :4] = 1
    x[1::2, :, 4:] = 1
    model = VAE(ConvEncoder(shape, 2, widths=(8,), hidden=16), ConvDecoder(shape, 2, widths=(8,), hidden=16))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    generator = noise()
    for _ in range(250):
        terms = beta_vae(model, x, beta=1.0, generator=generator)
        optimiser.zero_grad()
        terms.loss.backward()
        optimiser.step()
    # Without the code each pixel is a coin: 64 ln 2 nats. With it, the bit costs at least ln 2.
    assert terms.reconstruction < 1.5 < 64 * math.log(2)
    assert math.log(2) * 0.9 < terms.kl < 5
    assert torch.allclose(model.decode(model.encode(x).mean), x, atol=0.1)


def test_prices_weigh_the_kl_of_each_latent():
    model, x = vae(), images(16)
    prices = torch.linspace(0.5, 3, model.latents)
    for capacity in (None, 2.0):
        terms = beta_vae(model, x, beta=2.0, prices=prices, capacity=capacity, generator=noise())
        priced = (prices * terms.kl_per_latent).sum()
        expected = priced if capacity is None else (priced - capacity).abs()
        assert torch.allclose(terms.loss, terms.reconstruction + 2 * expected)
        assert torch.allclose(terms.kl, terms.kl_per_latent.sum())


def test_a_precision_limit_bounds_the_posterior_and_leaves_the_rest():
    torch.manual_seed(5)
    encoder = ConvEncoder(SHAPE, 4, widths=(8, 8), hidden=16, precision_limit=50.0)
    with torch.no_grad():
        encoder.code.bias[4:] = torch.tensor([-30.0, -5.0, 0.0, 5.0])
    variance = encoder(images()).variance
    assert (variance >= 1 / 50 - 1e-6).all()
    assert variance[0, 0].item() == pytest.approx(1 / 50, rel=1e-3)
    assert variance[0, 3].item() == pytest.approx(math.exp(5), rel=0.2)
    with pytest.raises(ValueError, match="exceed the prior"):
        ConvEncoder(SHAPE, 4, precision_limit=1.0)
