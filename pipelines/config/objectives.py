"""The objectives of the vision model, a union by kind."""

from typing import Annotated, Literal

from pydantic import Field

from pipelines.config.sections import Constant, Linear, Schedule, Section
from pipelines.config.values import Integer, NonNegativeFloat, PositiveFloat


class BetaVAE(Section):
    """The beta-VAE (`vision.objectives.beta_vae`)."""

    kind: Literal["beta_vae"]
    beta: Schedule = Constant(kind="constant", value=4.0)
    """The weight of the KL: a number, or a schedule."""
    capacity: Schedule | None = None
    """C in nats, where the objective is beta |KL - C|; null for beta KL."""


class AnnealedVAE(Section):
    """The AnnealedVAE or CCI-VAE of Burgess et al. 2018 (`vision.objectives.beta_vae` with a capacity)."""

    kind: Literal["annealed_vae"]
    gamma: NonNegativeFloat = 1000.0
    """The weight of |KL - C|."""
    capacity: Schedule = Linear(kind="linear", start=0.0, end=25.0, until=1 / 3)
    """C in nats; by default from 0 to 25 over a third of the steps."""


class BottleneckVAE(Section):
    """The AnnealedVAE with a constant capacity (`vision.objectives.beta_vae`)."""

    kind: Literal["bottleneck_vae"]
    gamma: NonNegativeFloat = 4.0
    """The weight of |KL - C|."""
    capacity: NonNegativeFloat = 10.0
    """C in nats."""


class Discriminator(Section):
    """The discriminator of the FactorVAE, whose learning rate is constant."""

    hidden: Annotated[Integer, Field(ge=1, le=4096)] = 1000
    """Units of each hidden layer."""
    layers: Annotated[Integer, Field(ge=1, le=32)] = 6
    """How many hidden layers it has."""
    lr: PositiveFloat = 1e-4
    """The learning rate of its Adam, with moments 0.5 and 0.9."""


class FactorVAE(Section):
    """The FactorVAE of Kim and Mnih 2018 (`vision.objectives.factor_vae`)."""

    kind: Literal["factor_vae"]
    gamma: NonNegativeFloat = 10.0
    """The weight of the total correlation."""
    discriminator: Discriminator = Discriminator()
    """What estimates the total correlation."""


class BetaTCVAE(Section):
    """The beta-TCVAE of Chen et al. 2018 (`vision.objectives.beta_tcvae`)."""

    kind: Literal["beta_tcvae"]
    alpha: NonNegativeFloat = 1.0
    """The weight of the mutual information of codes and images."""
    beta: Schedule = Constant(kind="constant", value=6.0)
    """The weight of the total correlation: a number, or a schedule."""
    gamma: NonNegativeFloat = 1.0
    """The weight of the dimension-wise KL."""
    estimator: Literal["mws", "mss"] = "mws"
    """Minibatch weighted or stratified sampling; the former adds constants to the logged parts of the KL."""


class DIPVAEI(Section):
    """The DIP-VAE-I of Kumar et al. 2018 (`vision.objectives.dip_vae`)."""

    kind: Literal["dip_vae_i"]
    off_diagonal: NonNegativeFloat = 10.0
    """The weight of the squared covariances of the posterior means."""
    diagonal: NonNegativeFloat = 100.0
    """The weight of the squared distances of their variances from 1."""


class DIPVAEII(Section):
    """The DIP-VAE-II of Kumar et al. 2018 (`vision.objectives.dip_vae`)."""

    kind: Literal["dip_vae_ii"]
    off_diagonal: NonNegativeFloat = 10.0
    """The weight of the squared covariances of the codes."""
    diagonal: NonNegativeFloat = 10.0
    """The weight of the squared distances of their variances from 1."""


Objective = Annotated[
    BetaVAE | AnnealedVAE | BottleneckVAE | FactorVAE | BetaTCVAE | DIPVAEI | DIPVAEII,
    Field(discriminator="kind"),
]
"""The objectives of the encoder family."""

OF_A_BATCH = (FactorVAE, BetaTCVAE, DIPVAEI, DIPVAEII)
"""Those that compare the codes of a batch with each other."""
