"""`scan run` on a run that is there: what it may change, and what it keeps."""

import json
import shutil
from pathlib import Path

import pytest
from command_line import run

from pipelines.commands import finished
from pipelines.config import config_files
from pipelines.training import budget


@pytest.fixture
def own(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be changed."""
    return Path(shutil.copytree(finished_run, tmp_path / "own"))


def files(folder: Path) -> dict[str, bytes]:
    names = ("config.yaml", "data.json", "judge/done.json", "vision/done.json")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["judge", "--set", "seed=3"], "holds vision with other settings (seed 0 -> 3"),
        (["judge", "--fresh", "--set", "vision.training.steps=9"], "(vision.training.steps 20 -> 9)"),
        (["report", "--set", "symbols.steps=9"], "holds symbols with other settings (symbols.steps 20 -> 9)"),
        (["vision", "--set", "judge.steps=9"], "holds judge with other settings (judge.steps 20 -> 9)"),
    ],
)
def test_a_named_stage_changes_no_setting_of_one_that_does_not_build_on_it(
    own: Path, words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(own)
    code, _, notes = run(["run", str(own / "config.yaml"), "--run-dir", str(own), *words], capsys)
    assert code == 2
    assert named in notes
    assert files(own) == before


def test_a_named_stage_takes_settings_of_its_own(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", str(own / "config.yaml"), "--run-dir", str(own), "symbols", "--set", "symbols.steps=9"]
    code, _, notes = run(words, capsys)
    assert (code, "symbols: made again, since symbols.steps 20 -> 9" in notes) == (0, True)
    assert json.loads((own / "symbols" / "done.json").read_text())["inputs"]["symbols.steps"] == 9


def test_the_budget_of_a_run_outlives_other_commands_and_ends_with_its_numbers(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_files.load(own / "config.yaml")
    found = budget._numbers(config)
    kept = {"minutes": 9.0, "asked": {**found, "vision.training.steps": 999}, "found": found}
    (own / budget.FILE).write_text(json.dumps(kept))
    for words in (["report", str(own)], ["report", str(own), "--fresh"], ["evaluate", str(own)]):
        assert run(words, capsys)[0] == 0
    assert json.loads((own / budget.FILE).read_text()) == kept
    with finished.copied(own) as copy:
        assert json.loads((copy / budget.FILE).read_text()) == kept
    words = ["run", str(own / "config.yaml"), "--run-dir", str(own), "--set", "judge.steps=21"]
    assert run(words, capsys)[0] == 0
    assert not (own / budget.FILE).exists()


def test_a_report_that_is_not_there_any_more_is_made_again(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "report.html").unlink()
    code, _, notes = run(["run", str(own / "config.yaml"), "--run-dir", str(own)], capsys)
    assert (code, f"report: made again, since {own / 'report.html'} is missing" in notes) == (0, True)
    assert (own / "report.html").exists()


def test_advice_on_a_missing_file_is_a_command_that_works(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "evaluate" / "metrics.json").unlink()
    code, _, notes = run(["run", str(own / "config.yaml"), "--run-dir", str(own)], capsys)
    assert (code, "your own" in notes) == (1, False)
    command = notes.partition(": scan ")[2].partition(" makes it again")[0].split()
    assert command[2] == "evaluate"
    assert run(command, capsys)[0] == 0
    assert (own / "evaluate" / "metrics.json").exists()


def test_a_visual_model_that_is_made_again_says_what_becomes_of_taught_words(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = str(own.parent / "warm.png")
    words = ["teach", str(own), "warm", "--expression", "wall: red OR wall: orange", "-o", sheet]
    assert run(words, capsys)[0] == 0
    words = ["run", str(own / "config.yaml"), "--run-dir", str(own), "--set", "vision.training.steps=5"]
    code, _, notes = run(words, capsys)
    assert code == 0
    assert f"vision: {own / 'taught.json'} has words of the former visual model: remove it" in notes
    assert "remove this file, then teach the words again" in run(["teach", str(own), "--list"], capsys)[2]


def test_a_stage_of_a_run_with_its_own_settings_is_made_whatever_an_earlier_version_recorded(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    receipt = own / "symbols" / "done.json"
    content = json.loads(receipt.read_text())
    content["inputs"]["symbols.steps"] = 7
    receipt.write_text(json.dumps(content))
    code, _, notes = run(["run", str(own / "config.yaml"), "--run-dir", str(own), "judge", "--fresh"], capsys)
    assert (code, "judge: done" in notes) == (0, True)
