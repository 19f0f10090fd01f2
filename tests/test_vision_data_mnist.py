"""MNIST and MNIST-A from small idx files in the true format."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from digit_files import bars, idx

from vision.data.images import DataError
from vision.data.mnist import mnist, mnist_a, read_idx
from vision.data.selection import Selection


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty bars; training files are compressed, others not."""
    images, digits = bars(40)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(digits)))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(255 - images[:20]))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(digits[:20]))
    return tmp_path


def test_digits_have_a_border_and_their_label(folder: Path) -> None:
    found = mnist(folder, rng())
    assert (len(found), found.shape, found.names) == (40, (1, 32, 32), ("digit",))
    assert np.array_equal(found.factors[:, 0], np.arange(40) % 10)
    widths = (found.images[:, 0].amax(1) > 0).sum(1).numpy()
    assert np.array_equal(widths, found.factors[:, 0] + 1)
    assert (found.images[:, :, :2] == 0).all()
    native = mnist(folder, rng(), size=28)
    assert np.array_equal(native.images, found.images[:, :, 2:30, 2:30])
    assert len(mnist(folder, rng(), part="all")) == 60
    seven = mnist(folder, rng(), Selection(attributes=[], fixed={"digit": "7"}), part="test")
    assert len(seven) == 2
    assert (seven.images[:, 0, 4] == 255).all(1).tolist() == [False, False]


def test_mnist_a_shows_its_attributes(folder: Path) -> None:
    found = mnist_a(folder, rng(), Selection(images=400), binarised=False)
    assert found.shape == (1, 64, 64)
    assert found.sizes == (10, 2, 3, 4)
    images, factors = found.images[:, 0].numpy().astype(np.float64), found.factors
    mass = images.sum((1, 2))
    across = (images.sum(1) * np.arange(64)).sum(1) / mass
    down = (images.sum(2) * np.arange(64)).sum(1) / mass
    assert np.array_equal(factors[:, 3] % 2, across > 31.5)
    assert np.array_equal(factors[:, 3] // 2, down > 31.5)
    for digit in (0, 9):
        own = factors[:, 0] == digit
        big, small = (mass[own & (factors[:, 1] == scale)].mean() for scale in (0, 1))
        assert small / big == pytest.approx((0.6**2 + 0.1**2) / (0.88**2 + 0.07**2), rel=0.25)
    # a bar leans right after a clockwise turn: its covariance in x and upwards is positive
    x, up = np.arange(64) - across[:, None], -(np.arange(64) - down[:, None])
    lean = np.einsum("nyx,nx,ny->n", images, x, up) / mass
    thin = factors[:, 0] < 5
    assert (lean[thin & (factors[:, 2] == 0)] > 0).all()
    assert (lean[thin & (factors[:, 2] == 2)] < 0).all()
    assert abs(lean[thin & (factors[:, 2] == 1)]).max() < 1


def test_mnist_a_is_binarised_by_its_greys(folder: Path) -> None:
    grey = mnist_a(folder, rng(), Selection(images=300), binarised=False)
    found = mnist_a(folder, rng(), Selection(images=300))
    assert set(np.unique(found.images)) == {0, 255}
    assert found.images.double().mean().item() == pytest.approx(grey.images.double().mean().item(), rel=0.03)
    assert mnist_a(folder, rng(), Selection(images=3), size=32).shape == (1, 32, 32)


def test_mnist_a_is_made_in_little_memory_beside_its_canvases(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = mnist_a(folder, rng(), Selection(images=1000), size=32)
    monkeypatch.setattr("vision.data.mnist.ROWS", 64)
    tracemalloc.start()
    in_blocks = mnist_a(folder, rng(), Selection(images=1000), size=32)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert in_blocks.sha256() == at_once.sha256()
    assert peak < 3 * 1000 * 64 * 64


def test_mnist_a_renders_what_is_asked_for_and_keeps_what_is_fixed(folder: Path) -> None:
    chosen = Selection(images=30, attributes=["digit", "scale"], fixed={"location": "bottom-right"})
    found = mnist_a(folder, rng(), chosen)
    assert found.names == ("digit", "scale")
    assert found.render is not None
    images = found.render(np.tile([[1, 0]], (20, 1)), rng(3))[:, 0].numpy()
    rows, columns = np.nonzero(images.sum(0))
    assert min(rows.min(), columns.min()) > 20
    assert (
        found.sha256() == mnist_a(folder, rng(), chosen).sha256() != mnist_a(folder, rng(1), chosen).sha256()
    )
    assert len(mnist_a(folder, rng())) == 400


def test_what_is_missing_or_damaged_is_named(folder: Path) -> None:
    with pytest.raises(
        DataError, match=r"has no t10k-images-idx3-ubyte or t10k.*; it should hold the four idx"
    ):
        mnist(folder.parent, rng(), part="test")
    labels = folder / "t10k-labels-idx1-ubyte"
    whole = labels.read_bytes()
    for content, message in (
        (whole[:-1], "truncated: it is not as large as its shape"),
        (b"\0\0\x0d" + whole[3:], "not an idx file of bytes"),
        (whole[:2], "not an idx file of bytes"),
        (gzip.compress(whole)[:-5], "not a readable idx file"),
        (idx(np.full(20, 10, dtype=np.uint8)), "a label is 10, expected 0 to 9"),
        (idx(np.zeros(19, dtype=np.uint8)), r"t10k has images \(20, 28, 28\) and labels \(19,\)"),
    ):
        labels.write_bytes(content)
        with pytest.raises(DataError, match=message):
            mnist(folder, rng(), part="test")
    with pytest.raises(DataError, match="nowhere: no such file"):
        read_idx(folder / "nowhere")


def test_mnist_a_needs_each_digit_that_may_occur(folder: Path) -> None:
    only = np.zeros(20, dtype=np.uint8)
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(only))
    with pytest.raises(DataError, match="has no digit 1"):
        mnist_a(folder, rng(), part="test")
    assert len(mnist_a(folder, rng(), Selection(images=4, fixed={"digit": "0"}), part="test")) == 4
