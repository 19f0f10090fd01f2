"""Files that are whole or absent: atomic writes (`vision.files`) with errors for a user, JSON, hashes."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import vision.files
from pipelines.errors import RunError, explain
from pipelines.runs import records


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """`vision.files.atomic` in a folder that is made where it is missing.

    Raises:
        RunError: When the folder cannot be written or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with vision.files.atomic(path) as draft:
            yield draft
    except OSError as error:
        raise RunError(f"cannot write {path}: {explain(error)}; what was finished before is kept") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file or nothing."""
    with atomic(path) as draft:
        draft.write_bytes(content)


def write_json(path: Path, content: object) -> None:
    """Write `content` as indented JSON, whole or not at all."""
    write_bytes(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read one of our JSON objects.

    Raises:
        RunError: When the file is missing, truncated, not an object, not what `records` expects of a file of
            its name, or not the one that the receipt beside it lists.
    """
    content = _parsed(path, _content(path))
    if not isinstance(content, dict):
        raise RunError(f"{path} is damaged (not a JSON object)")
    if found := records.damage(path.name, content):
        raise RunError(f"{path} is damaged ({found})")
    return content


def read_lines(path: Path, *needed: str) -> list[dict[str, float]]:
    """Read a file with a JSON object of numbers in every line, among them those `needed`.

    Raises:
        RunError: As `read_json`.
    """
    lines = [_parsed(path, line) for line in _content(path).splitlines()]
    for line in lines:
        if not isinstance(line, dict) or not all(type(value) in (int, float) for value in line.values()):
            raise RunError(f"{path} is damaged (not a JSON object of numbers in every line)")
        if missing := set(needed) - line.keys():
            raise RunError(f"{path} is damaged (no {missing.pop()} in a line)")
    return lines


def _content(path: Path) -> bytes:
    """The bytes of a file, checked against the receipt in its folder where that lists it."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise RunError(f"{path} is missing") from None
    receipt = path.with_name("done.json")
    if path != receipt and receipt.is_file():
        expected = read_json(receipt).get("files", {}).get(path.name)
        if expected not in (None, hashlib.sha256(content).hexdigest()):
            raise RunError(f"{path} is not the file that this run wrote (truncated or altered)")
    return content


def _parsed(path: Path, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise RunError(f"{path} is damaged (not whole JSON)") from None


def sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(content: object) -> str:
    """The sha256 of a JSON-able value, in hex; equal values have equal fingerprints."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
