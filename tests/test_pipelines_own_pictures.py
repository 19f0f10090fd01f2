"""A user's own pictures and names: one reader, paths that hold anywhere, names as they are."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines import cli
from pipelines.commands import finished
from pipelines.config import Config, config_files
from pipelines.errors import UsageError, printable
from pipelines.report.page import environment
from pipelines.runs import datasets
from vision.data.pictures import target_of

FOLDER = """
name: mine
data: {kind: folder, path: pictures, size: 16}
"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with pictures of all sorts, and a table."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (30, 20, 4), dtype=np.uint8)
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(pixels[..., :3]).save(folder / "turned.png", exif=exif)
    Image.fromarray(pixels).save(folder / "clear.png")
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    Image.fromarray(pixels[:7, :9, :3]).save(folder / "small.png")
    Image.fromarray(pixels[:10, :, :3]).save(folder / "wide.png")
    names = ("turned", "clear", "deep", "small", "wide")
    lines = [f"{name}.png,{i % 2},{i}" for i, name in enumerate(names)]
    (folder / "attributes.csv").write_text("\n".join(["file,kind,number", *lines]))
    return folder


def test_img2sym_reads_a_picture_as_the_data_set_does(pictures: Path) -> None:
    found = datasets.images(
        Config.model_validate({"name": "t", "data": {"kind": "folder", "path": str(pictures), "size": 16}})
    )
    names = ("turned", "clear", "deep", "small", "wide")
    read = finished.pictures([pictures / f"{name}.png" for name in names], target_of(found.shape))
    assert torch.equal(torch.stack([picture.pixels for picture in read]), found.images)
    assert "20x30 made 16x16" not in read[0].note  # it was turned first
    assert "30x20 made 16x16, cropped" in read[0].note


@pytest.mark.parametrize("relative", ["pictures", "~/pictures", "../{}/pictures"])
def test_a_path_means_the_same_wherever_the_run_goes_on(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, relative: str
) -> None:
    here = pictures.parent
    monkeypatch.setenv("HOME", str(here))
    monkeypatch.chdir(here)
    (here / "mine.yaml").write_text(FOLDER)
    assignments = [f"data.path={relative.format(here.name)}"]
    stored = config_files.load(here / "mine.yaml", assignments)
    assert stored.data.path == str(pictures)
    (here / "config.yaml").write_text(config_files.dump(stored))
    monkeypatch.chdir("/")
    again = config_files.load(here / "config.yaml")
    assert again == stored
    assert len(datasets.images(again)) == 5


def test_a_relative_path_in_a_config_is_meant_from_its_folder(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "configs"
    elsewhere.mkdir()
    (elsewhere / "mine.yaml").write_text(FOLDER.replace("path: pictures", "path: ../pictures"))
    monkeypatch.chdir("/")
    assert config_files.load(elsewhere / "mine.yaml").data.path == str(pictures)
    monkeypatch.chdir(pictures.parent)
    assert config_files.load(elsewhere / "mine.yaml", ["data.path=pictures"]).data.path == str(pictures)
    with pytest.raises(UsageError, match=r"data.path: expected a path, got an empty text"):
        config_files.load(elsewhere / "mine.yaml", ['data.path=""'])


def test_files_outside_the_folder_need_the_config_s_leave(pictures: Path, tmp_path: Path) -> None:
    (pictures / "wide.png").rename(tmp_path / "wide.png")
    table = pictures / "attributes.csv"
    table.write_text(table.read_text().replace("wide.png", "../wide.png"))
    data = {"kind": "folder", "path": str(pictures), "size": 16}
    with pytest.raises(UsageError, match="outside the folder, see allow_outside"):
        datasets.images(Config.model_validate({"name": "t", "data": data}))
    allowed = Config.model_validate({"name": "t", "data": {**data, "allow_outside": True}})
    assert len(datasets.images(allowed)) == 5


ODD = (r"$\foo$", "\u8d64\u3044", "a$b", "<b>&", "v2.0", "\U0001f600")
"""Names that figures or pages could take for something else."""


def test_a_run_of_odd_names_from_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(0, len(ODD), 200), rng.integers(0, 3, 200)], axis=1)
    images = rng.integers(0, 255, (200, 8, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", images=images, factors=factors)
    names = {"factor_names": ["$x_", "kind"], "values": {"$x_": ODD, "kind": ["7", "8", "$"]}}
    (tmp_path / "set.json").write_text(json.dumps(names))
    (tmp_path / "t.yaml").write_text("""
name: t
data: {kind: npz, path: set.npz}
splits: {held_out: 2, test_images: 10, train_symbols: 10, test_symbols: 4, test_operators: 4}
vision:
  network: {kind: convolutional, latents: 2, hidden: 4, widths: [4]}
  training: {steps: 2, batch: 4, precision: fp32}
symbols: {steps: 2, examples: 1, hidden: [4]}
operators: {steps: 2, triples: 20, hidden: [4]}
judge: {steps: 2, batch: 4, warmup: 1, precision: fp32}
evaluate: {images_per_symbol: 2, diversity_images: 2}
""")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "t.yaml", "--run-dir", "run", "--device", "cpu", "--quiet"]) == 0
    monkeypatch.chdir("/")
    run = tmp_path / "run"
    assert "&lt;b&gt;&amp;" in (run / "report.html").read_text(encoding="utf-8")
    attributes = json.loads((run / "data.json").read_text())["vocabulary"]["attributes"]
    assert attributes[0]["values"] == list(ODD)
    capsys.readouterr()
    assert cli.main(["run", str(run / "config.yaml"), "--run-dir", str(run), "--device", "cpu"]) == 0


def test_what_no_terminal_should_show_is_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printable("a\x1b[2J\u202e\n\udcff b\xa0\u8d64") == "a\\x1b[2J\\u202e\\n\\udcff b\xa0\u8d64"
    shown = environment().from_string("{{ text }}").render(text="a\x1b\n<\udcff")
    assert shown == "a\\x1b\n&lt;\\udcff"
    assert cli.main(["metrics", str(tmp_path / "a\x1b[2J.npz")]) == 2
    assert capsys.readouterr().err.endswith("a\\x1b[2J.npz: no such file\n")
