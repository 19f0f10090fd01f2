"""`scan sweep`: settings and seeds to runs, a table, going on, a search, and the choice without labels."""

import csv
import json
import shutil
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import TINY

from pipelines import cli
from pipelines.commands import selection
from pipelines.config import config_files
from pipelines.errors import UsageError
from pipelines.jobs import local

GRID = """
base: tiny.yaml
seeds: [0, 1]
set: {symbols.steps: 4}
grid:
  vision.objective.beta: [0.1, 1e-1000]
  evaluate.images_per_symbol: [4]
"""


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(TINY)
    file = tmp_path / "betas.yaml"
    file.write_text(GRID.replace("1e-1000", "2"))
    return file


@pytest.fixture
def called(finished_run: Path, measured_once: None, monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The commands of the runs; each makes a copy of a finished run, but those of beta 2, seed 1 fail."""
    commands: list[Sequence[str]] = []

    def call(self: local.Processes, arguments: Sequence[str], log: Path) -> int:
        commands.append(arguments)
        if "vision.objective.beta=2" in arguments and "seed=1" in arguments:
            log.write_text("scan: error: vision: no memory for that\n")
            return 1
        folder = Path(arguments[arguments.index("--run-dir") + 1])
        shutil.copytree(finished_run, folder, dirs_exist_ok=True)
        return 0

    monkeypatch.setattr(local.Processes, "call", call)
    return commands


def run(file: Path, *words: str) -> int:
    return cli.main(["sweep", str(file), "--out", str(file.parent / "out"), "--device", "cpu", *words])


def found(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((file.parent / "out" / "sweep.json").read_text())
    return content


def test_a_grid_is_a_row_for_each_setting_and_goes_on(
    sweep: Path, called: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sweep, "--select", "udr") == 1  # a run fails
    low, high = found(sweep)["rows"]
    assert low["setting"] == {"vision.objective.beta": "0.1", "evaluate.images_per_symbol": "4"}
    assert [one["status"] for one in (*low["cells"], *high["cells"])] == ["done", "done", "done", "failed"]
    assert high["cells"][1]["why"] == "vision: no memory for that"
    assert found(sweep)["selected"]["run"].startswith("vision.objective.beta=0.1,")
    one = low["cells"][0]["measures"]
    assert one["loss"] == pytest.approx(one["reconstruction_nats"] + one["kl"])
    assert low["cells"][0]["measures"]["udr"] == low["cells"][1]["measures"]["udr"]  # copies of one run
    assert "udr" not in high["cells"][0]["measures"]  # there is nothing to compare it with
    printed = capsys.readouterr().out
    assert "beta  images_per_symbol    done" in printed
    assert "evaluate.images_per_symbol=4, seed 1: vision: no memory for that" in printed
    with (sweep.parent / "out" / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["vision.objective.beta"], row["seed"], row["status"]) for row in rows] == [
        ("0.1", "0", "done"),
        ("0.1", "1", "done"),
        ("2", "0", "done"),
        ("2", "1", "failed"),
    ]
    assert float(rows[0]["mig"]) == one["mig"]

    called.clear()
    assert run(sweep, "--quiet") == 1
    assert [("vision.objective.beta=2" in words, "seed=1" in words) for words in called] == [(True, True)]


def test_print_gives_the_command_of_each_run_and_starts_none(
    sweep: Path, called: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    sweep.write_text("base: rooms-mini\nstages: [vision]\nlist: [{data.names: [a b]}, {vision: {dae: x}}]")
    assert run(sweep, "--print") == 2
    sweep.write_text("base: rooms-mini\nstages: [vision]\nlist: [{name: a, vision.training.lr: 1e-3}, {}]")
    assert run(sweep, "--print") == 0
    first, second = capsys.readouterr().out.splitlines()
    out = sweep.parent / "out"
    assert first == (
        f"scan run rooms-mini vision --run-dir {out}/name=a,vision.training.lr=1e-3/seed-0 --device cpu "
        "--set name=a --set vision.training.lr=1e-3 --set seed=0"
    )
    assert f"{out}/base/seed-0" in second
    assert called == []
    assert not out.exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("vision.objective.beta", "vision.objective.betta", "did you mean vision.objective.beta?"),
        ("seeds", "seds", "betas.yaml: seds: unknown key; did you mean seeds?"),
        (
            "grid:",
            "search:",
            "betas.yaml: search.vision.objective.beta: unknown key; there are trials, maximise",
        ),
        ("[0, 1]", "[0, 0]", "seeds: expected different ones"),
        ("symbols.steps: 4", "seed: 4", "the seeds of a sweep are its `seeds`"),
        ("[0.1, 2]", "[2, 2]", "two settings are the same: vision.objective.beta=2"),
        ("[0.1, 2]", "0.1", "grid.vision.objective.beta: input should be a valid list"),
        ("base: tiny.yaml", "base: tine.yaml", "does not exist"),
        ("base: tiny.yaml", "stages: [visn]\nbase: tiny.yaml", "did you mean vision?"),
        ("base: tiny.yaml", "list: [{}]\nbase: tiny.yaml", "expected one of grid, list and search, got grid"),
        ("grid:", "grid: [", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line_before_anything_runs(
    old: str,
    new: str,
    message: str,
    sweep: Path,
    called: list[Sequence[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    sweep.write_text(sweep.read_text().replace(old, new))
    assert run(sweep) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert called == []
    assert not (sweep.parent / "out").exists()


def test_a_search_tries_values_of_its_ranges_and_goes_on(
    sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    text = """
base: tiny.yaml
set: {vision.training.restart_steps: 5}
search:
  trials: 12
  minimise: rmse
  keys:
    vision.objective.beta: {low: 0.01, high: 100, log: true}
    vision.network.latents: {low: 2, high: 9, whole: true}
    vision.training.restarts: [1, 2]
"""

    def quality(config: Path) -> float:
        """Best at beta 1, 5 latents and two restarts."""
        vision = config_files.load(config).vision.model_dump()
        beta, latents = vision["objective"]["beta"]["value"], vision["network"]["latents"]
        return float(abs(latents - 5) + abs(beta - 1) / (beta + 1) - vision["training"]["restarts"])

    made: list[str] = []

    def call(self: local.Processes, arguments: Sequence[str], log: Path) -> int:
        folder = Path(arguments[arguments.index("--run-dir") + 1])
        made.append(folder.parent.name)
        (folder / "vision").mkdir(parents=True)
        for stage in ("vision", "symbols", "operators", "judge", "evaluate", "report"):
            (folder / stage).mkdir(exist_ok=True)
            (folder / stage / "done.json").write_text("{}")
        assigned = [text for text in arguments if "=" in text and not text.startswith("/")]
        config = config_files.load(Path(arguments[1]), assigned)
        (folder / "config.yaml").write_text(config_files.dump(config))
        return 0

    def measures_of(run: Any, device: object) -> dict[str, Any]:
        return {"rmse": quality(run.path / "config.yaml"), "vision_seconds": 1.0}

    monkeypatch.setattr(local.Processes, "call", call)
    monkeypatch.setattr("pipelines.commands.results.measures_of", measures_of)
    sweep.write_text(text.replace("trials: 12", "trials: 5"))
    assert run(sweep, "--quiet") == 0
    first = [row["setting"] for row in found(sweep)["rows"]]
    assert len(first) == 5
    sweep.write_text(text)
    assert run(sweep, "--quiet") == 0
    rows = found(sweep)["rows"]
    assert [row["setting"] for row in rows[:5]] == first
    assert len(made) == len(set(made)) == len(rows) <= 12
    assert all(0.01 <= float(row["setting"]["vision.objective.beta"]) <= 100 for row in rows)
    assert {row["setting"]["vision.training.restarts"] for row in rows} == {"1", "2"}
    sweep.write_text(text.replace("[1, 2]", "[2]"))
    assert run(sweep, "--quiet") == 0
    kept = [row["setting"] for row in rows if row["setting"]["vision.training.restarts"] == "2"]
    assert [row["setting"] for row in found(sweep)["rows"]][: len(kept)] == kept


def test_a_choice_by_udr_needs_seeds_before_anything_is_trained(
    sweep: Path, called: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    sweep.write_text("base: tiny.yaml\nlist: [{vision.training.lr: 1e-3}]")
    assert run(sweep, "--select", "udr") == 2
    assert "--select udr compares seeds of a setting: expected two or more" in capsys.readouterr().err
    assert called == []


def test_where_all_runs_fail_the_table_is_shown_and_then_that_they_did(
    sweep: Path, called: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    sweep.write_text("base: tiny.yaml\nseeds: [1]\nlist: [{vision.objective.beta: 2}]")
    assert run(sweep, "--select", "loss", "--json") == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["rows"][0]["cells"][0]["status"] == "failed"
    assert "1 of 1 runs failed" in printed.err


def test_a_search_on_ray_needs_to_know_how_many_runs_at_a_time(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = SimpleNamespace(at_once=None)  # as of a cluster that nobody was asked about
    monkeypatch.setattr("pipelines.commands.sweep.engine_of", lambda _: engine)
    search = "search: {trials: 2, maximise: mig, keys: {vision.objective.beta: [1, 2]}}"
    sweep.write_text(f"base: tiny.yaml\n{search}")
    assert run(sweep, "--engine", "ray") == 2
    assert "a search with --engine ray needs --jobs N" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cores", "seeds", "expected"), [(6, "[0]", 6), (6, "[0, 1]", 3), (2, "[0, 1, 2]", 1)]
)
def test_a_search_asks_for_as_many_settings_as_run_at_a_time(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, cores: int, seeds: str, expected: int
) -> None:
    asked: list[int] = []
    monkeypatch.setattr("pipelines.devices.usable_cores", lambda: cores)
    monkeypatch.setattr("pipelines.commands.sweep._search", lambda *given: asked.append(given[-1]))
    search = "search: {trials: 9, minimise: rmse, keys: {vision.training.lr: {low: 1e-4, high: 1e-2}}}"
    sweep.write_text(f"base: tiny.yaml\nseeds: {seeds}\n{search}")
    assert run(sweep, "--quiet", "--jobs", "0") == 0
    assert asked == [expected]


def test_a_search_needs_a_measure_and_prints_no_commands(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "base: tiny.yaml\nsearch: {trials: 2, maximise: mig, keys: {vision.objective.beta: [1, 2]}}"
    for old, new, words, message in (
        ("mig", "migg", (), "search: no measure 'migg'; did you mean mig?"),
        ("mig", "mig, minimise: kl", (), "expected one of maximise and minimise"),
        ("[1, 2]", "{low: 2, high: 1}", (), "expected low < high, got 2 and 1"),
        (
            "[1, 2]",
            "{low: 1, hi: 2}",
            (),
            "search.keys.vision.objective.beta.hi: unknown key; did you mean high?",
        ),
        ("[1, 2]", "[1, x]", (), "--set vision.objective.beta=x: vision.objective.beta: expected a number"),
        ("trials", "trials", ("--print",), "--print: a search chooses each setting"),
        ("trials", "trials", ("--address", "h:1"), "it needs --engine ray"),
    ):
        sweep.write_text(text.replace(old, new))
        assert run(sweep, *words) == 2
        assert message in capsys.readouterr().err


def test_an_engine_that_is_not_installed_is_named(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    assert run(sweep, "--engine", "ray") == 2
    assert "Ray is not installed: pip install '.[ray]'" in capsys.readouterr().err


def test_the_choice_is_that_of_the_criterion_beside_true_scores() -> None:
    scores = {"a": (0.9, 30.0, 0.2), "b": (0.5, 10.0, 0.6), "c": (0.1, 20.0, 0.4)}
    rows = []
    for order in permutations(scores):
        rows = [_row(name, *scores[name]) for name in order]
        by_udr, lines = selection.choose(rows, "udr")
        by_loss, _ = selection.choose(rows, "loss")
        assert (by_udr["run"], by_loss["run"]) == ("a/seed-0", "b/seed-0")
        assert by_udr["rank_correlations"] == {"udr": {"mig": -0.5}, "loss": {"mig": 1.0}}
        assert [line.split()[:2] for line in lines[1:4]] == [["udr", "a,"], ["loss", "b,"], ["MIG", "b,"]]
    for row in rows:
        del row["cells"][0]["measures"]["udr"]
    with pytest.raises(UsageError, match="needs two finished runs of one setting"):
        selection.choose(rows, "udr")


def _row(label: str, udr: float, loss: float, mig: float) -> dict[str, Any]:
    measured = {"udr": udr, "loss": loss, "mig": mig}
    one = {"status": "done", "seed": 0, "run": f"{label}/seed-0", "measures": measured}
    return {"label": label, "setting": {"key": label}, "cells": [one]}
