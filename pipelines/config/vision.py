"""What learns to see: the denoising autoencoder and the beta-VAE."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipelines.config.sections import Constant, Learning, Precision, Schedule
from pipelines.config.values import Batch, Count, Few, NonNegative, Positive, Real, Units, Widths


class DAE(Learning):
    """The denoising autoencoder; its colour space is that of the vision model."""

    steps: Count = 200_000
    batch: Batch = 100
    lr: Positive = 1e-3
    code: Units = 100
    widths: Widths = (32, 32, 64, 64)
    bound: Literal["tanh", "linear"] = "linear"
    precision: Precision = "auto"


class Vision(Learning):
    """The beta-VAE, or with a DAE and reconstruction "perceptual" the beta-VAE_DAE."""

    steps: Count = 10_000
    batch: Batch = 100
    lr: Positive = 1e-4
    kind: Literal["vae", "layered_vae"] = "vae"
    """The paper's networks, or a decoder that paints flat layers through masks (`vision.layered`)."""
    latents: Few | None = None
    """By default 32; a layered VAE has `where` and one for each channel of each layer."""
    where: Few = 12
    """Of a layered VAE: how many latents place the layers; the others colour them."""
    where_weight: Positive = 1.0
    """Of a layered VAE: what a nat of these costs, in nats of the others."""
    layers: Few = 8
    """Of a layered VAE."""
    masks: Literal["convolutional", "additive"] = "convolutional"
    """Of a layered VAE: whether the latents that place layers act together, or each adds what it has to."""
    widths: Widths = (32, 32, 64, 64)
    hidden: Units = 256
    activation: Literal["relu", "elu"] = "relu"
    colour: Literal["rgb", "hsv", "hsv_cyclic"] = "rgb"
    precision_limit: Annotated[Real, Field(gt=1)] | None = None
    """The most that a posterior may be sharper than the prior, as a ratio of variances; null for no limit."""
    reconstruction: Literal["bernoulli", "gaussian", "perceptual"] = "bernoulli"
    scale: Positive = 0.1
    """Standard deviation of a pixel under the Gaussian likelihood."""
    layer: Literal["pixels", "bottleneck", "dae_logits"] = "dae_logits"
    """Where the perceptual reconstruction compares."""
    beta: Schedule = Constant(kind="constant", value=4.0)
    capacity: Schedule | None = None
    """Nats to release; beta then weighs |KL - capacity|."""
    sparsity: NonNegative = 0.0
    """Weight of `vision.objectives.jacobian_l1`, the change of the image when a latent changes."""
    decorrelation: NonNegative = 0.0
    """Weight of `vision.objectives.off_diagonal_covariance`, between the latents' means (DIP-VAE-I)."""
    independence: NonNegative = 0.0
    """Of a layered VAE: weight of `vision.objectives.cross_covariance` between its two groups of latents."""
    precision: Precision = "auto"
    starts: Few = 1
    """Initialisations to try (`pipelines.training.starts`)."""
    start_steps: Count = 400
    """After how many steps the better half of them goes on; then it is twice as many, and so on."""

    @model_validator(mode="after")
    def _check_starts(self) -> Self:
        if self.starts > 1 and self.start_steps > self.steps:
            raise ValueError(f"start_steps {self.start_steps} are more than steps {self.steps}")
        return self
