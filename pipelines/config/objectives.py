"""The objectives of the vision model, a union by kind."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipelines.config.sections import Constant, Linear, Schedule, Section
from pipelines.config.values import NonNegativeFloat, NonNegativeInt, PositiveFloat, SmallCount, Text

REST = "rest"
"""The group of all factors that DC-IGN's groups do not name."""
LatentIndices = Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)]


class BetaVAE(Section):
    """The beta-VAE (`vision.objectives.beta_vae`)."""

    kind: Literal["beta_vae"]
    beta: Schedule = Constant(kind="constant", value=4.0)
    """The weight of the KL: a number, or a schedule."""
    capacity: Schedule | None = None
    """C in nats, where the objective is beta |KL - C|; null for beta KL."""


class PairObjective(Section):
    """What methods of pairs have: how the two images of a pair differ.

    Factors serve to draw the pairs and for nothing else: the model is told that the two images of a pair
    share most factors, neither which nor any value. A batch of B images has B / 2 pairs.
    """

    kind: str
    beta: Schedule
    """The weight of the KL: a number, or a schedule."""
    differing: SmallCount | None = None
    """How many factors differ; null draws it for every pair, from 1 to one less than may differ."""
    factors: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Names of the factors that may differ; by default all."""


class AdaGVAE(PairObjective):
    """Ada-GVAE: pairs that share most factors, adaptive averages (`vision.objectives.ada_vae`)."""

    kind: Literal["ada_gvae"]
    beta: Schedule = Constant(kind="constant", value=1.0)
    """The weight of the KL: a number, or a schedule."""


class AdaMLVAE(PairObjective):
    """Ada-ML-VAE: as Ada-GVAE, with products of Gaussians (`vision.objectives.ada_vae`)."""

    kind: Literal["ada_ml_vae"]
    beta: Schedule = Constant(kind="constant", value=1.0)
    """The weight of the KL: a number, or a schedule."""


class SlowVAE(PairObjective):
    """SlowVAE: pairs as neighbouring frames, a Laplace prior on changes (`vision.objectives.slow_vae`)."""

    kind: Literal["slow_vae"]
    beta: Schedule = Constant(kind="constant", value=1.0)
    """The weight of the KL: a number, or a schedule."""
    gamma: NonNegativeFloat = 10.0
    """The weight of the transition term."""
    rate: PositiveFloat = 6.0
    """Of the Laplace distribution of a latent's change, whose mean size is 1 / rate."""


class DCIGN(Section):
    """DC-IGN: batches in which one group of factors varies, and its latents (`vision.objectives.dc_ign`).

    The model is told which group varies in a batch, and no values.
    """

    kind: Literal["dc_ign"]
    groups: Annotated[dict[Text, LatentIndices], Field(min_length=1)]
    """Latents of a factor, by its name: {x: [0], y: [1]}. All other factors vary together, in batches of
    their own, and have all other latents."""
    ratio: dict[Text, PositiveFloat] = Field(default_factory=dict)
    """How often the batches of a group are drawn relative to the others, by name, with `rest` for those of
    all other factors: the paper's {rest: 10}; 1 for a group that is not named."""
    invariance_strength: NonNegativeFloat = 1.0
    """The gradient of clamped means is replaced by strength * (mean - mean of the batch); the paper has 0.01,
    for 150x150 pixels."""
    beta: Schedule = Constant(kind="constant", value=1.0)
    """The weight of the KL of the latents that vary."""

    @property
    def ordered(self) -> dict[str, tuple[int, ...]]:
        """The groups in the order of their first latents, whatever order they are written in."""
        return dict(sorted(self.groups.items(), key=lambda item: min(item[1])))

    @model_validator(mode="after")
    def _check_groups(self) -> Self:
        owners: dict[int, str] = {}
        for name, latents in self.groups.items():
            for latent in latents:
                if latent in owners:
                    raise ValueError(f"latent {latent} is in the groups {owners[latent]} and {name}")
                owners[latent] = name
        if REST in self.groups:
            raise ValueError(f"{REST} stands for all other factors: a factor of that name has no group")
        for name in self.ratio:
            if name != REST and name not in self.groups:
                raise ValueError(f"ratio: no group {name!r}, there are {', '.join([*self.groups, REST])}")
        return self


class JointVAE(Section):
    """JointVAE: continuous latents and categories, of a joint network (`vision.objectives.joint_vae`)."""

    kind: Literal["joint_vae"]
    gamma_continuous: PositiveFloat = 30.0
    """The weight of the distance of the continuous latents' KL from its capacity."""
    gamma_categorical: PositiveFloat = 30.0
    """The weight of the distance of the categories' KL from its capacity."""
    capacity_continuous: Schedule = Linear(kind="linear", start=0.0, end=5.0)
    """In nats."""
    capacity_categorical: Schedule = Linear(kind="linear", start=0.0, end=5.0)
    """In nats; at most what the categories can hold, the sum of the logarithms of their sizes."""
    temperature: PositiveFloat = 0.67
    """Of the relaxed categories."""


Pairwise = (AdaGVAE, AdaMLVAE, SlowVAE)
"""The objectives of pairs."""

Objective = Annotated[
    BetaVAE | AdaGVAE | AdaMLVAE | SlowVAE | DCIGN | JointVAE,
    Field(discriminator="kind"),
]
"""The objectives of the encoder family."""
