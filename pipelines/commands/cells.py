"""The runs of a comparison: one for each member and seed, each an ordinary run folder.

    DIR/compare.json  DIR/compare.html  DIR/MEMBER/seed-N/  DIR/MEMBER/seed-N.log

`pipelines.jobs` runs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipelines.config import Config, config_files
from pipelines.config.recorded import flat
from pipelines.errors import UsageError
from pipelines.jobs import Job
from pipelines.runs.folder import differences

SAME = ("data", "splits", "judge", "evaluate")
"""Sections in which members must agree, so that their rows can be compared."""


class Cell(NamedTuple):
    """A member with a seed."""

    member: str
    """Its label."""
    config: Config
    job: Job


def cells_of(names: Sequence[str], seeds: Sequence[int], assignments: Sequence[str], out: Path) -> list[Cell]:
    """The cells, seed by seed.

    Args:
        names: Of configs: shipped ones, or paths.
        seeds: Of the runs.
        assignments: `KEY=VALUE`, for all members.
        out: The folder of the comparison.

    Raises:
        UsageError: When a config cannot be read, two have one name, or members have other data.
    """
    if any(text.replace(" ", "").startswith("seed=") for text in assignments):
        raise UsageError("--set seed: the seeds of a comparison are those of --seeds")
    paths = [config_files.find(name) for name in names]
    configs = [config_files.load(path, assignments) for path in paths]
    labels = [config.name for config in configs]
    if len(set(labels)) < len(labels):
        labels = [path.stem for path in paths]  # a name may be that of the data
    twice = [label for label in labels if labels.count(label) > 1]
    if twice:
        raise UsageError(f"two configs are called {twice[0]}: give one another `name`")
    _check_same(labels, configs)
    cells = []
    for seed in seeds:
        for label, name, config in zip(labels, names, configs, strict=True):
            job = Job(name, (*assignments, f"seed={seed}"), out / label / f"seed-{seed}")
            cells.append(Cell(label, config.model_copy(update={"seed": seed}), job))
    return cells


def _check_same(labels: Sequence[str], configs: Sequence[Config]) -> None:
    first = flat({name: getattr(configs[0], name).model_dump(mode="json") for name in SAME})
    for label, config in zip(labels, configs, strict=True):
        other = flat({name: getattr(config, name).model_dump(mode="json") for name in SAME})
        if first != other:
            raise UsageError(
                f"{label} is not comparable with {labels[0]}: {differences(first, other)}; members share "
                f"{', '.join(SAME)} (--set gives all of them the same)"
            )
