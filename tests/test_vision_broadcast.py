"""The spatial broadcast decoder: what it computes, what it is told, and what learns."""

import pytest
import torch
from torch.nn import functional

from vision.broadcast import BroadcastDecoder, coordinates
from vision.models import build


def test_the_first_layer_is_a_convolution_of_the_tiled_code_and_coordinates():
    torch.manual_seed(0)
    decoder = BroadcastDecoder((3, 5, 7), 4, channels=6, layers=1).double()
    z = torch.randn(2, 4, dtype=torch.float64)
    grid = coordinates(5, 7).double().expand(2, -1, -1, -1)
    tiled = torch.cat((z[:, :, None, None].expand(-1, -1, 5, 7), grid), dim=1)
    weight = torch.cat((decoder.code.weight[:, :, None, None], decoder.place.weight), dim=1)
    first = functional.conv2d(tiled, weight, decoder.code.bias).relu()
    last = decoder.layers[-1]
    assert torch.allclose(decoder(z), functional.conv2d(first, last.weight, last.bias, padding=1), atol=1e-12)


def test_coordinates_run_from_minus_one_to_one():
    grid = coordinates(3, 5)
    assert grid[0, 0, :, 0].tolist() == [-1, 0, 1]
    assert grid[0, 1, 0].tolist() == [-1, -0.5, 0, 0.5, 1]
    assert coordinates(1, 1).isfinite().all()


def test_without_its_coordinates_every_inner_pixel_is_alike():
    decoder = BroadcastDecoder((1, 16, 16), 3, channels=8, layers=3)
    torch.nn.init.zeros_(decoder.place.weight)
    inner = decoder(torch.randn(2, 3))[:, :, 3:-3, 3:-3]
    assert torch.allclose(inner, inner[:, :, :1, :1].expand_as(inner), atol=1e-6)


def test_images_come_back_in_their_size_and_every_weight_learns():
    torch.manual_seed(0)
    spec = {"kind": "broadcast", "latents": 5, "channels": 16, "layers": 3, "widths": [8, 8]}
    vae = build({**spec, "shape": [3, 12, 20], "precision_limit": 20})
    x = torch.rand(4, 3, 12, 20)
    q = vae.encode(x)
    assert q.variance.min() >= 1 / 20
    assert vae.decode(q.mean).shape == x.shape
    (vae.decoder(q.mean + q.variance.sqrt()).square().sum() + q.logvar.sum()).backward()
    for name, parameter in vae.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert (parameter.grad != 0).any(), name


def test_the_papers_number_of_weights():
    vae = build({"kind": "broadcast", "shape": [3, 64, 64]})
    tiled, hidden, last = (10 + 2) * 64 + 64, 64 * 64 * 9 + 64, 64 * 3 * 9 + 3
    assert sum(p.numel() for p in vae.decoder.parameters()) == tiled + 3 * hidden + last


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"layers": 0}, "layers of kind broadcast is a positive integer"),
        ({"channels": 2.5}, "channels of kind broadcast is a positive integer"),
        ({"activation": "gelu"}, "unknown activation 'gelu'"),
        ({"widths": [8] * 4}, "at least 16 pixels a side"),
    ],
)
def test_a_misfit_is_named(spec, message):
    with pytest.raises(ValueError, match=message):
        build({"kind": "broadcast", "shape": [3, 8, 8], "widths": [8], **spec})
