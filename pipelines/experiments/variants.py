"""The variants of `scan experiment ablation`: what each asks, and what it changes of the method."""

from typing import Literal, NamedTuple


class Variant(NamedTuple):
    """One way to ground symbols; the defaults are those of `rooms`."""

    question: str = ""
    reference: str = "default"
    encoder: Literal["experts", "mlp"] = "experts"
    penalty: bool = True
    """Whether experts are penalised, as much as the run's config says."""
    grounding: float = 10.0
    direction: Literal["forward", "reverse"] = "forward"
    """Of both KLs, that of the symbols and that of the operators."""
    images: int = 10
    """Of each concept."""
    concepts: int | None = None
    """How many are taught; None for the run's list."""
    operators: Literal["learned", "exact"] = "learned"
    standardised: bool = True


VARIANTS = {
    "default": Variant(),
    "perceptron": Variant("does a product of experts matter?", encoder="mlp", penalty=False),
    "no penalty": Variant("does the experts' penalty matter?", penalty=False),
    "reverse KL": Variant("does the forward KL matter, with experts?", direction="reverse"),
    "reverse KL, perceptron": Variant(
        "does the forward KL matter, with perceptrons?",
        "perceptron",
        encoder="mlp",
        penalty=False,
        direction="reverse",
    ),
    "grounding 1": Variant("does a grounding weight of 1 matter?", grounding=1.0),
    "grounding 30": Variant("does a grounding weight of 30 matter?", grounding=30.0),
    "1 image": Variant("does it matter to have 1 image a concept?", images=1),
    "3 images": Variant("does it matter to have 3 images a concept?", images=3),
    "30 images": Variant("does it matter to have 30 images a concept?", images=30),
    "33 concepts": Variant("does it matter to have 33 concepts?", concepts=33),
    "400 concepts": Variant("does it matter to have 400 concepts?", concepts=400),
    "exact operators": Variant("do learned operators matter?", operators="exact"),
    "raw codes": Variant("do standardised codes matter?", standardised=False),
}
