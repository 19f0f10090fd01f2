"""A sweep: a base config, settings of its keys, and seeds; read from YAML.

base: rooms-mini                        # a shipped config, or a path from the folder of this file
seeds: [0, 1, 2]
set: {vision.training.steps: 1000}      # for all runs
stages: [vision]                        # all of a run where it is not given
grid:                                   # every combination; instead of it `list` or `search`
  vision.objective.beta: [1, 4, 16]
  vision.network.mask_latents: [6, 8]
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from pipelines.config import config_files
from pipelines.config.sections import Section
from pipelines.config.values import FiniteFloat, PositiveInt, Seed, Text
from pipelines.config.yaml_reader import YAMLError, read
from pipelines.errors import UsageError, nearest, shortened

MOST_SETTINGS = 10_000

Setting = dict[str, str]
"""Dotted keys of the config, and the YAML text of a value of each."""
Values = Annotated[list[Any], Field(min_length=1)]


class Range(Section):
    """Numbers from `low` to `high`."""

    low: FiniteFloat
    high: FiniteFloat
    log: bool = False
    """Whether orders of magnitude are equally likely."""
    whole: bool = False
    """Whether only whole numbers are tried."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"expected low < high, got {self.low:g} and {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"log: expected low above 0, got {self.low:g}")
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(f"whole: expected whole numbers, got {self.low:g} and {self.high:g}")
        return self

    def text(self, value: float) -> str:
        """A number as a setting: four digits, and within the range.

        >>> Range(low=0.5, high=2).text(1.23456)
        '1.235'
        """
        if self.whole:
            return str(round(value))
        return f"{min(max(float(f'{value:.4g}'), self.low), self.high):.12g}"


Tried = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Values, Tag("values")],
    Discriminator(lambda value: "values" if isinstance(value, list) else "range"),
]
"""What a search chooses from for one key."""


class Search(Section):
    """Settings that are chosen one after another, by what earlier ones gave."""

    trials: PositiveInt
    """How many settings are tried."""
    maximise: Text | None = None
    """A measure by its name in sweep.json; its mean over the seeds counts."""
    minimise: Text | None = None
    keys: Annotated[dict[str, Tried], Field(min_length=1)]
    """Of the config: a range, or a list of values."""
    seed: Seed = 0
    """Of the search."""

    @property
    def measure(self) -> str:
        """What is maximised or minimised."""
        return self.maximise or self.minimise or ""

    @model_validator(mode="after")
    def _check_aim(self) -> Self:
        if (self.maximise is None) == (self.minimise is None):
            raise ValueError("expected one of maximise and minimise")
        return self

    def allows(self, setting: Setting) -> bool:
        """Whether a setting is one that this search could choose."""
        if setting.keys() != self.keys.keys():
            return False
        for key, tried in self.keys.items():
            if isinstance(tried, Range):
                number = _number(setting[key])
                if number is None or not tried.low <= number <= tried.high:
                    return False
            elif setting[key] not in map(flow, tried):
                return False
        return True

    def ends(self) -> list[dict[str, Any]]:
        """Settings that try each value of a list and both ends of a range, the other keys at their first."""
        ends: dict[str, list[Any]] = {}
        for key, tried in self.keys.items():
            ends[key] = [tried.text(tried.low), tried.text(tried.high)] if isinstance(tried, Range) else tried
        first = {key: values[0] for key, values in ends.items()}
        return [{**first, key: value} for key, values in ends.items() for value in values]


class Sweep(Section):
    """The content of a sweep file."""

    base: Text
    """The name of a shipped config, or a path from the folder of this file."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    """Of the runs of each setting."""
    common: dict[str, Any] = Field(default={}, alias="set")
    """For all runs: dotted keys of the config, and values."""
    stages: tuple[Text, ...] = ()
    """Those that are made, with what they build on; all where none is given."""
    grid: Annotated[dict[str, Values], Field(min_length=1)] | None = None
    """Keys, and the values of each: every combination is a setting."""
    one_by_one: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = Field(
        default=None, alias="list"
    )
    """The settings one by one."""
    search: Search | None = None
    """A search instead of settings that are known before."""

    @model_validator(mode="after")
    def _check_choices(self) -> Self:
        given = {"grid": self.grid, "list": self.one_by_one, "search": self.search}
        names = [name for name, value in given.items() if value is not None]
        if len(names) != 1:
            raise ValueError(f"expected one of grid, list and search, got {' and '.join(names) or 'none'}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: expected different ones")
        return self

    def settings(self) -> list[Setting]:
        """The settings of a grid or a list; of a search its `ends`."""
        if self.search is not None:
            some = self.search.ends()
        elif self.grid is not None:
            combined = itertools.islice(itertools.product(*self.grid.values()), MOST_SETTINGS + 1)
            some = [dict(zip(self.grid, values, strict=True)) for values in combined]
        else:
            some = self.one_by_one or []
        return [as_setting(values) for values in some]


def load(path: Path) -> Sweep:
    """Read and check a sweep file.

    Raises:
        UsageError: In one line that names the file, the key, and what was expected.
    """
    try:
        raw = read(path.read_text("utf-8-sig"))
    except YAMLError as error:
        raise UsageError(f"{path}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
        raise UsageError(f"{path}: cannot be read ({reason})") from None
    if not isinstance(raw, dict):
        raise UsageError(f"{path}: expected the keys of a sweep such as base and grid")
    try:
        sweep = Sweep.model_validate(raw)
    except ValidationError as error:
        raise UsageError(f"{path}: {_first(error)}") from None
    base = sweep.base
    if base not in config_files.shipped_names():
        base = str(path.parent / base)
    return sweep.model_copy(update={"base": base})


def _first(error: ValidationError) -> str:
    """The first problem, in one line."""
    problems = error.errors(include_url=False)
    problem = min(problems, key=lambda one: one["type"] != "extra_forbidden")  # it may be why one is missing
    keys = [str(part) for part in problem["loc"] if part not in ("range", "values")]
    where = f"{shortened('.'.join(keys))}: " if keys else ""
    if problem["type"] == "extra_forbidden":
        section = (Sweep, Search)[len(keys) - 1] if len(keys) < 3 else Range
        known = [field.alias or name for name, field in section.model_fields.items()]
        return f"{where}unknown key{nearest(keys[-1], known, otherwise='; there are {}')}"
    if problem["type"] == "value_error":
        return f"{where}{problem['ctx']['error']}"
    return f"{where}{problem['msg'][0].lower()}{problem['msg'][1:]}"


def as_setting(values: Mapping[str, Any]) -> Setting:
    """Values as YAML text."""
    return {key: flow(value) for key, value in values.items()}


def flow(value: object) -> str:
    """A value that the YAML reader gave, as text of one line that it reads to the same.

    >>> flow({"kind": "beta_vae", "beta": "4"}), flow(["no", None]), flow("no")
    ('{kind: beta_vae, beta: 4}', '["no", null]', '"no"')
    """
    if isinstance(value, dict):
        return f"{{{', '.join(f'{flow(key)}: {flow(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = str(value)
    try:
        plain = read(f"[{text}]") == [text] and read(f"{{{text}: a}}") == {text: "a"}
    except YAMLError:
        plain = False
    return text if plain else json.dumps(text)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
