"""Published data sets, from a config to images with words."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines import cli
from pipelines.config import Config
from pipelines.errors import UsageError
from pipelines.runs import datasets
from pipelines.runs.published_sets import OBTAIN


def config(seed: int = 0, **data: object) -> Config:
    return Config.model_validate({"name": "t", "seed": seed, "data": data})


def test_dsprites_with_words() -> None:
    chosen = config(
        kind="dsprites",
        images=200,
        size=16,
        variant="color",
        palette=["red", "blue"],
        attributes=["colour", "shape", "x", "y"],
        bins={"x": 2, "y": 3},
        fixed={"orientation": 0},
        aliases={"dub": {"shape": "heart", "x": "left"}},
    )
    found = datasets.images(chosen)
    words = datasets.vocabulary(chosen, found)
    assert (found.shape, len(found)) == ((3, 16, 16), 200)
    assert words.names == ("colour", "shape", "x", "y")
    assert found.value_names[3] == ("top", "middle", "bottom")
    assert words.size == 2 + 3 + 2 + 3
    mass = found.images.sum((1, 2)).numpy()  # of each column
    centre = (mass * np.arange(16)).sum(1) / mass.sum(1)
    assert np.array_equal(centre > 7.5, found.factors[:, 2] == 1)


def test_the_seed_of_the_run_decides_which_images_are_taken() -> None:
    first, again, other = (
        datasets.images(config(seed, kind="dsprites", images=20, size=8)).sha256() for seed in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.parametrize("kind", OBTAIN)
def test_a_set_that_is_not_there_says_where_it_is_published(kind: str, tmp_path: Path) -> None:
    unset = rf"{kind} is read from files: --set data.path=PATH, of .*https?://"
    with pytest.raises(UsageError, match=unset):
        datasets.images(config(kind=kind))
    with pytest.raises(UsageError, match=r"nowhere: .*; it should (be|hold) .*https?://") as caught:
        datasets.images(config(kind=kind, path=str(tmp_path / "nowhere")))
    assert "\n" not in str(caught.value)


def test_factors_that_depend_on_each_other_make_a_stored_set() -> None:
    found = datasets.images(
        config(kind="dsprites", images=4000, size=8, joint={"factors": ["x", "y"], "ratio": 100})
    )
    assert np.corrcoef(found.factors[:, 3], found.factors[:, 4])[0, 1] > 0.6
    assert found.render is None


def test_what_is_wrong_with_factors_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"no factor 'shap' .did you mean 'shape'"):
        datasets.images(config(kind="dsprites", images=5, fixed={"shap": "heart"}))


def test_scan_data_shows_a_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "hearts.yaml"
    file.write_text("data: {kind: dsprites, images: 60, size: 16, bins: {x: 2}, attributes: [shape, x]}\n")
    sheet = tmp_path / "sheet.png"
    assert cli.main(["data", str(file), "-o", str(sheet), "-n", "9", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["shape"] == [1, 16, 16]
    assert list(described["factors"]["x"]) == ["left", "right"]
    assert sum(described["factors"]["shape"].values()) == 60
    assert sheet.stat().st_size > 100
