"""What in a folder belongs to a run, so that nothing else is ever removed or written over.

A folder is a run's when its `data.json` says so, or while it holds nothing but what a run begins with. A
stage folder is a run's when it holds the notes of a stage, or the user's own model. Drafts that a killed
process left are a run's too; the next process that holds the lock removes them.
"""

import json
import re
from pathlib import Path

from pipelines.errors import UsageError
from pipelines.runs.plan import STAGES
from scan.run_format import MODEL

FILES = (".lock", "init.yaml", "config.yaml", "data.json", "budget.json", "report.html", "taught.json")
NOTES = ("done.json", "inputs.json", "state", MODEL)
DRAFT = re.compile(r"\.(?P<name>[\w.-]+\.(json|jsonl|yaml|html|png|safetensors)|state)\.\d+")
"""Names of the drafts of `vision.files.atomic`."""
DISCARDED = re.compile(r"\.(" + "|".join(STAGES) + r")\.discarded")


def check_run_folder(path: Path) -> None:
    """Refuse a folder that is not a run's.

    Raises:
        UsageError: When it holds anything that no run has made, or a stage folder without notes.
    """
    entries = sorted(path.iterdir()) if path.is_dir() else []
    foreign = [entry.name for entry in entries if not _is_of_a_run(entry)]
    if foreign and not is_run(path):
        raise UsageError(
            f"{path} is not a run folder (it holds {foreign[0]}): --run-dir names a new, an empty or a run's"
        )
    for name in STAGES:
        stage = path / name
        if stage.is_dir() and not is_stage(stage):
            raise UsageError(
                f"{stage} was not made by a run (it has none of {', '.join(NOTES)}): move it, "
                "or name another --run-dir"
            )


def is_run(path: Path) -> bool:
    """Whether a folder holds the `data.json` of a run, of whatever format version."""
    try:
        content = json.loads((path / "data.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and {"format", "asked", "splits"} <= content.keys()


def is_stage(folder: Path) -> bool:
    """Whether a folder is empty, or holds the notes of a stage or a model."""
    return not any(folder.iterdir()) or any((folder / note).exists() for note in NOTES)


def leftovers(path: Path) -> list[Path]:
    """The drafts and half-removed stages that killed processes left in a run folder and its stages."""
    places = [path, *(path / name for name in STAGES), path / "report" / "figures"]
    here = [
        entry for place in places if place.is_dir() and not place.is_symlink() for entry in place.iterdir()
    ]
    return [entry for entry in here if DRAFT.fullmatch(entry.name) or DISCARDED.fullmatch(entry.name)]


def _is_of_a_run(entry: Path) -> bool:
    if entry.name in STAGES:
        return entry.is_dir()
    return entry.name in FILES or bool(DRAFT.fullmatch(entry.name) or DISCARDED.fullmatch(entry.name))
