import copy

import pytest
import torch

from vision import models
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


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "convolutional"},
        {"kind": "convolutional", "colour": "hsv"},
        {"kind": "study"},
        {"kind": "burgess"},
        {"kind": "broadcast"},
        {"kind": "joint"},
        {"kind": "quantised"},
        {"kind": "mlp", "hidden": 64},
    ],
    ids=lambda spec: "-".join(map(str, spec.values())),
)
def test_first_images_have_the_mean_colour_that_is_asked_for(spec) -> None:
    torch.manual_seed(0)
    colours = torch.tensor([0.04, 0.2, 0.9])[:, None, None]
    image = (colours + 0.03 * torch.linspace(-1, 1, 16)[:, None]).expand(3, 16, 16)
    model = models.build({"shape": [3, 16, 16], "latents": 5, **spec})
    z = torch.randn(64, model.latents)

    def first() -> torch.Tensor:
        return model.mean(model.decoder(z)).mean(0)

    grey, wanted = first(), image if spec["kind"] == "mlp" else colours.expand(3, 16, 16)
    model.initialise_output_bias(image)
    assert (first() - wanted).abs().max() < 0.05
    assert (grey - wanted).abs().max() > 0.3


def test_means_of_0_and_1_leave_sigmoids_that_learn():
    model = vae()
    model.initialise_output_bias(
        torch.stack((torch.zeros(16, 16), torch.ones(16, 16), torch.full((16, 16), 0.5)))
    )
    bias = model.decoder.output_layer().bias
    torch.testing.assert_close(bias.sigmoid(), torch.tensor([0.01, 0.99, 0.5]))
    assert bias.requires_grad


def test_a_decoder_of_colours_has_no_bias_to_start_from():
    model = models.build({"kind": "layered", "shape": [3, 16, 16], "widths": [4, 8]})
    with pytest.raises(ValueError, match="output of a LayeredDecoder has no bias"):
        model.initialise_output_bias(torch.rand(3, 16, 16))


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
