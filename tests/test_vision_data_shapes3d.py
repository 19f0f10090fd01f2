"""3D Shapes from files in the true format, in which most images take no room."""

import sys
from pathlib import Path

import numpy as np
import pytest

from vision.data.images import DataError
from vision.data.selection import Selection, grid
from vision.data.shapes3d import shapes3d


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


SHAPES3D_ROWS = {0: 10, 1: 60, 59: 120, 479_999: 250, 240_017: 77}
"""Rows of the file that are not black, and their grey."""


@pytest.fixture(scope="module")
def shapes3d_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """480,000 images as in the true file, of which nearly all are black and take no room."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path_factory.mktemp("shapes3d") / "3dshapes.h5"
    table = grid([10, 10, 10, 8, 4, 15])
    values = [np.arange(10) / 10] * 3 + [np.linspace(0.75, 1.25, 8), np.arange(4), np.linspace(-30, 30, 15)]
    with h5py.File(path, "w") as file:
        images = file.create_dataset("images", (480_000, 64, 64, 3), "u1", chunks=(16, 64, 64, 3))
        for row, grey in SHAPES3D_ROWS.items():
            images[row] = grey
        labels = np.stack([v[column] for v, column in zip(values, table.T, strict=True)], axis=1)
        file.create_dataset("labels", data=labels, chunks=True, compression="gzip")
    return path


def test_shapes3d_reads_the_images_that_are_asked_for(shapes3d_file: Path) -> None:
    fixed = {"floor": "red", "wall": "red", "object": "red", "scale": "0.75"}
    found = shapes3d(shapes3d_file, rng(), Selection(fixed=fixed))
    assert (len(found), found.shape, found.names) == (60, (3, 64, 64), ("shape", "orientation"))
    assert np.array_equal(found.factors, grid([4, 15]))
    assert found.images[:, 0, 0, 0].tolist() == [10, 60, *[0] * 57, 120]
    last = {"floor": "pink", "wall": "pink", "object": "pink", "scale": "1.25", "shape": "capsule"}
    small = shapes3d(shapes3d_file, rng(), Selection(fixed=last, attributes=["orientation"]), size=16)
    assert small.shape == (3, 16, 16)
    assert small.images[:, 2, 5, 5].tolist() == [0] * 14 + [250]
    assert small.value_names[0][-1] == "30"


def test_shapes3d_needs_its_file_and_h5py(
    shapes3d_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        DataError, match=r"no.h5: no such file; it should be 3dshapes.h5, from https://github"
    ):
        shapes3d(tmp_path / "no.h5", rng())
    damaged = tmp_path / "cut.h5"
    damaged.write_bytes(shapes3d_file.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"cut.h5: not a readable HDF5 file") as caught:
        shapes3d(damaged, rng())
    assert "\n" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match="reading HDF5 needs h5py: pip install h5py"):
        shapes3d(shapes3d_file, rng())
    with pytest.raises(DataError, match="no such file"):
        shapes3d(tmp_path / "no.h5", rng())


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 4, 4, 3), "u1"), None, r"labels must be \(N, 6\), got nothing"),
        (None, np.zeros((2, 6)), r"images must be uint8 \(N, H, W, 3\), got nothing"),
        (np.zeros((2, 4, 4, 3)), np.zeros((2, 6)), "got float64"),
        (np.zeros((2, 4, 4, 3), "u1"), np.ones((3, 6)), "labels of floor must be 0 to 0.9, got 1"),
        (np.zeros((2, 4, 4, 3), "u1"), np.tile([0, 0, 0, 0.75, 0, -30.0], (3, 1)), "2 images but 3 rows"),
    ],
)
def test_shapes3d_of_another_layout(
    tmp_path: Path, images: np.ndarray | None, labels: np.ndarray | None, message: str
) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, array in (("images", images), ("labels", labels)):
            if array is not None:
                file.create_dataset(name, data=array)
    with pytest.raises(DataError, match=rf"x.h5: .*{message}"):
        shapes3d(tmp_path / "x.h5", rng())
