"""The files of a run folder that hold its models, and when they can be trusted. No torch.

RUN/data.json                  the vocabulary, and the version of the folder's layout
RUN/<stage>/done.json          when a stage is finished: the sha256 of what it made
RUN/<stage>/model.safetensors  its model; without any note beside it, the user's own
"""

import hashlib
import json
import reprlib
from pathlib import Path
from typing import Any

FORMAT = 4
"""The version of run folders that this program writes and reads, `format` in data.json and done.json."""

MODEL = "model.safetensors"


class RunError(ValueError):
    """A run folder that cannot be used, or a run that cannot go on: one line that names file and reason."""


def finished(stage: Path) -> bool:
    """Whether the folder of a stage has a model: it is done, or the user has put their own model there."""
    if (stage / "done.json").exists():
        return True
    return (stage / MODEL).exists() and not (stage / "inputs.json").exists()


def check_model(stage: Path) -> None:
    """Refuse the model of a stage that is not finished, or not the file that its receipt lists.

    Raises:
        RunError: Naming the folder or the file.
    """
    if not finished(stage):
        raise RunError(f"{stage}: the stage is not finished, so there is no model to load")
    receipt, path = stage / "done.json", stage / MODEL
    if not receipt.exists():
        return
    files = read(receipt, "the stage is not finished").get("files")
    expected = files.get(MODEL) if isinstance(files, dict) else None
    if expected is None:
        raise RunError(f"{receipt}: does not list {MODEL}")
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror or error})") from error
    if found != expected:
        raise RunError(f"{path}: not the file that the run wrote (its sha256 differs from done.json)")


def read(path: Path, when_missing: str) -> dict[str, Any]:
    """The JSON object in a file of this format version.

    Raises:
        RunError: When it is missing (`when_missing` says what that means), damaged or of another version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"{path}: not found; {when_missing}") from error
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: damaged, it is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise RunError(f"{path}: damaged, it is not a JSON object")
    if content.get("format") != FORMAT:
        raise RunError(
            f"{path}: run format {reprlib.repr(content.get('format'))}, this program reads {FORMAT}"
        )
    return content
