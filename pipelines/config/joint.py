"""Models that learn images and symbols together, in place of SCAN on a visual model of its own."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from pipelines.config.sections import Training
from pipelines.config.values import BatchSize, LayerWidths, NonNegativeFloat, PositiveFloat, PositiveInt


class JointTraining(Training):
    """What both have. The stages vision and symbols then train nothing: they take their halves from this one.

    Of the section vision, network, likelihood and training.precision count; of symbols, encoder, hidden and
    examples, so that a model sees the pairs that SCAN would see.
    """

    steps: PositiveInt = 10_000
    batch: BatchSize = 64
    """Pairs of each step, and as many unlabelled images where these are used."""
    lr: PositiveFloat = 1e-3
    expert_lr: PositiveFloat = 1e-2
    """The learning rate of experts, whose precisions are on a logarithmic scale, with the decay of `lr`."""
    decay: Literal["constant", "linear", "cosine"] = "cosine"
    hidden: LayerWidths = (256,)
    """Units of the hidden layers by which the joint encoder corrects its image encoder."""
    symbol_weight: PositiveFloat = 50.0
    """The weight of -log p(y|z) where the joint encoder gives z; that of the image is 1."""
    unlabelled: StrictBool = False
    """Whether q(z|x) and p(x|z) also learn from all training images, by an ELBO of images alone."""


class JMVAE(JointTraining):
    """JMVAE-kl (Suzuki et al. 2016, `scan.jmvae`), in place of SCAN on a visual model of its own. It reads
    symbols that are not mentioned as absent. Of the section vision, network, likelihood and
    training.precision count; of symbols, encoder, hidden and examples."""

    kind: Literal["jmvae"]
    alpha: NonNegativeFloat = 1.0
    """The weight of the KLs from the joint posterior to those of images and of symbols alone."""


class TrELBO(JointTraining):
    """The triple ELBO (Vedantam et al. 2018, `scan.trelbo`), with experts for the mentioned attributes, in
    place of SCAN on a visual model of its own. The same settings of vision and symbols count as for jmvae;
    symbols.encoder is experts."""

    kind: Literal["trelbo"]
    symbol_weight_alone: PositiveFloat = 50.0
    """The weight of -log p(y|z) where the symbols alone give z."""


Joint = Annotated[JMVAE | TrELBO, Field(discriminator="kind")]
