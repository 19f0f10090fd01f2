"""The configuration of a run: what may be set, of which type, with which default.

A YAML file (shipped by name, or a path) and `--set a.b=value` fill it in. Every key is checked, and so is
every type: PyYAML reads `1e-4` as text and `no` as a boolean, so a number may be written as text that spells
one, and nothing else is converted. Only the keys that differ from the defaults need to be written.
"""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from pipelines.config.concepts import Evaluate, Judge, Operators, Symbols
from pipelines.config.data import Data, FolderData, RoomsData, Splits
from pipelines.config.joint import Joint
from pipelines.config.misfits import check_joint, check_objective
from pipelines.config.networks import LayeredNetwork
from pipelines.config.objectives import OF_A_BATCH
from pipelines.config.sections import Section, Training
from pipelines.config.values import Seed, Text
from pipelines.config.vision import DAE, BernoulliLikelihood, PerceptualLikelihood, Vision

TRAININGS = {
    "dae": "dae",
    "joint": "joint",
    "vision": "vision.training",
    "symbols": "symbols",
    "operators": "operators",
    "judge": "judge",
}
"""Dotted key of the section with steps, batch and learning rate, for each stage that trains."""


class Config(Section):
    """A run."""

    name: Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Of the run, and of its folder in runs/; by default that of the data, or of the config file."""
    seed: Seed = 0
    """Of everything that is random."""
    data: Data
    """The images and their words."""
    splits: Splits = Splits()
    """What is taught, tested and held out."""
    dae: DAE | None = None
    """A denoising autoencoder for a perceptual likelihood; null for none."""
    vision: Vision = Vision()
    """The visual model."""
    symbols: Symbols = Symbols()
    """SCAN: words grounded in images."""
    joint: Joint | None = None
    """A model that learns images and words together, in place of SCAN on a visual model; null for none."""
    operators: Operators = Operators()
    """AND, IN COMMON and IGNORE, learned."""
    judge: Judge = Judge()
    """The classifier that reads imagined images."""
    evaluate: Evaluate = Evaluate()
    """What is measured."""

    @property
    def has_words(self) -> bool:
        """Whether the data have attributes; without, a run learns a visual model alone."""
        data = self.data
        if isinstance(data, FolderData) and data.table is None:
            return False
        return isinstance(data, RoomsData) or data.attributes != ()

    def training(self, stage: str) -> Training | None:
        """The section with steps, batch and learning rate of a stage; None where it trains nothing."""
        if stage not in TRAININGS or (self.joint is not None and stage in ("vision", "symbols")):
            return None
        section: Any = self
        for name in TRAININGS[stage].split("."):
            section = getattr(section, name)
        return section

    @model_validator(mode="after")
    def _check_choices(self) -> Self:
        vision, likelihood = self.vision, self.vision.likelihood
        check_objective(vision, self.data)
        if self.joint is not None:
            check_joint(self.joint, vision, self.symbols, self.has_words)
        is_layered = isinstance(vision.network, LayeredNetwork)
        if (
            isinstance(likelihood, PerceptualLikelihood)
            and likelihood.features != "pixels"
            and self.dae is None
        ):
            raise ValueError(
                f"vision.likelihood.features {likelihood.features} are those of a DAE: add a section dae"
            )
        if is_layered and isinstance(likelihood, BernoulliLikelihood):
            raise ValueError(
                "a layered network puts out no logits: vision.likelihood.kind must not be bernoulli"
            )
        if vision.penalties.cross_covariance and not is_layered:
            raise ValueError(
                "vision.penalties.cross_covariance is between the two groups of latents of a layered network"
            )
        if vision.penalties.mask_entropy and not is_layered:
            raise ValueError("vision.penalties.mask_entropy is of the masks of a layered network")
        if vision.penalties.cross_covariance and vision.training.batch < 4:
            raise ValueError(
                "vision.penalties.cross_covariance compares the halves of a batch: "
                "vision.training.batch at least 4"
            )
        if isinstance(vision.objective, OF_A_BATCH) and vision.training.batch < 2:
            raise ValueError(
                f"vision.objective.kind {vision.objective.kind} compares the images of a batch: "
                "vision.training.batch at least 2"
            )
        if self.symbols.encoder != "experts" and self.symbols.expert_penalty:
            raise ValueError("symbols.expert_penalty is of experts: it needs symbols.encoder experts")
        if self.symbols.encoder != "experts" and self.symbols.pair_penalty is not None:
            raise ValueError("symbols.pair_penalty is of experts: it needs symbols.encoder experts")
        return self
