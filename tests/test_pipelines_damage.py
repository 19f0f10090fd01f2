"""A damaged run is refused with the name of the file, and one that cannot be written is still read."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines import cli
from pipelines.errors import RunError
from pipelines.runs.files import read_json, sha256, write_json
from vision import weights


@pytest.fixture
def copy(finished_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def failure(words: list[str], capsys: pytest.CaptureFixture[str], code: int = 1) -> str:
    """The one line of a command that fails."""
    capsys.readouterr()
    assert cli.main(words) == code
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("scan: ")]
    assert len(lines) == 1
    assert "--debug" not in lines[0]
    return lines[0]


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000, '{"a": ', "[]", "\x00", ""])
def test_json_that_is_none_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "done.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=r"done.json is damaged"):
        read_json(path)


@pytest.mark.parametrize(
    "change",
    [
        {"splits": None},
        {"splits": {"held_out": 3}},
        {"vocabulary": {"attributes": [{"name": 1}]}},
        {"vocabulary": 3},
        {"sha256": None},
        {"total_variance": "large"},
        {"asked": None},
        {"format": 99},
    ],
)
@pytest.mark.parametrize("command", ["report", "evaluate"])
def test_a_damaged_data_json_is_named(
    copy: Path, change: dict[str, Any], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = copy / "data.json"
    path.write_text(json.dumps({**read_json(path), **change}))
    shutil.rmtree(copy / command)
    assert str(path) in failure([command, str(copy), "--device", "cpu"], capsys)


@pytest.mark.parametrize("change", [{"inputs": 3}, {"files": 3}, {"own": ...}, {"seconds": ...}])
def test_a_damaged_receipt_is_named(
    copy: Path, change: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path = copy / "vision" / "done.json"
    content = {**read_json(path), **change}
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not ...}))
    assert str(path) in failure(["report", str(copy), "--device", "cpu"], capsys)


@pytest.mark.parametrize("kl", [None, [], ["a"], [[1, 2]], 3, [1.0], {"a": 1}])
def test_traverse_names_measures_that_do_not_fit(
    copy: Path, kl: object, capsys: pytest.CaptureFixture[str]
) -> None:
    path = copy / "vision" / "metrics.json"
    path.write_text(json.dumps({"test_images": {"kl_per_latent": kl}}))
    receipt = read_json(copy / "vision" / "done.json")
    receipt["files"]["metrics.json"] = sha256(path)
    write_json(copy / "vision" / "done.json", receipt)
    assert str(path) in failure(["traverse", str(copy), "-o", str(copy.with_name("t.png"))], capsys)


def test_a_model_of_ones_own_that_is_not_finite_is_refused_before_it_is_taken(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = copy / "vision" / "model.safetensors"
    state, spec = weights.load(path)
    module = torch.nn.Module()
    for name, tensor in state.items():
        module.register_buffer(name.replace(".", "_"), torch.full_like(tensor, float("nan")))
    weights.save(path, module, spec)
    for name in ("done.json", "log.jsonl", "metrics.json"):
        (path.parent / name).unlink()
    words = ["run", str(copy / "config.yaml"), "--run-dir", str(copy), "--device", "cpu"]
    assert f"{path}: " in failure(words, capsys)
    assert not (path.parent / "done.json").exists()


READ_ONLY = """
import errno, json, os, sys
root = os.path.realpath(sys.argv[1])
changing = {f"os.{name}" for name in ("mkdir", "remove", "rename", "rmdir", "truncate", "symlink", "link")}
def refuse(event, arguments):
    opened = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    if not opened and event not in changing:
        return
    for place in arguments[:2]:
        named = isinstance(place, (str, bytes, os.PathLike))
        if named and os.path.realpath(os.fsdecode(place)).startswith(root):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), os.fsdecode(place))
from pipelines import cli
sys.addaudithook(refuse)
print(json.dumps([cli.main(words) for words in json.loads(sys.argv[2])]))
"""
"""Commands in a process in which the system refuses every change below a folder, as a read-only disk does."""


def state(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in folder.rglob("*"))


def test_runs_that_cannot_be_written_are_read(finished_run: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    run, unmeasured = disk / "run", disk / "unmeasured"
    shutil.copytree(finished_run, run)
    shutil.copytree(finished_run, unmeasured, ignore=shutil.ignore_patterns("report*", "evaluate"))
    picture = next((run / "report" / "figures").glob("*.png"))
    works = [
        ["report", run, "--device", "cpu"],
        ["report", run, "--device", "cpu", "-o", tmp_path / "same.html"],
        ["report", unmeasured, "--device", "cpu", "-o", tmp_path / "page.html"],
        ["evaluate", run, "--device", "cpu", "--json"],
        ["evaluate", unmeasured, "--device", "cpu", "-o", tmp_path / "measures.json", "--quiet"],
        ["sym2img", run, "hat AND wall: red", "-n", "2", "-o", tmp_path / "hat.png"],
        ["img2sym", run, picture],
        ["traverse", run, "-o", tmp_path / "traversals.png"],
    ]
    fails = [
        ["report", run, "--device", "cpu", "--fresh"],
        ["evaluate", unmeasured, "--device", "cpu"],
        ["run", run / "config.yaml", "--run-dir", run, "--device", "cpu"],
        ["sym2img", run, "hat", "-o", run / "new.png"],
    ]
    words = json.dumps([[str(word) for word in words] for words in works + fails])
    before = state(disk)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", READ_ONLY, disk, words],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == [0] * len(works) + [1] * len(fails), ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("scan: ")]
    assert len(lines) == len(fails)
    assert all("the folder is not writable" in line for line in lines)
    assert state(disk) == before
    assert (tmp_path / "same.html").read_bytes() == (run / "report.html").read_bytes()
    assert "<section" in (tmp_path / "page.html").read_text(encoding="utf-8")
    measured, known = read_json(tmp_path / "measures.json"), read_json(run / "evaluate" / "metrics.json")
    assert measured["splits"] == known["splits"]
    assert not list(temporary.glob("scan-*"))


@pytest.mark.parametrize("command", ["report", "evaluate"])
def test_nothing_of_a_run_is_overwritten_by_what_goes_elsewhere(
    finished_run: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for output, reason in ((finished_run / "data.json", "a file of a run"), (finished_run, "is a folder")):
        assert reason in failure([command, str(finished_run), "-o", str(output)], capsys, 2)
