"""What a run takes on a machine, and what of it fits into a budget of time.

    T = sum over trainings of steps x seconds a step + evaluated images x seconds an image + the rest

A budget scales the steps and restarts of the config by a factor f, found by bisection: those of vision and
the judge (at most doubled) by f, those of symbols and operators and the images of the evaluation by f where f
is below 1. What was found is recorded in `RUN/budget.json`, so that the same command goes on with the same
numbers, whatever the machine does meanwhile, and the run ends with the same weights, bit for bit, as one that
was not interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.config import TRAININGS, Config
from pipelines.errors import RunError
from pipelines.runs.files import read_json
from pipelines.training.progress import spelled
from pipelines.training.restarts import total_steps

FILE = "budget.json"
SMALLEST, LARGEST = 1 / 64, 16.0
"""Of the factor f."""
HALVINGS = 30
LEAST_STEPS = 100
"""Of a training, where the config has as many."""
LEAST_IMAGES = 8
"""Of each symbol in the evaluation, where the config has as many."""
JUDGE = 2.0
"""The most that a budget scales the steps of the judge by: it learns no more from further ones."""
MOST_RESTARTS = 64
TOLERANCE = 1.25
"""By what factor the least that a run takes may be beyond its budget without a word."""
LONG = 3_000
"""Steps of all trainings from which on a plan is worth the time that it takes."""
REST = 25.0
"""Seconds for what has no steps: figures, metrics of codes, the report."""


class Costs(NamedTuple):
    """What a machine needs for a config."""

    step: Mapping[str, float]
    """Seconds of a step, by stage; of the stages that the run has."""
    image: float = 0.0
    """Seconds of an image in the evaluation."""
    rest: float = REST
    """Seconds of what has no steps."""


def seconds_of(config: Config, costs: Costs, stages: Sequence[str] = ()) -> dict[str, float]:
    """The seconds of each stage; "evaluate" stands for the evaluation and the report.

    Args:
        config: Its steps and restarts.
        costs: Of its networks.
        stages: The stages that are asked for; all where none is named.
    """
    found = {name: cost * _steps(config, name) for name, cost in costs.step.items()}
    if config.has_words:
        sizes = config.splits
        symbols = (
            sizes.train_symbols + sizes.validation_symbols + sizes.test_symbols + 2 * sizes.test_operators
        )
        completed = 2 * (sizes.test_symbols or sizes.train_symbols)  # samples and means
        images = (symbols + completed) * config.evaluate.images_per_symbol
        found["evaluate"] = costs.image * images + costs.rest
    return {name: seconds for name, seconds in found.items() if not stages or name in stages}


def is_long(config: Config, stages: Sequence[str] = ()) -> bool:
    """Whether the trainings have so many steps that measuring some does not matter.

    Args:
        config: Of the run.
        stages: The stages that are asked for; all where none is named.
    """
    trained = [name for name in TRAININGS if config.training(name) and (not stages or name in stages)]
    return sum(_steps(config, name) for name in trained) >= LONG


def is_beyond(config: Config, costs: Costs, minutes: float) -> bool:
    """Whether a config that was fitted to a budget takes clearly longer.

    Args:
        config: As `fitted` gives it.
        costs: Of its networks.
        minutes: The budget.
    """
    return sum(seconds_of(config, costs).values()) > TOLERANCE * 60 * minutes


def line(config: Config, costs: Costs, stages: Sequence[str] = ()) -> str:
    """The plan, for the terminal.

    Args:
        config: Its steps and restarts.
        costs: Of its networks.
        stages: The stages that are asked for; all where none is named.
    """
    found = seconds_of(config, costs, stages)
    training = config.vision.training
    best_of = f" of {training.restarts} restarts" if training.restarts > 1 else ""
    names = {
        "vision": f"vision {training.steps:,} steps{best_of}",
        "evaluate": "evaluation and report",
    }
    parts = [f"{names.get(name, name)} {spelled(seconds)}" for name, seconds in found.items()]
    return f"plan: about {spelled(sum(found.values()))} on this machine ({', '.join(parts)})"


def _steps(config: Config, stage: str) -> int:
    training = config.training(stage)
    assert training is not None, "a stage without a section costs nothing"
    return total_steps(config.vision.training) if stage == "vision" else training.steps


def fitted(config: Config, costs: Costs, seconds: float) -> Config:
    """The config with steps and restarts that take about `seconds`; where none do, the nearest.

    Args:
        config: What the budget scales.
        costs: Of its networks.
        seconds: The budget.
    """
    low, high = SMALLEST, LARGEST
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        if sum(seconds_of(scaled(config, middle), costs).values()) <= seconds:
            low = middle
        else:
            high = middle
    return scaled(config, low)


def scaled(config: Config, factor: float) -> Config:
    """The config with steps, restarts and images scaled as the module describes."""
    fewer = min(1.0, factor)
    factors = {"dae": factor, "joint": factor, "vision": factor, "judge": min(JUDGE, factor)}
    numbers: dict[str, Any] = {}
    for stage, key in TRAININGS.items():
        training = config.training(stage)
        if training is None:
            continue
        steps = _at_least(LEAST_STEPS, training.steps, factors.get(stage, fewer))
        numbers[f"{key}.steps"] = steps
        numbers[f"{key}.warmup"] = min(training.warmup, steps // 10)
    vision = config.vision.training
    if vision.restarts > 1 and config.training("vision") is not None:
        restarts = min(max(MOST_RESTARTS, vision.restarts), max(1, round(vision.restarts * factor)))
        numbers["vision.training.restarts"] = restarts
        steps = numbers["vision.training.steps"]
        numbers["vision.training.restart_steps"] = min(vision.restart_steps, max(1, steps // 4))
    for name, value in config.evaluate.model_dump().items():
        numbers[f"evaluate.{name}"] = _at_least(LEAST_IMAGES, value, fewer)
    return _with(config, numbers)


def _at_least(least: int, value: int, factor: float) -> int:
    return max(min(least, value), round(value * factor))


def settle(
    config: Config, run: Path, minutes: float, measure: Callable[[], Costs], *, over: bool = False
) -> tuple[Config, dict[str, Any]]:
    """The config with the steps and restarts of a budget: those that the run began with, else new ones.

    Args:
        config: What the budget scales.
        run: The run folder, where `FILE` is kept.
        minutes: The budget.
        measure: Gives the costs; called where nothing is recorded.
        over: Whether the run starts over.

    Returns:
        The config, and the content of `FILE`.

    Raises:
        RunError: When `FILE` is damaged.
    """
    asked, path = _numbers(config), run / FILE
    if path.is_file() and not over:
        found = read_json(path)
        if found.get("minutes") == minutes and asked in (found.get("asked"), found.get("found")):
            return _with(config, found["found"]), found
    result = fitted(config, measure(), 60 * minutes)
    return result, {"minutes": minutes, "asked": asked, "found": _numbers(result)}


def is_of(config: Config, run: Path) -> bool:
    """Whether the config of a run has the steps and restarts that its budget found."""
    try:
        return bool(read_json(run / FILE).get("found") == _numbers(config))
    except RunError:  # missing or damaged
        return False


def _numbers(config: Config) -> dict[str, Any]:
    """What a budget scales, by dotted key."""
    found: dict[str, Any] = {}
    for stage, key in TRAININGS.items():
        training = config.training(stage)
        if training is not None:
            found |= {f"{key}.steps": training.steps, f"{key}.warmup": training.warmup}
    vision = config.vision.training
    found["vision.training.restarts"] = vision.restarts
    found["vision.training.restart_steps"] = vision.restart_steps
    return found | {f"evaluate.{name}": value for name, value in config.evaluate.model_dump().items()}


def _with(config: Config, numbers: Mapping[str, Any]) -> Config:
    """The config with settings by dotted key."""
    content = config.model_dump()
    for key, value in numbers.items():
        *path, last = key.split(".")
        section = content
        for name in path:
            section = section[name]
        section[last] = value
    return Config.model_validate(content)
