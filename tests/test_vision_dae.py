import pytest
import torch

from vision.colour import HSV
from vision.dae import DAE, occlude, rectangles

SHAPE = (3, 20, 16)


def dae(**options) -> DAE:
    torch.manual_seed(0)
    return DAE(SHAPE, 7, widths=(4, 8), **options)


def test_every_image_loses_one_rectangle_of_at_least_a_pixel():
    masks = rectangles(500, 9, 13, generator=torch.Generator().manual_seed(0))
    assert masks.shape == (500, 1, 9, 13)
    assert masks.dtype == torch.bool
    for mask in masks[:, 0]:
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        assert len(rows) > 0
        assert len(columns) > 0
        filled = torch.zeros_like(mask)
        filled[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
        assert torch.equal(mask, filled)


def test_the_rectangles_corners_are_two_uniform_pixels_per_axis():
    height, width = 6, 4
    masks = rectangles(40_000, height, width, generator=torch.Generator().manual_seed(0))[:, 0]
    # P(pixel i lies between two uniform integers of 0..n-1, both included) = 1 - (i^2 + (n-1-i)^2) / n^2
    for covered, n in ((masks.any(2).float().mean(0), height), (masks.any(1).float().mean(0), width)):
        i = torch.arange(n)
        expected = 1 - (i**2 + (n - 1 - i) ** 2) / n**2
        assert torch.allclose(covered, expected, atol=0.012)
    # The two axes are independent: the chance of a pixel is the product.
    assert masks[:, 0, 0].float().mean() == pytest.approx((1 - 25 / 36) * (1 - 9 / 16), abs=0.01)


def test_occlusion_is_black_inside_and_nothing_outside():
    x = torch.rand(50, *SHAPE) + 0.1
    hidden = occlude(x, torch.Generator().manual_seed(1))
    mask = rectangles(50, *SHAPE[1:], generator=torch.Generator().manual_seed(1)).expand_as(x)
    assert (hidden[mask] == 0).all()
    assert torch.equal(hidden[~mask], x[~mask])
    assert len({tuple(m.flatten().tolist()) for m in mask[:, 0]}) > 40


def test_features_are_what_they_are_called():
    model, x = dae(), torch.rand(2, *SHAPE)
    assert torch.equal(model.features(x, "pixels"), x)
    assert torch.equal(model.features(x, "bottleneck"), model.bottleneck(x))
    assert model.features(x, "bottleneck").shape == (2, 7)
    logits = model.features(x, "dae_logits")
    assert torch.equal(logits, model.deconvolutions(model.from_code(model.bottleneck(x))))
    assert logits.shape == x.shape
    assert torch.equal(model.denoise(x), logits.sigmoid())
    with pytest.raises(ValueError, match="'logits': choose from pixels, bottleneck, dae_logits"):
        model.features(x, "logits")


def test_tanh_bounds_the_code_and_linear_does_not():
    x = 1e3 * torch.rand(2, *SHAPE)
    tanh, linear = dae(bound="tanh").bottleneck(x), dae(bound="linear").bottleneck(x)
    assert torch.equal(tanh, linear.tanh())
    assert linear.abs().max() > 1
    with pytest.raises(ValueError, match="unknown bound of the code 'sigmoid': choose from tanh, linear"):
        dae(bound="sigmoid")


def test_the_networks_are_exponential_linear():
    def negative(model):
        with torch.no_grad():
            return model.convolutions(torch.rand(4, *SHAPE)).min() < 0

    assert negative(dae())
    assert not negative(dae(activation="relu"))


def test_denoising_speaks_rgb_whatever_the_networks_speak():
    x, hsv = torch.rand(2, *SHAPE), dae(colour=HSV())
    assert torch.equal(hsv.denoise(x), HSV().decode(hsv(HSV().encode(x)).sigmoid()))
    with pytest.raises(ValueError, match="HSV needs 3 channels"):
        DAE((1, 16, 16), 7, colour=HSV())
