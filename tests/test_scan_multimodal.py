"""JMVAE and the triple ELBO against their equations: terms, directions, and what each gradient reaches."""

import itertools
import math
from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from scan import models
from scan.jmvae import jmvae
from scan.multimodal import MultimodalVAE, frozen, nats, symbol_cost
from scan.symbol_networks import ExpertSymbolEncoder
from scan.trelbo import of_mentioned, trelbo
from vision import objectives
from vision.gaussian import Gaussian
from vision.objectives import Likelihood, Loss

DOUBLE, SINGLE = torch.float64, torch.float32
ATTRIBUTES = torch.tensor([[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]], dtype=DOUBLE)
"""Two attributes of two values, and a free binary one."""
Y = torch.tensor([[1, 0, 0, 1, 0], [0, 1, 0, 0, 1], [0, 0, 1, 0, 0]], dtype=DOUBLE)
X = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
NETWORKS = {
    "convolutional": {"kind": "convolutional", "latents": 4, "hidden": 16, "widths": [8, 8]},
    "layered": {"kind": "layered", "mask_latents": 2, "components": 2, "hidden": 16, "widths": [8, 8]},
}
METHODS = ("jmvae", "trelbo")


def model_of(
    network: str = "convolutional", encoder: str = "experts", dtype: torch.dtype = DOUBLE
) -> MultimodalVAE:
    torch.manual_seed(0)
    spec = {
        "kind": "multimodal",
        "vision": {"shape": [3, 8, 8], **NETWORKS[network]},
        "symbols": {"symbols": 5, "encoder": encoder, "hidden": [12]},
        "hidden": [16],
    }
    model = models.build(spec)
    assert isinstance(model, MultimodalVAE)
    for weight in model.symbols.parameters():  # experts begin at 0, where some gradients vanish
        weight.data.normal_(std=0.5)
    return model.to(dtype)


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def loss_of(method: str, model: MultimodalVAE, **weights: float) -> Loss:
    is_convolutional = model.vision.decoder.link == "sigmoid"
    likelihood: Likelihood = objectives.Bernoulli() if is_convolutional else objectives.Normal(0.2)
    x, y, attributes = (values.to(dtype_of(model)) for values in (X, Y, ATTRIBUTES))
    if method == "jmvae":
        return jmvae(model, x, y, likelihood, generator=noise(), **weights)
    return trelbo(model, x, y, likelihood, attributes, generator=noise(), **weights)


def dtype_of(model: nn.Module) -> torch.dtype:
    return next(model.parameters()).dtype


def close(one: Tensor, other: Tensor) -> bool:
    """Equal to 10 digits."""
    assert one.dtype == other.dtype == DOUBLE
    return torch.allclose(one, other, rtol=1e-10, atol=1e-10)


def distribution(q: Gaussian) -> Independent:
    return Independent(Normal(q.mean, q.std), 1)


def gradients(module: nn.Module) -> Iterator[Tensor]:
    for weight in module.parameters():
        yield torch.zeros_like(weight) if weight.grad is None else weight.grad.clone()


