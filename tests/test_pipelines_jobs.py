"""Jobs and engines: what is handed back, which judges are shared, and a worker of Ray that is killed."""

import doctest
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from tiny_set import write_npz

from pipelines.errors import InterruptedRun
from pipelines.jobs import Job, Local, job, sweep_file, sweep_runs
from pipelines.jobs.judges import Judges
from pipelines.jobs.local import Processes
from pipelines.report import sweeps

SWEEP = """
base: tiny.yaml
seeds: [0, 1]
stages: [vision]
list: [{vision.training.batch: 8}]
"""
CONFIG = """
name: tiny
data: {kind: npz, path: SET}
splits: {held_out: 5, test_images: 20, train_symbols: 20,
         test_symbols: 10, validation_symbols: 10, test_operators: 10}
vision:
  network: {kind: convolutional, latents: 4, hidden: 16, widths: [8, 8]}
  objective: {kind: beta_vae, beta: 0.1}
  training: {steps: STEPS, checkpoint_seconds: 0.2, precision: fp32}
"""


def jobs_of(folder: Path, *assignments: str) -> list[Job]:
    """A job for each assignment."""
    return [Job("rooms-mini", (one,), folder / str(n)) for n, one in enumerate(assignments)]


def test_every_job_is_handed_back_with_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def call(self: Processes, arguments: list[str], log: Path) -> int:
        if "seed=1" in arguments:
            log.write_text("scan: error: no space left on the disk\n")
        return 1 if "seed=1" in arguments else -9 if "seed=2" in arguments else 0

    monkeypatch.setattr(Processes, "call", call)
    (tmp_path / "2.log").write_text("")
    for engine in (Local(), Local(2), Local(None)):
        ended: dict[str, str] = {}
        jobs = jobs_of(tmp_path, "seed=0", "seed=1", "seed=2")
        engine.run(jobs, lambda one, why: ended.update({one.assignments[0]: why}))  # noqa: B023
        assert ended == {"seed=0": "", "seed=1": "no space left on the disk", "seed=2": "killed by signal 9"}


def test_an_interrupt_stops_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = []
    monkeypatch.setattr(Processes, "call", lambda self, arguments, log: 0)
    monkeypatch.setattr(Processes, "stop", lambda self: stopped.append(True))

    def interrupt(one: Job, why: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(InterruptedRun, match="the same command goes on"):
        Local().run(jobs_of(tmp_path, "seed=0"), interrupt)
    assert stopped == [True]


def test_judges_are_shared_by_what_they_depend_on(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, "vision.training.steps=7", "symbols.steps=7", "judge.steps=7", "seed=1")
    only_vision = Job("rooms-mini", ("symbols.steps=9",), tmp_path / "vision", ("vision",))
    judges = Judges([*jobs, only_vision])
    assert [judges.donors(one) for one in jobs] == [(jobs[1].folder,), (jobs[0].folder,), (), ()]
    assert judges.donors(only_vision) == ()
    assert judges.first(jobs) == [jobs[0]._replace(stages=("judge",))]
    assert judges.first(jobs[1:]) == []


@pytest.mark.parametrize("module", [job, sweep_file, sweep_runs, sweeps])
def test_examples_of_docstrings(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert failed == 0
    assert tried > 0


@pytest.mark.slow
def test_a_run_whose_ray_worker_is_killed_ends_with_the_same_bits(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed (extra ray)")
    base = CONFIG.replace("SET", str(write_npz(tmp_path / "set.npz", size=16))).replace("STEPS", "300")
    (tmp_path / "tiny.yaml").write_text(base)
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = [sys.executable, "-m", "pipelines", "sweep", str(tmp_path / "sweep.yaml"), "--device", "cpu"]
    subprocess.run([*command, "--out", str(whole)], check=True)
    (row,) = json.loads((whole / "sweep.json").read_text())["rows"]
    assert all(one["measures"].keys() >= {"loss", "mig", "rmse"} for one in row["cells"])

    run = killed / "vision.training.batch=8"
    with subprocess.Popen([*command, "--out", str(killed), "--engine", "ray", "--jobs", "2"]) as sweep:
        checkpoint, until = run / "seed-0" / "vision" / "state", time.monotonic() + 300
        while not checkpoint.is_file():
            assert sweep.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        worker = int((run / "seed-0" / ".lock").read_text())
        os.kill(worker, signal.SIGKILL)
        assert sweep.wait(600) == 0
    assert (run / "seed-0.log").read_text().count("goes on from where it stopped") == 1
    assert "goes on" not in (run / "seed-1.log").read_text()
    for seed in ("seed-0", "seed-1"):
        receipts = [folder / run.name / seed / "vision" / "done.json" for folder in (whole, killed)]
        first, second = (json.loads(receipt.read_text())["files"] for receipt in receipts)
        assert first["model.safetensors"] == second["model.safetensors"]
