"""What learns concepts, and what measures them: SCAN, the operators, the judge, the evaluation."""

from typing import Any, Literal

from pydantic import model_validator

from pipelines.config.sections import Learning, Precision, Section
from pipelines.config.values import Batch, Count, Few, Many, Natural, NonNegative, Positive, Widths

PAPERS_MLP: dict[str, Any] = {"steps": 60_000, "batch": 16, "lr": 1e-4, "decay": "constant"}
"""What `symbols.encoder: mlp` learns with by default: lr and batch as in SCAN's public ports. The paper's
number of steps is not known."""


class Symbols(Learning):
    """SCAN. The defaults of steps, batch, lr and decay are those of the encoder, here of experts."""

    steps: Count = 4_000
    batch: Batch = 64
    lr: Positive = 1e-2
    decay: Literal["constant", "linear", "cosine"] = "cosine"
    weight_decay: NonNegative = 0.0
    encoder: Literal["experts", "mlp"] = "experts"
    opinion: NonNegative = 0.0
    """Of experts: what it costs a symbol to have an opinion on a latent, in nats over all training pairs. The
    price rises from 0 over the first half of the steps."""
    hidden: Widths = (100,)
    examples: Few = 10
    """Images of each training concept."""
    beta: NonNegative = 1.0
    grounding: Positive = 10.0
    direction: Literal["forward", "reverse"] = "forward"

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("encoder") == "mlp":
            return {**PAPERS_MLP, **given}
        return given


class Operators(Learning):
    """The recombination operators, trained on SCAN's own pairs."""

    steps: Count = 2_000
    batch: Batch = 256
    lr: Positive = 5e-3
    decay: Literal["constant", "linear", "cosine"] = "cosine"
    hidden: Widths = (64, 64)
    triples: Many = 4_000
    """How many (operator, left, right, result) to learn from."""
    direction: Literal["forward", "reverse"] = "forward"


class Judge(Learning):
    """The classifier that reads imagined images."""

    steps: Count = 3_000
    batch: Batch = 64
    lr: Positive = 3e-3
    decay: Literal["constant", "linear", "cosine"] = "cosine"
    warmup: Natural = 60
    images: Many = 20_000
    """Fresh images to learn from, where the set can be rendered; else it learns from the training images."""
    precision: Precision = "auto"


class Evaluate(Section):
    """The sizes of the evaluation; how many symbols a split has is in `splits`."""

    images_per_symbol: Many = 64
    """Images of each concept, for accuracy."""
    diversity_images: Many = 200
    """Images of each concept that leaves attributes open, for diversity; never fewer than the above."""
