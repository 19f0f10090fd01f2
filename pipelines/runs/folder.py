"""The run folder: one process at a time, whole files or none, and a receipt for every finished stage.

    RUN/.lock                       held while a process works here
    RUN/config.yaml  RUN/data.json  what was asked for, and on which data
    RUN/<stage>/inputs.json, state  while the stage is under way: what it is made from, and where it stands
    RUN/<stage>/done.json           when it is finished: what it was made from, the sha256 of what it made

A stage that finished with the same inputs is not done again; one whose inputs changed is. Settings that
were added since count as `pipelines.config.recorded` says. A stage folder that holds a `model.safetensors`
and none of our notes is the user's own model, and is taken as it is.
"""

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from pipelines.config import Config
from pipelines.config.recorded import completed
from pipelines.errors import RunError, UsageError, explain
from pipelines.runs.contents import check_run_folder, leftovers
from pipelines.runs.files import read_json, sha256, write_json
from pipelines.runs.locks import Lock
from scan.run_format import FORMAT, MODEL

Inputs = Mapping[str, Any]
"""What a stage is made from: flat, JSON-able, e.g. {"judge.steps": 300, "dae/model.safetensors": sha256}."""


class Status(NamedTuple):
    """Where a stage stands, and a few words on why."""

    kind: Literal["done", "own", "absent", "partial", "changed", "altered"]
    why: str = ""


class StageResult(NamedTuple):
    """What a stage returns: the files in its folder, and the seconds that earlier processes spent."""

    files: tuple[str, ...]
    earlier_seconds: float = 0.0


def check_format(content: Mapping[str, Any], path: Path) -> None:
    """Refuse a file of another layout version.

    Raises:
        RunError: Naming both versions.
    """
    found = content.get("format")
    if found != FORMAT:
        raise RunError(
            f"{path} has run format {found!r}, this version reads {FORMAT}: start it anew with --fresh"
        )


def config_of(path: Path) -> Path:
    """The file with the config of a run folder.

    Raises:
        UsageError: When there is none.
    """
    config = path / "config.yaml"
    if not config.is_file():
        raise UsageError(f"{path} has no config.yaml: it is not a run that scan run made")
    return config


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    packages = ("scan-concepts", "torch", "numpy", "networkx", "scikit-learn")
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def differences(before: Inputs, now: Inputs, *, most: int = 3) -> str:
    """What changed between two sets of inputs, e.g. "judge.steps 3000 -> 4000".

    Args:
        before: The earlier inputs.
        now: Those of now.
        most: How many are named.

    >>> differences({"a": 1, "b": 2}, {"a": 1, "b": 3})
    'b 2 -> 3'
    """
    changed = [
        key for key in [*before, *(k for k in now if k not in before)] if before.get(key) != now.get(key)
    ]
    words = []
    for key in changed[:most]:
        if key.endswith(".sha256") or "/" in key:
            words.append(f"{key.removesuffix('.sha256')} differs")
        else:
            words.append(f"{key} {before.get(key, 'unset')} -> {now.get(key, 'unset')}")
    return ", ".join(words) + (f" and {len(changed) - most} more" if len(changed) > most else "")


def _completed(before: Inputs, now: Inputs, config: Config | None) -> Inputs:
    return before if config is None else completed(before, now, config)


