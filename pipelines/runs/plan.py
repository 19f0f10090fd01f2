"""Which stages a run has, and what the result of each depends on: both follow from the config.

The names of the stages stand here and nowhere else: they are the folders of a run, and the modules of
`pipelines.stages` that make them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pipelines.config import Config


class Stage(NamedTuple):
    """A stage and all that its result depends on."""

    settings: tuple[str, ...]
    """Dotted keys of the config: sections or single settings."""
    data: tuple[str, ...]
    """Keys of data.json, "splits.x" for one list."""
    reads: tuple[str, ...] = ()
    """Stages whose results it reads."""
    shows: tuple[str, ...] = ()
    """Stages whose results it shows where they are finished."""


IMAGES = ("sha256", "splits.held_out", "splits.held_out_pairs", "splits.test_images")
"""Keys of data.json that decide which images a stage may train on."""
CONCEPTS = ("vocabulary.attributes", "splits.train_symbols")
"""Keys of data.json that decide which concepts a stage may train on."""


def _dae(config: Config) -> Stage | None:
    if config.dae is None:
        return None
    return Stage(("seed", "dae", "vision.network.colour"), IMAGES)


def _joint(config: Config) -> Stage | None:
    if config.joint is None:
        return None
    networks = ("vision.network", "vision.likelihood", "symbols.encoder", "symbols.hidden")
    settings = ("seed", "joint", *networks, "vision.training.precision", "symbols.examples")
    return Stage(settings, (*IMAGES, *CONCEPTS), reads=() if config.dae is None else ("dae",))


def _vision(config: Config) -> Stage:
    dae = () if config.dae is None else ("dae",)
    if config.joint is not None:
        return Stage(("vision.likelihood", "vision.training.precision"), IMAGES, reads=(*dae, "joint"))
    return Stage(("seed", "vision"), IMAGES, reads=dae)


def _symbols(config: Config) -> Stage | None:
    if not config.has_words:
        return None
    if config.joint is not None:
        return Stage((), CONCEPTS, reads=("joint",))
    return Stage(("seed", "symbols"), (*IMAGES, *CONCEPTS), reads=("vision",))


def _operators(config: Config) -> Stage | None:
    if not config.has_words:
        return None
    settings = ("seed", "operators", "symbols.examples")
    return Stage(settings, (*IMAGES, *CONCEPTS), reads=("vision", "symbols"))


def _judge(config: Config) -> Stage | None:
    if not config.has_words:
        return None
    return Stage(("seed", "judge"), (*IMAGES, "vocabulary.attributes"))


def _evaluate(config: Config) -> Stage | None:
    if not config.has_words:
        return None
    settings = ("seed", "evaluate", "vision.training.precision")
    data = ("sha256", "vocabulary.attributes", "splits")
    return Stage(settings, data, reads=("vision", "symbols", "operators", "judge"))


def _report(config: Config) -> Stage:
    settings = tuple(type(config).model_fields)
    return Stage(settings, ("sha256", "vocabulary", "splits"), shows=tuple(shown(config)))


STAGES: dict[str, Callable[[Config], Stage | None]] = {
    "dae": _dae,
    "joint": _joint,
    "vision": _vision,
    "symbols": _symbols,
    "operators": _operators,
    "judge": _judge,
    "evaluate": _evaluate,
    "report": _report,
}
"""All stages that a run may have, in the order in which they are made; None where a run has no such stage."""


def plan(config: Config) -> dict[str, Stage]:
    """Return the stages of a run by name, in the order in which they are made."""
    described = {name: describe(config) for name, describe in STAGES.items()}
    return {name: stage for name, stage in described.items() if stage is not None}


def shown(config: Config) -> list[str]:
    """Return the names of the stages that a report shows: all stages of the run but the report itself."""
    return [name for name, describe in STAGES.items() if describe is not _report and describe(config)]
