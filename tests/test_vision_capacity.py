"""The channel of capacity C: its KL in closed form, and that nats go where they help the decoder."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from vision.capacity import ExactChannel, PenalisedChannel, capacity_at, onset


@pytest.mark.parametrize("channel", [ExactChannel(4), PenalisedChannel(4)])
def test_the_kl_is_that_of_the_gaussians_on_standardised_factors(channel):
    with torch.no_grad():
        for parameter in channel.parameters():
            parameter += torch.tensor([0.5, -0.3, 0.1, 0.0])
    gain, scale, kl = channel.double().gains(3.0)
    f = torch.tensor([-1.0, 1.0], dtype=torch.float64)[:, None].expand(2, 4)  # mean 0, variance 1
    normal = kl_divergence(Normal(gain * f, scale.expand(2, 4)), Normal(0.0, 1.0)).mean(dim=0)
    assert torch.allclose(kl, normal, rtol=0, atol=1e-12)


def test_the_exact_form_holds_the_capacity_and_the_variance():
    channel = ExactChannel(5).double()
    with torch.no_grad():
        channel.shares += torch.tensor([3.0, -2.0, 0.0, 1.0, 0.5])
    gain, scale, kl = channel.gains(7.3)
    assert abs(kl.sum().item() - 7.3) < 1e-12
    assert torch.allclose(gain**2 + scale**2, torch.ones(5, dtype=torch.float64), rtol=0, atol=1e-12)


def test_the_exact_form_has_a_finite_gradient_without_capacity():
    channel = ExactChannel(3)
    channel(torch.ones(4, 3), 0.0, torch.Generator().manual_seed(0)).z.sum().backward()
    assert channel.shares.grad.isfinite().all()


def test_the_signal_and_noise_are_those_that_are_told():
    channel = PenalisedChannel(2)
    f = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0))
    z = channel(f, 1.0, torch.Generator().manual_seed(1)).z
    gain, scale, _ = channel.gains(1.0)
    assert torch.allclose((z * f).mean(dim=0), gain, atol=0.01)
    assert torch.allclose((z - gain * f).std(dim=0), scale, atol=0.01)


def test_nats_go_to_the_factor_that_the_images_show():
    torch.manual_seed(0)
    channel = ExactChannel(2)
    decoder = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 4), nn.Unflatten(1, (1, 2, 2)))
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(
        [{"params": decoder.parameters(), "lr": 1e-2}, {"params": channel.parameters(), "lr": 5e-2}]
    )
    for _ in range(120):
        f = torch.randn(64, 2, generator=generator)
        x = (f[:, 0] > 0).float()[:, None, None, None].expand(-1, 1, 2, 2)
        logits = decoder(channel(f, 1.0, generator).z)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, x)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    seen, unseen = channel.gains(1.0)[2].tolist()
    assert seen > 0.9
    assert unseen < 0.1


def test_the_capacity_grows_to_the_end_after_the_warmup():
    capacities = [capacity_at(step, 100, warmup=20) for step in range(100)]
    assert capacities[:20] == [0.5] * 20
    assert capacities[-1] == 25
    assert all(a < b for a, b in pairwise(capacities[19:]))


@pytest.mark.parametrize(
    ("kl", "expected"),
    [([0.0, 0.2, 0.3], 2.0), ([0.2, 0.0, 0.0], None), ([0.2, 0.3, 0.4], 1.0), ([0.0, 0.0, 0.1], None)],
)
def test_an_onset_is_where_the_kl_rises_for_good(kl, expected):
    assert onset([1.0, 2.0, 3.0], kl) == expected
