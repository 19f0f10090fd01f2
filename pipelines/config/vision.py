"""The vision stage: network, likelihood, objective, penalties and training; and the DAE before it.

The defaults suit images that nothing was tuned on: a layered network, and weights that follow from the images
(`auto`). Those of published beta-VAEs are the defaults where a network of another kind, an objective other
than the beta-VAE or a likelihood other than the Gaussian is chosen.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pipelines.config.networks import LayeredNetwork, Network
from pipelines.config.objectives import BetaVAE, Objective
from pipelines.config.sections import Geometric, Precision, Section, Training
from pipelines.config.values import (
    BatchSize,
    FiniteFloat,
    LayerWidth,
    LayerWidths,
    NonNegativeFloat,
    NonNegativeInt,
    NonNegativeOrAuto,
    PositiveFloat,
    PositiveInt,
    PositiveOrAuto,
    SmallCount,
)

PUBLISHED: dict[str, Any] = {
    "network": {"kind": "convolutional"},
    "likelihood": {"kind": "bernoulli"},
    "objective": {"kind": "beta_vae", "beta": 4.0},
}
"""Defaults of published beta-VAEs; beta 4 is that of Higgins et al. 2017 on dSprites."""
PUBLISHED_PENALTIES: dict[str, Any] = {
    "jacobian_l1": 0.0,
    "off_diagonal_covariance": 0.0,
    "cross_covariance": 0.0,
    "mask_entropy": 0.0,
}
PUBLISHED_TRAINING: dict[str, Any] = {
    "steps": 10_000,
    "batch": 100,
    "lr": 1e-4,
    "decay": "constant",
    "warmup": 0,
    "restarts": 1,
    "restart_steps": 400,
}


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
    scale: PositiveOrAuto = "auto"
    """Standard deviation of a pixel, in units of [0, 1]; auto follows from how much the images vary
    (`vision.data.contrast`)."""


class PerceptualLikelihood(Section):
    """Squared error of the features of a DAE, as in the beta-VAE_DAE; images are then seen through it."""

    kind: Literal["perceptual"]
    features: Literal["pixels", "bottleneck", "dae_logits"] = "dae_logits"
    """The pixels themselves (without the DAE), or the outputs of a layer of the DAE."""


Likelihood = Annotated[
    BernoulliLikelihood | GaussianLikelihood | PerceptualLikelihood, Field(discriminator="kind")
]


class Penalties(Section):
    """Weights of the penalties in `vision.objectives`, by their names there."""

    jacobian_l1: NonNegativeOrAuto = "auto"
    """Of the derivatives of the image with respect to the latents; auto follows from size and contrast of the
    images (`vision.data.contrast`)."""
    off_diagonal_covariance: NonNegativeFloat = 4.0
    """Of the latents' means (DIP-VAE-I)."""
    cross_covariance: NonNegativeFloat = 4.0
    """Between mask latents and colour latents of a layered network."""
    mask_entropy: NonNegativeOrAuto = "auto"
    """Of the components at a pixel of a layered network, in nats, so that it shows one of them: at step 0.
    auto is 0.3 for images of up to 1024 pixels, less for larger ones (`vision.data.contrast`). It is 0 where
    the three weights above are given and it is not, as before it existed."""
    mask_entropy_until: Annotated[FiniteFloat, Field(gt=0, le=1)] = 0.7
    """Share of the steps after which the weight of `mask_entropy` has fallen to 0, linearly."""
    hessian: NonNegativeFloat = 0.0
    """Of the mixed second derivatives of the decoder, relative to all (`normalised_hessian`)."""
    hessian_every: SmallCount = 1
    """Steps from one Hessian penalty, of as many times the weight, to the next: it costs 9 decoder passes."""
    latent_multiinformation: NonNegativeFloat = 0.0
    """Of the codes' dependence in a batch (KLM)."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, given: Any) -> Any:
        """No entropy of masks where all that was penalised by default before is given: in records of runs."""
        if not isinstance(given, dict) or "mask_entropy_until" in given:
            return given
        if PUBLISHED_PENALTIES.keys() - given.keys() != {"mask_entropy"}:
            return given
        return {**given, "mask_entropy": 0.0}

    def weights(self) -> dict[str, float]:
        """The weights by the names of the penalties."""
        return self.model_dump(exclude={"hessian_every", "mask_entropy_until"})

    def every(self, name: str) -> int:
        """The steps from one value of a penalty to the next."""
        return self.hessian_every if name == "hessian" else 1


class VisionTraining(Training):
    """The training of the vision model, and its restarts (`pipelines.training.restarts`)."""

    steps: PositiveInt = 6_000
    batch: BatchSize = 128
    lr: PositiveFloat = 2.5e-3
    decay: Literal["constant", "linear", "cosine"] = "cosine"
    warmup: NonNegativeInt = 200
    precision: Precision = "auto"
    """What the networks compute in; auto is bf16 where the device has its arithmetic, else fp32."""
    output_bias: Literal["random", "mean"] = "random"
    """Of the decoder before the first step: random as its weights, or that which decodes the mean colour."""
    restarts: SmallCount = 24
    """How many initialisations are tried by successive halving."""
    restart_steps: PositiveInt = 200
    """Steps of the first rung, after which the better half goes on; each later rung doubles them."""

    @model_validator(mode="before")
    @classmethod
    def _shorten(cls, given: Any) -> Any:
        """The first rung of a training that is shorter than the default of one is a quarter of it."""
        if not isinstance(given, dict) or "restart_steps" in given:
            return given
        steps = str(given.get("steps", "")).strip()  # YAML's numbers come as text
        if not re.fullmatch(r"[1-9]\d{0,5}", steps, re.ASCII):
            return given
        rung = cls.model_fields["restart_steps"].default
        return given if int(steps) >= rung else {**given, "restart_steps": max(1, int(steps) // 4)}

    @model_validator(mode="after")
    def _check_restarts(self) -> Self:
        if self.restarts > 1 and self.restart_steps > self.steps:
            raise ValueError(f"restart_steps {self.restart_steps} are more than steps {self.steps}")
        return self


class Vision(Section):
    """The vision model: an objective of a network and a likelihood, with penalties."""

    network: Network = LayeredNetwork(kind="layered")
    """What encodes and decodes."""
    likelihood: Likelihood = GaussianLikelihood(kind="gaussian")
    """How an image is compared with its reconstruction."""
    objective: Objective = BetaVAE(
        kind="beta_vae", beta=Geometric(kind="geometric", start=5.0, end=0.4, until=0.7)
    )
    """What is minimised."""
    penalties: Penalties = Penalties()
    """What is added to it."""
    training: VisionTraining = VisionTraining()
    """How long, and how fast."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        """The published defaults around any network that is not layered, and around other objectives."""
        if not isinstance(given, dict):
            return given
        network, likelihood, objective = (
            _kind(given.get(name)) for name in ("network", "likelihood", "objective")
        )
        others = likelihood not in (None, "gaussian") or objective not in (None, "beta_vae")
        if network == "layered" or (network is None and not others):
            return given
        filled = {**PUBLISHED, **given}
        for name, defaults in (("penalties", PUBLISHED_PENALTIES), ("training", PUBLISHED_TRAINING)):
            section = filled.get(name, {})
            filled[name] = {**defaults, **section} if isinstance(section, dict) else section
        return filled


def _kind(section: Any) -> Any:
    return section.get("kind") if isinstance(section, dict) else getattr(section, "kind", None)
