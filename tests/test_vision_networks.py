import math

import pytest
import torch

from vision.networks import LOGVAR_BOUND, ConvDecoder, ConvEncoder, Convolutions, Deconvolutions

SHAPES = [(3, 80, 80), (3, 64, 64), (3, 100, 100), (1, 28, 28), (3, 30, 40), (2, 17, 31), (1, 16, 23)]


@pytest.mark.parametrize("shape", SHAPES)
def test_images_come_back_in_exactly_their_size(shape):
    x = torch.rand(2, *shape)
    q = ConvEncoder(shape, 5)(x)
    assert q.mean.shape == q.logvar.shape == (2, 5)
    assert ConvDecoder(shape, 5)(q.mean).shape == x.shape


@pytest.mark.parametrize(("side", "features"), [(80, 1600), (64, 1024)])
def test_the_papers_sizes(side, features):
    shape = (3, side, side)
    assert Convolutions(shape).features == Deconvolutions(shape).features == features


def test_the_papers_number_of_weights():
    def convolution(ins, outs):
        return 16 * ins * outs + outs

    def linear(ins, outs):
        return ins * outs + outs

    tower = convolution(3, 32) + convolution(32, 32) + convolution(32, 64) + convolution(64, 64)
    encoder = tower + linear(1024, 256) + linear(256, 64)
    # Mirrored, only the biases change sides: outputs of 64, 32, 32, 3 instead of 32, 32, 64, 64.
    decoder = tower - 64 - 64 - 32 - 32 + 64 + 32 + 32 + 3 + linear(32, 256) + linear(256, 1024)
    assert sum(p.numel() for p in ConvEncoder((3, 64, 64), 32).parameters()) == encoder
    assert sum(p.numel() for p in ConvDecoder((3, 64, 64), 32).parameters()) == decoder


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 23, 31), (3, 30, 18)])
def test_every_pixel_is_seen_by_the_encoder_and_reached_by_the_decoder(shape):
    torch.manual_seed(0)
    x = torch.rand(1, *shape, requires_grad=True)
    ConvEncoder(shape, 4, activation="elu")(x).mean.square().sum().backward()
    assert (x.grad != 0).all()
    decoder = ConvDecoder(shape, 4, activation="elu")
    a, b = decoder(torch.tensor([[0.0, 0, 0, 0], [3.0, -3, 3, -3]]))
    assert (a != b).all()


def test_the_decoders_last_layer_is_linear():
    decoder, z = ConvDecoder((3, 16, 16), 4), torch.randn(2, 4)
    before = decoder(z)
    with torch.no_grad():
        decoder.deconvolutions.layers[-1].bias -= 5
    assert torch.allclose(decoder(z), before - 5)


def test_gradients_reach_every_weight():
    torch.manual_seed(0)
    encoder, decoder = ConvEncoder((3, 19, 21), 4, widths=(8, 8)), ConvDecoder((3, 19, 21), 4, widths=(8, 8))
    q = encoder(torch.rand(4, 3, 19, 21))
    (decoder(q.sample()).square().sum() + q.logvar.sum()).backward()
    for module in (encoder, decoder):
        for name, weight in module.named_parameters():
            assert weight.grad.isfinite().all(), name
            assert weight.grad.abs().sum() > 0, name


def test_the_layout_of_the_input_does_not_matter():
    torch.manual_seed(0)
    x, encoder = torch.rand(2, 3, 32, 32), ConvEncoder((3, 32, 32), 4)
    transposed = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(encoder(x).mean, encoder(transposed).mean)


def test_codes_stay_float32_and_accurate_under_autocast():
    torch.manual_seed(0)
    shape = (3, 32, 32)
    encoder, decoder = ConvEncoder(shape, 4, widths=(8, 8)), ConvDecoder(shape, 4, widths=(8, 8))
    x = torch.rand(8, *shape)
    exact = encoder(x)
    with torch.autocast("cpu", torch.bfloat16):
        q = encoder(x)
        # Two codes that bfloat16 cannot tell apart must still decode differently.
        z = torch.full((2, 4), 2.0)
        z[1] += 1e-3
        hidden = decoder.code(z), decoder(z)
    assert q.mean.dtype == q.logvar.dtype == torch.float32
    assert torch.allclose(q.mean, exact.mean, atol=0.02)
    assert not torch.equal(q.mean, q.mean.bfloat16().float())
    assert torch.equal(hidden[0][0], hidden[0][1])
    assert not torch.equal(hidden[1][0], hidden[1][1])


