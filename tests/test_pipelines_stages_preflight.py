"""What config and data decide is said before anything is trained, written or removed, in one line."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_set import write_npz
from torch import nn

from pipelines import cli
from pipelines.config import Config
from pipelines.stages import preflight
from scan import models as concept_models
from scan.run_format import MODEL
from symbols import Attribute, Vocabulary
from vision import models as vision_models
from vision import weights

CONFIG = """
name: tiny
data: {kind: npz, path: SET}
splits: {held_out: 4, test_images: 20, train_symbols: 12, validation_symbols: 0, test_symbols: 6,
         test_operators: 6}
vision: {network: {kind: convolutional, latents: 5, hidden: 16, widths: [8, 8]}}
judge: {steps: 2}
"""


def run(folder: Path, data: Path, *assignments: str, more: tuple[str, ...] = ()) -> int:
    config = folder / "tiny.yaml"
    config.write_text(CONFIG.replace("SET", str(data)), encoding="utf-8")
    words = ["run", str(config), *more, "--run-dir", str(folder / "run"), "--device", "cpu", "--quiet"]
    for assignment in assignments:
        words += ["--set", assignment]
    return cli.main(words)


def test_the_judge_is_checked_with_the_network_that_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    build = concept_models.build
    monkeypatch.setattr(concept_models, "build", lambda spec: built.append(dict(spec)) or build(spec))
    assert run(tmp_path, write_npz(tmp_path / "set.npz"), "judge.network=pooled", more=("judge",)) == 0
    assert [spec["network"] for spec in built if spec["kind"] == "judge"] == ["pooled"] * 2


@pytest.mark.parametrize("side", [32, 64, 128])
def test_the_outputs_of_a_pooled_judge_are_its_images_and_those_of_its_convolutions(side: int) -> None:
    config = Config.model_validate(
        {"name": "j", "data": {"kind": "rooms"}, "judge": {"network": "pooled", "steps": 1}}
    )
    words = Vocabulary((Attribute("wall", ("red", "blue")),))
    network = preflight.NETWORKS["judge"](config, (3, side, side), words, 4)
    judge, counts = network.build(), []
    for layer in judge.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda _, __, found: counts.append(found.numel()))
    judge(torch.zeros(1, 3, side, side))
    assert network.outputs == 3 * side**2 + sum(counts)


def refused(folder: Path, capsys: pytest.CaptureFixture[str], code: int = 2) -> str:
    """What was said of a request that was refused before anything was written into the run folder."""
    stderr = capsys.readouterr().err
    assert stderr.startswith("scan: error: "), stderr
    assert stderr.count("\n") == 1
    assert "shows where" not in stderr
    assert {entry.name for entry in (folder / "run").iterdir()} <= {
        ".lock",
        "vision",
        "judge",
        "dae",
        "symbols",
    }
    assert not [*folder.glob("run/*/state"), *folder.glob("run/*/done.json")]
    return stderr


def changed(folder: Path, **arrays: np.ndarray) -> Path:
    path = write_npz(folder / "set.npz")
    with np.load(path) as file:
        content = {**file, **arrays}
    np.savez(path, **content)
    return path


@pytest.mark.parametrize(
    ("assignments", "message", "works"),
    [
        (["vision.network.widths=[8, 8, 8, 8]"], "vision.network.widths: each of the 4",
         "--set vision.network.widths=[8, 8, 8]"),
        (["vision.network.widths=[]"], "vision.network.widths: each of the 0",
         "--set vision.network.widths=[32]"),
        (["dae.widths=[8, 8, 8, 8]"], "dae.widths: each of the 4", "data.size of at least 16"),
        (["vision.network.widths=[16384, 16384, 16384]"], "vision: the network takes",
         "lower vision.network.widths"),
        (["symbols.encoder=mlp", "symbols.hidden=[16384, 16384, 16384, 16384, 16384, 16384, 16384, "
          "16384, 16384, 16384, 16384]"], "symbols: the network takes", "lower symbols.hidden"),
        (["vision.training.batch=65536", "vision.network.widths=[16384, 8]"], "vision: the network takes",
         "vision.training.batch"),
        (["vision.penalties.cross_covariance=1", "vision.network.kind=layered",
          "vision.likelihood.kind=gaussian", "vision.training.batch=3"],
         "vision.training.batch", "at least 4"),
    ],
)  # fmt: skip
def test_networks_that_do_not_suit_the_images_are_refused(
    assignments: list[str], message: str, works: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    assert run(tmp_path, write_npz(tmp_path / "set.npz"), *assignments) == 2
    stderr = refused(tmp_path, capsys)
    assert message in stderr
    assert works in stderr


def test_images_that_a_published_network_was_not_made_for_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, write_npz(tmp_path / "set.npz"), "vision.network.kind=study") == 2
    assert "vision: its network and the data do not fit (" in (message := capsys.readouterr().err)
    assert "multiples of 16, got 8x8 pixels)" in message
    assert not (tmp_path / "run" / "vision").exists()


@pytest.mark.parametrize("colour", ["hsv", "hsv_cyclic"])
@pytest.mark.parametrize("asked", [(), ("vision",), ("judge", "evaluate")])
def test_colour_spaces_of_grey_images_are_refused(
    colour: str, asked: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (200, 8, 8), dtype=np.uint8)
    assert run(tmp_path, changed(tmp_path, images=grey), f"vision.network.colour={colour}", more=asked) == 2
    stderr = refused(tmp_path, capsys)
    assert f"vision.network.colour: {colour} needs images with 3 channels, these have 1" in stderr
    assert "--set vision.network.colour=rgb" in stderr


def test_images_of_four_pixels_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, write_npz(tmp_path / "set.npz", size=4)) == 2
    stderr = refused(tmp_path, capsys)
    assert "data: the images have 4x4 pixels, a side is at least 8: set data.size" in stderr


@pytest.mark.parametrize("size", ["[512, 8]", "[8, 512]"])
def test_sizes_far_from_the_proportions_of_the_images_are_refused_or_cropped(
    size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_npz(tmp_path / "set.npz")
    assert run(tmp_path, data, f"data.size={size}", "vision.network.widths=[8, 8, 8, 8]") == 2
    assert "vision.network.widths" in refused(tmp_path, capsys)


def test_an_attribute_with_one_value_is_refused_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_npz(tmp_path / "set.npz")
    with np.load(path) as file:
        factors = file["factors"].copy()
    factors[:, 1] = 2
    assert run(tmp_path, changed(tmp_path, factors=factors), "splits.held_out=190") == 2
    assert 'data: all images have the same value of "b": nothing can be learned' in refused(tmp_path, capsys)


VAE = {"kind": "convolutional", "shape": [3, 8, 8], "latents": 5, "widths": [4], "hidden": 8}
DAE = {"kind": "dae", "shape": [3, 8, 8], "widths": [4], "code": 8}
JUDGE = {"kind": "judge", "shape": [3, 8, 8], "sizes": [3, 4, 5]}
PERCEPTUAL = ("vision.likelihood.kind=perceptual", "dae.steps=2")


@pytest.mark.parametrize(
    ("stage", "spec", "assignments", "message"),
    [
        ("vision", {**VAE, "shape": [3, 16, 8]}, (), "made for images: (3, 16, 8), this run has (3, 8, 8)"),
        ("vision", {**VAE, "latents": 6, "shape": [1, 8, 8]}, (), "made for images: (1, 8, 8)"),
        ("vision", DAE, (), "holds a DAE, expected a VAE"),
        ("dae", {**DAE, "shape": [3, 8, 16]}, PERCEPTUAL, "made for images: (3, 8, 16)"),
        ("dae", {**DAE, "colour": "hsv"}, PERCEPTUAL, "made for the colour space: HSV(), this run has RGB()"),
        ("judge", {**JUDGE, "sizes": [3, 4]}, (), "(3, 4), this run has (3, 4, 5)"),
        ("judge", {**JUDGE, "shape": [1, 8, 8]}, (), "made for images: (1, 8, 8)"),
        ("symbols", {"kind": "scan", "symbols": 11, "latents": 5}, (), "symbols: 11, this run has 12"),
        ("symbols", {"kind": "scan", "symbols": 12, "latents": 4}, (), "latents: 4, this run has 5"),
    ],
)  # fmt: skip
def test_models_of_the_user_for_other_data_are_refused(
    stage: str,
    spec: dict[str, object],
    assignments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    build = vision_models.build if spec["kind"] in ("convolutional", "dae") else concept_models.build
    (tmp_path / "run" / stage).mkdir(parents=True)
    weights.save(tmp_path / "run" / stage / MODEL, build(spec), spec)
    assert run(tmp_path, write_npz(tmp_path / "set.npz"), *assignments) == 1
    stderr = refused(tmp_path, capsys)
    assert f"{stage}/{MODEL}: " in stderr
    assert message in stderr


def test_nothing_is_removed_for_a_stage_whose_predecessors_are_not_there(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(finished_run, copy)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file() and path.name != ".lock"}
    again = [
        "run",
        str(copy / "config.yaml"),
        "--run-dir",
        str(copy),
        "--fresh",
        "--quiet",
        "--device",
        "cpu",
    ]
    assert cli.main([*again, "symbols", "--set", "vision.training.steps=3"]) == 2
    assert "symbols needs vision, which was made with other settings" in capsys.readouterr().err
    assert cli.main([*again, "vision", "operators"]) == 2
    assert "operators needs symbols, which is not finished" in capsys.readouterr().err
    after = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file() and path.name != ".lock"}
    assert after == before