def by_hand(
    model: MultimodalVAE, x: Tensor, z: Tensor, z_y: Tensor, observed: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """-log p(x|z) and -log p(y|z_y) by torch's own distributions, means over the batch."""
    image = -Bernoulli(logits=model.vision.decoder(z), validate_args=False).log_prob(x).sum((1, 2, 3)).mean()
    each = -Bernoulli(logits=model.symbols.decoder(z_y)).log_prob(Y)
    return image, (each if observed is None else each * observed).sum(1).mean()


def prior_nats(q: Gaussian) -> Tensor:
    prior = Gaussian(torch.zeros_like(q.mean), torch.zeros_like(q.mean))
    return kl_divergence(distribution(q), distribution(prior)).mean()


@pytest.mark.parametrize("method", METHODS)
def test_with_neutral_weights_they_are_the_elbo_of_pairs(method: str) -> None:
    """log p(x, y|z) and the KL, each once; TrELBO adds the bounds of images and of symbols alone."""
    model, generator = model_of(), noise()
    q, q_x, q_y = model.joint(X, Y), model.encode_image(X), model.encode_symbol(Y)
    z, z_x, z_y = (each.sample(generator) for each in (q, q_x, q_y))
    observed = None if method == "jmvae" else of_mentioned(Y, ATTRIBUTES)
    expected = sum(by_hand(model, X, z, z, observed)) + prior_nats(q)
    if method == "jmvae":
        loss = jmvae(model, X, Y, objectives.Bernoulli(), alpha=0, symbol_weight=1, generator=noise())
    else:
        expected = expected + sum(by_hand(model, X, z_x, z_y, observed)) + prior_nats(q_x) + prior_nats(q_y)
        loss = loss_of("trelbo", model, symbol_weight=1, symbol_weight_alone=1)
    assert close(loss.value, expected)


def test_jmvae_is_its_equation_with_the_joint_posterior_first() -> None:
    model = model_of()
    q, q_x, q_y = model.joint(X, Y), model.encode_image(X), model.encode_symbol(Y)
    z = q.sample(noise())
    image, symbols = by_hand(model, X, z, z)
    of_image = kl_divergence(distribution(q), distribution(q_x)).mean()
    of_symbols = kl_divergence(distribution(q), distribution(q_y)).mean()
    loss = loss_of("jmvae", model, alpha=0.3, symbol_weight=7.0)
    expected = image + 7 * symbols + prior_nats(q) + 0.3 * (of_image + of_symbols)
    assert close(loss.value, expected)
    assert close(loss.terms["kl_image_encoder"], of_image)
    assert close(loss.terms["kl_symbol_encoder"], of_symbols)
    other = kl_divergence(distribution(q_y), distribution(q)).mean()
    assert not torch.allclose(of_symbols, other, rtol=0.01), "the two directions differ here"


def test_trelbo_is_the_sum_of_three_bounds() -> None:
    model, generator = model_of(), noise()
    q, q_x, q_y = model.joint(X, Y), model.encode_image(X), model.encode_symbol(Y)
    z, z_x, z_y = (each.sample(generator) for each in (q, q_x, q_y))
    observed = of_mentioned(Y, ATTRIBUTES)
    image, symbols = by_hand(model, X, z, z, observed)
    image_alone, symbols_alone = by_hand(model, X, z_x, z_y, observed)
    bounds = (
        image + 7 * symbols + prior_nats(q),
        image_alone + prior_nats(q_x),
        3 * symbols_alone + prior_nats(q_y),
    )
    loss = loss_of("trelbo", model, symbol_weight=7.0, symbol_weight_alone=3.0)
    assert close(loss.value, torch.stack(bounds).sum())
    assert close(loss.terms["image_alone"], bounds[1])
    assert close(loss.terms["symbols_alone"], bounds[2])


def test_without_alpha_nothing_trains_the_encoders_of_one_modality() -> None:
    for alpha in (0.0, 1.0):
        model = model_of()
        loss_of("jmvae", model, alpha=alpha).value.backward()
        for encoder in (model.vision.encoder, model.symbols.encoder):
            moved = [bool(gradient.any()) for gradient in gradients(encoder)]
            assert all(moved) if alpha else not any(moved)
        assert all(gradient.any() for gradient in gradients(model.joint))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("method", METHODS)
def test_a_gradient_reaches_every_weight(method: str, network: str) -> None:
    model = model_of(network, dtype=SINGLE)
    loss_of(method, model).value.backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert weight.grad.any(), name


def test_the_decoders_learn_from_pairs_only() -> None:
    """Their gradient is that of ELBO(x, y); those of the encoders are those of their own bounds."""
    both, alone = model_of(), model_of()
    loss_of("trelbo", both).value.backward()
    q, generator = alone.joint(X, Y), noise()
    z = q.sample(generator)
    image, symbols = by_hand(alone, X, z, z, of_mentioned(Y, ATTRIBUTES))
    (image + 50 * symbols + nats(q)).backward()
    for part in ("vision.decoder", "symbols.decoder", "joint"):
        found, expected = both.get_submodule(part), alone.get_submodule(part)
        for one, other in zip(gradients(found), gradients(expected), strict=True):
            assert close(one, other)
    assert not any(gradient.any() for gradient in gradients(alone.vision.encoder))
    q_x, q_y = alone.encode_image(X), alone.encode_symbol(Y)
    image, _ = by_hand(alone, X, q_x.sample(generator), z.detach())
    _, symbols = by_hand(alone, X, z.detach(), q_y.sample(generator), of_mentioned(Y, ATTRIBUTES))
    (image + nats(q_x) + 50 * symbols + nats(q_y)).backward()
    for part in ("vision.encoder", "symbols.encoder"):
        found, expected = both.get_submodule(part), alone.get_submodule(part)
        for one, other in zip(gradients(found), gradients(expected), strict=True):
            assert close(one, other)
    found = both.vision.decoder
    differs = zip(gradients(found), gradients(alone.vision.decoder), strict=True)
    assert any(not torch.allclose(one, other) for one, other in differs), "ELBO(x) would have moved it"


def test_gradients_pass_through_frozen_weights() -> None:
    layer, z = nn.Linear(3, 2), torch.randn(4, 3, requires_grad=True)
    output = frozen(layer, z)
    assert torch.equal(output, layer(z))
    output.sum().backward()
    assert z.grad is not None
    assert torch.allclose(z.grad, layer.weight.sum(0).expand(4, 3))
    assert layer.weight.grad is None


@pytest.mark.parametrize("modality", ["image", "symbols"])
def test_the_prior_holds_the_variance_of_each_encoder_of_one_modality(modality: str) -> None:
    """d KL / d logvar = (exp(logvar) - 1) / 2 of the encoder's own log-variance, not of the joint one's."""
    model = model_of()
    encoder = {"image": model.vision.encoder, "symbols": model.symbols.encoder}[modality]
    kept: list[Tensor] = []

    def keep(module: nn.Module, given: object, q: Gaussian) -> Gaussian:
        logvar = q.logvar.detach().requires_grad_()
        kept.append(logvar)
        return Gaussian(q.mean.detach(), logvar)

    encoder.register_forward_hook(keep)
    flat = objectives.Normal(1e9)
    trelbo(model, X, Y, flat, ATTRIBUTES, symbol_weight_alone=1e-12, generator=noise()).value.backward()
    (logvar,) = kept
    assert logvar.grad is not None
    assert torch.allclose(logvar.grad, (logvar.exp() - 1) / 2 / len(X), rtol=0, atol=1e-10)


def experts(moments: Sequence[tuple[float, float]]) -> ExpertSymbolEncoder:
    """An encoder to one latent, whose experts have these means and variances."""
    encoder = ExpertSymbolEncoder(len(moments), 1).double()
    with torch.no_grad():
        for symbol, (mean, variance) in enumerate(moments):
            encoder.experts.mean[symbol] = mean
            growth = math.log(1 / variance / encoder.experts.start)
            encoder.experts.growth[symbol] = 12 * math.atanh(growth / 12)
    return encoder


def test_a_product_of_experts_by_hand() -> None:
    """N(1, 1) and N(-1, 0.5) with N(0, 1): precision 4, mean -1/4, variance 1/4; none leaves the prior."""
    encoder = experts(((1.0, 1.0), (-1.0, 0.5), (5.0, 0.01)))
    with torch.no_grad():
        q = encoder(torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]], dtype=DOUBLE))
    assert q.mean[:, 0].tolist() == pytest.approx([-0.25, 0], abs=1e-10)
    assert q.variance[:, 0].tolist() == pytest.approx([0.25, 1], rel=1e-10)


