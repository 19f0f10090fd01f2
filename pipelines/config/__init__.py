"""The configuration of a run: what may be set, how a YAML file and `--set` fill it in, the presets."""

from pipelines.config.concepts import Evaluate, Judge, Operators, Symbols
from pipelines.config.data import Data, FolderData, NpzData, RoomsData, Splits
from pipelines.config.networks import (
    BurgessNetwork,
    ConvolutionalNetwork,
    LayeredNetwork,
    MLPNetwork,
    StudyNetwork,
)
from pipelines.config.objectives import (
    DIPVAEI,
    DIPVAEII,
    AnnealedVAE,
    BetaTCVAE,
    BetaVAE,
    BottleneckVAE,
    FactorVAE,
)
from pipelines.config.schema import TRAININGS, Config
from pipelines.config.sections import Constant, Geometric, Linear, Precision, Schedule, Section, Training
from pipelines.config.vision import (
    DAE,
    BernoulliLikelihood,
    GaussianLikelihood,
    PerceptualLikelihood,
    Vision,
    VisionTraining,
)

__all__ = [
    "DAE",
    "DIPVAEI",
    "DIPVAEII",
    "TRAININGS",
    "AnnealedVAE",
    "BernoulliLikelihood",
    "BetaTCVAE",
    "BetaVAE",
    "BottleneckVAE",
    "BurgessNetwork",
    "Config",
    "Constant",
    "ConvolutionalNetwork",
    "Data",
    "Evaluate",
    "FactorVAE",
    "FolderData",
    "GaussianLikelihood",
    "Geometric",
    "Judge",
    "LayeredNetwork",
    "Linear",
    "MLPNetwork",
    "NpzData",
    "Operators",
    "PerceptualLikelihood",
    "Precision",
    "RoomsData",
    "Schedule",
    "Section",
    "Splits",
    "StudyNetwork",
    "Symbols",
    "Training",
    "Vision",
    "VisionTraining",
]
