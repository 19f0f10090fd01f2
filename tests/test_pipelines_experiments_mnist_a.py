"""`scan experiment mnist-a`: to its end on small idx files, and its criterion on known numbers."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from digit_files import bars, idx

from pipelines import cli
from pipelines.experiments import mnist_a, mnist_a_models


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    images, labels = bars(20)
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return tmp_path


def test_it_measures_both_methods_and_goes_on_where_it_stopped(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"QUERIES": 2, "DRAWN": 11}.items():
        monkeypatch.setattr(mnist_a, name, value)
    monkeypatch.setattr(mnist_a_models, "TEST_IMAGES", 20)
    words = ["experiment", "mnist-a", "--data", str(digits), "--steps", "2", "--out", str(tmp_path / "out")]
    assert cli.main([*words, "--device", "cpu", "--quiet"]) == 0
    found = json.loads((tmp_path / "out" / "mnist-a.json").read_text())
    assert found["verdict"] == "undecided"  # a trial
    assert set(found["methods"]) == {"JMVAE", "TrELBO"}
    for ones in found["methods"].values():
        assert set(ones["0"]) == {"4", "3", "2", "1", "held out"}
        for level in ("3", "2", "1"):
            covered = ones["0"][level]["coverage"]["100"]
            assert 0.3 < covered["floor"] < covered["ceiling"] < 1
            assert 0.3 < covered["value"] <= 1
    assert (tmp_path / "out" / "mnist-a-imagined.png").read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()
    assert cli.main([*words, "--device", "cpu", "--quiet", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["methods"] == found["methods"]
    (made,) = [path.name for path in (tmp_path / "out" / "mnist-a").iterdir()]
    labels = digits / "train-labels-idx1-ubyte.gz"
    labels.write_bytes(gzip.compress(gzip.decompress(labels.read_bytes())[:-1] + b"\0"))
    assert cli.main([*words, "--device", "cpu", "--quiet"]) == 0
    assert len({path.name for path in (tmp_path / "out" / "mnist-a").iterdir()} - {made}) == 1


def test_it_needs_the_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["experiment", "mnist-a", "--out", str(tmp_path)]) == 2
    assert "mnist-a needs --data DIR, a folder with the four idx files" in capsys.readouterr().err


def test_no_image_of_a_held_out_combination_is_learned_from(digits: Path) -> None:
    plan = mnist_a_models.SHORT._replace(images=1_000, side=8)
    world = mnist_a_models.world_of(digits, plan, 0, torch.device("cpu"))
    seen = {tuple(row) for row in world.factors.tolist()}
    assert len(world.held_out) == 24
    assert not seen & {tuple(row) for row in world.held_out.tolist()}
    assert seen <= {tuple(row) for row in world.taught.tolist()}
    assert 700 < len(world.pixels) == len(world.factors) < 1_000
    asked = mnist_a.queries(world, 2, np.random.default_rng(0))
    assert ((asked >= 0).sum(1) == 2).all()


def test_symbols_mention_what_is_not_left_open() -> None:
    y = mnist_a_models.k_hot(torch.tensor([[3, 1, -1, 0]]))
    assert y.nonzero()[:, 1].tolist() == [3, 11, 15]


def test_the_verdict_compares_every_figure_with_the_authors() -> None:
    def one(method: str, lack: float, coverage: float) -> dict[str, object]:
        covered = mnist_a.PUBLISHED_COVERAGE[method]
        return {
            level: {
                "correctness": value - lack,
                "coverage": {"10": {"value": covered[level] - coverage}} if level in covered else None,
            }
            for level, value in mnist_a.PUBLISHED[method].items()
        }

    def verdict(lack: float, coverage: float, *, is_full: bool = False, is_trial: bool = False) -> str:
        found = {method: {"0": one(method, lack, coverage)} for method in mnist_a.PUBLISHED}
        return mnist_a.verdict_of(found, is_full=is_full, is_trial=is_trial)

    assert verdict(0.04, -0.1) == "reproduced"
    assert verdict(0.06, -0.1) == "undecided"
    assert verdict(-0.1, 0.06) == "undecided"
    assert verdict(0.06, 0.0, is_full=True) == "refuted"
    assert verdict(0.0, 0.0, is_trial=True) == "undecided"
