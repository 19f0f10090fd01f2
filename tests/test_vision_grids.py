"""Grids of images and PNG files."""

import hashlib
import io

import numpy as np
import pytest
import torch
from PIL import Image

from vision.grids import make_grid, png


@pytest.mark.parametrize(("n", "columns", "rows"), [(2, 1, 2), (2, 8, 1), (4, 2, 2), (7, 3, 3), (9, 8, 2)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("padding", [0, 1, 3])
def test_a_grid_has_every_image_in_its_place_and_else_background(
    n: int, columns: int, rows: int, channels: int, padding: int
) -> None:
    images = torch.randint(0, 200, (n, channels, 4, 5), dtype=torch.uint8)
    across = min(n, columns)
    expected = torch.full((3, rows * (4 + padding) + padding, across * (5 + padding) + padding), 255)
    for i, image in enumerate(images):
        top = padding + i // across * (4 + padding)
        left = padding + i % across * (5 + padding)
        expected[:, top : top + 4, left : left + 5] = image
    grid = make_grid(images, columns=columns, padding=padding, background=255)
    assert grid.dtype == torch.uint8
    assert grid.tolist() == expected.tolist()
    real = make_grid(images.float() / 255, columns=columns, padding=padding, background=1.0)
    assert torch.equal(real, expected.float() / 255)


@pytest.mark.parametrize(
    ("shape", "options", "digest"),
    [
        ((7, 3, 4, 5), {"columns": 3}, "5c11dc9273bdf11f"),
        ((8, 1, 5, 4), {"columns": 4, "padding": 1, "background": 255}, "21735584d4f7cd04"),
        ((3, 3, 2, 2), {"columns": 8, "padding": 0}, "1f1869f4eb8bf3f1"),
        ((1, 1, 3, 2), {}, "59db165e73172759"),
    ],
)
def test_a_grid_is_that_of_torchvision(shape: tuple[int, ...], options: dict[str, int], digest: str) -> None:
    """The digests are of `torchvision.utils.make_grid(images, nrow, padding, pad_value)`, version 0.28."""
    images = (torch.arange(np.prod(shape)) * 37 % 251).to(torch.uint8).view(shape)
    pixels = make_grid(images, **options).contiguous().numpy()
    assert hashlib.sha256(pixels.tobytes()).hexdigest().startswith(digest)


def test_a_png_holds_its_pixels() -> None:
    content = png(torch.full((1, 2, 2), 7, dtype=torch.uint8))
    with Image.open(io.BytesIO(content)) as image:
        assert np.array(image.convert("RGB")).tolist() == [[[7] * 3] * 2] * 2
