"""Health: every sign is distinguished from its absence, and a sound run has none."""

import json
import math
import re
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from pydantic import BaseModel

from pipelines import cli
from pipelines.config.objectives import Objective
from pipelines.report import health
from pipelines.stages.vision import _pixels

CODES = {"kl": 12.0, "kl_per_latent": [4.0, 8.0, 0.0], "active_latents": 2}
PIXELS = {"deviation": 60.0, "plain": 0.0}
VISION = {"test_images": CODES, "train": CODES, "kl_trained": 14.0, "pixels": PIXELS}
NONE_ACTIVE = CODES | {"active_latents": 0}
COLLAPSED = VISION | {"test_images": NONE_ACTIVE, "kl_trained": 0.2}
SYMBOLS = {"concepts": 100, "concepts_without_specific_latents": 1}
JUDGE = {"per_attribute": {"wall": 0.99, "shape": 0.95}}
EVALUATION = {
    "vision": {"test_images": CODES},
    "symbols": SYMBOLS,
    "judge": JUDGE,
    "realism": {"test_symbols": {"variance_ratio": 0.9}},
}


def test_a_sound_run_has_no_warnings() -> None:
    measured = {"vision": VISION, "symbols": SYMBOLS, "judge": JUDGE, "evaluate": EVALUATION}
    assert health.warnings(measured) == []
    assert health.warnings({}) == []


@pytest.mark.parametrize(
    ("stage", "metrics", "words"),
    [
        ("vision", VISION | {"pixels": {"deviation": 0.0, "plain": 1.0}}, "all alike"),
        ("vision", VISION | {"pixels": {"deviation": 60.0, "plain": 0.2}}, "20 % of the images"),
        ("vision", COLLAPSED, "collapsed"),
        ("vision", COLLAPSED | {"test_images": None, "train": NONE_ACTIVE}, "collapsed"),
        (
            "vision",
            COLLAPSED | {"kl_trained": 30.0},
            "all images the same code: lower vision.training.lr",
        ),
        (
            "vision",
            COLLAPSED | {"kl_trained": 30.0, "objective": "annealed_vae"},
            "lower vision.training.lr or vision.objective.gamma",
        ),
        (
            "vision",
            COLLAPSED | {"kl_trained": None, "objective": "qlae"},
            "same code: lower vision.training.lr",
        ),
        ("vision", VISION | {"test_images": CODES | {"kl_per_latent": [4.0, 40.0]}}, "40 nats"),
        ("vision", VISION | {"test_images": CODES | {"kl": None}}, "more than its numbers can hold"),
        ("vision", VISION | {"kl_trained": 1e4}, "ended at 1e+04 nats"),
        ("symbols", SYMBOLS | {"concepts_without_specific_latents": 60}, "60 of 100 taught concepts"),
        ("judge", {"per_attribute": {"wall": 0.99, "shape": 0.5}}, "shape (0.50)"),
        ("judge", {"per_attribute": {"wall": None}}, "reads real images badly"),
        (
            "evaluate",
            EVALUATION | {"realism": {"test_symbols": {"variance_ratio": 0.01}}},
            "nearly all alike",
        ),
        ("evaluate", EVALUATION | {"judge": {"per_attribute": {"wall": 0.5}}}, "wall (0.50)"),
        ("evaluate", EVALUATION | {"vision": {"test_images": NONE_ACTIVE}}, "collapsed"),
    ],
)
def test_each_sign_is_one_line_with_what_to_try(stage: str, metrics: dict, words: str) -> None:
    (line,) = health.warnings({stage: metrics})
    assert words in line
    assert "\n" not in line
    assert any(tip in line for tip in ("raise", "lower", "look at"))


def test_a_sign_that_two_stages_show_is_said_once() -> None:
    bad = {"per_attribute": {"shape": 0.5}}
    assert len(health.warnings({"judge": bad, "evaluate": EVALUATION | {"judge": bad}})) == 1


def test_pixels_are_measured() -> None:
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (40, 6, 5, 3), dtype=np.uint8))
    assert _pixels(images)["plain"] == 0
    images[:10] = images[:10, :1, :1]
    assert _pixels(images)["plain"] == 0.25
    assert _pixels(images)["deviation"] > 50
    assert _pixels(torch.zeros(40, 6, 5, 3, dtype=torch.uint8)) == {"deviation": 0.0, "plain": 1.0}


