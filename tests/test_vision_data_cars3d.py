"""Cars3D from small files in the true format."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from vision.data.cars3d import cars3d
from vision.data.images import DataError
from vision.data.selection import Selection


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def cars(tmp_path: Path) -> Path:
    """Two cars; a view's colours are its azimuth, elevation and car."""
    for car in range(2):
        im = np.zeros((128, 128, 3, 24, 4), dtype=np.uint8)
        im[:, :, 0] = np.arange(24)[:, None]
        im[:, :, 1] = np.arange(4)
        im[:, :, 2] = car + 1
        im[:2] = 255  # the top
        scipy.io.savemat(tmp_path / f"car_{car + 1:03d}_mesh.mat", {"im": im}, do_compression=True)
    return tmp_path


def test_cars3d_shows_its_factors(cars: Path) -> None:
    found = cars3d(cars, rng(), Selection(images=50))
    assert (len(found), found.shape, found.sizes) == (50, (3, 64, 64), (2, 4, 24))
    shown = found.images[:, :, 30, 30].numpy().astype(np.int64)
    assert np.array_equal(shown[:, [2, 1, 0]] - [1, 0, 0], found.factors)
    assert (found.images[:, :, 0] == 255).all()
    assert (found.images[:, 0, 1:] < 24).all()
    assert found.value_names[2][:3] == ("0", "15", "30")


def test_cars3d_needs_its_files(cars: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: has no .mat files; it should be the folder cars"):
        cars3d(tmp_path / "nowhere", rng())
    damaged = cars / "car_001_mesh.mat"
    damaged.write_bytes(damaged.read_bytes()[:300])
    with pytest.raises(DataError, match=r"car_001_mesh.mat: not a readable .mat file"):
        cars3d(cars, rng())
    scipy.io.savemat(damaged, {"im": np.zeros((8, 8, 3), dtype=np.uint8)})
    with pytest.raises(DataError, match=r"im must be uint8 \(H, W, 3, 24, 4\), got uint8 \(8, 8, 3\)"):
        cars3d(cars, rng())
