"""What is not a run's is never removed, written over or written through."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from pipelines import cli
from pipelines.commands.outputs import check_picture, write_grid
from pipelines.errors import RunError, UsageError
from pipelines.runs.folder import RunFolder
from scan.run_format import FORMAT

SHORT = [f"{section}.steps=1" for section in ("vision.training", "symbols", "operators", "judge")]
"""Settings with which a run that is not refused ends soon."""
DATA = {"format": FORMAT, "asked": {}, "splits": {}}


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(
    "files", [("vision/__init__.py", "README.md"), ("notes.txt",), ("report/thesis.tex",)]
)
@pytest.mark.parametrize("more", [(), ("--fresh",), ("vision", "--fresh")])
def test_a_folder_that_is_not_a_run_is_refused_untouched(
    files: tuple[str, ...], more: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("precious")
    before = everything(tmp_path)
    short = [word for setting in (*SHORT, "data.images=1500") for word in ("--set", setting)]
    assert cli.main(["run", "rooms-mini", "--run-dir", str(tmp_path), *more, *short]) == 2
    assert str(tmp_path) in capsys.readouterr().err
    assert everything(tmp_path) == before


def test_a_stage_folder_without_notes_is_refused_also_inside_a_run(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps(DATA))
    (tmp_path / "notes.txt").write_text("a user's note in a run is no hindrance")
    with RunFolder(tmp_path):
        pass
    (tmp_path / "vision").mkdir()
    (tmp_path / "vision" / "code.py").write_text("precious")
    with pytest.raises(UsageError, match=r"vision was not made by a run"), RunFolder(tmp_path):
        pass


def test_no_folder_is_no_name_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", "rooms-mini", "--run-dir", ""])
    assert stop.value.code == 2
    assert "--run-dir" in capsys.readouterr().err


def shared_stage(tmp_path: Path, *notes: str) -> Path:
    """A run whose vision stage is a link to that of another."""
    other = tmp_path / "other" / "vision"
    other.mkdir(parents=True)
    for note in ("model.safetensors", *notes):
        (other / note).write_text("{}")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "vision").symlink_to(other)
    return tmp_path / "run"


def test_of_a_linked_stage_only_the_link_is_removed(tmp_path: Path) -> None:
    path = shared_stage(tmp_path, "inputs.json", "state")
    before = everything(tmp_path / "other")
    with RunFolder(path) as run:
        run.begin("vision", {})
        assert not run.stage("vision").is_symlink()
        assert (run.stage("vision") / "inputs.json").is_file()
    assert everything(tmp_path / "other") == before


def test_no_receipt_is_written_through_a_link(tmp_path: Path) -> None:
    path = shared_stage(tmp_path)
    with pytest.raises(RunError, match="is a link"), RunFolder(path) as run:
        run.adopt("vision")
    assert not (tmp_path / "other" / "vision" / "done.json").exists()


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="this platform opens links without asking")
def test_the_lock_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("text")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(RunError), RunFolder(tmp_path / "run"):
        pass
    assert (tmp_path / "precious").read_text() == "text"


def test_what_killed_processes_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    left = ("vision/.state.123", "vision/.model.safetensors.9", ".data.json.77", ".vision.discarded/x")
    kept = ("vision/state", "vision/.mine.5", "vision/inputs.json", "notes.1")
    (tmp_path / "data.json").write_text(json.dumps(DATA))
    for name in (*left, *kept):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    with RunFolder(tmp_path):
        assert {*everything(tmp_path)} == {".lock", "data.json", *kept}


def test_the_sheet_of_a_picture_overwrites_only_its_own(tmp_path: Path) -> None:
    x = torch.zeros(2, 3, 8, 8)
    for _ in range(2):
        write_grid(check_picture(tmp_path / "a.png"), x, {})
    (tmp_path / "b.json").write_text('{"images": 3}')
    with pytest.raises(UsageError, match=r"b\.json would be overwritten"):
        check_picture(tmp_path / "b.png")
    (tmp_path / "run" / "report").mkdir(parents=True)
    (tmp_path / "run" / "data.json").write_text(json.dumps(DATA))
    (tmp_path / "run" / "report" / "c.png").write_text("figure")
    with pytest.raises(UsageError, match="a file of a run"):
        check_picture(tmp_path / "run" / "report" / "c.png")
    assert (tmp_path / "run" / "report" / "c.png").read_text() == "figure"


def test_a_finished_run_in_the_default_folder_is_kept_when_settings_differ(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished_run, tmp_path / "runs" / "tiny")
    monkeypatch.chdir(tmp_path)
    before = everything(tmp_path)
    config = str(finished_run / "config.yaml")
    assert cli.main(["run", config, "--quiet", "--set", "symbols.steps=21"]) == 2
    stderr = capsys.readouterr().err
    assert all(part in stderr for part in ("symbols.steps 20 -> 21", "--run-dir", "--fresh"))
    assert everything(tmp_path) == before
    named = ["symbols", "--run-dir", "runs/tiny", "--set", "symbols.steps=21"]
    assert cli.main(["run", config, "--quiet", *named]) == 0
    assert everything(tmp_path) != before


def test_a_request_that_cannot_be_met_removes_nothing(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    before = everything(tmp_path)
    words = [
        "run",
        str(finished_run / "config.yaml"),
        "--quiet",
        "--run-dir",
        str(tmp_path / "run"),
        "--fresh",
    ]
    assert cli.main([*words, "--set", "splits.held_out=12288"]) == 2
    assert "held_out" in capsys.readouterr().err
    assert everything(tmp_path) == before
