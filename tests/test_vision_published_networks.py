"""The networks of published experiments: their numbers of weights, and what they refuse."""

import pytest
import torch

from vision.models import build


def weights(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("channels", "encoder", "decoder"), [(1, 309_204, 381_313), (3, 310_228, 382_339)])
def test_the_studys_numbers_of_weights(channels, encoder, decoder):
    vae = build({"kind": "study", "shape": [channels, 64, 64]})
    assert (weights(vae.encoder), weights(vae.decoder)) == (encoder, decoder)


def test_the_studys_layers_and_first_weights():
    torch.manual_seed(0)
    vae = build({"kind": "study", "shape": [3, 64, 64]})
    convolutions = [layer for layer in vae.encoder.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.kernel_size for layer in convolutions] == [(4, 4), (4, 4), (2, 2), (2, 2)]
    first = convolutions[0].weight
    limit = (6 / (16 * 3 + 16 * 32)) ** 0.5  # Glorot uniform: inputs and outputs of a unit
    assert 0.95 * limit < first.abs().max() <= limit
    assert all((p == 0).all() for name, p in vae.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize(("side", "convolutions"), [(64, 4), (32, 3), (80, 4), (8, 1)])
def test_burgesss_networks_leave_four_to_seven_pixels(side, convolutions):
    vae = build({"kind": "burgess", "shape": [1, side, side]})
    bottom = side >> convolutions
    assert 4 <= bottom <= 7
    first, features = 16 * 32 + 32, 32 * bottom**2
    tower = first + (convolutions - 1) * (16 * 32 * 32 + 32)
    layers = features * 256 + 256 + 256 * 256 + 256 + 256 * 20 + 20
    assert weights(vae.encoder) == tower + layers


def test_the_fully_connected_networks_numbers_of_weights():
    vae = build({"kind": "mlp", "shape": [1, 23, 31]})
    pixels, square = 23 * 31, 1200 * 1200 + 1200
    assert weights(vae.encoder) == pixels * 1200 + 1200 + square + 1200 * 20 + 20
    assert weights(vae.decoder) == 10 * 1200 + 1200 + 2 * square + 1200 * pixels + pixels
    kinds = [type(layer).__name__ for layer in vae.decoder.hidden]
    assert [kind for kind in kinds if kind != "Linear"] == ["Tanh"] * 3


@pytest.mark.parametrize("kind", ["study", "burgess", "mlp"])
def test_images_come_back_in_their_size_and_every_weight_learns(kind):
    torch.manual_seed(0)
    vae = build({"kind": kind, "shape": [3, 32, 48], "latents": 5, "precision_limit": 20})
    x = torch.rand(4, 3, 32, 48)
    q = vae.encode(x)
    assert q.variance.min() >= 1 / 20
    assert vae.decode(q.mean).shape == x.shape
    (vae.decoder(q.mean + q.variance.sqrt()).square().sum() + q.logvar.sum()).backward()
    for name, parameter in vae.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert (parameter.grad != 0).any(), name
    assert (vae.encoder.code.weight.grad != 0).any(dim=1).all()


def test_the_challenge_winners_latents_and_activation():
    vae = build({"kind": "convolutional", "shape": [3, 64, 64], "latents": 3072, "activation": "leaky_relu"})
    assert vae.encode(torch.rand(1, 3, 64, 64)).mean.shape == (1, 3072)
    assert sum(isinstance(layer, torch.nn.LeakyReLU) for layer in vae.modules()) == 5 + 5


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "study", "shape": [3, 64, 60]}, "multiples of 16, got 64x60"),
        ({"kind": "burgess", "shape": [3, 7, 60]}, "at least 8 pixels, got 7x60"),
        ({"kind": "mlp", "shape": [1, 8, 8], "colour": "hsv"}, "HSV needs 3 channels"),
        ({"kind": "mlp", "shape": [1, 8, 8], "precision_limit": 1}, "must exceed the prior's, 1"),
    ],
)
def test_a_misfit_is_named(spec, message):
    with pytest.raises(ValueError, match=message):
        build(spec)
