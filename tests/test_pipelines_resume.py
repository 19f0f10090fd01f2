"""A run that is killed at any moment, in every stage, ends as if nothing had happened: real processes."""

import json
import os
import random
import shutil
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import forked_commands
import pytest
from tiny_set import write_npz

CONFIG = """
name: tiny
data: {kind: npz, path: SET}
splits: {held_out: 5, test_images: 20, train_symbols: 20,
         test_symbols: 10, validation_symbols: 10, test_operators: 10}
dae: {steps: 150, batch: 8, code: 8, widths: [8, 8], checkpoint_seconds: 0.1}
vision:
  network: {kind: convolutional, latents: 4, hidden: 16, widths: [8, 8]}
  likelihood: {kind: perceptual, features: bottleneck}
  training: {steps: 150, batch: 8, checkpoint_seconds: 0.1, restarts: 3, restart_steps: 40}
symbols: {steps: 400, batch: 16, expert_penalty: 2, pair_penalty: 1, completion: 0.5, examples: 3,
          checkpoint_seconds: 0.1}
operators: {steps: 400, batch: 16, hidden: [8], triples: 100, checkpoint_seconds: 0.1}
judge: {steps: 150, batch: 8, warmup: 5, checkpoint_seconds: 0.1}
"""
STEPS = {"dae": 150, "vision": 150, "symbols": 400, "operators": 400, "judge": 150}
PATIENCE = 1200


class Run:
    """`scan run` in processes of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.config, self.output = folder / "run", folder / "tiny.yaml", folder / "output"
        self.config.write_text(CONFIG.replace("SET", str(write_npz(folder / "set.npz", size=16))))

    def start(self) -> BaseProcess:
        words = ["run", str(self.config), *STEPS, "--run-dir", str(self.folder)]
        return forked_commands.start(words, self.output)

    def finish(self) -> None:
        process = self.start()
        process.join(PATIENCE)
        assert process.exitcode == 0, self.output.read_text()

    def stop(self, stage: str, step: int, number: signal.Signals) -> int | None:
        """Run until `stage` has logged `step`, then send a signal; returns the code with which that ended it.

        On a busy machine the stage may be over when the signal comes: then it is undone and run again.
        """
        for _ in range(5):
            code = self._stop(stage, step, number)
            if not (self.folder / stage / "done.json").exists():
                return code
            shutil.rmtree(self.folder / stage)
        raise AssertionError("the signal came too late five times")

    def _stop(self, stage: str, step: int, number: signal.Signals) -> int | None:
        process = self.start()
        deadline = time.monotonic() + PATIENCE
        while self.logged(stage) < step:
            assert process.is_alive(), self.output.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        assert process.pid is not None
        os.kill(process.pid, number)
        process.join(PATIENCE)
        return process.exitcode

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
    """A run that nobody stopped, on two threads as users have them; where cores are busy these would spin."""
    forked_commands.prepare(OMP_NUM_THREADS="2", OMP_WAIT_POLICY="PASSIVE")
    run = Run(tmp_path_factory.mktemp("whole"))
    run.finish()
    return run


def test_killed_in_every_stage_it_ends_with_the_same_weights(tmp_path: Path, whole: Run) -> None:
    rng, run = random.Random(), Run(tmp_path)  # a different place every time: the promise is for all of them
    for stage, steps in STEPS.items():
        step = rng.randrange(steps // 2)
        number = {"symbols": signal.SIGTERM, "operators": signal.SIGHUP}.get(stage, signal.SIGKILL)
        code = run.stop(stage, step, number)
        assert code == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    run.finish()
    assert run.results() == whole.results()
