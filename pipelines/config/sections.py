"""What the sections of the configuration have in common: their base, trainings, schedules, precision."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipelines.config.values import Batch, Count, Natural, NonNegative, Positive, Real


class Section(BaseModel):
    """A part of the configuration: immutable, no unknown keys, nothing converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Constant(Section):
    """The same value at every step."""

    kind: Literal["constant"]
    value: NonNegative


class Linear(Section):
    """A straight line from `start` to `end` over a share of the steps."""

    kind: Literal["linear"]
    start: NonNegative
    end: NonNegative
    until: Annotated[Real, Field(gt=0, le=1)] = 1.0
    """The share of the steps after which `end` is reached."""


class Geometric(Section):
    """From `start` to `end` by the same factor every step, over a share of the steps."""

    kind: Literal["geometric"]
    start: Positive
    end: Positive
    until: Annotated[Real, Field(gt=0, le=1)] = 1.0


Schedule = Annotated[Constant | Linear | Geometric, Field(discriminator="kind")]


class Learning(Section):
    """What every training has."""

    steps: Count
    batch: Batch
    lr: Positive
    decay: Literal["constant", "linear", "cosine"] = "constant"
    warmup: Natural = 0
    checkpoint_seconds: NonNegative = 15.0


Precision = Literal["auto", "bf16", "fp32"]
"""What the networks compute in; auto is bf16 where the device has its arithmetic, else fp32."""