def test_the_log_variance_cannot_overflow():
    encoder = ConvEncoder((1, 16, 16), 3)
    with torch.no_grad():
        encoder.code.bias.fill_(1e6)
    q = encoder(torch.rand(2, 1, 16, 16))
    assert (q.logvar <= LOGVAR_BOUND).all()
    assert q.variance.isfinite().all()
    with torch.no_grad():
        encoder.code.weight.zero_()
        encoder.code.bias.fill_(-1.5)
    assert torch.allclose(encoder(torch.rand(2, 1, 16, 16)).logvar, torch.tensor(-1.5), atol=0.01)


def test_images_too_small_for_the_layers_are_refused():
    with pytest.raises(ValueError, match="at least 16 pixels a side, got 4 widths for 64x15"):
        ConvEncoder((3, 64, 15), 8)
    assert ConvEncoder((3, 64, 15), 8, widths=(8, 8, 8))(torch.rand(1, 3, 64, 15)).mean.shape == (1, 8)


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"expected images of shape \(B, 3, 32, 32\), got \(2, 3, 32, 33\)"):
        ConvEncoder((3, 32, 32), 8)(torch.rand(2, 3, 32, 33))


@pytest.mark.parametrize("shape", [(64, 64), (3, 0, 64), (3, 64.5, 64)])
def test_a_shape_is_three_positive_integers(shape):
    with pytest.raises(ValueError, match="three positive integers"):
        ConvEncoder(shape, 8)


def test_unknown_activations_are_refused():
    with pytest.raises(ValueError, match=r"'gelu' .did you mean 'elu'.*: choose from relu, elu"):
        ConvEncoder((3, 32, 32), 8, activation="gelu")


def test_a_precision_limit_bounds_the_posterior_and_leaves_the_rest():
    torch.manual_seed(5)
    encoder = ConvEncoder((3, 16, 16), 4, widths=(8, 8), hidden=16, precision_limit=50.0)
    with torch.no_grad():
        encoder.code.bias[4:] = torch.tensor([-30.0, -5.0, 0.0, 5.0])
    variance = encoder(torch.rand(5, 3, 16, 16)).variance
    assert (variance >= 1 / 50 - 1e-6).all()
    assert variance[0, 0].item() == pytest.approx(1 / 50, rel=1e-3)
    assert variance[0, 3].item() == pytest.approx(math.exp(5), rel=0.2)
    with pytest.raises(ValueError, match="exceed the prior"):
        ConvEncoder((3, 16, 16), 4, precision_limit=1.0)


@pytest.mark.parametrize("shape", [(3, 32, 16), (3, 16, 17), (3, 48, 24)])
def test_maps_one_pixel_wide_are_computed_in_float32(shape: tuple[int, int, int]) -> None:
    """In bfloat16 a processor with AMX leaves parts of them as they were in memory."""
    torch.manual_seed(0)
    widths = (32, 32, 64, 64)
    encoder, decoder = ConvEncoder(shape, 8, widths=widths), ConvDecoder(shape, 8, widths=widths)
    x = torch.rand(64, *shape)
    exact = encoder(x).mean
    exact_gradient = gradient(decoder, exact.detach())
    for _ in range(10):
        rubbish = [torch.full((1000 * n,), torch.nan) for n in range(1, 40)]
        del rubbish
        with torch.autocast("cpu", torch.bfloat16):
            found = encoder(x).mean
            found_gradient = gradient(decoder, exact.detach())
        torch.testing.assert_close(found, exact, atol=0.01, rtol=0.1)
        torch.testing.assert_close(found_gradient, exact_gradient, atol=0.02, rtol=0.1)


def gradient(decoder: ConvDecoder, z: torch.Tensor) -> torch.Tensor:
    """That of the mean logit of each image in its code."""
    z = z.requires_grad_()
    (found,) = torch.autograd.grad(decoder(z).float().mean((1, 2, 3)).sum(), z)
    return found


def test_only_maps_one_pixel_wide_leave_bfloat16() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        for shape, dtype in (((3, 32, 16), torch.float32), ((3, 16, 32), torch.bfloat16)):
            assert Convolutions(shape, (4, 4, 4, 4))(torch.rand(2, *shape)).dtype == dtype
            features = torch.rand(2, Deconvolutions(shape, (4, 4, 4, 4)).features)
            assert Deconvolutions(shape, (4, 4, 4, 4))(features).dtype == torch.bfloat16
