"""The objectives of the vision model, a union by kind."""

from typing import Literal

from pipelines.config.sections import Constant, Schedule, Section


class BetaVAE(Section):
    """The beta-VAE (`vision.objectives.beta_vae`)."""

    kind: Literal["beta_vae"]
    beta: Schedule = Constant(kind="constant", value=4.0)
    """The weight of the KL: a number, or a schedule."""
    capacity: Schedule | None = None
    """C in nats, where the objective is beta |KL - C|; null for beta KL."""


Objective = BetaVAE
"""The objectives of the encoder family; with a second one, a union by `kind` as `Network` is."""
