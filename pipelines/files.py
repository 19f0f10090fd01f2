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
        flush(path.parent)
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
    """Wait until a file or folder is on the disk."""
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
        RunError: When the file is missing, truncated or not an object.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path} is missing") from None
    except (ValueError, UnicodeDecodeError):
        raise RunError(f"{path} is damaged (not whole JSON)") from None
    if not isinstance(content, dict):
        raise RunError(f"{path} is damaged (not a JSON object)")
    return content


def sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(content: object) -> str:
    """The sha256 of a JSON-able value, in hex; equal values have equal fingerprints."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
