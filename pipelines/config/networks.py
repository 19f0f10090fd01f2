"""The networks of the vision model, a union by kind."""

from typing import Annotated, Literal

from pydantic import Field

from pipelines.config.sections import Section
from pipelines.config.values import (
    FiniteFloat,
    Integer,
    Latents,
    LayerWidth,
    LayerWidths,
    PositiveFloat,
    SmallCount,
)

CategorySize = Annotated[Integer, Field(ge=2, le=1024)]


class NetworkBase(Section):
    """What every network has: what pixels and posteriors are."""

    kind: str
    colour: Literal["rgb", "hsv", "hsv_cyclic"] = "rgb"
    """The colour space in which images are compared."""
    precision_limit: Annotated[FiniteFloat, Field(gt=1)] | None = None
    """Upper bound of 1 / var q(z|x), the precision of a posterior relative to the prior's; null for none."""


class ConvolutionalBase(NetworkBase):
    """The layers of an encoder of convolutions."""

    widths: LayerWidths = (32, 32, 64, 64)
    """Channels of the convolutions, each of which halves the image."""
    hidden: LayerWidth = 256
    """Units of the layer between convolutions and latents."""
    activation: Literal["relu", "elu", "leaky_relu"] = "relu"
    """Between the layers: relu as in the paper, whose units can die (docs/encoders.md), or another."""


class ConvolutionalNetwork(ConvolutionalBase):
    """The paper's networks."""

    kind: Literal["convolutional"]
    latents: Latents = 32
    """How many latents it has."""


class LayeredNetwork(ConvolutionalBase):
    """A decoder that composes components, each of one colour, through masks (`vision.layered`).

    Its latents are the `mask_latents`, and one for each channel of the colour of each component.
    """

    kind: Literal["layered"]
    widths: LayerWidths = (32, 64, 64)
    """Channels of the convolutions, each of which halves the image."""
    precision_limit: Annotated[FiniteFloat, Field(gt=1)] | None = 50.0
    """Upper bound of 1 / var q(z|x) of the mask latents; null for none."""
    mask_latents: SmallCount = 8
    """Latents of the masks: of outlines and positions."""
    mask_kl_weight: PositiveFloat = 2.0
    """KL weight of the mask latents relative to the colour latents."""
    components: SmallCount = 12
    """Layers of one colour each."""
    masks: Literal["convolutional", "additive"] = "additive"
    """The decoder of the masks: a convolutional one, or a sum of one map for each mask latent."""


class StudyNetwork(NetworkBase):
    """The networks of the large study of Locatello et al. (2019), for sides that are multiples of 16."""

    kind: Literal["study"]
    latents: Latents = 10
    """How many latents it has."""


class BurgessNetwork(NetworkBase):
    """The networks of Burgess et al. (2018): convolutions of 32 channels, two layers of 256 units."""

    kind: Literal["burgess"]
    latents: Latents = 10
    """How many latents it has."""


class MLPNetwork(NetworkBase):
    """Fully connected networks, two hidden layers in the encoder and three in the decoder."""

    kind: Literal["mlp"]
    latents: Latents = 10
    """How many latents it has."""
    hidden: LayerWidth = 1200
    """Units of a hidden layer."""


class BroadcastNetwork(ConvolutionalBase):
    """An encoder of convolutions, and a spatial broadcast decoder (`vision.broadcast`)."""

    kind: Literal["broadcast"]
    latents: Latents = 10
    """How many latents it has."""
    channels: LayerWidth = 64
    """Of each hidden layer of the decoder, which works on all pixels."""
    layers: Annotated[Integer, Field(ge=1, le=16)] = 4
    """Hidden layers of the decoder."""


class JointNetwork(ConvolutionalBase):
    """Categories beside continuous latents, for JointVAE (`vision.joint`).

    Later stages see a Gaussian, in which a category has one latent for each of its values.
    """

    kind: Literal["joint"]
    latents: Latents = 10
    """How many continuous latents it has."""
    categories: Annotated[tuple[CategorySize, ...], Field(min_length=1)] = (10,)
    """How many values each category has."""


Network = Annotated[
    ConvolutionalNetwork
    | LayeredNetwork
    | StudyNetwork
    | BurgessNetwork
    | MLPNetwork
    | BroadcastNetwork
    | JointNetwork,
    Field(discriminator="kind"),
]
