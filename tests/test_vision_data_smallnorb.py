"""smallNORB from small files in the true format."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from vision.data.images import DataError
from vision.data.selection import Selection
from vision.data.smallnorb import PARTS, read_matrix, smallnorb


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def matrix(array: np.ndarray) -> bytes:
    kind = {"uint8": 0x1E3D4C55, "int32": 0x1E3D4C54}[array.dtype.name]
    sizes = [*array.shape, *[1] * (3 - array.ndim)]
    return struct.pack(f"<{2 + len(sizes)}I", kind, array.ndim, *sizes) + array.tobytes()


@pytest.fixture
def norb(tmp_path: Path) -> Path:
    """Sixty pairs of images in two parts; those of the first camera are as light as their row's number."""
    draw = rng(7)
    for start, (part, name) in zip((0, 40), PARTS.items(), strict=True):
        n = 40 if part == "train" else 20
        pairs = np.zeros((n, 2, 96, 96), dtype=np.uint8)
        pairs[:, 0] = np.arange(start, start + n)[:, None, None]
        pairs[:, 1] = 255
        info = np.stack([draw.integers(0, k, n) for k in (10, 9, 18, 6)], axis=1).astype(np.int32)
        info[:, 2] *= 2
        contents = {"dat": pairs, "cat": np.arange(n, dtype=np.int32) % 5, "info": info}
        for what, array in contents.items():
            content = matrix(array)
            compressed = part == "test"
            path = tmp_path / f"{name}-{what}.mat{'.gz' * compressed}"
            path.write_bytes(gzip.compress(content) if compressed else content)
    return tmp_path


def test_smallnorb_has_the_images_of_the_first_camera(norb: Path) -> None:
    found = smallnorb(norb, rng())
    assert (len(found), found.shape) == (60, (1, 64, 64))
    assert found.names == ("category", "elevation", "azimuth", "lighting")
    assert found.images[:, 0, 3, 3].tolist() == list(range(60))
    assert found.factors[:, 0].tolist() == [*(np.arange(40) % 5), *(np.arange(20) % 5)]
    info = read_matrix(norb / f"{PARTS['train']}-info.mat")
    assert np.array_equal(found.factors[:40, 1:], info[:, 1:] // [1, 2, 1])
    chosen = Selection(images=7, attributes=["instance", "category"], fixed={"category": "truck"})
    trucks = smallnorb(norb, rng(), chosen, size=32, part="train")
    assert (trucks.names, trucks.shape) == (("instance",), (1, 32, 32))
    rows = trucks.images[:, 0, 0, 0].numpy()
    assert (rows % 5 == 3).all()
    assert np.array_equal(trucks.factors[:, 0], info[rows, 0])


def test_smallnorb_names_what_is_wrong(norb: Path) -> None:
    file = norb / f"{PARTS['train']}-cat.mat"
    whole = file.read_bytes()
    for content, message in (
        (whole[:-4], "truncated: it is not as large as its shape"),
        (b"MATLAB 5.0 MAT-file", "not a binary matrix of bytes or integers"),
        (b"\x1f\x8b12345", "not a readable matrix"),
        (matrix(np.arange(40, dtype=np.int32)), "category must be 0 to 4, got 39"),
        (matrix(np.zeros(39, dtype=np.int32)), r"must be \(N, 4\) for \(N,\) categories"),
    ):
        file.write_bytes(content)
        with pytest.raises(DataError, match=message):
            smallnorb(norb, rng(), part="train")
    file.unlink()
    with pytest.raises(DataError, match=r"has no .*-training-cat.mat or .*; it should hold the .mat"):
        smallnorb(norb, rng())
