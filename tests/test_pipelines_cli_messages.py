"""The command line itself: help, the version, errors in one line, and `scan data`."""

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.config import config_files
from pipelines.errors import InterruptedRun

HELPS = """
import io, json, sys, time
from contextlib import redirect_stdout
began = time.process_time()
from pipelines.cli import COMMANDS, main
imported = time.process_time() - began
found = {}
for name in ("", *COMMANDS):
    began = time.process_time()
    with redirect_stdout(io.StringIO()) as shown:
        try: main([*name.split(), "--help"])
        except SystemExit as end: assert end.code == 0
    assert "torch" not in sys.modules, name
    found[name] = shown.getvalue(), imported + time.process_time() - began
print(json.dumps(found))
"""
"""What each --help prints, and its CPU seconds with those of the imports of the command line."""


@pytest.fixture(scope="module")
def helps() -> list[dict[str, tuple[str, float]]]:
    """What `HELPS` found in a new process, three times: other processes may take the core away."""
    found = []
    for _ in range(3):
        ended = subprocess.run([sys.executable, "-c", HELPS], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        found.append(json.loads(ended.stdout))
    return found


@pytest.mark.parametrize("name", ["", *cli.COMMANDS])
def test_help_is_instant_and_has_an_example(name: str, helps: list[dict[str, tuple[str, float]]]) -> None:
    shown, _ = helps[0][name]
    assert min(seconds for _, seconds in (one[name] for one in helps)) < 0.4
    assert any(line.startswith("example: scan ") for line in shown.splitlines())


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["run", "rooms-min"], 2, "scan: error: no config named 'rooms-min'; did you mean rooms-mini?"),
        (
            ["run", "TMP/rooms.yaml", "vison"],
            2,
            "scan: error: no stage 'vison' in this run; did you mean vision?",
        ),
        (["run", "TMP/rooms.yaml", "dae"], 2, "scan: error: no stage 'dae' in this run"),
        (
            ["run", "TMP/rooms.yaml", "--set", "vision.training.lr=no"],
            2,
            "scan: error: --set vision.training.lr=no: vision.training.lr: expected",
        ),
        (
            ["run", "TMP/npz.yaml", "--run-dir", "TMP/r"],
            2,
            "scan: error: this data set is read from a file: --set",
        ),
        (
            ["run", "TMP/rooms.yaml", "--run-dir", "TMP/file"],
            2,
            "scan: error: TMP/file is a file, not a run folder",
        ),
        (
            ["run", "TMP/rooms.yaml", "--run-dir", "TMP/file/r"],
            1,
            "scan: error: cannot use TMP/file/r as a run folder",
        ),
        (["data", "TMP/npz.yaml", "--set", "data.path=TMP/x.npz"], 2, "scan: error: TMP/x.npz: no such file"),
        (["data", "TMP/rooms.yaml", "-n", "0"], 2, "scan: error: -n 0: expected at least one image"),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(
    words: list[str], code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "rooms.yaml").write_text("name: a\ndata: {kind: rooms}")
    (tmp_path / "npz.yaml").write_text("name: a\ndata: {kind: npz}")
    assert cli.main([word.replace("TMP", str(tmp_path)) for word in words]) == code
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 1
    assert shown[0].startswith(message.replace("TMP", str(tmp_path)))


@pytest.mark.parametrize("words", [["rum"], ["run"], ["run", "rooms", "--debgu"], ["doctor", "extra"], []])
def test_a_wrong_command_line_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]


def test_help_names_every_shipped_config(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["run", "--help"])
    unwrapped = re.sub(r"-\n\s+", "-", capsys.readouterr().out)
    words = re.split(r"[\s(),]+", unwrapped)
    assert set(config_files.shipped_names()) <= set(words)


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"scan-concepts {metadata.version('scan-concepts')}, torch ")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InterruptedRun("vision stopped"), 130, "scan: vision stopped"),
        (KeyboardInterrupt(), 130, "scan: interrupted"),
        (OSError(28, "No space", "runs/x"), 1, "scan: error: runs/x: no space left on the disk"),
        (ZeroDivisionError("a\nb"), 1, "scan: error: ZeroDivisionError: a b (--debug shows where)"),
    ],
)
def test_whatever_happens_is_one_line(
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setitem(cli.COMMANDS, "doctor", cli.COMMANDS["doctor"]._replace(main=fail))
    assert cli.main(["doctor"]) == code
    assert capsys.readouterr().err.splitlines() == [line]
    assert cli.main(["doctor", "--debug"]) == code
    assert "Traceback" in capsys.readouterr().err


def test_data_prints_json_and_writes_a_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    sheet, config = tmp_path / "sheet.png", tmp_path / "rooms.yaml"
    config.write_text("name: a\ndata: {kind: rooms}")
    options = ["--set", "data.images=60", "--set", "data.size=8", "-n", "16", "-o", str(sheet)]
    assert cli.main(["data", str(config), "--json", *options]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["shape"] == [3, 8, 8]
    assert described["concepts_per_level"] == [51, 912, 6400, 12288]
    assert all(sum(values.values()) == 60 for values in described["factors"].values())
    with Image.open(sheet) as image:
        assert image.size == (8 * 66 + 2, 2 * 66 + 2)  # images enlarged to 64 pixels, borders of 2