def test_warnings_are_at_the_top_of_the_report_and_in_the_metrics(finished_run: Path, tmp_path: Path) -> None:
    # The judge of this run is hardly trained.
    warnings = json.loads((finished_run / "evaluate" / "metrics.json").read_text())["warnings"]
    assert any(line.startswith("the judge reads real images badly") for line in warnings)
    text = (finished_run / "report.html").read_text()
    assert text.index("the judge reads real images badly") < text.index("<p>") < text.index("<nav>")
    run = shutil.copytree(finished_run, tmp_path / "run")
    shutil.rmtree(run / "evaluate")
    assert cli.main(["report", str(run), "--quiet", "--device", "cpu"]) == 0
    assert "the judge reads real images badly" in (run / "report.html").read_text()


def test_black_images_are_said_before_and_after_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "black.npz",
        images=np.zeros((300, 16, 16, 3), dtype=np.uint8),
        factors=np.stack([rng.integers(0, 4, 300), rng.integers(0, 3, 300)], axis=1),
        factor_names=np.array(["a", "b"]),
    )
    config = tmp_path / "black.yaml"
    config.write_text(
        f"""
name: black
data: {{kind: npz, path: {tmp_path / "black.npz"}}}
splits: {{held_out: 2, test_images: 20, train_symbols: 8, test_symbols: 2, test_operators: 2}}
vision:
  network: {{kind: convolutional, latents: 3, hidden: 8, widths: [4]}}
  training: {{steps: 2, batch: 8, precision: fp32}}
"""
    )
    run = tmp_path / "run"
    assert cli.main(["run", str(config), "vision", "--run-dir", str(run), "--device", "cpu"]) == 0
    stderr = capsys.readouterr().err
    assert "vision: warning: the images are all alike" in stderr
    measured = json.loads((run / "vision" / "metrics.json").read_text())
    assert any("all alike" in line for line in health.warnings({"vision": measured}))
    assert math.isfinite(measured["train"]["kl"])


@pytest.mark.parametrize("section", get_args(get_args(Objective)[0]))
def test_advice_names_settings_that_the_objective_has(section: type[BaseModel]) -> None:
    (kind,) = get_args(section.model_fields["kind"].annotation)
    advice = f"{health.MORE_NATS.get(kind)} {health.FEWER_NATS.get(kind)} {health.CONSTANT_CODE.get(kind)}"
    assert set(re.findall(r"vision\.objective\.(\w+)", advice)) <= section.model_fields.keys()
    (line,) = health.warnings({"vision": COLLAPSED | {"objective": kind}})
    alone = "vision.training.lr" if kind == "qlae" else "vision.likelihood.scale"  # a KL there is not
    assert health.MORE_NATS.get(kind, alone) in line


def test_advice_for_a_joint_model_names_its_own_settings() -> None:
    collapsed = COLLAPSED | {"objective": "jmvae"}
    symbols = {"concepts": 100, "concepts_without_specific_latents": 50, "objective": "jmvae"}
    lines = health.warnings({"vision": collapsed, "symbols": symbols})
    named = [re.findall(r"(\w+)\.\w+", line) for line in lines]
    assert named == [["vision", "joint", "joint"], ["joint", "joint", "symbols"]]


def test_the_evaluation_repeats_no_stage_and_advises_what_its_objective_has() -> None:
    symbols = {"concepts": 133, "concepts_without_specific_latents": 100}
    evaluated = EVALUATION | {
        "symbols": symbols,
        "realism": {"test_symbols": {"variance_ratio": 0.01}},
    }
    learned = {"vision": VISION | {"objective": "jmvae"}, "symbols": symbols | {"objective": "jmvae"}}
    lines = health.warnings({**learned, "evaluate": evaluated})
    assert len(lines) == 2
    assert "joint.symbol_weight" in lines[0]
    assert "joint.steps" in lines[1]
    assert "vision.training" not in lines[1]
    assert any("symbols.grounding" in line for line in health.warnings({"evaluate": evaluated}))


def test_a_budget_that_left_few_steps_is_said_before_what_was_lost() -> None:
    asked = {"vision.training.steps": 3000, "symbols.steps": 4000, "vision.training.restarts": 24}
    cut = {"vision.training.steps": 100, "symbols.steps": 3000, "vision.training.restarts": 1}
    (line,) = health.warnings({"budget": {"minutes": 1.0, "asked": asked, "found": cut}})
    assert line.startswith("--minutes 1 left 100 of 3,000 vision.training.steps: ")
    enough = {**cut, "vision.training.steps": 2000}
    assert health.warnings({"budget": {"minutes": 9.0, "asked": asked, "found": enough}}) == []
    assert health.warnings({"budget": {"minutes": 1.0}}) == []
