"""The vision stage: network, likelihood, objective, penalties and training; and the DAE before it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipelines.config.networks import ConvolutionalNetwork, Network
from pipelines.config.objectives import BetaVAE, Objective
from pipelines.config.sections import Precision, Section, Training
from pipelines.config.values import (
    BatchSize,
    LayerWidth,
    LayerWidths,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SmallCount,
)


class DAE(Training):
    """The denoising autoencoder; its colour space is that of the vision model."""

    steps: PositiveInt = 200_000
    batch: BatchSize = 100
    lr: PositiveFloat = 1e-3
    code: LayerWidth = 100
    """Units of the bottleneck."""
    widths: LayerWidths = (32, 32, 64, 64)
    """Channels of the convolutions, each of which halves the image."""
    bound: Literal["tanh", "linear"] = "linear"
    """Of the code: tanh limits it to (-1, 1)."""
    precision: Precision = "auto"
    """What the networks compute in; auto is bf16 where the device has its arithmetic, else fp32."""


class BernoulliLikelihood(Section):
    """Cross-entropy of the decoder's logits."""

    kind: Literal["bernoulli"]


class GaussianLikelihood(Section):
    """A Gaussian around the decoder's image."""

    kind: Literal["gaussian"]
    scale: PositiveFloat = 0.1
    """Standard deviation of a pixel, in units of [0, 1]."""


class PerceptualLikelihood(Section):
    """Squared error of the features of a DAE, as in the beta-VAE_DAE."""

    kind: Literal["perceptual"]
    features: Literal["pixels", "bottleneck", "dae_logits"] = "dae_logits"
    """The pixels themselves, or the outputs of a layer of the DAE."""


Likelihood = Annotated[
    BernoulliLikelihood | GaussianLikelihood | PerceptualLikelihood, Field(discriminator="kind")
]


class Penalties(Section):
    """Weights of the penalties in `vision.objectives`, by their names there."""

    jacobian_l1: NonNegativeFloat = 0.0
    """Of the derivatives of the image with respect to the latents."""
    off_diagonal_covariance: NonNegativeFloat = 0.0
    """Of the latents' means (DIP-VAE-I)."""
    cross_covariance: NonNegativeFloat = 0.0
    """Between mask latents and colour latents of a layered network."""
    hessian: NonNegativeFloat = 0.0
    """Of the mixed second derivatives of the decoder, relative to all (`normalised_hessian`)."""
    hessian_every: SmallCount = 1
    """Steps from one Hessian penalty, of as many times the weight, to the next: it costs 9 decoder passes."""
    latent_multiinformation: NonNegativeFloat = 0.0
    """Of the codes' dependence in a batch (KLM)."""

    def weights(self) -> dict[str, float]:
        """The weights by the names of the penalties."""
        return self.model_dump(exclude={"hessian_every"})

    def every(self, name: str) -> int:
        """The steps from one value of a penalty to the next."""
        return self.hessian_every if name == "hessian" else 1


class VisionTraining(Training):
    """The training of the vision model, and its restarts (`pipelines.training.restarts`)."""

    steps: PositiveInt = 10_000
    batch: BatchSize = 100
    lr: PositiveFloat = 1e-4
    precision: Precision = "auto"
    """What the networks compute in; auto is bf16 where the device has its arithmetic, else fp32."""
    restarts: SmallCount = 1
    """How many initialisations are tried by successive halving."""
    restart_steps: PositiveInt = 400
    """Steps of the first rung, after which the better half goes on; each later rung doubles them."""

    @model_validator(mode="after")
    def _check_restarts(self) -> Self:
        if self.restarts > 1 and self.restart_steps > self.steps:
            raise ValueError(f"restart_steps {self.restart_steps} are more than steps {self.steps}")
        return self


class Vision(Section):
    """The vision model: an objective of a network and a likelihood, with penalties."""

    network: Network = ConvolutionalNetwork(kind="convolutional")
    """What encodes and decodes."""
    likelihood: Likelihood = BernoulliLikelihood(kind="bernoulli")
    """How an image is compared with its reconstruction."""
    objective: Objective = BetaVAE(kind="beta_vae")
    """What is minimised."""
    penalties: Penalties = Penalties()
    """What is added to it."""
    training: VisionTraining = VisionTraining()
    """How long, and how fast."""
