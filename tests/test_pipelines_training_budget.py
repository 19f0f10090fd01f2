"""A budget of time: steps that fit it, kept when a run goes on, and the same weights then."""

import itertools
from pathlib import Path

import pytest
import yaml
from tiny_set import write_npz

from pipelines import cli, stopping
from pipelines.commands import benchmark
from pipelines.config import Config, config_files
from pipelines.runs.files import write_json
from pipelines.training import budget
from pipelines.training.budget import Costs, fitted, line, scaled, seconds_of
from pipelines.training.restarts import total_steps

CONFIG = Config.model_validate({"name": "a", "data": {"kind": "rooms"}})
COSTS = Costs({"vision": 0.05, "symbols": 0.002, "operators": 0.005, "judge": 0.01}, image=0.001)


def total(config: Config, costs: Costs = COSTS) -> float:
    return sum(seconds_of(config, costs).values())


def test_seconds_are_steps_of_all_restarts_and_images_of_the_evaluation() -> None:
    found = seconds_of(CONFIG, COSTS)
    assert found["vision"] == pytest.approx(0.05 * total_steps(CONFIG.vision.training))
    assert found["judge"] == pytest.approx(0.01 * CONFIG.judge.steps)
    assert found["evaluate"] == pytest.approx(
        0.001 * 64 * (133 + 200 + 200 + 2 * 200 + 2 * 200) + budget.REST
    )
    assert list(seconds_of(CONFIG, COSTS, ["judge"])) == ["judge"]
    start = "plan: about 16 min on this machine (vision 6,000 steps of 24 restarts 14 min, symbols 8 s"
    assert line(CONFIG, COSTS).startswith(start)


@pytest.mark.parametrize("minutes", [1.5, 4, 10, 30, 60])
def test_a_budget_is_used_and_kept(minutes: float) -> None:
    assert 0.85 * 60 * minutes < total(fitted(CONFIG, COSTS, 60 * minutes)) <= 60 * minutes


def test_more_time_gives_more_steps_and_restarts_and_a_slower_machine_fewer() -> None:
    few, many = (fitted(CONFIG, COSTS, 60 * minutes).vision.training for minutes in (3, 30))
    assert few.steps < CONFIG.vision.training.steps < many.steps
    assert few.restarts < CONFIG.vision.training.restarts < many.restarts
    slow = Costs({name: 3 * cost for name, cost in COSTS.step.items()}, image=0.001)
    assert fitted(CONFIG, slow, 600).vision.training.steps < fitted(CONFIG, COSTS, 600).vision.training.steps


def test_too_little_time_gives_the_least_and_the_factor_one_changes_nothing() -> None:
    least = fitted(CONFIG, COSTS, 1)
    assert least == scaled(CONFIG, budget.SMALLEST)
    assert (least.vision.training.steps, least.vision.training.restarts) == (budget.LEAST_STEPS, 1)
    assert budget.is_beyond(least, COSTS, 0.1)
    assert not budget.is_beyond(fitted(CONFIG, COSTS, 600), COSTS, 10)
    assert scaled(CONFIG, 1.0).vision == CONFIG.vision
    assert scaled(CONFIG, 8.0).judge.steps == budget.JUDGE * CONFIG.judge.steps
    assert scaled(CONFIG, 8.0).symbols == CONFIG.symbols


def test_what_was_found_is_kept_for_the_same_request(tmp_path: Path) -> None:
    config, content = budget.settle(CONFIG, tmp_path, 4, lambda: COSTS)
    write_json(tmp_path / budget.FILE, content)
    slow = Costs({name: 3 * cost for name, cost in COSTS.step.items()})
    assert budget.settle(CONFIG, tmp_path, 4, lambda: slow)[0] == config
    assert budget.settle(config, tmp_path, 4, lambda: slow)[0] == config  # from the run's own config.yaml
    assert budget.settle(CONFIG, tmp_path, 5, lambda: slow)[0] != config
    assert budget.settle(CONFIG, tmp_path, 4, lambda: slow, over=True)[0] != config
    other = scaled(CONFIG, 0.5)
    assert budget.settle(other, tmp_path, 4, lambda: slow)[0] != config


TINY = {
    "name": "t",
    "splits": {"held_out": 5, "test_images": 10, "train_symbols": 20, "test_symbols": 5, "test_operators": 5},
    "vision": {
        "network": {"kind": "layered", "components": 2, "mask_latents": 2, "widths": [4], "hidden": 4},
        "training": {"steps": 400, "batch": 4, "warmup": 5, "restarts": 2, "restart_steps": 40},
    },
    "symbols": {"steps": 20, "batch": 4, "examples": 1},
    "operators": {"steps": 10, "batch": 4, "triples": 20},
    "judge": {"steps": 40, "batch": 4, "warmup": 1},
}


def test_the_first_steps_are_timed_and_an_interrupted_run_ends_with_the_same_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock on which every look takes 10 ms, so that a step does; later on ten times as long."""
    data = {"kind": "npz", "path": str(write_npz(tmp_path / "set.npz"))}
    (tmp_path / "t.yaml").write_text(yaml.safe_dump({**TINY, "data": data}))
    measured, tick = benchmark.costs, itertools.count(1).__next__
    pace = [0.01]
    monkeypatch.setattr(
        benchmark,
        "costs",
        lambda *given: measured(*given[:3], 0.0, lambda: pace[0] * tick()),
    )

    def run(folder: str) -> int:
        where = ["--run-dir", str(tmp_path / folder), "--device", "cpu", "--minutes", "0.5"]
        return cli.main(["run", str(tmp_path / "t.yaml"), "vision", *where])

    assert run("whole") == 0
    said = capsys.readouterr().err
    assert "plan: timing the first steps" in said
    written = config_files.load(tmp_path / "whole" / "config.yaml")
    assert 100 <= written.vision.training.steps < 400
    stops = itertools.count()
    with monkeypatch.context() as patch:
        patch.setattr(stopping, "noted", lambda: Stopped(stops, after=70))
        assert run("killed") == 130
    pace[0] = 0.1
    capsys.readouterr()
    assert run("killed") == 0
    assert "plan" not in capsys.readouterr().err
    names = ("config.yaml", "vision/model.safetensors")
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()


class Stopped:
    """A context in which a run is told to stop after some steps."""

    def __init__(self, steps: "itertools.count[int]", after: int) -> None:
        self.steps, self.after = steps, after

    def __enter__(self) -> "Stopped":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __call__(self) -> bool:
        return next(self.steps) >= self.after
