"""Judges that jobs have in common.

A judge depends on the data, its own settings and the seed, and on nothing else of a run. Of jobs that agree
in these, the first that is trained is copied into the other runs, whose receipts tell whether it suits them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from pipelines.config import Config
from pipelines.jobs.job import Job
from pipelines.runs.files import fingerprint
from pipelines.runs.plan import plan


class Judges:
    """Which jobs have the same judge.

    Args:
        jobs: All of them, also finished ones.

    Raises:
        UsageError: When the config of one is wrong.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        folders = [job.folder for job in jobs]
        assert len(set(folders)) == len(folders), "two jobs have one folder"
        self._keys = {job.folder: _key(job, job.resolved()) for job in jobs}

    def donors(self, job: Job) -> tuple[Path, ...]:
        """The folders of the other runs that have the judge of this one, or will have it."""
        key = self._keys[job.folder]
        same = (folder for folder, other in self._keys.items() if other == key and folder != job.folder)
        return tuple(same) if key else ()

    def first(self, jobs: Sequence[Job]) -> list[Job]:
        """Jobs that train one judge of each kind which several of these jobs need: to be run before them."""
        several: dict[str, list[Job]] = {}
        for job in jobs:
            if key := self._keys[job.folder]:
                several.setdefault(key, []).append(job)
        return [some[0]._replace(stages=("judge",)) for some in several.values() if len(some) > 1]


def _key(job: Job, config: Config) -> str:
    """What the judge of a job depends on, as a digest; "" where it makes none."""
    if "judge" not in (job.stages or plan(config)) or "judge" not in plan(config):
        return ""
    content = config.model_dump(mode="json")
    return fingerprint({name: content[name] for name in ("seed", "data", "splits", "judge")})


def share(folder: Path, donors: Sequence[Path], stage: str = "judge") -> None:
    """Copy the first finished judge, or other stage, of some runs into a run that has none.

    The receipt that is copied with it tells the run whether it suits.
    """
    target = folder / stage
    stages = (donor / stage for donor in donors)
    finished = next((one for one in stages if (one / "done.json").is_file()), None)
    if target.exists() or finished is None:
        return
    draft = folder / f".{stage}.discarded"  # a name that is cleared away, should this process be killed
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(finished, draft)
    draft.rename(target)
