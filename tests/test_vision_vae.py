import copy

import pytest
import torch

from vision.colour import HSV, RGB, CyclicHSV
from vision.networks import ConvDecoder, ConvEncoder
from vision.vae import VAE

SHAPE = (3, 16, 16)


def vae(colour=None, shape=SHAPE) -> VAE:
    torch.manual_seed(0)
    small = {"widths": (4, 8), "hidden": 16}
    return VAE(ConvEncoder(shape, 5, **small), ConvDecoder(shape, 5, **small), colour)


def test_images_in_images_out():
    model, x = vae(), torch.rand(3, *SHAPE)
    image = model.decode(model.encode(x).mean)
    assert image.shape == x.shape
    assert image.min() >= 0
    assert image.max() <= 1
    assert torch.equal(image, model.decoder(model.encode(x).mean).sigmoid())
    assert torch.equal(model(x), image)
    assert (model.shape, model.latents) == (SHAPE, 5)


@pytest.mark.parametrize("colour", [HSV(), CyclicHSV()])
def test_the_colour_space_is_invisible_from_outside(colour):
    inner, outer, x = vae(), vae(colour), torch.rand(3, *SHAPE)
    assert torch.equal(outer.encode(x).mean, inner.encode(colour.encode(x)).mean)
    z = torch.randn(3, 5)
    assert torch.equal(outer.decode(z), colour.decode(inner.decode(z)))


def test_an_image_is_decoded_in_float32_under_autocast():
    model = vae()
    with torch.autocast("cpu", torch.bfloat16):
        assert model.decode(torch.randn(2, 5)).dtype == torch.float32


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="to 5 latents, the decoder 6 latents"):
        VAE(ConvEncoder(SHAPE, 5), ConvDecoder(SHAPE, 6))
    with pytest.raises(ValueError, match="HSV needs 3 channels, the images have 1"):
        vae(HSV(), (1, 16, 16))
    assert vae(RGB(), (1, 16, 16)).shape == (1, 16, 16)


def test_standardised_codes_keep_no_graph():
    vae = VAE(
        ConvEncoder((3, 16, 16), 4, widths=(8, 8), hidden=16),
        ConvDecoder((3, 16, 16), 4, widths=(8, 8), hidden=16),
    )
    vae.standardise(vae.encode(torch.rand(8, 3, 16, 16)))
    assert not vae.shift.requires_grad
    assert torch.equal(copy.deepcopy(vae).scale, vae.scale)


def test_standardised_codes_have_the_prior_s_moments_and_the_same_pictures():
    torch.manual_seed(0)
    vae = VAE(
        ConvEncoder((3, 16, 16), 4, widths=(8, 8), hidden=16),
        ConvDecoder((3, 16, 16), 4, widths=(8, 8), hidden=16),
    )
    with torch.no_grad():
        vae.encoder.code.bias += torch.tensor([3.0, -1, 0, 0, -8, 0, 2, 0])
        vae.encoder.code.weight[:4] *= 20
    x = torch.rand(64, 3, 16, 16)
    with torch.no_grad():
        before = vae.encode(x)
        pictures = vae.decode(before.mean)
        for _ in range(2):  # once more changes nothing
            vae.standardise(vae.encode(x))
            after = vae.encode(x)
            assert torch.allclose(after.mean.mean(0), torch.zeros(4), atol=1e-5)
            total = after.mean.var(0, correction=0) + after.variance.mean(0)
            assert torch.allclose(total, torch.ones(4), atol=1e-4)
            assert torch.allclose(vae.decode(after.mean), pictures, atol=1e-5)
    ratio = after.std / before.std
    assert torch.allclose(ratio, ratio[:1].expand_as(ratio), rtol=1e-4)  # a change of units
