"""Where images differ, and the size whose crop shows it."""

import numpy as np
import pytest
import torch

from vision.data.content import Box, content_box, size_of


def test_the_box_holds_what_differs_and_not_what_is_the_same_or_hardly_differs() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(99, 102, (50, 3, 20, 30), dtype=np.uint8)  # noise of one grey level
    images[:, 1, 4:9, 11:27] = rng.integers(0, 256, (50, 5, 16), dtype=np.uint8)
    assert content_box(torch.from_numpy(images)) == (4, 11, 9, 27)
    assert content_box(torch.from_numpy(images[:1])) == (0, 0, 20, 30)


@pytest.mark.parametrize(
    ("shape", "box", "size"),
    [
        ((64, 64), Box(9, 17, 62, 47), (32, 16)),
        ((64, 64), Box(0, 0, 64, 64), (32, 32)),
        ((64, 64), Box(0, 30, 64, 40), (32, 16)),
        (
            (64, 64),
            Box(0, 4, 64, 40),
            (32, 32),
        ),  # off the centre: cutting the right margin would cut the left
        ((100, 50), Box(0, 0, 100, 50), (32, 16)),
        ((16, 24), Box(4, 2, 12, 22), (16, 24)),  # as small as it is
        ((400, 300), Box(0, 0, 400, 300), (32, 24)),
    ],
)
def test_the_size_is_the_smallest_whose_crop_holds_the_box(
    shape: tuple[int, int], box: Box, size: tuple[int, int]
) -> None:
    assert size_of(shape, box) == size


def test_every_box_of_a_square_is_held_by_the_crop_of_its_size() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        (top, bottom), (left, right) = np.sort(rng.choice(65, (2, 2), replace=False), axis=1)
        height, width = size_of((64, 64), Box(top, left, bottom, right))
        scale = min(64 / height, 64 / width)
        assert abs(top + bottom - 64) / 2 + (bottom - top) / 2 <= scale * height / 2 + 0.5
        assert abs(left + right - 64) / 2 + (right - left) / 2 <= scale * width / 2 + 0.5
