"""Compiled functions work where nothing can be kept on disk, without a word."""

import subprocess
import sys
from pathlib import Path

import numba
import pytest
from numba.core import caching

from vision.compiling import compiled


def twice(x):  # type: ignore[no-untyped-def]
    """What is compiled."""
    return 2 * x


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where numba keeps what it compiles in this test."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def test_code_is_kept_and_read_back(folder: Path) -> None:
    assert compiled()(twice)(21) == 42
    assert list(folder.rglob("*.nbc"))
    again = compiled()(twice)
    assert again(21) == 42
    assert sum(again.stats.cache_hits.values()) == 1


def test_no_folder_to_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(caching._CacheLocator, "ensure_cache_path", refuse)
    with pytest.raises(RuntimeError, match="no locator"):  # what numba says by itself
        numba.njit(cache=True)(twice)
    assert compiled()(twice)(21) == 42


def test_a_disk_that_fills_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, key: object, data: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", refuse)
    assert compiled()(twice)(21) == 42
    assert not list(folder.rglob("*.nbc"))


@pytest.mark.parametrize("kind", ["*.nbi", "*.nbc"])
def test_a_file_that_was_cut_short(folder: Path, kind: str) -> None:
    compiled()(twice)(21)
    for file in folder.rglob(kind):
        file.write_bytes(file.read_bytes()[:40])
    assert compiled()(twice)(21) == 42


def test_the_kernels_are_found_without_a_folder() -> None:
    program = (
        "from numba.core import caching\n"
        "def refuse(self): raise PermissionError('read-only')\n"
        "caching._CacheLocator.ensure_cache_path = refuse\n"
        "from vision.metrics import boosting_kernels\n"
        "import numpy as np\n"
        "latents = np.arange(3)\n"
        "boosting_kernels._shuffle(latents, np.uint64(5))\n"
        "print(sorted(latents.tolist()))\n"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("[0, 1, 2]\n", "", 0)
