"""`scan run` by the command line: stages that are done when they must be, and not again."""

import json
import os
import time
from pathlib import Path

import pytest
import torch
from tiny_set import write_npz

from pipelines import cli
from pipelines.config import Config
from pipelines.runs import plan
from pipelines.runs.folder import RunFolder
from scan.run_format import FORMAT

TINY = """
name: tiny
data: {kind: npz, path: SET}
splits: {held_out: 5, test_images: 10, train_symbols: 20,
         test_symbols: 5, validation_symbols: 5, test_operators: 5}
vision:
  network: {kind: convolutional, latents: 2, hidden: 4, widths: [4]}
  training: {steps: 2, batch: 4, precision: fp32}
symbols: {steps: 2, examples: 1, hidden: [4]}
operators: {steps: 2, triples: 20, hidden: [4]}
"""


class Shell:
    """Runs the command line in this process, on one small run."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.run_dir, self.capsys = folder / "run", capsys
        self.config = folder / "tiny.yaml"
        self.config.write_text(TINY.replace("SET", str(write_npz(folder / "set.npz"))))

    def __call__(self, *words: str) -> tuple[int, list[str]]:
        """Exit code and lines on stderr."""
        self.capsys.readouterr()
        code = cli.main(["run", str(self.config), "--run-dir", str(self.run_dir), "--device", "cpu", *words])
        return code, self.capsys.readouterr().err.splitlines()

    def digest(self, stage: str) -> str:
        return json.loads((self.run_dir / stage / "done.json").read_text())["files"]["model.safetensors"]


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # leaves torch's threads as they are
    torch.set_num_threads(1)
    trained = ("dae", "vision", "symbols", "operators")  # what these tests state, they state of these stages
    monkeypatch.setattr(plan, "STAGES", {name: plan.STAGES[name] for name in trained})
    return Shell(tmp_path, capsys)


def test_a_run_is_made_once_and_then_up_to_date(shell: Shell) -> None:
    code, lines = shell()
    assert code == 0
    assert [line.split(":")[0] for line in lines if "done in" in line] == ["vision", "symbols", "operators"]
    began = time.time()
    assert shell() == (0, ["vision: up to date", "symbols: up to date", "operators: up to date"])
    assert not [p for p in shell.run_dir.rglob("*/*") if p.stat().st_mtime > began]
    assert (shell.run_dir / "config.yaml").exists()
    assert json.loads((shell.run_dir / "data.json").read_text())["format"] == FORMAT
    for stage in ("vision", "symbols", "operators"):
        metrics = json.loads((shell.run_dir / stage / "metrics.json").read_text())
        assert metrics["threads"] >= 1
        assert not (shell.run_dir / stage / "state").exists()


def test_a_changed_setting_makes_its_stage_and_the_later_ones_again(shell: Shell) -> None:
    shell("--quiet")
    before = {stage: shell.digest(stage) for stage in ("vision", "symbols", "operators")}
    code, lines = shell("--set", "symbols.steps=3", "--set", "vision.training.checkpoint_seconds=1")
    assert code == 0
    assert lines[0] == "vision: up to date"
    assert "symbols: made again, since symbols.steps 2 -> 3" in lines
    assert "operators: made again, since symbols/model.safetensors differs" in lines
    assert shell.digest("vision") == before["vision"]
    assert shell.digest("symbols") != before["symbols"]
    assert shell.digest("operators") != before["operators"]
    assert shell("--quiet") == (0, [])
    assert {stage: shell.digest(stage) for stage in before} == before


def test_settings_that_were_added_since_leave_what_was_made_before(shell: Shell) -> None:
    """The folder as an earlier version would have left it: some keys are in none of its records."""
    shell("--quiet")
    for path in (shell.run_dir / "symbols" / "done.json", shell.run_dir / "vision" / "done.json"):
        done = json.loads(path.read_text())
        for key in ("symbols.pair_penalty", "symbols.completion", "vision.penalties.hessian"):
            done["inputs"].pop(key, None)
        path.write_text(json.dumps(done))
    data = json.loads((shell.run_dir / "data.json").read_text())
    del data["asked"]["splits"]["held_out_pairs"], data["asked"]["data"]["bins"]
    data["splits"]["validation_symbols"].reverse()  # lists that no version would draw again
    (shell.run_dir / "data.json").write_text(json.dumps(data))
    up_to_date = ["vision: up to date", "symbols: up to date", "operators: up to date"]
    assert shell() == (0, up_to_date)
    assert json.loads((shell.run_dir / "data.json").read_text()) == data
    assert shell("symbols") == (0, ["symbols: up to date"])
    code, lines = shell("--set", "symbols.pair_penalty=0.5")
    assert code == 0
    assert lines[0] == "vision: up to date"
    assert "symbols: made again, since symbols.pair_penalty None -> 0.5" in lines


def test_a_setting_that_was_removed_since_makes_its_stage_again(shell: Shell) -> None:
    shell("--quiet")
    path = shell.run_dir / "symbols" / "done.json"
    done = json.loads(path.read_text())
    path.write_text(json.dumps({**done, "inputs": {**done["inputs"], "symbols.old": 1}}))
    assert "symbols: made again, since symbols.old 1 -> unset" in shell()[1]


def test_a_longer_test_list_leaves_what_was_trained(shell: Shell) -> None:
    shell("--quiet")
    lines = shell("--set", "splits.test_symbols=6", "--set", "splits.test_operators=6")[1]
    for stage in ("vision", "symbols", "operators"):
        assert f"{stage}: up to date" in lines


def test_stages_run_alone_when_what_they_build_on_is_there(shell: Shell) -> None:
    refused = "symbols needs vision, which is not finished: name vision too, or no stage to make all"
    assert shell("symbols") == (2, [f"scan: error: {refused}"])
    assert not (shell.run_dir / "config.yaml").exists()
    assert shell("vision", "--quiet") == (0, [])
    assert shell("--quiet", "symbols") == (0, [])
    assert not (shell.run_dir / "operators").exists()
    code, lines = shell("symbols", "--set", "vision.training.steps=3")
    assert code == 2
    assert "vision, which was made with other settings (vision.training.steps 2 -> 3)" in lines[-1]
    assert shell("symbols") == (0, ["symbols: up to date"])


def test_an_altered_file_is_refused_by_name_until_its_stage_is_named(shell: Shell) -> None:
    shell("--quiet")
    digest = shell.digest("vision")
    path = shell.run_dir / "vision" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    for words in ([], ["operators"]):
        code, lines = shell(*words)
        assert code == 1
        assert str(path) in lines[-1]
        assert (
            f"scan run {shell.run_dir / 'config.yaml'} vision --run-dir {shell.run_dir} makes it again"
            in lines[-1]
        )
    assert shell("vision", "--quiet") == (0, [])
    assert shell.digest("vision") == digest
    assert shell() == (0, ["vision: up to date", "symbols: up to date", "operators: up to date"])


def test_a_users_own_model_takes_a_stages_place(shell: Shell) -> None:
    shell("--quiet", "--set", "seed=1")
    mine = (shell.run_dir / "vision" / "model.safetensors").read_bytes()
    shell("--quiet")
    shutil_free = [p for p in (shell.run_dir / "vision").iterdir() if p.name != "model.safetensors"]
    for path in shutil_free:
        path.unlink()
    (shell.run_dir / "vision" / "model.safetensors").write_bytes(mine)
    code, lines = shell()
    assert code == 0
    assert lines[0] == "vision: your own vision/model.safetensors"
    assert any(line.startswith("symbols: made again") for line in lines)
    shell("--fresh", "--quiet")
    assert (shell.run_dir / "vision" / "model.safetensors").read_bytes() == mine
    shell("--fresh", "--quiet", "vision")
    assert (shell.run_dir / "vision" / "model.safetensors").read_bytes() != mine


def test_a_second_process_on_a_run_is_refused(shell: Shell) -> None:
    with RunFolder(shell.run_dir):
        code, lines = shell()
    assert code == 1
    assert lines == [f"scan: error: {shell.run_dir} is in use by another process (id {os.getpid()})"]


def test_fresh_starts_over_also_from_another_format(shell: Shell) -> None:
    shell("--quiet")
    digest = shell.digest("operators")
    for name in ("data.json", "vision/done.json"):
        path = shell.run_dir / name
        path.write_text(path.read_text().replace(f'"format": {FORMAT}', '"format": 0'))
        code, lines = shell()
        assert code == 1
        assert f"{path} has run format 0, this version reads {FORMAT}" in lines[-1]
        assert shell("--fresh", "--quiet") == (0, [])
        assert shell.digest("operators") == digest


def test_every_setting_of_a_section_is_an_input_of_its_stage(shell: Shell) -> None:
    shell("--quiet")
    for name in ("vision", "symbols", "operators"):
        done = json.loads((shell.run_dir / name / "done.json").read_text())["inputs"]
        settings = {key.split(".")[1] for key in done if key.startswith(f"{name}.")}
        fields = Config.model_fields[name].annotation.model_fields  # type: ignore[union-attr]
        assert settings == fields.keys() - {"checkpoint_seconds"}
        assert "seed" in done
        assert "data.splits.held_out.sha256" in done
