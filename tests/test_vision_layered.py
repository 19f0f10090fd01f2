import pytest
import torch

from vision import models
from vision.layered import AdditiveMasks, LayeredDecoder, LayeredEncoder
from vision.networks import ConvDecoder, ConvEncoder
from vision.objectives import (
    Normal,
    beta_vae,
    cross_covariance,
    forward,
    jacobian_l1,
    mask_entropy,
    off_diagonal_covariance,
)
from vision.vae import VAE

SHAPE, MASK_LATENTS, COMPONENTS = (3, 16, 16), 4, 5
LATENTS = MASK_LATENTS + 3 * COMPONENTS
SMALL = {"widths": (8, 8), "hidden": 16}


def decoder() -> LayeredDecoder:
    torch.manual_seed(0)
    return LayeredDecoder(ConvDecoder((COMPONENTS, 16, 16), MASK_LATENTS, **SMALL), channels=3)


def model() -> VAE:
    torch.manual_seed(1)
    return VAE(LayeredEncoder(ConvEncoder(SHAPE, LATENTS, **SMALL), MASK_LATENTS), decoder())


def codes(n: int = 6) -> torch.Tensor:
    return torch.randn(n, LATENTS, generator=torch.Generator().manual_seed(2))


def test_masks_sum_to_1_and_depend_on_the_mask_latents_only():
    layered, z = decoder(), codes()
    alpha = layered.alpha(z[:, :MASK_LATENTS])
    assert alpha.shape == (6, COMPONENTS, 16, 16)
    assert torch.allclose(alpha.sum(1), torch.ones(6, 16, 16))
    recoloured = torch.cat([z[:, :MASK_LATENTS], torch.randn(6, LATENTS - MASK_LATENTS)], 1)
    assert torch.equal(layered.alpha(recoloured[:, :MASK_LATENTS]), alpha)
    assert not torch.allclose(layered.alpha(z[:, :MASK_LATENTS] + 1), alpha)


def test_the_picture_is_each_pixel_s_mixture_of_flat_colours():
    layered, z = decoder(), codes(2)
    colours = layered.colours(z[:, MASK_LATENTS:])
    assert colours.shape == (2, COMPONENTS, 3)
    alpha = layered.alpha(z[:, :MASK_LATENTS])
    expected = sum(alpha[:, k, None] * colours[:, k, :, None, None] for k in range(COMPONENTS))
    assert torch.allclose(layered(z), expected, atol=1e-6)


def test_the_image_is_affine_in_the_colour_latents():
    layered, z = decoder(), codes(1)
    ends = [torch.cat([z[:, :MASK_LATENTS], torch.randn(1, LATENTS - MASK_LATENTS)], 1) for _ in range(2)]
    middle = layered((ends[0] + ends[1]) / 2)
    assert torch.allclose(middle, (layered(ends[0]) + layered(ends[1])) / 2, atol=1e-5)


