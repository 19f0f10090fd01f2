"""Parts of an experiment: each is computed once, written at once, and read when the experiment resumes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipelines.runs.files import fingerprint, write_json


def part(
    folder: Path, name: str, settings: Mapping[str, Any], compute: Callable[[], Mapping[str, Any]]
) -> dict[str, Any]:
    """The result of one part: from its file where that was made with the same settings, else computed.

    Args:
        folder: Of the experiment.
        name: Of the part, unique in the experiment: letters, digits, `-`, `_` and `.`.
        settings: JSON-able; all that the result depends on but the code.
        compute: Gives the result, which is JSON-able.

    Returns:
        The result as it is read back from JSON, whether it was there already or not.
    """
    path = folder / "parts" / f"{name}.json"
    digest = fingerprint(dict(settings))
    if path.is_file():
        try:
            found = json.loads(path.read_text("utf-8"))
            if found["settings"] == digest:
                return dict(found["result"])
        except (ValueError, KeyError, TypeError):
            pass  # not one of ours, or damaged: it is made again
    result = dict(compute())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"settings": digest, "result": result})
    return dict(json.loads(path.read_text("utf-8"))["result"])
