"""`scan compare`: members on one table, one judge a seed, what failed beside what did not, and going on."""

import json
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY

from pipelines import cli
from pipelines.commands import cells
from pipelines.jobs import judges, local
from pipelines.jobs.job import failure
from pipelines.report import comparison

NETWORKS = {
    "narrow": "{kind: convolutional, latents: 5, hidden: 16, widths: [8, 8]}",
    "burgess": "{kind: burgess, latents: 5}",
    "study": "{kind: study, precision_limit: 1.5}",
}


@pytest.fixture
def configs(tmp_path: Path) -> dict[str, Path]:
    files = {name: tmp_path / f"{name}.yaml" for name in NETWORKS}
    for name, file in files.items():
        lines = TINY.replace("name: tiny", f"name: {name}").splitlines()
        file.write_text(
            "\n".join(f"  network: {NETWORKS[name]}" if "network:" in one else one for one in lines)
        )
    return files


@pytest.fixture
def called(finished_run: Path, measured_once: None, monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The commands of the runs; each makes a copy of a finished run, but one of the study's network fails."""
    commands: list[Sequence[str]] = []

    def call(self: local.Processes, arguments: Sequence[str], log: Path) -> int:
        commands.append(arguments)
        if "study" in arguments[1]:
            log.write_text("building\nscan: error: vision: no memory for that\n")
            return 1
        folder = Path(arguments[arguments.index("--run-dir") + 1])
        shutil.copytree(finished_run, folder, dirs_exist_ok=True)
        return 0

    monkeypatch.setattr(local.Processes, "call", call)
    return commands


def compare(out: Path, *words: object) -> int:
    return cli.main(["compare", *map(str, words), "--out", str(out), "--device", "cpu", "--quiet"])


def found(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "compare.json").read_text())
    return {row["label"]: row for row in content["rows"]}


