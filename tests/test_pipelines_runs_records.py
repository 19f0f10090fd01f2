"""Damaged files of a run are named where they are read, whatever the damage."""

import json
from pathlib import Path

import pytest

from pipelines.errors import RunError
from pipelines.runs.files import read_json, read_lines, sha256
from pipelines.runs.records import FORMAT

DONE = {
    "format": FORMAT,
    "stage": "vision",
    "own": False,
    "inputs": {},
    "files": {},
    "seconds": 1.0,
    "versions": {"python": "3"},
}


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", "[" * 100_000, '{"a":' * 100_000, '"\\ud800"', "\x00"])
def test_what_is_not_a_whole_object_is_damaged(tmp_path: Path, text: str) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=r"metrics\.json is damaged"):
        read_json(path)


@pytest.mark.parametrize("key", [key for key in DONE if key not in ("format", "stage")])
def test_a_receipt_without_a_key_or_with_another_type_is_damaged(tmp_path: Path, key: str) -> None:
    path = tmp_path / "done.json"
    assert read_json(write(path, DONE)) == DONE
    write(path, {name: value for name, value in DONE.items() if name != key})
    with pytest.raises(RunError, match=rf"done\.json is damaged \({key}: field required\)"):
        read_json(path)
    for other in (None, 3 if key not in ("seconds",) else "3", [1]):
        write(path, {**DONE, key: other})
        with pytest.raises(RunError, match=rf"done\.json is damaged \({key}"):
            read_json(path)


def test_files_of_other_versions_are_left_to_the_check_of_versions(tmp_path: Path) -> None:
    assert read_json(write(tmp_path / "done.json", {"format": FORMAT + 1}))["format"] == FORMAT + 1


def test_a_result_that_is_not_the_one_of_its_receipt_is_refused(tmp_path: Path) -> None:
    metrics = write(tmp_path / "metrics.json", {"kl": 3.0})
    write(tmp_path / "done.json", {**DONE, "files": {"metrics.json": sha256(metrics)}})
    assert read_json(metrics) == {"kl": 3.0}
    write(metrics, {"kl": 4.0})
    with pytest.raises(RunError, match=r"metrics\.json is not the file that this run wrote"):
        read_json(metrics)


def test_lines_are_objects(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"step": 1}\n{"step": 2}\n', encoding="utf-8")
    assert [line["step"] for line in read_lines(log)] == [1, 2]
    for damaged in ('{"step": 1}\n{"st', "3\n"):
        log.write_text(damaged, encoding="utf-8")
        with pytest.raises(RunError, match=r"log\.jsonl is damaged"):
            read_lines(log)
