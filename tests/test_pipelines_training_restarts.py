"""Restarts: the best is trained to the end as if it had been alone, and a kill changes nothing."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipelines.config import VisionTraining
from pipelines.devices import Machine
from pipelines.errors import DivergedRun
from pipelines.runs.folder import RunFolder
from pipelines.training.fitting import by_descent, fit
from pipelines.training.loop import TrainResult
from pipelines.training.restarts import Restart, successive_halving, total_steps

QUIET = Machine(torch.device("cpu"), quiet=True)
MINIMA = (30.0, -10.0, 20.0, 40.0)
"""The loss of each restart at its minimum; the second is the lowest, then comes the third."""


class Killed(BaseException):
    """Stands for a process that ends here."""


def settings(restarts: int) -> VisionTraining:
    return VisionTraining(steps=30, lr=1e-2, restarts=restarts, restart_steps=10, checkpoint_seconds=0)


class Losses:
    """Makes restarts, and counts their steps."""

    def __init__(self, kill_at: int | None = None, late: float = 0.0) -> None:
        self.steps = dict.fromkeys(range(len(MINIMA)), 0)
        self.kill_at = kill_at
        self.late = late  # what is added to the loss of restart 1 from step 12 on

    def __call__(self, number: int) -> Restart[nn.Linear]:
        torch.manual_seed(number)
        module = nn.Linear(2, 1)
        x = torch.randn(8, 2)

        def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
            if sum(self.steps.values()) == self.kill_at:
                raise Killed
            self.steps[number] += 1
            value = module(x).square().mean() + MINIMA[number]
            if number == 1 and step >= 12:
                value = value + self.late
            return value, {"loss": value}

        return Restart(module, by_descent(module, loss, settings(1)))


def best(folder: Path, make: Losses, restarts: int = 4) -> tuple[nn.Module, TrainResult]:
    with RunFolder(folder) as run:
        run.begin("vision", {})
        return successive_halving(make, settings(restarts), run, "vision", QUIET)


def log(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "vision" / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def test_the_restart_of_least_loss_is_trained_to_the_end_and_only_it(tmp_path: Path) -> None:
    make = Losses()
    _, trained = best(tmp_path / "all", make)
    assert make.steps == {0: 10, 1: 30, 2: 20, 3: 10}
    assert total_steps(settings(4)) == 70
    assert trained.last["loss"] == pytest.approx(-10, abs=5)
    assert [line["step"] for line in log(tmp_path / "all")] == list(range(1, 31))
    assert sorted(p.name for p in (tmp_path / "all" / "vision").iterdir()) == [
        "inputs.json",
        "log.jsonl",
        "restarts.json",
        "state",
    ]
    note = json.loads((tmp_path / "all" / "vision" / "restarts.json").read_text())
    assert note["best"] == 1
    assert [rung["steps"] for rung in note["rungs"]] == [10, 20]
    first, second = (rung["losses"] for rung in note["rungs"])
    assert sorted(first, key=first.get) == ["1", "2", "0", "3"]
    assert set(second) == {"1", "2"}


class Diverging(Losses):
    """Some restarts have no finite loss from their fifth step on."""

    def __init__(self, numbers: set[int]) -> None:
        super().__init__()
        self.numbers = numbers

    def __call__(self, number: int) -> Restart[nn.Linear]:
        module, method = super().__call__(number)
        if number not in self.numbers:
            return Restart(module, method)

        def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
            value = module(torch.ones(1, 2)).square().mean() * (torch.nan if step >= 5 else 1)
            return value, {"loss": value}

        return Restart(module, by_descent(module, loss, settings(1)))


def test_a_restart_that_diverges_is_the_worst_and_all_of_them_are_an_error(tmp_path: Path) -> None:
    module, _ = best(tmp_path / "three", Diverging({1, 2, 3}))
    alone = Losses()(0)
    fit(alone.method, settings(1), tmp_path / "alone" / "vision", "vision", QUIET)
    assert torch.equal(module.weight, alone.module.weight)
    note = json.loads((tmp_path / "three" / "vision" / "restarts.json").read_text())
    assert note["best"] == 0
    assert [note["rungs"][0]["losses"][str(number)] for number in (1, 2, 3)] == [None] * 3
    for _ in range(2):  # the second time from the checkpoints
        with pytest.raises(DivergedRun, match=r"vision: loss is nan at step 6.*vision.training.lr"):
            best(tmp_path / "all", Diverging({0, 1, 2, 3}))


def test_it_ends_as_if_it_had_been_the_only_restart(tmp_path: Path) -> None:
    module, _ = best(tmp_path / "all", Losses())
    alone = Losses()(1)
    fit(alone.method, settings(1), tmp_path / "alone" / "vision", "vision", QUIET)
    assert torch.equal(module.weight, alone.module.weight)
    assert log(tmp_path / "all") == log(tmp_path / "alone")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, list[dict[str, float]]]:
    """The best of restarts that nothing happened to, and its log."""
    folder = tmp_path_factory.mktemp("whole")
    module, _ = best(folder, Losses())
    return module, log(folder)


@pytest.mark.parametrize("at", [0, 5, 10, 35, 40, 44, 55, 60, 61, 65])
def test_killed_anywhere_it_goes_on_to_the_same_weights(
    tmp_path: Path, at: int, whole: tuple[nn.Linear, list[dict[str, float]]]
) -> None:
    expected, expected_log = whole
    with pytest.raises(Killed):
        best(tmp_path / "killed", Losses(kill_at=at))
    make = Losses()
    module, trained = best(tmp_path / "killed", make)
    assert torch.equal(module.weight, expected.weight)
    assert log(tmp_path / "killed") == expected_log
    assert sum(make.steps.values()) == 70 - at, "no step that was safe is done again"
    assert 0 <= trained.earlier_seconds <= trained.seconds


def test_a_rung_is_judged_by_its_own_steps_also_when_a_restart_has_gone_on(tmp_path: Path) -> None:
    """Restart 1 wins the first rung and loses the second; a kill in between must not change the first."""
    notes = []
    for name, at in (("whole", None), ("killed", 55)):  # 40 steps of the first rung, then 10 and 5
        if at is not None:
            with pytest.raises(Killed):
                best(tmp_path / name, Losses(kill_at=at, late=500.0))
        best(tmp_path / name, Losses(late=500.0))
        notes.append(json.loads((tmp_path / name / "vision" / "restarts.json").read_text()))
    assert notes[0] == notes[1]
    assert notes[0]["best"] == 2


def test_rungs_never_go_beyond_the_steps(tmp_path: Path) -> None:
    make = Losses()
    short = settings(4).model_copy(update={"restart_steps": 20})
    with RunFolder(tmp_path) as run:
        successive_halving(make, short, run, "vision", QUIET)
    assert make.steps == {0: 20, 1: 30, 2: 30, 3: 20}
    assert total_steps(short) == 100


def test_a_single_restart_makes_no_folder_of_restarts(tmp_path: Path) -> None:
    make = Losses()
    best(tmp_path, make, restarts=1)
    assert make.steps == {0: 30, 1: 0, 2: 0, 3: 0}


def test_the_seconds_of_all_restarts_count_once(tmp_path: Path) -> None:
    """What this process spent is measured around it; what earlier ones spent is handed on."""
    _, trained = best(tmp_path, Losses())
    assert trained.earlier_seconds == pytest.approx(0, abs=1e-9)
    assert trained.seconds > 0
