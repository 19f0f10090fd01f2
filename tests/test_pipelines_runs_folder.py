"""The run folder: one process, whole files or none, and nothing that was altered is taken for what it was."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.errors import RunError, UsageError
from pipelines.runs.files import read_json, sha256, write_bytes, write_json
from pipelines.runs.folder import RunFolder, differences
from scan.run_format import FORMAT

INPUTS = {"vision.training.steps": 3, "vision.network.widths": [8, 8], "dae/model.safetensors": "abc"}


def finished(run: RunFolder) -> Path:
    """A finished stage."""
    run.begin("vision", INPUTS)
    write_bytes(run.stage("vision") / "state", b"state")
    write_bytes(run.stage("vision") / "model.safetensors", b"weights")
    run.finish("vision", INPUTS, ("model.safetensors",), 1.5)
    return run.stage("vision")


def test_a_stage_is_absent_then_partial_then_done(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run") as run:
        assert run.status("vision", INPUTS).kind == "absent"
        run.begin("vision", INPUTS)
        assert run.status("vision", INPUTS).kind == "partial"
        folder = finished(run)
        assert run.status("vision", INPUTS).kind == "done"
        assert sorted(p.name for p in folder.iterdir()) == ["done.json", "model.safetensors"]
        done = read_json(folder / "done.json")
        assert done["files"] == {"model.safetensors": sha256(folder / "model.safetensors")}
        assert (done["format"], done["seconds"], done["own"]) == (FORMAT, 1.5, False)
        assert {"torch", "numpy", "python"} <= done["versions"].keys()


def test_going_on_keeps_the_state_and_new_inputs_drop_it(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        run.begin("vision", INPUTS)
        state = run.stage("vision") / "state"
        write_bytes(state, b"half-way")
        run.begin("vision", INPUTS)
        assert state.read_bytes() == b"half-way"
        status = run.status("vision", {**INPUTS, "vision.training.steps": 4})
        assert status == ("changed", "vision.training.steps 3 -> 4")
        run.begin("vision", {**INPUTS, "vision.training.steps": 4})
        assert not state.exists()


def test_changed_inputs_are_named(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        finished(run)
        now = {
            "vision.training.steps": 3,
            "vision.network.widths": [8, 9],
            "vision.new": True,
            "dae/model.safetensors": "abd",
        }
        status = run.status("vision", now)
    assert status.kind == "changed"
    assert status.why == (
        "vision.network.widths [8, 8] -> [8, 9], dae/model.safetensors differs, vision.new unset -> True"
    )
    many = {f"k{i}": i for i in range(9)}
    assert differences(many, {}).endswith("k2 2 -> unset and 6 more")


@pytest.mark.parametrize("damage", ["truncated", "altered", "missing"])
def test_an_altered_file_is_noticed_by_name(tmp_path: Path, damage: str) -> None:
    with RunFolder(tmp_path) as run:
        path = finished(run) / "model.safetensors"
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(b"weight" if damage == "truncated" else b"weighty")
        status = run.status("vision", INPUTS)
        assert status.kind == "altered"
        assert str(path) in status.why
        # Also when the inputs changed: a file that somebody replaced is never thrown away silently.
        assert run.status("vision", {}).kind == "altered"


def test_a_kill_while_a_stage_is_thrown_away_leaves_no_model_without_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunFolder(tmp_path) as run:
        folder = finished(run)

        def killed(path: Path) -> None:
            (path / "done.json").unlink()
            raise KeyboardInterrupt

        monkeypatch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            run.discard("vision")
        assert not (folder / "model.safetensors").exists()


def test_a_receipt_of_another_format_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        path = finished(run) / "done.json"
        content = read_json(path)
        write_json(path, {**content, "format": 99})
        with pytest.raises(
            RunError, match=rf"done.json has run format 99, this version reads {FORMAT}.*--fresh"
        ):
            run.status("vision", INPUTS)
        for text in (json.dumps(content)[:-30], "[]", json.dumps({"format": FORMAT})):
            path.write_text(text)
            with pytest.raises(RunError, match=r"done.json is damaged"):
                run.status("vision", INPUTS)


def test_the_users_own_model_stands_whatever_the_settings(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        write_bytes(run.stage("vision") / "model.safetensors", b"mine")
        run.adopt("vision")
        assert run.status("vision", INPUTS).kind == "own"
        assert run.status("vision", {}).kind == "own"
        write_bytes(run.stage("vision") / "model.safetensors", b"not mine")
        assert run.status("vision", INPUTS).kind == "altered"


def test_a_second_process_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    hold = (
        "import sys, pathlib; from pipelines.runs.folder import RunFolder\n"
        "with RunFolder(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(RunError, match=rf"in use by another process \(id {holder.pid}\)"),
            RunFolder(tmp_path),
        ):
            pass
        holder.kill()
    with RunFolder(tmp_path):  # a killed holder leaves no stale lock
        pass


def test_a_folder_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file is a file"), RunFolder(tmp_path / "file"):
        pass
    with pytest.raises(RunError, match=r"cannot use .*not a directory"), RunFolder(tmp_path / "file" / "run"):
        pass


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left on the disk"),
        (errno.EACCES, "the folder is not writable"),
        (errno.EROFS, "the folder is not writable"),
    ],
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str, call: str
) -> None:
    path = tmp_path / "state"
    write_bytes(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(RunError, match=rf"cannot write .*state: {words}; what was finished before is kept"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


def test_a_disk_that_really_fills_up_half_way_through_a_file(tmp_path: Path) -> None:
    """A limit on the size of files makes the kernel refuse the rest of a write, as a full disk does."""
    script = (
        "import pathlib, resource, signal, sys; from pipelines.runs.files import write_bytes\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "path = pathlib.Path(sys.argv[1]); write_bytes(path, b'old')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); write_bytes(path, bytes(5000))"
    )
    path = tmp_path / "state"
    ended = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True)
    assert "RunError: cannot write" in ended.stderr
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["state"]