def test_a_colour_latent_changes_one_component():
    layered, z = decoder(), codes(1)
    before = layered.colours(z[:, MASK_LATENTS:])
    for latent in range(MASK_LATENTS, LATENTS):
        moved = z.clone()
        moved[:, latent] += 1
        changed = (layered.colours(moved[:, MASK_LATENTS:]) != before).any(-1)[0]
        assert changed.nonzero().tolist() == [[(latent - MASK_LATENTS) // 3]]


def test_the_variance_of_a_colour_is_the_same_for_all_images_and_not_limited():
    torch.manual_seed(3)
    outer = LayeredEncoder(ConvEncoder(SHAPE, LATENTS, precision_limit=50, **SMALL), MASK_LATENTS)
    with torch.no_grad():
        outer.colour_logvar += torch.linspace(-2, 2, LATENTS - MASK_LATENTS)
    x = torch.rand(4, *SHAPE)
    assert torch.equal(outer(x).logvar[:, :MASK_LATENTS], outer.encoder(x).logvar[:, :MASK_LATENTS])
    variance = outer(x).variance[:, MASK_LATENTS:]
    assert torch.equal(variance, variance[:1].expand(4, -1))
    assert (variance[0].diff() > 0).all()
    assert variance[0, 0] < 1e-5
    assert (outer(x).variance[:, :MASK_LATENTS] >= 1 / 50 - 1e-6).all()


def test_the_linear_path_adds_to_the_mean():
    torch.manual_seed(3)
    inner = ConvEncoder(SHAPE, LATENTS, **SMALL)
    outer, x = LayeredEncoder(inner, MASK_LATENTS), torch.rand(4, *SHAPE)
    expected = inner(x).mean + (x - 0.5).flatten(1) @ outer.linear.weight.T + outer.linear.bias
    assert torch.allclose(outer(x).mean, expected, atol=1e-5)


def test_the_decoded_image_is_the_output_itself_within_bounds():
    vae, z = model(), 5 * codes()
    assert torch.equal(vae.decode(z), vae.decoder(z).clamp(0, 1))
    assert vae.decoder(z).min() < 0


@pytest.mark.parametrize("masks", ["convolutional", "additive"])
def test_the_objective_reaches_every_weight(masks: str):
    torch.manual_seed(1)
    spec = {
        "kind": "layered",
        "shape": SHAPE,
        "mask_latents": MASK_LATENTS,
        "components": COMPONENTS,
        "masks": masks,
        **SMALL,
    }
    vae = models.build(spec)
    x = torch.rand(8, *SHAPE, generator=torch.Generator().manual_seed(4))
    passed = forward(vae, x, Normal())
    mean = passed.q.mean
    loss = beta_vae(passed, beta=1.0).plus("jacobian_l1", 0.1, jacobian_l1(vae, passed))
    loss = loss.plus("off_diagonal_covariance", 0.1, off_diagonal_covariance(mean))
    loss = loss.plus(
        "cross_covariance", 0.1, cross_covariance(mean[:, :MASK_LATENTS], mean[:, MASK_LATENTS:])
    )
    loss = loss.plus("mask_entropy", 0.1, mask_entropy(vae.decoder, passed))
    loss.value.backward()
    for name, weight in vae.named_parameters():
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().sum() > 0, name


def additive() -> AdditiveMasks:
    torch.manual_seed(5)
    masks = AdditiveMasks((COMPONENTS, 6, 7), MASK_LATENTS)
    with torch.no_grad():
        masks.maps *= 50
    return masks


def test_additive_masks_have_no_interactions():
    """The mixed difference f(a + b) - f(a) - f(b) + f(0) of two latents is 0; a plain decoder's is not."""
    z, w = torch.zeros(1, MASK_LATENTS), torch.zeros(1, MASK_LATENTS)
    z[0, 0], w[0, 2] = 1.5, -0.7
    for masks, mixed in (
        (additive(), False),
        (ConvDecoder((COMPONENTS, 16, 16), MASK_LATENTS, **SMALL), True),
    ):
        difference = masks(z + w) - masks(z) - masks(w) + masks(torch.zeros(1, MASK_LATENTS))
        assert (difference.abs().max() > 1e-4) == mixed
    assert not torch.allclose(additive()(z), additive()(torch.zeros(1, MASK_LATENTS)), atol=0.1)


def test_additive_masks_are_not_linear_in_a_latent():
    ends = torch.zeros(3, MASK_LATENTS)
    ends[:, 1] = torch.tensor([-1.0, 0.0, 1.0])
    low, middle, high = additive()(ends)
    assert not torch.allclose((low + high) / 2, middle, atol=0.1)


def test_additive_masks_serve_a_layered_decoder_of_any_size():
    layered = LayeredDecoder(additive(), channels=2)
    assert layered.shape == (2, 6, 7)
    assert layered(torch.randn(3, layered.latents)).shape == (3, 2, 6, 7)


def test_masks_of_an_unknown_kind_are_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"unknown kind of masks 'aditive'.*did you mean 'additive'"):
        models.build({"kind": "layered", "shape": SHAPE, "masks": "aditive"})
