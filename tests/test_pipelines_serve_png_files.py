"""The PNG files of answers hold the images, bit for bit."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.serve.png_files import png_files


@pytest.mark.parametrize("shape", [(3, 3, 32, 32), (2, 3, 5, 7), (1, 3, 1, 1), (2, 3, 4, 1), (2, 1, 8, 6)])
@pytest.mark.parametrize("constant", [False, True])
def test_a_reader_gets_the_pixels(shape: tuple[int, ...], constant: bool) -> None:
    x = torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    x = x[..., :1, :1].expand(shape) if constant else x
    files = png_files(x)
    assert len(files) == len(x)
    for content, image in zip(files, x, strict=True):
        with Image.open(io.BytesIO(content)) as read:
            assert (read.format, read.mode) == ("PNG", "RGB")
            read.load()
            assert np.array_equal(np.array(read), image.expand(3, -1, -1).permute(1, 2, 0).numpy())


def test_no_image_is_no_file() -> None:
    assert png_files(torch.zeros(0, 3, 8, 8, dtype=torch.uint8)) == []


def test_flat_images_are_packed() -> None:
    (content,) = png_files(torch.full((1, 3, 64, 64), 90, dtype=torch.uint8))
    assert len(content) < 64 * 64 * 3 / 20