def test_members_stand_in_one_table_and_what_is_finished_is_kept(
    configs: dict[str, Path],
    called: list[Sequence[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, files = tmp_path / "out", list(configs.values())
    assert compare(out, *files, "--seeds", "0") == 1  # a member fails
    rows = found(out)
    assert [cell["status"] for row in rows.values() for cell in row["cells"]] == ["done", "done", "failed"]
    assert rows["study"]["cells"][0]["why"] == "vision: no memory for that"
    measured = {name for group in comparison.GROUPS.values() for name in group}
    assert measured <= rows["narrow"]["mean"].keys()
    assert rows["burgess"]["spread"] == {}
    assert (rows["burgess"]["network"], rows["burgess"]["mean"]["latents"]) == ("burgess", 5)
    printed = capsys.readouterr().out
    assert "study, seed 0: vision: no memory" in printed
    assert {row["prior_knowledge"] for row in rows.values()} == {"nothing"}
    assert "  narrow: nothing" in printed
    assert f"{rows['narrow']['mean']['accuracy_test']:.3f}" in printed
    page = (out / "compare.html").read_text()
    assert 'href="narrow/seed-0/report.html"' in page
    assert "vision: no memory for that" in page

    called.clear()
    assert compare(out, *files, "--seeds", "0") == 1
    assert [arguments[1] for arguments in called] == [str(configs["study"])]
    assert found(out)["narrow"]["mean"] == rows["narrow"]["mean"]

    called.clear()
    settings = ("--set", "symbols.steps=4", "--seeds", "0", "--jobs", "2")
    assert compare(out, configs["narrow"], configs["burgess"], *settings, "--json") == 0
    assert ["judge" in arguments for arguments in called] == [True, False, False]  # before those that copy it
    assert (
        json.loads(capsys.readouterr().out.partition("{")[2].join(("{", "")))["rows"][0]["label"] == "narrow"
    )


@pytest.mark.parametrize(
    ("change", "words", "message"),
    [
        ("vision: 3", (), "expected a section"),
        ("", ("--set", "seed=3"), "the seeds of a comparison are those of --seeds"),
        (
            "splits: {test_images: 41}",
            (),
            "not comparable with narrow: splits.test_images 50 -> 41",
        ),
        ("name: narrow", (), None),
        ("", ("--jobs", "-1"), "--jobs -1: expected 1 or more"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_trained(
    change: str,
    words: tuple[str, ...],
    message: str | None,
    configs: dict[str, Path],
    called: list[Sequence[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = change.partition(":")[0]
    lines = configs["burgess"].read_text().splitlines()
    if key == "splits":
        lines = [line.replace("test_images: 50", "test_images: 41") for line in lines]
    elif key:
        lines = [line for line in lines if not line.startswith(key)] + [change]
        lines = [line for line in lines if key != "vision" or not line.startswith("  ")]
    configs["burgess"].write_text("\n".join(lines))
    names = [configs["narrow"], configs["burgess"]]
    if message is None:  # one name twice: the files' names are the labels then
        labels = [cell.member for cell in cells.cells_of([*map(str, names)], (0,), (), tmp_path)]
        assert labels == ["narrow", "burgess"]
        return
    assert compare(tmp_path / "out", *names, *words) == 2
    assert message in capsys.readouterr().err
    assert called == []


def test_a_judge_of_the_same_data_and_seed_is_copied_and_suits_other_networks(
    finished_run: Path, configs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [str(configs["narrow"]), str(configs["burgess"])]
    first, second, other = jobs = [cell.job for cell in cells.cells_of(names, (0, 1), (), tmp_path)[:3]]
    shutil.copytree(finished_run, first.folder)
    shared = judges.Judges(jobs)
    for job in (second, other):
        judges.share(job.folder, shared.donors(job))
    assert not (other.folder / "judge").exists()  # of another seed
    receipt = second.folder / "judge" / "done.json"
    before = receipt.read_bytes()
    words = ["run", names[1], "judge", "--run-dir", str(second.folder), "--device", "cpu"]
    assert cli.main(words) == 0
    assert "judge: up to date" in capsys.readouterr().err
    assert receipt.read_bytes() == before


@pytest.mark.parametrize("text", ["", "a", "1,1", "-1", "0,,1", "99999999999999999999"])
def test_seeds_are_different_whole_numbers(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["compare", "rooms-mini", f"--seeds={text}"])
    assert "seeds" in capsys.readouterr().err


def test_a_folder_of_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    assert compare(tmp_path, "rooms-mini") == 2
    assert "expected a new folder, an empty one, or that of a comparison" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize(
    "rows",
    [
        3,
        [3],
        [{"cells": 3}],
        [{"cells": [{"measures": None}]}],
        [{"cells": [{"run": "tiny/seed-0", "measures": 3}]}],
        [{"cells": [], "setting": 3}],
    ],
)
@pytest.mark.parametrize("command", ["compare", "sweep"])
def test_a_damaged_table_is_named_and_kept(
    command: str, rows: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, sweep, table = (tmp_path / name for name in ("tiny.yaml", "sweep.yaml", f"{command}.json"))
    config.write_text(TINY)
    sweep.write_text("base: tiny.yaml\nlist: [{}]")
    table.write_text(json.dumps({"format": 1, "rows": rows}))
    before = table.read_bytes()
    asked = config if command == "compare" else sweep
    assert cli.main([command, str(asked), "--out", str(tmp_path), "--device", "cpu", "--quiet"]) == 1
    stderr = capsys.readouterr().err
    assert f"{table} is damaged (rows" in stderr
    assert stderr.count("\n") == 1
    assert table.read_bytes() == before


def test_a_run_that_is_stopped_or_killed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, log = tmp_path / "program", tmp_path / "log"
    program.write_text("#!/bin/sh\necho begun\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(local.sys, "executable", str(program))
    processes, codes = local.Processes(), []
    thread = threading.Thread(target=lambda: codes.append(processes.call(["run"], log)))
    thread.start()
    until = time.monotonic() + 30
    while not (log.exists() and log.read_text()) and time.monotonic() < until:
        time.sleep(0.02)
    processes.stop()
    thread.join(30)
    assert codes == [-15]
    assert failure(-15, log) == "killed by signal 15"
    assert processes.call(["run"], log) == 130  # no other one is started


def test_means_and_spreads_are_of_finished_runs() -> None:
    done = [{"status": "done", "measures": {"mig": value, "sap": None}} for value in (0.1, 0.2, 0.6)]
    failed = {"status": "failed", "measures": None, "seed": 3, "why": "no"}
    row = {"label": "a", "cells": [*done, failed], **comparison.summarised([*done, failed])}
    assert row["mean"] == pytest.approx({"mig": 0.3})
    assert row["spread"] == pytest.approx({"mig": 0.07**0.5})
    (table,) = comparison.tables([row]).values()
    assert table.rows == [["a", "0.300 ± 0.265"]]
    assert comparison.failures([row]) == ["a, seed 3: no"]
