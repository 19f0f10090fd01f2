"""A run that is killed at any moment, in every stage, ends as if nothing had happened: real processes."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_set import write_npz

CONFIG = """
name: tiny
data: {kind: npz, path: SET}
splits: {held_out: 5, test_images: 20, train_symbols: 20,
         test_symbols: 10, validation_symbols: 10, test_operators: 10}
dae: {steps: 150, batch: 8, code: 8, widths: [8, 8], checkpoint_seconds: 0.03}
vision:
  network: {kind: convolutional, latents: 4, hidden: 16, widths: [8, 8]}
  likelihood: {kind: perceptual, features: bottleneck}
  training: {steps: 150, batch: 8, checkpoint_seconds: 0.03, restarts: 3, restart_steps: 40}
symbols: {steps: 400, batch: 16, expert_penalty: 2, pair_penalty: 1, completion: 0.5, examples: 3,
          checkpoint_seconds: 0.03}
operators: {steps: 400, batch: 16, hidden: [8], triples: 100, checkpoint_seconds: 0.03}
judge: {steps: 150, batch: 8, warmup: 5, checkpoint_seconds: 0.03}
"""
STEPS = {"dae": 150, "vision": 150, "symbols": 400, "operators": 400, "judge": 150}
PATIENCE = 1200


class Run:
    """`scan run` in processes of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.config = folder / "run", folder / "tiny.yaml"
        self.config.write_text(CONFIG.replace("SET", str(write_npz(folder / "set.npz", size=16))))

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pipelines", "run", str(self.config), *STEPS]
        command += ["--run-dir", str(self.folder)]
        return subprocess.Popen(
            command, env={**os.environ, "OMP_NUM_THREADS": "2"}, stderr=subprocess.PIPE, text=True
        )

    def finish(self) -> None:
        with self.start() as process:
            _, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, stderr

    def stop(self, stage: str, step: int, number: signal.Signals) -> subprocess.Popen[str]:
        """Run until `stage` has logged `step`, then send a signal; returns the process, ended in that stage.

        On a busy machine the stage may be over when the signal comes: then it is undone and run again.
        """
        for _ in range(5):
            process = self._stop(stage, step, number)
            if not (self.folder / stage / "done.json").exists():
                return process
            shutil.rmtree(self.folder / stage)
        raise AssertionError("the signal came too late five times")

    def _stop(self, stage: str, step: int, number: signal.Signals) -> subprocess.Popen[str]:
        process = self.start()
        deadline = time.monotonic() + PATIENCE
        while self.logged(stage) < step:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(number)
        process.communicate(timeout=PATIENCE)
        return process

    def logged(self, stage: str) -> int:
        """Steps in the logs of a stage, those of all its restarts together while it tries them."""
        lines = []
        for log in (self.folder / stage).rglob("log.jsonl"):
            try:
                lines += log.read_text().splitlines()
            except FileNotFoundError:  # the restart that it belonged to is over
                continue
        return len(lines) * max(1, STEPS[stage] // 200) if lines else -1

    def results(self) -> dict[str, object]:
        """Weights, and logs without times."""
        found: dict[str, object] = {}
        for stage in STEPS:
            done = json.loads((self.folder / stage / "done.json").read_text())
            found[stage] = done["files"]["model.safetensors"]
            lines = [
                json.loads(line) for line in (self.folder / stage / "log.jsonl").read_text().splitlines()
            ]
            found[f"{stage} log"] = [{k: v for k, v in line.items() if k != "seconds"} for line in lines]
        return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("whole"))
    run.finish()
    return run


@pytest.mark.usefixtures("hangup_not_ignored")
def test_killed_in_every_stage_it_ends_with_the_same_weights(tmp_path: Path, whole: Run) -> None:
    rng, run = random.Random(), Run(tmp_path)  # a different place every time: the promise is for all of them
    for stage, steps in STEPS.items():
        step = rng.randrange(steps // 2)
        number = {"symbols": signal.SIGTERM, "operators": signal.SIGHUP}.get(stage, signal.SIGKILL)
        process = run.stop(stage, step, number)
        assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    run.finish()
    assert run.results() == whole.results()
