"""What config and data decide is said before anything is trained, in one line."""

from pathlib import Path

import numpy as np
import pytest
from tiny_set import write_npz

from pipelines import cli

CONFIG = """
name: tiny
data: {kind: npz, path: SET}
splits: {held_out: 4, test_images: 20, train_symbols: 12, validation_symbols: 0, test_symbols: 6,
         test_operators: 6}
vision: {latents: 5, hidden: 16, widths: [8, 8]}
judge: {steps: 2}
"""


def run(folder: Path, data: Path, *assignments: str) -> int:
    config = folder / "tiny.yaml"
    config.write_text(CONFIG.replace("SET", str(data)), encoding="utf-8")
    words = ["run", str(config), "--run-dir", str(folder / "run"), "--device", "cpu", "--quiet"]
    for assignment in assignments:
        words += ["--set", assignment]
    return cli.main(words)


def changed(folder: Path, **arrays: np.ndarray) -> Path:
    path = write_npz(folder / "set.npz")
    with np.load(path) as file:
        content = {**file, **arrays}
    np.savez(path, **content)
    return path


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["vision.widths=[8, 8, 8, 8]"], "vision: 4 halving layers need one width each"),
        (["vision.widths=[16384, 16384, 16384]"], "vision: the network takes"),
        (["dae.widths=[8, 8, 8, 8]"], "dae: 4 halving layers"),
    ],
)
def test_networks_that_do_not_suit_the_images_are_refused(
    assignments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, write_npz(tmp_path / "set.npz"), *assignments) == 2
    told = capsys.readouterr().err
    assert f"scan: error: {message}" in told
    assert not list((tmp_path / "run").glob("*/state"))


@pytest.mark.parametrize("colour", ["hsv", "hsv_cyclic"])
def test_colour_spaces_of_grey_images_are_refused(
    colour: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (200, 8, 8), dtype=np.uint8)
    assert run(tmp_path, changed(tmp_path, images=grey), f"vision.colour={colour}") == 2
    assert "needs 3 channels, the images have 1" in capsys.readouterr().err


def test_images_of_four_pixels_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, write_npz(tmp_path / "set.npz", size=4)) == 2
    assert "data: the images have 4x4 pixels, a side is at least 8" in capsys.readouterr().err


def test_an_attribute_with_one_value_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_npz(tmp_path / "set.npz")
    with np.load(path) as file:
        factors = file["factors"].copy()
    factors[:, 1] = 2
    assert run(tmp_path, changed(tmp_path, factors=factors), "splits.held_out=0") == 2
    assert " b" in capsys.readouterr().err
