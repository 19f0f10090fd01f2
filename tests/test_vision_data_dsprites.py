"""dSprites as they are drawn here are those of the data set, and its variants those of the field."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from vision.data.dsprites import FACTORS, SIZES, dsprites, packed
from vision.data.images import DataError
from vision.data.rooms import PALETTE
from vision.data.selection import Selection, grid

NATIVE = Path(__file__).parent / "dsprites_native_363.npz"
"""Its licence is beside it."""


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def drawn(factors: np.ndarray) -> np.ndarray:
    return np.unpackbits(packed(factors), axis=1).reshape(-1, 64, 64)


def test_the_frames_of_the_authors_are_reproduced_pixel_for_pixel() -> None:
    with np.load(NATIVE) as native:
        frames, classes = native["imgs"], native["latents_classes"]
    assert len(np.unique(classes, axis=0)) > 300
    assert np.array_equal(drawn(classes[:, 1:]), frames)


@pytest.mark.slow
def test_the_whole_set_has_the_white_pixels_of_the_published_mean() -> None:
    """128,328,864 of them; the mean that is published for the file gives 128,328,862."""
    bits = packed(grid(SIZES))
    assert bits.shape == (737_280, 512)
    white = sum(int(np.unpackbits(part).sum()) for part in np.array_split(bits, 100))
    assert white == 128_328_864
    digest = "3a228f4037ef3d42a42588e0e01f1078aa2df13cfa17584e88c95ed9fb5672da"
    assert hashlib.sha256(bits.tobytes()).hexdigest() == digest


def test_positions_move_a_sprite_right_and_down_and_a_full_turn_is_none() -> None:
    left, right = drawn(np.array([[2, 3, 5, 0, 4], [2, 3, 5, 31, 4]]))
    assert np.array_equal(left[:, :32], right[:, 32:])
    top, bottom = drawn(np.array([[2, 3, 5, 4, 0], [2, 3, 5, 4, 31]]))
    assert np.array_equal(top[:32], bottom[32:])
    first, last = drawn(np.array([[2, 3, 0, 4, 9], [2, 3, 39, 4, 9]]))
    assert np.array_equal(first, last)


def test_the_images_show_their_factors() -> None:
    found = dsprites(rng(), Selection(images=50))
    assert found.shape == (1, 64, 64)
    assert found.names == ("shape", "scale", "orientation", "x", "y")
    assert found.value_names[1] == ("0.5", "0.6", "0.7", "0.8", "0.9", "1")
    assert len(np.unique(found.factors, axis=0)) == 50
    assert np.array_equal(found.images[:, 0].numpy(), drawn(found.factors) * 255)


@pytest.mark.parametrize("size", [32, 16])
def test_a_smaller_image_is_the_average_of_areas(size: int) -> None:
    large, small = dsprites(rng(), Selection(images=30)), dsprites(rng(), Selection(images=30), size=size)
    averaged = functional.interpolate(large.images.double(), (size, size), mode="area")
    assert (small.images - averaged).abs().max() <= 0.5
    with pytest.raises(ValueError, match="size must be one of"):
        dsprites(rng(), Selection(images=1), size=48)


@pytest.mark.parametrize("size", [64, 32])
def test_a_coloured_sprite_has_one_bright_colour(size: int) -> None:
    plain = dsprites(rng(), Selection(images=200), size=size)
    found = dsprites(rng(), Selection(images=200), size=size, variant="color")
    assert found.shape == (3, size, size)
    rgb = found.images.flatten(2).amax(2)  # (N, 3)
    expected = rgb[..., None, None].double() * plain.images / 255
    assert (found.images - expected).abs().max() <= 1
    assert rgb.min() >= 126
    assert rgb.double().mean().item() == pytest.approx(0.75 * 255, abs=4)
    assert len(torch.unique(rgb, dim=0)) == 200


def test_colours_with_names_are_a_factor() -> None:
    chosen = Selection(images=300, attributes=["colour", "shape"], fixed={"scale": "1"})
    found = dsprites(rng(), chosen, variant="color", palette=["red", "teal", "white"])
    assert found.value_names == (("red", "teal", "white"), FACTORS["shape"])
    assert found.colours == {"colour": tuple(PALETTE[name] for name in found.value_names[0])}
    rgb = found.images.flatten(2).amax(2).numpy()
    assert np.array_equal(rgb, np.array(found.colours["colour"])[found.factors[:, 0]])
    assert np.bincount(found.factors[:, 0]).min() > 60
    only = Selection(images=20, fixed={"colour": "teal"})
    teal = dsprites(rng(), only, variant="color", palette=["red", "teal"])
    assert (teal.images.flatten(2).amax(2).numpy() == PALETTE["teal"]).all()
    assert "colour" not in teal.names


@pytest.mark.parametrize("size", [64, 32])
def test_a_noisy_sprite_is_white_on_uniform_noise(size: int) -> None:
    plain = dsprites(rng(), Selection(images=40), size=size)
    found = dsprites(rng(), Selection(images=40), size=size, variant="noisy")
    inside = (plain.images == 255).expand(-1, 3, -1, -1)
    outside = (plain.images == 0).expand(-1, 3, -1, -1)
    assert (found.images[inside] == 255).all()
    noise = found.images[outside].double() / 255
    assert noise.mean().item() == pytest.approx(0.5, abs=0.01)
    averaged = (64 // size) ** 2
    assert noise.var().item() == pytest.approx(1 / 12 / averaged, rel=0.03)


def test_any_combination_is_rendered_with_what_has_no_name_at_random() -> None:
    chosen = Selection(images=10, attributes=["shape", "x"], bins={"x": 2}, fixed={"orientation": "0"})
    found = dsprites(rng(), chosen, variant="color", palette=["red", "green"])
    assert found.render is not None
    labels = np.repeat([[0, 0], [0, 1]], 50, axis=0)
    images = found.render(labels, rng(1)).numpy()
    columns = images.max(axis=(1, 2)) > 0  # (N, 64)
    centres = np.array([np.flatnonzero(row).mean() for row in columns])
    assert centres[:50].max() < 31.5 < centres[50:].min()
    widths = columns.sum(1)
    assert len(set(widths.tolist())) > 3  # scales
    assert (images.any(axis=(1, 2)).sum(1) == columns.sum(1)).all()  # no rotation: as wide as it is high
    assert set(images.max(axis=(2, 3)).argmax(1).tolist()) == {0, 1}  # both colours


def test_the_seed_decides_and_nothing_else() -> None:
    one, same, other = (
        dsprites(rng(seed), Selection(images=20), variant="noisy").sha256() for seed in (1, 1, 2)
    )
    assert one == same != other


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"palette": ["red"]}, "a palette is of coloured sprites, and these are plain"),
        ({"variant": "color", "palette": ["rad"]}, "no colour 'rad' .did you mean 'red'"),
        ({"variant": "color", "palette": ["black"]}, "black sprites cannot be seen"),
    ],
)
def test_colours_that_cannot_be(options: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        dsprites(rng(), Selection(images=1), **options)


def test_factors_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="expected factors"):
        packed(np.array([[3, 0, 0, 0, 0]]))
