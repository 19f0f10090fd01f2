"""The lock of a run; and that nothing needs what only Unix has: fcntl, parts of os and of signal."""

import subprocess
import sys
from pathlib import Path

import pytest
from tiny_set import write_npz

from pipelines.errors import RunError
from pipelines.runs.locks import Lock

WINDOWS = """
import os, signal, sys, types, warnings
warnings.filterwarnings("ignore", "only soft file lock is available")  # it is neither Unix nor Windows here
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "chown", "fchmod", "fork", "getloadavg", "getuid",
             "killpg", "mkfifo", "pread", "pwrite", "sched_getaffinity", "setsid"):
    delattr(os, name)
for name in ("SIGALRM", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "alarm"):
    delattr(signal, name)
def opened(path, flags, *rest, **more):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", str(path))
    return os.open(path, flags, *rest, **more)
def flushed(handle):
    os.write(handle, b"")
    os.fsync(handle)
from vision import files
files.os = types.SimpleNamespace(**{**vars(os), "name": "nt", "open": opened, "fsync": flushed})
"""
"""What Windows lacks, taken away before anything is imported; and it opens no folders, and flushes only files
that are open for writing."""


def as_on_windows(script: str, *words: str) -> str:
    ended = subprocess.run([sys.executable, "-c", WINDOWS + script, *words], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_without_what_only_unix_has_every_module_imports_and_a_run_starts(tmp_path: Path) -> None:
    script = """
import importlib, pkgutil
import pipelines, scan, symbols, vision
for package in (pipelines, scan, symbols, vision):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
from pipelines import cli
from pipelines.devices import usable_cores
assert usable_cores() >= 1
words = ["run", sys.argv[1], "vision", "--run-dir", sys.argv[2], "--device", "cpu", "--quiet"]
print(cli.main(words), cli.main(["doctor", "--json"]) in (0, 1))
"""
    config, run = tmp_path / "tiny.yaml", tmp_path / "run"
    config.write_text(
        f"name: tiny\ndata: {{kind: npz, path: '{write_npz(tmp_path / 'set.npz')}'}}\n"
        "splits: {held_out: 5, test_images: 10, train_symbols: 20, test_symbols: 5,\n"
        "         validation_symbols: 5, test_operators: 5}\n"
        "vision:\n"
        "  network: {kind: convolutional, latents: 2, hidden: 4, widths: [4]}\n"
        "  training: {steps: 2, batch: 4, precision: fp32}\n"
    )
    assert as_on_windows(script, str(config), str(run)).splitlines()[-1] == "0 True"
    assert {path.name for path in (run / "vision").iterdir()} == {
        "done.json",
        "log.jsonl",
        "metrics.json",
        "model.safetensors",
    }


def test_without_what_only_unix_has_a_second_process_is_refused(tmp_path: Path) -> None:
    script = """
import pathlib, subprocess
from pipelines.errors import RunError
from pipelines.runs.folder import RunFolder
me, run = sys.argv[1:3]
if len(sys.argv) > 3:
    try:
        with RunFolder(pathlib.Path(run)):
            print("entered")
    except RunError as error:
        print(error)
    sys.exit()
with RunFolder(pathlib.Path(run)):
    subprocess.run([sys.executable, me, me, run, "second"])
subprocess.run([sys.executable, me, me, run, "third"])
"""
    me, run = tmp_path / "me.py", tmp_path / "run"
    me.write_text(WINDOWS + script)
    second, third = as_on_windows(script, str(me), str(run)).splitlines()
    assert second.startswith(f"{run} is in use by another process")
    assert third == "entered"


def test_a_second_lock_is_refused_and_leaves_the_holder_named(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / ".lock"), Lock(tmp_path / ".lock")
    first.take()
    for _ in range(2):
        with pytest.raises(RunError, match=r"in use by another process \(id \d+\)"):
            second.take()
    first.give_back()
    second.take()
    second.give_back()
    second.give_back()


def test_a_lock_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot use .*file as a run folder: (file exists|not a directory)"):
        Lock(tmp_path / "file" / ".lock").take()
    (tmp_path / "folder" / ".lock").mkdir(parents=True)
    with pytest.raises(RunError, match=r"cannot use .*folder as a run folder: is a directory"):
        Lock(tmp_path / "folder" / ".lock").take()
