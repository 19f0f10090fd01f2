"""What learns concepts, and what measures them: SCAN, the operators, the judge, the evaluation."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pipelines.config.sections import Precision, Section, Training
from pipelines.config.values import (
    BatchSize,
    FiniteFloat,
    LargeCount,
    LayerWidths,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SmallCount,
)

PAPERS_MLP: dict[str, Any] = {"steps": 60_000, "batch": 16, "lr": 1e-4, "decay": "constant"}
"""What `symbols.encoder: mlp` learns with by default: lr and batch as in SCAN's public ports. The paper's
number of steps is not known."""


class Symbols(Training):
    """SCAN. The defaults of steps, batch, lr and decay are those of the encoder, here of experts."""

    steps: PositiveInt = 4_000
    batch: BatchSize = 64
    lr: PositiveFloat = 1e-2
    decay: Literal["constant", "linear", "cosine"] = "cosine"
    weight_decay: NonNegativeFloat = 0.0
    """Of AdamW."""
    encoder: Literal["experts", "mlp"] = "experts"
    """Of symbols, q(z|y): a product of experts, or the paper's perceptron."""
    expert_penalty: NonNegativeFloat = 0.0
    """Of experts: the cost of each latent that an attribute specifies, in nats per value over all training
    pairs (`scan.symbol_networks.Experts.penalty`); it rises from 0 over the first half of the steps."""
    pair_penalty: NonNegativeFloat | None = None
    """Of experts for pairs of values, by which what a value looks like may depend on another: their cost, in
    nats per pair, like `expert_penalty`; null for no such experts."""
    completion: Annotated[FiniteFloat, Field(ge=0.5, lt=1)] | None = None
    """The probability above which a value that p(y|z) reads from an image, of an attribute that its concept
    leaves open, is added to the concept in half of the cases (`scan.grounding.completed`); null for none."""
    hidden: LayerWidths = (100,)
    """Units of the hidden layers, of mlp and of the decoder."""
    examples: SmallCount = 10
    """Images of each training concept."""
    beta: NonNegativeFloat = 1.0
    """The weight of the KL from the prior."""
    grounding: PositiveFloat = 10.0
    """The weight of the KL between q(z|x) and q(z|y), the paper's lambda."""
    direction: Literal["forward", "reverse"] = "forward"
    """Of that KL: forward is KL(q(z|x) || q(z|y))."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("encoder") == "mlp":
            return {**PAPERS_MLP, **given}
        return given


class Operators(Training):
    """The recombination operators, trained on SCAN's own pairs."""

    steps: PositiveInt = 2_000
    batch: BatchSize = 256
    lr: PositiveFloat = 5e-3
    decay: Literal["constant", "linear", "cosine"] = "cosine"
    hidden: LayerWidths = (64, 64)
    """Channels of the convolutions over latents."""
    triples: LargeCount = 4_000
    """How many (operator, left, right, result) to learn from."""
    direction: Literal["forward", "reverse"] = "forward"
    """Of the KL between the result and what it should be."""


class Judge(Training):
    """The classifier that reads imagined images."""

    steps: PositiveInt = 3_000
    batch: BatchSize = 64
    lr: PositiveFloat = 3e-3
    decay: Literal["constant", "linear", "cosine"] = "cosine"
    warmup: NonNegativeInt = 60
    images: LargeCount = 20_000
    """Fresh images to learn from, where the set can be rendered; else it learns from the training images."""
    precision: Precision = "auto"
    """What the networks compute in; auto is bf16 where the device has its arithmetic, else fp32."""
    network: Literal["strided", "pooled"] = "strided"
    """Its convolutions; pooled ones read small things in different places better, at six times the
    operations (`scan.judge`)."""


class Evaluate(Section):
    """The sizes of the evaluation; how many symbols a split has is in `splits`."""

    images_per_symbol: LargeCount = 64
    """Images of each concept, for accuracy."""
    diversity_images: LargeCount = 200
    """Images of each concept that leaves attributes open, for diversity; never fewer than the above."""