def _remove(path: Path) -> None:
    """Remove a file, a link (not what it leads to), or a folder with all that is in it."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"cannot remove {path}: {explain(error)}") from error


class RunFolder:
    """A run folder, locked for this process while it is used as a context manager.

    Args:
        path: The folder; it is made when the context is entered.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: Lock | None = None

    def __enter__(self) -> Self:
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path} is a file, not a run folder")
        check_run_folder(self.path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot use {self.path} as a run folder: {explain(error)}") from error
        lock = Lock(self.path / ".lock")
        lock.take()
        self._lock = lock
        try:
            for leftover in leftovers(self.path):
                _remove(leftover)
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.give_back()
            self._lock = None

    def stage(self, name: str) -> Path:
        """The folder of one stage."""
        return self.path / name

    def discard(self, stage: str) -> None:
        """Remove a stage's folder and all it made; of a link to a folder elsewhere, the link alone."""
        assert self._lock is not None, "only the process that holds the lock may discard"
        folder = self.stage(stage)
        if not folder.exists() and not folder.is_symlink():
            return
        if not folder.is_symlink():
            # At once: a kill in the middle must not leave a model that looks like the user's own.
            draft = folder.with_name(f".{stage}.discarded")
            try:
                folder = folder.rename(draft)
            except OSError as error:
                raise RunError(f"cannot remove {folder}: {explain(error)}") from error
        _remove(folder)

    def status(self, stage: str, inputs: Inputs, config: Config | None = None) -> Status:
        """Where `stage` stands with regard to `inputs`.

        Args:
            stage: Its name.
            inputs: What it would be made from.
            config: Of the run, for the defaults of settings that were not there yet when it was made; without
                it such a setting is a change.

        Raises:
            RunError: When its notes are of another format version or damaged.
        """
        folder = self.stage(stage)
        if (folder / "done.json").exists():
            return self._status_of_finished(stage, inputs, config)
        if (folder / "inputs.json").exists():
            before = _completed(read_json(folder / "inputs.json"), inputs, config)
            if before != dict(inputs):
                return Status("changed", differences(before, inputs))
            return Status("partial")
        return Status("absent")

    def _status_of_finished(self, stage: str, inputs: Inputs, config: Config | None) -> Status:
        folder = self.stage(stage)
        done = read_json(folder / "done.json")
        check_format(done, folder / "done.json")
        if not isinstance(done.get("files"), dict):
            raise RunError(f"{folder / 'done.json'} is damaged (no list of files)")
        for name, digest in done["files"].items():
            path = Path(os.path.normpath(folder / name))
            if not path.exists():
                return Status("altered", f"{path} is missing")
            if sha256(path) != digest:
                return Status("altered", f"{path} is not the file that this run wrote (truncated or altered)")
        if done["own"]:
            return Status("own")
        before = _completed(done["inputs"], inputs, config)
        if before != dict(inputs):
            return Status("changed", differences(before, inputs))
        return Status("done")

    def begin(self, stage: str, inputs: Inputs, config: Config | None = None) -> None:
        """Note what a stage is about to be made from, and throw away what was made from anything else.

        Args:
            stage: Its name.
            inputs: What it will be made from.
            config: As for `status`.
        """
        if self.status(stage, inputs, config).kind != "partial" or self.stage(stage).is_symlink():
            self.discard(stage)
            write_json(self.stage(stage) / "inputs.json", dict(inputs))

    def finish(self, stage: str, inputs: Inputs, files: Sequence[str], seconds: float) -> None:
        """Write the receipt of a finished stage; from now on it counts as done.

        Args:
            stage: Its name.
            inputs: What it was made from.
            files: What it made, relative to its folder.
            seconds: How long it took.
        """
        self._receipt(stage, inputs, files, seconds, own=False)
        for leftover in ("state", "inputs.json"):
            (self.stage(stage) / leftover).unlink(missing_ok=True)

    def adopt(self, stage: str) -> None:
        """Accept the model that the user put into a stage's folder as that stage's result.

        Raises:
            RunError: When the folder is a link: the receipt would be written elsewhere.
        """
        if self.stage(stage).is_symlink():
            raise RunError(
                f"{self.stage(stage)} is a link to a folder without done.json: copy the model into the run"
            )
        self._receipt(stage, {}, (MODEL,), 0.0, own=True)

    def _receipt(
        self, stage: str, inputs: Inputs, files: Sequence[str], seconds: float, *, own: bool
    ) -> None:
        folder = self.stage(stage)
        receipt = {
            "format": FORMAT,
            "stage": stage,
            "own": own,
            "inputs": dict(inputs),
            "files": {name: sha256(folder / name) for name in files},
            "seconds": round(seconds, 3),
            "versions": versions(),
        }
        write_json(folder / "done.json", receipt)