def test_a_product_of_experts_is_the_product_of_their_densities() -> None:
    """The densities multiplied on a grid, for every set of mentioned symbols."""
    moments = ((1.0, 1.0), (-1.0, 0.5), (0.7, 0.1))
    encoder, z = experts(moments), torch.linspace(-12, 12, 20_001, dtype=DOUBLE)
    for mentioned in itertools.product((0.0, 1.0), repeat=3):
        log_density = -0.5 * z.square()
        for (mean, variance), weight in zip(moments, mentioned, strict=True):
            log_density = log_density - 0.5 * weight * (z - mean).square() / variance
        weights = log_density.softmax(0)
        mean = (weights * z).sum()
        variance = (weights * (z - mean).square()).sum()
        q = encoder(torch.tensor([mentioned], dtype=DOUBLE))
        assert close(q.mean.squeeze(), mean)
        assert close(q.variance.squeeze(), variance)


def test_variances_of_experts_stay_positive_where_their_precision_grows_without_bound() -> None:
    encoder = ExpertSymbolEncoder(1000, 1)
    encoder.experts.growth.data.fill_(1e6)
    q = encoder(torch.ones(1, 1000))
    assert q.logvar.isfinite().all()
    assert q.variance.item() > 1e-8


def test_attributes_that_are_not_mentioned_have_no_part_in_the_likelihood() -> None:
    assert of_mentioned(Y, ATTRIBUTES).tolist() == [[1, 1, 1, 1, 0], [1, 1, 0, 0, 1], [0, 0, 1, 1, 0]]
    logits = torch.randn(3, 5, dtype=DOUBLE, requires_grad=True)
    symbol_cost(logits, Y, of_mentioned(Y, ATTRIBUTES)).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad == 0, of_mentioned(Y, ATTRIBUTES) == 0)


def test_jmvae_reads_what_is_not_mentioned_as_absent() -> None:
    """With a perceptron q(z|y) depends on the zeros, and p(y|z) is asked for them."""
    model = model_of(encoder="mlp")
    loss = loss_of("jmvae", model)
    z = model.joint(X, Y).sample(noise())
    _, symbols = by_hand(model, X, z, z)
    assert close(loss.terms["symbols"], symbols)
    _, observed = by_hand(model, X, z, z, of_mentioned(Y, ATTRIBUTES))
    assert not torch.allclose(symbols, observed, rtol=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_symbols_are_encoded_in_float32_whatever_the_images_are(method: str) -> None:
    model, x, y = model_of(dtype=SINGLE), X.float(), Y.float()
    expected = model.encode_symbol(y)
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of(method, model)
        assert torch.equal(model.encode_symbol(y).logvar, expected.logvar)
        assert model.decode_symbol(torch.zeros(1, 4)).dtype == torch.float32
        assert model.joint(x, y).mean.dtype == torch.float32
    assert loss.value.dtype == torch.float32


@pytest.mark.parametrize("network", NETWORKS)
def test_the_model_keeps_the_contract(network: str) -> None:
    model = model_of(network, dtype=SINGLE)
    latents = model.latents
    assert (
        model.encode_symbol(Y.float()).mean.shape == model.encode_image(X.float()).mean.shape == (3, latents)
    )
    assert model.decode_image(torch.zeros(2, latents)).shape == (2, *model.shape)
    assert model.decode_symbol(torch.zeros(2, latents)).shape == (2, 5)


def test_parts_of_other_latents_are_refused() -> None:
    model, other = model_of(), model_of("layered")
    with pytest.raises(ValueError, match="the visual model has 4 latents"):
        MultimodalVAE(model.vision, model.symbols, other.joint)
