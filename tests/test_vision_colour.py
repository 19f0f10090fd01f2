import colorsys
import math

import pytest
import torch

from vision.colour import HSV, RGB, V_FLOOR, CyclicHSV

EDGES = torch.cartesian_prod(*[torch.tensor([0.0, 0.1, 0.5, 1.0])] * 3)


def image(*colours: tuple[float, float, float]) -> torch.Tensor:
    """One colour per column, (1, 3, 1, W)."""
    return torch.tensor(colours, dtype=torch.float32).T[None, :, None]


def many() -> torch.Tensor:
    random = torch.rand(2000, 3, generator=torch.Generator().manual_seed(0))
    return torch.cat([random, EDGES]).T[None, :, None]


@pytest.mark.parametrize("colour", [RGB(), HSV(), CyclicHSV()])
def test_every_colour_comes_back(colour):
    x = many()
    encoded = colour.encode(x)
    assert encoded.shape == x.shape
    assert encoded.min() >= 0
    assert encoded.max() <= 1
    assert torch.allclose(colour.decode(encoded), x, atol=1e-5)


def test_hsv_is_the_standard_one():
    x = many()
    expected = [colorsys.rgb_to_hsv(*pixel) for pixel in x[0, :, 0].T.tolist()]
    assert torch.allclose(HSV().encode(x)[0, :, 0].T, torch.tensor(expected), atol=1e-5)


def test_cyclic_hsv_is_saturation_times_the_vector_of_the_hue():
    hues = torch.arange(6) / 6
    pure = HSV().decode(torch.stack([hues, torch.full((6,), 0.8), torch.full((6,), 0.6)])[None, :, None])
    a, b, value = CyclicHSV().encode(pure)[0, :, 0]
    assert torch.allclose(2 * a - 1, 0.8 * torch.cos(2 * math.pi * hues), atol=1e-5)
    assert torch.allclose(2 * b - 1, 0.8 * torch.sin(2 * math.pi * hues), atol=1e-5)
    assert torch.allclose(value, torch.tensor(0.6))


def test_the_hue_of_the_cyclic_space_is_within_two_degrees_of_the_hexagonal_one():
    x = many()
    saturated = (x.amax(1) - x.amin(1) > 0.05)[0, 0]
    a, b, _ = 2 * CyclicHSV().encode(x)[0, :, 0, saturated] - 1
    difference = torch.atan2(b, a) - 2 * math.pi * HSV().encode(x)[0, 0, 0, saturated]
    assert torch.atan2(difference.sin(), difference.cos()).abs().max() < math.radians(1.2)


def test_reds_are_neighbours_only_in_the_cyclic_space():
    reds = image((1.0, 0.0, 0.02), (1.0, 0.02, 0.0))
    assert HSV().encode(reds).diff(dim=-1).abs().max() > 0.9
    assert CyclicHSV().encode(reds).diff(dim=-1).abs().max() < 0.02


def test_greys_are_one_line_and_noise_in_black_stays_small():
    greys = image((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (1.0, 1.0, 1.0))
    assert torch.allclose(CyclicHSV().encode(greys)[0, :2], torch.tensor(0.5))
    noise = image((0.0, 0.0, 0.0), (1 / 255, 0.0, 0.0))
    assert CyclicHSV().encode(noise).diff(dim=-1).abs().max() < 0.02
    assert HSV().encode(noise)[0, 1, 0, 1] == 1.0


def test_shading_changes_the_value_alone():
    colour = torch.tensor([0.9, 0.3, 0.2])
    shaded = torch.stack([colour, 0.5 * colour, 1.01 * V_FLOOR / 0.9 * colour], dim=-1)[None, :, None]
    encoded = CyclicHSV().encode(shaded)
    assert torch.allclose(encoded[0, :2], encoded[0, :2, :, :1].expand(-1, -1, 3), atol=1e-6)


def test_whatever_a_decoder_emits_is_a_colour():
    emitted = many()
    rgb = CyclicHSV().decode(emitted)
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    assert torch.allclose(rgb.amax(1), emitted[:, 2], atol=1e-6)


@pytest.mark.parametrize("colour", [HSV(), CyclicHSV()])
def test_gradients_are_finite_everywhere(colour):
    x = many().requires_grad_()
    colour.encode(x).sum().backward()
    assert x.grad.isfinite().all()
    emitted = many().requires_grad_()
    colour.decode(emitted).sum().backward()
    assert emitted.grad.isfinite().all()
