"""The objectives of the vision model, a union by kind."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipelines.config.networks import CategorySize
from pipelines.config.sections import Constant, Linear, Schedule, Section
from pipelines.config.values import Integer, NonNegativeFloat, NonNegativeInt, PositiveFloat, SmallCount, Text

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
    pairs: Literal["factors", "frames"] = "factors"
    """Images that differ in some factors, or, of rendered rooms, neighbouring frames between which camera and
    object move and all factors stay: the model is then told of no factor."""
    gamma: NonNegativeFloat = 10.0
    """The weight of the transition term."""
    rate: PositiveFloat = 6.0
    """Of the Laplace distribution of a latent's change, whose mean size is 1 / rate."""

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        if self.pairs == "frames" and not (self.differing is None and self.factors is None):
            raise ValueError(
                "all factors stay between frames: pairs frames takes neither differing nor factors"
            )
        return self


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


class InformationBase(Section):
    """What InfoGAN and InfoWGAN-GP have in common (`vision.objectives.info_gan`).

    The network's latents are the Gaussian codes; `lr` of the training is that of the generator.
    """

    kind: str
    information: NonNegativeFloat = 1.0
    """lambda, the weight of L_I, the information of Q on the codes."""
    noise: Annotated[Integer, Field(ge=0, le=1024)] = 16
    """Latents of the generator that Q does not read."""
    categories: tuple[CategorySize, ...] = ()
    """How many values each categorical code has; no word is grounded in these."""


class InfoGAN(InformationBase):
    """InfoGAN with Gaussian codes, whose Q is the encoder and whose generator the decoder."""

    kind: Literal["info_gan"]
    discriminator_lr: PositiveFloat = 2e-4
    """Of the discriminator and Q; it decays as `lr` does."""
    discriminator_steps: SmallCount = 1
    """Steps of the discriminator for each of the generator."""


class InfoWGANGP(InformationBase):
    """InfoWGAN-GP: InfoGAN with a critic, whose gradients are penalised, for a discriminator."""

    kind: Literal["info_wgan_gp"]
    critic_lr: PositiveFloat = 1e-4
    """Of the critic and Q; it decays as `lr` does."""
    critic_steps: SmallCount = 5
    """Steps of the critic for each of the generator."""
    gradient_penalty: PositiveFloat = 10.0
    """Weight of the squared distance of the critic's gradient norms from 1."""


class QLAE(Section):
    """The quantised-latent autoencoder (`vision.objectives.qlae`); about two latents for each factor."""

    kind: Literal["qlae"]
    values: Annotated[Integer, Field(ge=2, le=1024)] = 10
    """That each latent may take; they are learned."""
    quantisation: NonNegativeFloat = 0.01
    """Weight with which values move towards codes."""
    commitment: NonNegativeFloat = 0.01
    """Weight with which codes move towards values."""
    weight_decay: NonNegativeFloat = 0.1
    """Of AdamW, on all weights but biases and values."""


Objective = Annotated[
    BetaVAE
    | AnnealedVAE
    | BottleneckVAE
    | FactorVAE
    | BetaTCVAE
    | DIPVAEI
    | DIPVAEII
    | AdaGVAE
    | AdaMLVAE
    | SlowVAE
    | DCIGN
    | JointVAE
    | InfoGAN
    | InfoWGANGP
    | QLAE,
    Field(discriminator="kind"),
]
"""The objectives of the encoder family."""

OF_A_BATCH = (FactorVAE, BetaTCVAE, DIPVAEI, DIPVAEII)
"""Those that compare the codes of a batch with each other."""
