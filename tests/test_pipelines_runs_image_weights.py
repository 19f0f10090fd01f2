"""Weights that follow from the images: resolved once, from what data.json records, and written down."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tiny_set import write_npz

from pipelines import cli
from pipelines.config import Config, config_files
from pipelines.errors import UsageError
from pipelines.runs import image_weights
from vision.data import ImageSet

LAYERED = {"kind": "layered", "components": 2, "mask_latents": 2, "widths": [4], "hidden": 4}
AUTO = Config.model_validate({"name": "a", "data": {"kind": "rooms"}})


def record(variance: float, side: int = 32) -> dict[str, object]:
    return {"total_variance": variance, "shape": [3, side, side]}


def test_auto_is_that_of_rooms_on_rooms_and_follows_contrast_and_size() -> None:
    vision = image_weights.settle(AUTO, record(280.0)).vision
    assert (vision.likelihood.scale, vision.penalties.jacobian_l1) == (0.2236, 0.1)
    quarter = image_weights.settle(AUTO, record(70.0)).vision
    assert quarter.likelihood.scale == pytest.approx(0.2236 / 2)
    assert quarter.penalties.jacobian_l1 == pytest.approx(0.2)
    larger = image_weights.settle(AUTO, record(280.0 * 4, side=64)).vision  # each pixel made four
    assert larger.likelihood.scale == pytest.approx(0.2236 * 2, rel=1e-3)
    assert larger.penalties.jacobian_l1 == pytest.approx(0.1 / 4)
    sides = {8: 0.3, 32: 0.3, 64: 0.3 / 4, 128: 0.3 / 16}  # the most that the penalty can be does not grow
    for side, weight in sides.items():
        settled = image_weights.settle(AUTO, record(280.0, side=side)).vision
        assert settled.penalties.mask_entropy == pytest.approx(weight, rel=1e-3)


def test_numbers_that_are_set_stay_and_a_resolved_config_is_left_alone() -> None:
    given = {"likelihood": {"kind": "gaussian", "scale": 0.3}, "penalties": {"jacobian_l1": 0}}
    config = Config.model_validate({"name": "a", "data": {"kind": "rooms"}, "vision": given})
    settled = image_weights.settle(config, record(9.0)).vision
    assert (settled.likelihood, settled.penalties.jacobian_l1) == (config.vision.likelihood, 0)
    assert settled.penalties.mask_entropy == 0.3
    settled = image_weights.settle(AUTO, record(280.0))
    assert image_weights.settle(settled, record(1.0)) == settled


def test_a_record_without_a_variance_is_answered_from_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (40, 3, 8, 8), dtype=np.uint8))
    images = ImageSet(pixels, np.zeros((40, 0), dtype=np.int64), (), ())
    monkeypatch.setattr(image_weights.datasets, "images", lambda config: images)
    variance = float((pixels.numpy() / 255).var(axis=0).sum())
    expected = image_weights.settle(AUTO, record(variance, side=8))
    assert image_weights.settle(AUTO, {"shape": [3, 8, 8]}) == expected


@pytest.mark.parametrize("value", ["-1", "0", "automatic", "[]"])
def test_a_scale_is_auto_or_a_number_above_zero(value: str) -> None:
    text = f"name: a\ndata: {{kind: rooms}}\nvision: {{likelihood: {{kind: gaussian, scale: {value}}}}}"
    with pytest.raises(UsageError, match=r"vision.likelihood.scale: expected auto or a number above 0, got"):
        config_files.load_text(text, Path("a.yaml"))


def test_a_run_records_them_and_goes_on_with_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {
        "name": "t",
        "data": {"kind": "npz", "path": str(write_npz(tmp_path / "set.npz"))},
        "splits": {
            "held_out": 5,
            "test_images": 10,
            "train_symbols": 20,
            "test_symbols": 5,
            "test_operators": 5,
        },
        "vision": {"network": LAYERED, "training": {"steps": 2, "batch": 4, "restarts": 1}},
    }
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(config))
    run = tmp_path / "run"
    command = ["run", str(tmp_path / "t.yaml"), "vision", "--run-dir", str(run), "--device", "cpu"]
    assert cli.main(command) == 0
    written = config_files.load(run / "config.yaml").vision
    assert isinstance(written.likelihood.scale, float)
    assert isinstance(written.penalties.jacobian_l1, float)
    capsys.readouterr()
    assert cli.main(command) == 0
    assert capsys.readouterr().err == "vision: up to date\n"
    assert cli.main([*command, "--set", f"vision.likelihood.scale={2 * written.likelihood.scale}"]) == 0
    assert "made again, since vision.likelihood.scale" in capsys.readouterr().err
