"""Transparent pictures are laid over one background by everything that reads them for a run."""

import base64
import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import run
from PIL import Image

import scan
from pipelines import cli
from pipelines.commands import finished
from pipelines.config import Config
from pipelines.runs import datasets
from pipelines.runs.first_config import first_config
from pipelines.serve.session import Session


def glyphs(folder: Path, sizes: int = 24) -> None:
    """Dark shapes on nothing, and their table."""
    (folder / "pictures").mkdir(parents=True)
    rows = [["file", "shape", "ink"]]
    for i in range(sizes * 6):
        shape, ink = ("bar", "post")[i % 2], ("black", "navy", "brown")[i // 2 % 3]
        pixels = np.zeros((16, 16, 4), dtype=np.uint8)
        bar = (slice(6, 9), slice(2, 14))
        pixels[bar if shape == "bar" else bar[::-1]] = {
            "black": (0, 0, 0, 255),
            "navy": (0, 0, 40, 255),
            "brown": (40, 20, 0, 255),
        }[ink]
        Image.fromarray(pixels).save(folder / "pictures" / f"{i}.png")
        rows.append([f"pictures/{i}.png", shape, ink])
    with (folder / "glyphs.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def test_a_first_config_lays_dark_glyphs_over_white_and_a_run_keeps_it(tmp_path: Path) -> None:
    glyphs(tmp_path / "glyphs")
    first = first_config(tmp_path / "glyphs", tmp_path / "glyphs.yaml")
    assert "  background: white # behind transparent pixels; the fewest others resemble it\n" in first.text
    assert first.images.images[:, :, 0, 0].eq(255).all()
    (tmp_path / "glyphs.yaml").write_text(first.text)
    words = ["run", "glyphs.yaml", "vision", "--run-dir", "run", "--quiet", "--device", "cpu"]
    fast = ["vision.training.steps=2", "vision.training.restarts=1", "vision.training.batch=4"]
    assert cli.main([*words, *(word for one in fast for word in ("--set", one))]) == 0
    assert json.loads(Path("run/data.json").read_text())["background"] == "white"


@pytest.mark.parametrize("table", ["glyphs.csv", None])
def test_the_background_of_a_folder_is_a_setting_and_decides_its_images(
    tmp_path: Path, table: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    glyphs(tmp_path / "glyphs", 1)
    corners = {}
    for background in ("black", "white", "#ff8000"):
        data = {
            "kind": "folder",
            "path": str(tmp_path / "glyphs"),
            "table": table,
            "background": background,
        }
        images = datasets.images(Config.model_validate({"name": "glyphs", "data": data}))
        corners[background] = images.images[0, :, 0, 0].tolist()
    assert corners == {"black": [0, 0, 0], "white": [255, 255, 255], "#ff8000": [255, 128, 0]}
    code, _, said = run(
        ["run", "own", "--set", "data.path=glyphs", "--set", "data.background=whitish"], capsys
    )
    assert code == 2
    assert "data.background" in said
    assert "expected the name of a colour such as white, or one like \"#ff8800\", got 'whitish'" in said


@pytest.fixture
def over_white(finished_run: Path, tmp_path: Path) -> Path:
    """A finished run whose pictures were laid over white."""
    copy = Path(shutil.copytree(finished_run, tmp_path / "run"))
    record = json.loads((copy / "data.json").read_text())
    (copy / "data.json").write_text(json.dumps({**record, "background": "white"}))
    return copy


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A transparent picture, and what it looks like over white."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (16, 16, 4), dtype=np.uint8)
    pixels[..., 3] = np.where(pixels[..., 3] < 128, 0, 255)
    solid = np.where(pixels[..., 3:] > 0, pixels[..., :3], 255).astype(np.uint8)
    clear, opaque = tmp_path / "a" / "clear.png", tmp_path / "b" / "clear.png"
    for path, image in ((clear, pixels), (opaque, solid)):
        path.parent.mkdir()
        Image.fromarray(image).save(path)
    return clear, opaque


def test_the_library_reads_pictures_over_the_background_of_the_run(
    over_white: Path, finished_run: Path, pair: tuple[Path, Path]
) -> None:
    model, other = scan.load(over_white), scan.load(finished_run)
    clear, opaque = pair
    assert torch.equal(model.images(clear), model.images(opaque))
    assert torch.equal(model.images(Image.open(clear)), model.images(opaque))
    assert not torch.equal(other.images(clear), other.images(opaque))


@pytest.mark.parametrize(
    "words",
    [
        lambda run, file: ["img2sym", run, file],
        lambda run, file: ["edit", run, file, "hat", "-o", "edited.png"],
        lambda run, file: ["find", run, "hat", str(Path(file).parent), "-o", "found.png"],
        lambda run, file: ["traverse", run, "--image", file, "-o", "traversed.png"],
    ],
    ids=["img2sym", "edit", "find", "traverse"],
)
def test_commands_read_pictures_over_the_background_of_the_run(
    over_white: Path,
    finished_run: Path,
    pair: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    words: Callable[[str, str], list[str]],
) -> None:
    def shown(folder: Path, file: Path) -> list[object]:
        """What a command prints and draws, without the name of the file."""
        code, said, _ = run(words(str(folder), str(file)), capsys)
        assert code == 0
        drawn = [path.read_bytes() for path in sorted(Path().glob("*.png"))]
        return [said.replace(str(file.parent), "."), *drawn]

    clear, opaque = pair
    assert shown(over_white, clear) == shown(over_white, opaque)
    assert shown(finished_run, clear) != shown(finished_run, opaque)


def test_a_word_is_taught_from_pictures_over_the_background_of_the_run(
    over_white: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An untrained model may learn the same of any pictures, so what they are made is looked at."""
    asked = []
    read = finished.pictures
    monkeypatch.setattr(finished, "pictures", lambda paths, made: asked.append(made) or read(paths, made))
    cli.main(["teach", str(over_white), "zebra", *[str(pair[0])] * 5])
    assert [made.background for made in asked] == ["white"]


def test_the_page_reads_pictures_over_the_background_of_the_run(
    over_white: Path, pair: tuple[Path, Path]
) -> None:
    session = Session(scan.load(over_white), "run")
    clear, opaque = (base64.b64encode(path.read_bytes()).decode() for path in pair)
    assert session.img2sym(clear).latents == session.img2sym(opaque).latents


def test_a_background_that_is_none_is_refused_by_name(over_white: Path) -> None:
    record = json.loads((over_white / "data.json").read_text())
    (over_white / "data.json").write_text(json.dumps({**record, "background": "whitish"}))
    with pytest.raises(scan.RunError, match=r"data\.json: background: expected the name of a colour"):
        scan.load(over_white)
