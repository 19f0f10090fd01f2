"""Stopping: by every signal that means it, at any moment from the first import on, with one line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_set import write_npz

from pipelines.stopping import STOPPING, like_interrupt, noted


@pytest.mark.parametrize("number", STOPPING)
def test_outside_of_training_a_signal_interrupts(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt), like_interrupt():
            signal.raise_signal(number)
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGINT, *STOPPING])
def test_in_training_it_is_noted_once(number: signal.Signals) -> None:
    before = signal.signal(number, signal.default_int_handler)
    try:
        with noted() as stopped:
            assert not stopped()
            signal.raise_signal(number)
            assert stopped()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
        assert signal.getsignal(number) == signal.default_int_handler
    finally:
        signal.signal(number, before)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this platform has no terminals that hang up")
def test_under_nohup_a_hangup_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with like_interrupt(), noted() as stopped:
            signal.raise_signal(signal.SIGHUP)
            assert not stopped()
    finally:
        signal.signal(signal.SIGHUP, before)


# The first second of a command is imports: the key is pressed while a certain one is looked for, where
# KeyboardInterrupt may be swallowed or turned into another error.
PRESSED = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
pressed = sys.argv.pop()
class Press:
    @staticmethod
    def find_spec(name, *_):
        if name == pressed:
            try:
                signal.raise_signal(signal.SIGINT)
            except BaseException as error:
                raise ImportError("swallowed") from error
sys.meta_path.insert(0, Press)
runpy.run_module("pipelines", run_name="__main__")
"""


@pytest.mark.parametrize("module", ["pipelines.cli", "pipelines.commands", "torch", "numpy", "yaml"])
def test_ctrl_c_during_any_import_is_one_line(module: str, tmp_path: Path) -> None:
    words = ["data", "rooms", "-o", str(tmp_path / "rooms.png")]
    ended = subprocess.run([sys.executable, "-c", PRESSED, *words, module], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "scan: interrupted\n")


def test_a_background_job_goes_on_ignoring_ctrl_c() -> None:
    script = PRESSED.replace("default_int_handler", "SIG_IGN")
    words = ["doctor", "--help", "pipelines.cli"]
    ended = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_installed_command_starts_where_the_module_does() -> None:
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert 'scan = "pipelines.__main__:main"' in text


@pytest.mark.usefixtures("hangup_not_ignored")
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="this platform has no terminals that hang up")
def test_a_terminal_that_goes_away_ends_a_training_after_a_checkpoint(tmp_path: Path) -> None:
    config, run = tmp_path / "tiny.yaml", tmp_path / "run"
    config.write_text(
        f"name: tiny\ndata: {{kind: npz, path: '{write_npz(tmp_path / 'set.npz')}'}}\n"
        "splits: {held_out: 5, test_images: 10, train_symbols: 20, test_symbols: 5,\n"
        "         validation_symbols: 5, test_operators: 5}\n"
        "vision:\n"
        "  network: {kind: convolutional, latents: 2, hidden: 4, widths: [4]}\n"
        "  training: {steps: 2900, batch: 4, precision: fp32, checkpoint_seconds: 1000}\n"
    )
    script = (
        "import os, runpy\n"
        "os.close(os.open(os.ttyname(0), os.O_RDWR))  # the first one that is opened is the session's own\n"
        "runpy.run_module('pipelines', run_name='__main__')"
    )
    command = [sys.executable, "-c", script, "run", str(config), "vision", "--run-dir", str(run)]
    ours, theirs = os.openpty()
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        state, log = run / "vision" / "state", run / "vision" / "log.jsonl"
        while not (log.exists() and log.stat().st_size):
            assert process.poll() is None, os.read(ours, 10_000)
            time.sleep(0.02)
        saved = state.read_bytes()
        os.close(ours)
        try:
            assert process.wait(timeout=60) == 130
        finally:
            process.kill()
    assert state.read_bytes() != saved
