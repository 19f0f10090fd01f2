"""What all tests share: a folder of their own, and one tiny run of the whole pipeline, made once."""

import os
import signal
from collections.abc import Iterator
from typing import Any

# Tiny tensors gain nothing from threads, and compared results must be summed in one order. Before torch.
os.environ["OMP_NUM_THREADS"] = "1"

from pathlib import Path

import pytest

from pipelines import cli

TINY = """
name: tiny
data: {kind: rooms, size: 16, images: 600, aliases: {dub: {shape: ice lolly, wall: white}}}
splits: {held_out: 100, test_images: 50, train_symbols: 30, test_symbols: 12, test_operators: 12}
vision:
  network: {kind: convolutional, latents: 5, hidden: 16, widths: [8, 8]}
  objective: {kind: beta_vae, beta: 0.1}
  training: {steps: 20, restart_steps: 20, batch: 32, lr: 1.0e-2, precision: fp32}
symbols: {steps: 20, expert_penalty: 2}
operators: {steps: 20, triples: 60, hidden: [8]}
judge: {steps: 20, batch: 32, warmup: 2, images: 300, precision: fp32}
evaluate: {images_per_symbol: 4, diversity_images: 10}
"""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command without -o writes where it is called, which is not to be the clone."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with every stage done, small and badly trained; not to be changed: copy it for that."""
    folder = tmp_path_factory.mktemp("finished")
    config, run = folder / "tiny.yaml", folder / "run"
    config.write_text(TINY)
    assert cli.main(["run", str(config), "--run-dir", str(run), "--device", "cpu", "--quiet"]) == 0
    return run


@pytest.fixture
def measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In tables of runs that are all copies of one, its measures are computed once, on few points."""
    from pipelines.commands import measures  # takes torch, which not every test needs

    found: list[dict[str, Any]] = []
    compute: Any = measures.measures_of

    def measures_of(run: object, device: object) -> dict[str, Any]:
        if not found:
            found.append(compute(run, device))
        return dict(found[0])

    monkeypatch.setattr(measures, "POINTS", 400)
    monkeypatch.setattr("pipelines.commands.results.measures_of", measures_of)


@pytest.fixture
def hangup_not_ignored() -> Iterator[None]:
    """SIGHUP as in an ordinary session, also for the processes that a test starts: nohup ignores it."""
    if not hasattr(signal, "SIGHUP"):
        yield
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
