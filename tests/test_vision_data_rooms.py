import numpy as np
import pytest
import torch

from vision.data import rooms as module
from vision.data.rooms import (
    PALETTE,
    RANGES,
    SHAPES,
    SIZES,
    Nuisances,
    frames,
    moved,
    render,
    rooms,
    sample_nuisances,
)

BLACK, WHITE = list(PALETTE).index("black"), list(PALETTE).index("white")


def still(n: int) -> Nuisances:
    """A camera that looks straight ahead at an object that stands in the middle."""
    return Nuisances(*(np.full(n, value, np.float32) for value in (0.0, 0.0, 0.0, 2.1)))


def test_the_same_seed_gives_the_same_images_and_another_seed_others() -> None:
    first, again, other = (rooms(20, size=24, rng=np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert torch.equal(first.images, again.images)
    assert (first.factors == again.factors).all()
    assert not torch.equal(first.images, other.images)


def test_images_do_not_depend_on_how_they_are_grouped() -> None:
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(0, k, 50) for k in SIZES], 1)
    nuisances = sample_nuisances(50, rng)
    apart = render(factors, nuisances, 32, chunk=7).int()
    together = render(factors, nuisances, 32, chunk=50).int()
    assert (apart - together).abs().max() <= 1  # a window may be a pixel wider beside other images


@pytest.mark.parametrize("size", [16, 33, 64])
def test_every_factor_paints_its_own_part_of_the_picture(size: int) -> None:
    """Changing one colour changes only its pixels; the three parts and the sky share the image."""
    rng = np.random.default_rng(1)
    factors = np.full((60, 4), BLACK)
    factors[:, 3] = np.arange(60) % len(SHAPES)
    nuisances = sample_nuisances(60, rng)
    dark = render(factors, nuisances, size).float()
    parts = []
    for k in range(3):
        light = factors.copy()
        light[:, k] = WHITE
        parts.append((render(light, nuisances, size).float() - dark).mean((1, 2, 3)) / (245 - 18))
    wall, floor, thing = (part.mean().item() for part in parts)
    assert 0.3 < wall < 0.5
    assert 0.2 < floor < 0.35
    assert 0.10 < thing < 0.2
    assert (sum(parts) < 0.97).all()  # the sky keeps its share, shades are below 1


def test_flat_parts_show_their_colour_exactly() -> None:
    """Back wall and floor are unshaded: their pixels are the palette's own bytes."""
    names = list(PALETTE)
    factors = np.array([[names.index("red"), names.index("lime"), WHITE, 0]])
    image = render(factors, still(1), 64)[0]
    assert tuple(image[:, 20, 12].tolist()) == PALETTE["red"]
    assert tuple(image[:, 62, 2].tolist()) == PALETTE["lime"]


def test_edges_are_antialiased_towards_the_exact_coverage() -> None:
    """A small picture equals a large one averaged, up to the finite number of rays a pixel."""
    rng = np.random.default_rng(2)
    factors = np.stack([rng.integers(0, k, 40) for k in SIZES], 1)
    nuisances = sample_nuisances(40, rng)
    small = render(factors, nuisances, 32).float()
    large = torch.nn.functional.avg_pool2d(render(factors, nuisances, 256).float(), 8)
    assert (small - large).abs().mean() < 1.0
    assert (small - large).abs().max() < 110


def test_the_window_cuts_no_object() -> None:
    """The silhouette found in a window is the one found by rays over the whole picture."""
    rng = np.random.default_rng(5)
    factors = np.full((90, 4), BLACK)
    factors[:, 2] = WHITE
    factors[:, 3] = np.arange(90) % len(SHAPES)
    nuisances = sample_nuisances(90, rng)
    cropped = render(factors, nuisances, 48)
    whole_window = module._window
    try:
        module._window = lambda shape, size, bearing, distance: module.Window(
            0, size, size, torch.zeros(len(bearing), dtype=torch.long)
        )
        full = render(factors, nuisances, 48)
    finally:
        module._window = whole_window
    assert torch.equal(cropped, full)


def test_nuisances_move_the_picture_and_shading_shows_the_rotation() -> None:
    factors = np.array([[0, 1, 2, shape] for shape in range(len(SHAPES))])
    base = render(factors, still(3), 48).float()
    for column in range(4):
        moved = [c.copy() for c in still(3)]
        moved[column] += 0.12
        difference = (render(factors, Nuisances(*moved), 48).float() - base).abs().mean((1, 2, 3))
        assert (difference > 0.3).all(), Nuisances._fields[column]


def test_bad_factors_are_refused() -> None:
    with pytest.raises(ValueError, match="indices below"):
        render(np.array([[0, 0, 16, 0]]), still(1), 32)
    with pytest.raises(ValueError, match="as many as factor rows"):
        render(np.array([[0, 0, 0, 0]]), still(2), 32)


def test_the_set_renders_any_other_combination() -> None:
    image_set = rooms(4, size=16, rng=np.random.default_rng(0))
    assert image_set.render is not None
    images = image_set.render(np.array([[1, 2, 3, 1]] * 5), np.random.default_rng(1))
    assert images.shape == (5, 3, 16, 16)
    assert len({image.numpy().tobytes() for image in images}) == 5


def test_between_frames_camera_and_object_move_a_little_and_stay_in_their_ranges() -> None:
    rng = np.random.default_rng(0)
    now = sample_nuisances(4000, rng)
    for before, after, (low, high) in zip(now, moved(now, rng), RANGES, strict=True):
        change = (after - before) / ((high - low) / np.sqrt(12))
        assert low - 1e-6 <= after.min() <= after.max() <= high + 1e-6
        assert 0.2 < np.abs(change).mean() < module.MOTION  # less than a free Laplace, for the walls
        assert (np.abs(change) < module.MOTION / 2).mean() > 0.35  # mostly small,
        assert (np.abs(change) > 3 * module.MOTION).mean() > 0.02  # sometimes large


def test_neighbouring_frames_show_the_same_room() -> None:
    factors = np.stack([np.random.default_rng(0).integers(0, k, 40) for k in SIZES], 1)
    one, following = frames(factors, size=24, rng=np.random.default_rng(1))
    again, _ = frames(factors, size=24, rng=np.random.default_rng(1))
    assert torch.equal(one, again)
    near = (one.float() - following.float()).abs().mean((1, 2, 3))
    far = (one.float() - following.roll(1, 0).float()).abs().mean((1, 2, 3))
    assert (near > 0).all()
    assert near.mean() < far.mean() / 4
