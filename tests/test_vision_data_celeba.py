"""CelebA from a small folder in the true format."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vision.data.celeba import celeba
from vision.data.images import DataError
from vision.data.selection import Selection


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Twelve pictures of 178x218, red as their number, and their list."""
    (tmp_path / "img_align_celeba").mkdir()
    lines = ["12", "Smiling Male Eyeglasses"]
    for number in range(12):
        name = f"{number + 1:06d}.jpg"
        picture = Image.new("RGB", (178, 218), (20 * number, 0, 128))
        picture.save(tmp_path / "img_align_celeba" / name, quality=95)
        flags = [1 if number % 2 else -1, 1 if number > 5 else -1, -1]
        lines.append(f"{name} " + " ".join(f"{flag:2d}" for flag in flags))
    (tmp_path / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_celeba_has_attributes_that_are_present_or_absent(faces: Path) -> None:
    found = celeba(faces, rng())
    assert (len(found), found.shape) == (12, (3, 64, 64))
    assert found.binary == found.names == ("Smiling", "Male", "Eyeglasses")
    assert found.factors.tolist() == [[n % 2, n > 5, 0] for n in range(12)]
    red = found.images[:, 0].double().mean((1, 2))
    assert (red - 20 * torch.arange(12)).abs().max() < 3
    chosen = Selection(images=3, attributes=["Smiling"], fixed={"Male": "yes"})
    men = celeba(faces, rng(), chosen, size=32)
    assert (len(men), men.names, men.shape) == (3, ("Smiling",), (3, 32, 32))
    numbers = (men.images[:, 0].double().mean((1, 2)) / 20).round().numpy()
    assert (numbers > 5).all()
    assert np.array_equal(men.factors[:, 0], numbers % 2)


def test_celeba_names_what_is_missing(faces: Path) -> None:
    (faces / "img_align_celeba" / "000003.jpg").unlink()
    with pytest.raises(DataError, match=r"list_attr_celeba.txt: 1 problem in 12 rows: 1 missing files"):
        celeba(faces, rng())
    with pytest.raises(DataError, match=r"no factor 'Smilin' .did you mean 'Smiling'"):
        celeba(faces, rng(), Selection(attributes=["Smilin"]))
    (faces / "list_attr_celeba.txt").write_text("file,Smiling\n000001.jpg,1\n000002.jpg,-1\n")
    with pytest.raises(DataError, match="not the list of CelebA"):
        celeba(faces, rng())
    (faces / "list_attr_celeba.txt").unlink()
    with pytest.raises(DataError, match=r"has no list_attr_celeba.txt; it should hold img_align_celeba and"):
        celeba(faces, rng())
