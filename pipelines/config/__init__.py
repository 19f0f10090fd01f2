"""The configuration of a run: what may be set, how a YAML file and `--set` fill it in, the presets."""

from pipelines.config.concepts import Evaluate, Judge, Operators, Symbols
from pipelines.config.data import Data, FolderData, NpzData, RoomsData, Splits
from pipelines.config.networks import (
    BurgessNetwork,
    ConvolutionalNetwork,
    JointNetwork,
    LayeredNetwork,
    MLPNetwork,
    StudyNetwork,
)
from pipelines.config.objectives import BetaVAE
from pipelines.config.published_data import PublishedData
from pipelines.config.objectives import DCIGN, AdaGVAE, AdaMLVAE, BetaVAE, JointVAE, Pairwise, SlowVAE
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
    "DCIGN",
    "TRAININGS",
    "AdaGVAE",
    "AdaMLVAE",
    "BernoulliLikelihood",
    "BetaVAE",
    "BurgessNetwork",
    "Config",
    "Constant",
    "ConvolutionalNetwork",
    "Data",
    "Evaluate",
    "FolderData",
    "GaussianLikelihood",
    "Geometric",
    "JointNetwork",
    "JointVAE",
    "Judge",
    "LayeredNetwork",
    "Linear",
    "MLPNetwork",
    "NpzData",
    "Operators",
    "Pairwise",
    "PerceptualLikelihood",
    "Precision",
    "PublishedData",
    "RoomsData",
    "Schedule",
    "Section",
    "SlowVAE",
    "Splits",
    "StudyNetwork",
    "Symbols",
    "Training",
    "Vision",
    "VisionTraining",
]
