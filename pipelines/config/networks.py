"""The networks of the vision model, a union by kind."""

from typing import Annotated, Literal

from pydantic import Field

from pipelines.config.sections import Section
from pipelines.config.values import FiniteFloat, LayerWidth, LayerWidths, PositiveFloat, SmallCount


class NetworkBase(Section):
    """What every network has: the encoder's layers, and what pixels and posteriors are."""

    kind: str
    widths: LayerWidths = (32, 32, 64, 64)
    """Channels of the convolutions, each of which halves the image."""
    hidden: LayerWidth = 256
    """Units of the layer between convolutions and latents."""
    activation: Literal["relu", "elu"] = "relu"
    """Between the layers of the encoder."""
    colour: Literal["rgb", "hsv", "hsv_cyclic"] = "rgb"
    """The colour space in which images are compared."""
    precision_limit: Annotated[FiniteFloat, Field(gt=1)] | None = None
    """Upper bound of 1 / var q(z|x), the precision of a posterior relative to the prior's; null for none."""


class ConvolutionalNetwork(NetworkBase):
    """The paper's networks."""

    kind: Literal["convolutional"]
    latents: SmallCount = 32
    """How many latents it has."""


class LayeredNetwork(NetworkBase):
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


Network = Annotated[ConvolutionalNetwork | LayeredNetwork, Field(discriminator="kind")]
