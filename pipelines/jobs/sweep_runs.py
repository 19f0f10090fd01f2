"""The runs of a sweep: a folder for each setting, and in it a run for each seed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from pipelines.config import Config
from pipelines.errors import UsageError, shortened
from pipelines.jobs.job import Job
from pipelines.jobs.sweep_file import MOST_SETTINGS, Setting, Sweep, as_setting
from pipelines.runs.files import fingerprint
from pipelines.runs.plan import plan
from pipelines.stages import graph

LONGEST_LABEL = 120
"""Characters; a longer label ends with a digest."""


class Planned(NamedTuple):
    """A setting with its runs."""

    label: str
    """Also the name of the folder that holds them."""
    setting: Setting
    jobs: list[Job]
    configs: list[Config]
    """Of the jobs, one for each seed."""


def planned(sweep: Sweep, setting: Setting, out: Path) -> Planned:
    """The runs of a setting, in folders OUT/LABEL/seed-N: its stages, with those that these build on.

    Raises:
        UsageError: When the config of one is wrong.
    """
    label = label_of(setting)
    common = {**as_setting(sweep.common), **setting}
    if "seed" in common:
        raise UsageError("seed: the seeds of a sweep are its `seeds`")
    assignments = tuple(f"{key}={text}" for key, text in common.items())
    jobs = [
        Job(sweep.base, (*assignments, f"seed={seed}"), out / label / f"seed-{seed}") for seed in sweep.seeds
    ]
    first = jobs[0].resolved()
    graph.check_names(sweep.stages, first)
    made = {*sweep.stages, *graph.predecessors(sweep.stages, first)}
    stages = tuple(name for name in plan(first) if name in made)
    jobs = [job._replace(stages=stages) for job in jobs]
    return Planned(label, setting, jobs, [first.model_copy(update={"seed": seed}) for seed in sweep.seeds])


def planned_all(sweep: Sweep, out: Path) -> list[Planned]:
    """The runs of all settings of a grid or a list; of a search those that would try its ends.

    Raises:
        UsageError: When a config is wrong, two settings are the same, or there are too many.
    """
    settings = sweep.settings()
    if len(settings) > MOST_SETTINGS:
        raise UsageError(f"more than {MOST_SETTINGS:,} settings")
    found: dict[str, Planned] = {}
    for setting in settings:
        one = planned(sweep, setting, out)
        if one.label in found and sweep.search is None:
            raise UsageError(f"two settings are the same: {shortened(one.label)}")
        found[one.label] = one
    return list(found.values())


def label_of(setting: Setting) -> str:
    """What the folder of a setting is called: its keys and values.

    >>> label_of({"vision.objective.beta": "4", "vision.network.latents": "10"})
    'vision.objective.beta=4,vision.network.latents=10'
    """
    words = ",".join(f"{key}={text}" for key, text in setting.items()) or "base"
    label = re.sub(r"[^A-Za-z0-9.,=_+-]+", "_", words)
    if label == words and len(label) <= LONGEST_LABEL:
        return label
    return f"{label[: LONGEST_LABEL - 9]}-{fingerprint(setting)[:8]}"
