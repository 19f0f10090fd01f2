"""The configuration of a run: what may be set, of which type, with which default.

A YAML file (shipped by name, or a path) and `--set a.b=value` fill it in. Every key is checked, and so is
every type: PyYAML reads `1e-4` as text and `no` as a boolean, so a number may be written as text that spells
one, and nothing else is converted. Only the keys that differ from the defaults need to be written.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from pipelines.config.concepts import Evaluate, Judge, Operators, Symbols
from pipelines.config.data import Data, Splits
from pipelines.config.sections import Section
from pipelines.config.values import Seed, Text
from pipelines.config.vision import DAE, Vision


class Config(Section):
    """A run."""

    name: Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    seed: Seed = 0
    data: Data
    splits: Splits = Splits()
    dae: DAE | None = None
    vision: Vision = Vision()
    symbols: Symbols = Symbols()
    operators: Operators = Operators()
    judge: Judge = Judge()
    evaluate: Evaluate = Evaluate()

    @model_validator(mode="after")
    def _check_choices(self) -> Self:
        vision = self.vision
        if vision.reconstruction == "perceptual" and vision.layer != "pixels" and self.dae is None:
            raise ValueError(f"vision.layer {vision.layer} is a layer of a DAE: add a section dae")
        if vision.kind == "layered_vae" and vision.latents is not None:
            raise ValueError("vision.latents of a layered_vae follow from where and layers: leave it out")
        if self.symbols.encoder != "experts" and self.symbols.opinion:
            raise ValueError("symbols.opinion is a price for experts: it needs symbols.encoder experts")
        if vision.kind != "layered_vae" and vision.independence:
            raise ValueError("vision.independence is between the two groups of latents of a layered_vae")
        if vision.independence and vision.batch < 4:
            raise ValueError("vision.independence compares the halves of a batch: vision.batch at least 4")
        if vision.kind == "layered_vae" and vision.reconstruction == "bernoulli":
            raise ValueError("a layered_vae puts out no logits: vision.reconstruction must not be bernoulli")
        return self
