"""Realism: the measures against known colours, brute force and closed forms."""

import doctest
import math

import numpy as np
import pytest
import torch

from scan import realism
from scan.realism import colour_probe, nearest_distance, palette_distance, spread, variance_within
from vision.data import to_unit
from vision.data.rooms import NAMES, PALETTE, rooms

PAINTS = torch.tensor(list(PALETTE.values())).float()


def test_the_examples_are_true() -> None:
    assert doctest.testmod(realism).failed == 0


def test_a_probe_reads_colours_that_no_image_of_its_fit_had() -> None:
    rng = np.random.default_rng(0)
    palette = torch.tensor([[250.0, 0.0, 0.0], [0.0, 250.0, 0.0], [0.0, 0.0, 250.0], [250.0, 250.0, 250.0]])

    def painted(colours: torch.Tensor) -> torch.Tensor:  # (N, 2, 3): upper half, lower half, and noise
        x = (colours / 255).permute(0, 2, 1).repeat_interleave(4, 2).unsqueeze(-1).expand(-1, -1, -1, 8)
        return (x + 0.02 * torch.from_numpy(rng.standard_normal(x.shape)).float()).clamp(0, 1)

    seen = palette[torch.from_numpy(rng.integers(0, 4, (400, 2)))]
    probe = colour_probe(painted(seen), seen)
    between = torch.tensor([[[125.0, 125.0, 0.0], [40.0, 90.0, 200.0]]])
    assert torch.allclose(probe.colours(painted(between)).float(), between, atol=12)
    off = palette_distance(probe.colours(painted(between))[:, 0], palette)
    assert off.item() == pytest.approx(palette_distance(between[:, 0], palette).item(), abs=12)


def test_real_rooms_are_on_their_palette_and_random_colours_are_not() -> None:
    some, other = (rooms(n, size=16, rng=np.random.default_rng(n)) for n in (3000, 300))
    assert tuple(some.colours) == NAMES[:3]
    colours = PAINTS[torch.from_numpy(some.factors[:, :3])]
    read = colour_probe(to_unit(some.images), colours).colours(to_unit(other.images))
    random = palette_distance(torch.rand(2000, 3) * 255, PAINTS).median()
    for place, most in enumerate((4, 8, 30)):
        assert palette_distance(read[:, place], PAINTS).median() < most < random / 1.9


def test_nearest_distance_is_brute_force() -> None:
    x, real = torch.rand(7, 3, 8, 8), torch.rand(11, 3, 8, 8)
    every = ((x[:, None] - real[None]) * 255).square().mean((2, 3, 4)).sqrt()
    assert torch.allclose(nearest_distance(x, real), every.amin(1), atol=0.05)
    many = torch.rand(200, 3, 8, 8)
    assert nearest_distance(many, many).max() == 0


def test_variance_within_counts_the_kept_images_only() -> None:
    x = torch.rand(2, 5, 1, 2, 2)
    kept = torch.tensor([[True, True, False, True, False], [False, False, False, True, False]])
    found = variance_within(x, kept)
    expected = x[0][[0, 1, 3]].flatten(1).double().var(0)
    assert torch.allclose(found[0], expected)
    assert found[1].isnan().all()
    assert torch.allclose(variance_within(x)[1], x[1].flatten(1).double().var(0))


def test_spread_is_one_for_images_of_the_same_kind_and_zero_for_constant_ones() -> None:
    real = torch.rand(50, 40, 1, 4, 4)
    within = variance_within(real)
    assert spread(within, within) == (1.0, 1.0, 50)
    assert spread(variance_within(real[:, :1].expand(-1, 40, -1, -1, -1)), within).kept == pytest.approx(0)
    assert spread(variance_within(torch.rand_like(real)), within).kept == pytest.approx(1, abs=0.05)


def test_unsteady_colours_do_not_make_up_for_lost_nuisances() -> None:
    real = torch.zeros(4, 30, 1, 4, 4)
    real[..., :2] = torch.rand(4, 30, 1, 4, 2)
    made = torch.zeros_like(real)
    made[..., 2:] = torch.rand(4, 30, 1, 4, 2)
    found = spread(variance_within(made), variance_within(real))
    assert found.kept == 0
    assert found.ratio == pytest.approx(1, abs=0.3)
    assert math.isnan(spread(variance_within(made), variance_within(torch.zeros_like(real))).kept)
