"""Files that are whole or absent: atomic writes, JSON, hashes.

A write goes to a draft in the same folder, is flushed to the disk and then takes the place of the old file in
one step, so that a kill, a power cut or a full disk leaves the old file as it was.
"""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.errors import RunError
from pipelines.runs import records


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a draft beside `path`; on success it replaces `path` at once, on failure nothing has changed.

    Raises:
        RunError: When the folder cannot be written or the disk is full.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        flush(draft)
        os.replace(draft, path)
        _flush_folder(path.parent)
    except OSError as error:
        raise RunError(f"cannot write {path}: {explain(error)}; what was finished before is kept") from error
    finally:
        draft.unlink(missing_ok=True)


def explain(error: OSError) -> str:
    """The reason of an `OSError` in words for a user."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no space left on the disk"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "the folder is not writable"
    return (error.strerror or str(error)).lower()


def flush(path: Path) -> None:
    """Wait until a file is on the disk."""
    with path.open("rb+") as file:  # Windows flushes only what is open for writing
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk; Windows opens no folders, and does without."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
