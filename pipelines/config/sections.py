"""What the sections of the configuration have in common: their base, trainings, schedules, precision."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pipelines.config.values import (
    NUMBER,
    BatchSize,
    FiniteFloat,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    spelled,
)


class Section(BaseModel):
    """A part of the configuration: immutable, no unknown keys, nothing converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Constant(Section):
    """The same value at every step."""

    kind: Literal["constant"]
    value: NonNegativeFloat
    """At every step."""


class Linear(Section):
    """A straight line from `start` to `end` over a share of the steps."""

    kind: Literal["linear"]
    start: NonNegativeFloat
    """At the first step."""
    end: NonNegativeFloat
    """From the step at `until` on."""
    until: Annotated[FiniteFloat, Field(gt=0, le=1)] = 1.0
    """The share of the steps after which `end` is reached."""


class Geometric(Section):
    """From `start` to `end` by the same factor every step, over a share of the steps."""

    kind: Literal["geometric"]
    start: PositiveFloat
    """At the first step."""
    end: PositiveFloat
    """From the step at `until` on."""
    until: Annotated[FiniteFloat, Field(gt=0, le=1)] = 1.0
    """The share of the steps after which `end` is reached."""


def constant_section(value: object) -> object:
    """The section of a constant schedule for a plain number; anything else as it is.

    >>> constant_section("4")
    {'kind': 'constant', 'value': '4'}
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number or (isinstance(value, str) and NUMBER.fullmatch(value.strip())):
        return {"kind": "constant", "value": value}
    return value


def _schedule(value: object) -> object:
    section = constant_section(value)
    if not isinstance(section, dict | Section):
        raise ValueError(f"expected a number or a section, got {spelled(value)}")
    return section


Schedule = Annotated[Constant | Linear | Geometric, Field(discriminator="kind"), BeforeValidator(_schedule)]
"""A weight over the steps of a training; a plain number is a constant."""

Precision = Literal["auto", "bf16", "fp32"]
"""What the networks compute in; auto is bf16 where the device has its arithmetic, else fp32."""


class Training(Section):
    """What every training has."""

    steps: PositiveInt
    """How many batches are learned from."""
    batch: BatchSize
    """Examples of each step."""
    lr: PositiveFloat
    """The learning rate of Adam."""
    decay: Literal["constant", "linear", "cosine"] = "constant"
    """Of the learning rate, from `lr` to zero."""
    warmup: NonNegativeInt = 0
    """Steps over which the learning rate rises to `lr`."""
    checkpoint_seconds: NonNegativeFloat = 15.0
    """How often the state is saved; no result depends on it."""
