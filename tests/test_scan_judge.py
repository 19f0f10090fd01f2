"""The judge and its augmentation: what is disturbed, what stays as it was, and that it sees through it."""

import pytest
import torch
from torch import Tensor

from scan.judge import (
    BRIGHTNESS,
    CONTRAST,
    LEAST_WEIGHT,
    NOISE,
    Judge,
    PooledConvolutions,
    _resampling,
    augment,
    judge_loss,
)

COLOURS = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.8, 0.2], [0.2, 0.2, 0.9], [0.9, 0.9, 0.1]])


def scenes(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Images (n, 3, 16, 16) of a coloured ground with a white bar, upright or lying; factors (n, 2)."""
    factors = torch.stack([torch.randint(v, (n,), generator=generator) for v in (4, 2)], -1)
    x = COLOURS[factors[:, 0]][:, :, None, None].repeat(1, 1, 16, 16)
    x[factors[:, 1] == 0, :, 3:13, 7:9] = 1.0
    x[factors[:, 1] == 1, :, 7:9, 3:13] = 1.0
    return x, factors


def sides(shift: float, sigma: float, side: int = 41) -> Tensor:
    return _resampling(side, torch.full((1, 1, 1), shift), torch.full((1, 1, 1), sigma))[0]


def test_resampling_shifts_by_whole_pixels_and_repeats_the_border() -> None:
    row = torch.rand(41, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(sides(0.0, 0.1) @ row, row)
    torch.testing.assert_close(sides(3.0, 0.1) @ row, torch.cat([row[3:], row[-1:].repeat(3)]))
    torch.testing.assert_close(sides(-2.4, 0.1) @ row, torch.cat([row[:1].repeat(2), row[:-2]]))


def test_resampling_blurs_with_the_given_standard_deviation_and_keeps_constants() -> None:
    response = sides(0.0, 2.5)[20]
    offsets = torch.arange(41.0) - 20
    assert response.sum().item() == pytest.approx(1)
    assert (response * offsets).sum().item() == pytest.approx(0, abs=1e-5)
    assert (response * offsets**2).sum().item() == pytest.approx(2.5**2, rel=1e-3)
    torch.testing.assert_close(sides(1.0, 2.5) @ torch.full((41,), 0.3), torch.full((41,), 0.3))


def test_no_weight_of_a_sharp_resampling_leads_to_subnormal_products() -> None:
    weights = sides(0.0, 0.3, side=32)
    assert not ((weights > 0) & (weights < LEAST_WEIGHT)).any()
    torch.testing.assert_close(weights.sum(-1), torch.ones(32))


def test_augmentation_differs_by_image_and_repeats_with_its_generator() -> None:
    x = scenes(1, torch.Generator().manual_seed(0))[0].repeat(8, 1, 1, 1)
    one, two = (augment(x, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two)
    assert one.shape == x.shape
    assert one.amin() >= 0
    assert one.amax() <= 1
    distinct = {tuple(image.flatten().tolist()) for image in one}
    assert len(distinct) == 8


def test_augmentation_leaves_plain_colours_where_they_are() -> None:
    generator = torch.Generator().manual_seed(0)
    x = 0.2 + 0.6 * torch.rand(200, 3, 1, 1, generator=generator).expand(-1, -1, 20, 24)
    moved = (augment(x, generator).mean((2, 3)) - x.mean((2, 3))).abs()
    # Contrast acts about the mean of the image's channels, which plain colours leave by 0.6 at most.
    assert moved.max() < BRIGHTNESS + 0.6 * CONTRAST + 4 * NOISE / (20 * 24) ** 0.5


@pytest.mark.parametrize("network", ["strided", "pooled"])
def test_the_judge_learns_real_images_and_sees_through_blur(network: str) -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    judge = Judge((3, 16, 16), (4, 2), network=network, widths=(16, 32), hidden=32)
    optimiser = torch.optim.Adam(judge.parameters(), lr=5e-3)
    for _ in range(60):
        x, factors = scenes(64, generator)
        optimiser.zero_grad()
        judge_loss(judge(augment(x, generator)), factors).backward()
        optimiser.step()
    judge.eval()
    x, factors = scenes(256, generator)
    blurred = torch.einsum("ij,bcjk,lk->bcil", sides(1.0, 1.0, 16), x, sides(-1.0, 1.0, 16))
    for images in (x, blurred):
        probabilities = judge.probabilities(images)
        assert [tuple(p.shape) for p in probabilities] == [(256, 4), (256, 2)]
        for a, p in enumerate(probabilities):
            torch.testing.assert_close(p.sum(-1), torch.ones(256))
            assert (p.argmax(-1) == factors[:, a]).float().mean() > 0.95


def test_loss_is_the_cross_entropy_summed_over_attributes() -> None:
    logits = (torch.zeros(5, 4), torch.zeros(5, 2))
    factors = torch.tensor([[0, 1], [1, 0], [2, 1], [3, 0], [0, 0]])
    torch.testing.assert_close(judge_loss(logits, factors), torch.tensor(8.0).log())
    sure = (torch.eye(4)[factors[:, 0]] * 50, torch.eye(2)[factors[:, 1]] * 50)
    assert judge_loss(sure, factors) < 1e-6


@pytest.mark.parametrize("network", ["strided", "pooled"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 30, 40), (4, 65, 33)])
def test_any_image_size_and_every_parameter_learns(shape: tuple[int, int, int], network: str) -> None:
    torch.manual_seed(0)
    judge = Judge(shape, (2, 5), network=network, hidden=16)
    logits = judge(torch.rand(4, *shape))
    judge_loss(logits, torch.tensor([[0, 4], [1, 0], [1, 2], [0, 3]])).backward()
    for name, parameter in judge.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_pooled_features_have_each_maximum_wherever_an_object_stands() -> None:
    torch.manual_seed(0)
    network = PooledConvolutions((1, 32, 32), (4, 8)).eval()
    x = torch.zeros(2, 1, 32, 32)
    x[0, 0, 8:12, 8:11] = x[1, 0, 16:20, 20:23] = torch.rand(4, 3)
    maps, maxima = network(x).split([8 * 8 * 8, 8], dim=1)
    torch.testing.assert_close(maxima[0], maxima[1])
    assert not torch.allclose(maps[0], maps[1])
    assert len(maxima[0].unique()) > 1


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown judge network 'deep': choose from strided, pooled"):
        Judge((1, 32, 32), (2,), network="deep")
    with pytest.raises(ValueError, match=r"4x32 pixels cannot be halved 3 times"):
        Judge((1, 4, 32), (2,), network="pooled")
