"""MPI3D from files in the true format, with fewer factors."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from vision.data import blocks, mpi3d
from vision.data.images import DataError
from vision.data.selection import Selection, grid


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


SMALL = {"colour": ("white", "red"), "size": ("small", "large"), "vertical": ("0", "1", "2")}
MPI3D = rng(5).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)


@pytest.fixture(params=[np.savez, np.savez_compressed])
def mpi3d_file(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The format of MPI3D with fewer factors, both ways to save it; a block has five rows."""
    monkeypatch.setitem(mpi3d.VERSIONS, "full", SMALL)
    monkeypatch.setattr(blocks, "ROWS", 5)
    request.param(tmp_path / "mpi3d_toy.npz", other=np.arange(3), images=MPI3D)
    return tmp_path / "mpi3d_toy.npz"


def test_mpi3d_reads_stored_and_compressed_files(mpi3d_file: Path) -> None:
    every = mpi3d.mpi3d(mpi3d_file, rng(), size=8)
    assert np.array_equal(every.images, MPI3D.transpose(0, 3, 1, 2))
    assert np.array_equal(every.factors, grid([2, 2, 3]))
    red = mpi3d.mpi3d(mpi3d_file, rng(), Selection(fixed={"colour": "red", "vertical": "1"}), size=8)
    assert np.array_equal(red.images, MPI3D[[7, 10]].transpose(0, 3, 1, 2))
    few = mpi3d.mpi3d(mpi3d_file, rng(), Selection(images=4), size=4)
    rows = few.factors @ [6, 3, 1]
    averaged = MPI3D[rows].reshape(4, 4, 2, 4, 2, 3).mean((2, 4)).transpose(0, 3, 1, 2)
    assert np.abs(few.images.numpy() - averaged).max() <= 0.5


def test_mpi3d_of_another_version_or_damaged(mpi3d_file: Path) -> None:
    with pytest.raises(DataError, match=r"images \(12, 8, 8, 3\): version complex has 460,800"):
        mpi3d.mpi3d(mpi3d_file, rng(), version="complex")
    with pytest.raises(DataError, match=r"no.npz: no such file; it should be an .npz file of MPI3D"):
        mpi3d.mpi3d(mpi3d_file.with_name("no.npz"), rng())
    cut = mpi3d_file.with_name("cut.npz")
    cut.write_bytes(mpi3d_file.read_bytes()[:-900])
    with pytest.raises(DataError, match=r"cut.npz: truncated or not an .npz"):
        mpi3d.mpi3d(cut, rng())
    np.savez(mpi3d_file.with_name("other.npz"), pictures=MPI3D)
    with pytest.raises(DataError, match=r"other.npz: no array called images"):
        mpi3d.mpi3d(mpi3d_file.with_name("other.npz"), rng())
    np.savez(mpi3d_file.with_name("floats.npz"), images=MPI3D / 255)
    with pytest.raises(DataError, match=r"images must be uint8 \(N, H, W, C\), got float64"):
        mpi3d.mpi3d(mpi3d_file.with_name("floats.npz"), rng())


def test_a_stored_array_is_mapped_where_it_lies(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a rather long name of another member", b"12345")
        with archive.open("images.npy", "w") as member:
            np.lib.format.write_array(member, MPI3D)
    with blocks.npz_rows(tmp_path / "x.npz", "images") as (shape, read):
        assert shape == MPI3D.shape
        assert isinstance(read(2, 5), np.memmap)
        assert np.array_equal(read(2, 5), MPI3D[2:5])
        assert np.array_equal(read(0, 1), MPI3D[:1])
