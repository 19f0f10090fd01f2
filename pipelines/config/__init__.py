"""The configuration of a run: what may be set, how a YAML file and `--set` fill it in, the presets."""

from pipelines.config.concepts import Evaluate, Judge, Operators, Symbols
from pipelines.config.data import Data, FolderData, NpzData, RoomsData, Splits
from pipelines.config.schema import Config
from pipelines.config.sections import Constant, Geometric, Learning, Linear, Precision, Schedule, Section
from pipelines.config.vision import DAE, Vision

__all__ = [
    "DAE",
    "Config",
    "Constant",
    "Data",
    "Evaluate",
    "FolderData",
    "Geometric",
    "Judge",
    "Learning",
    "Linear",
    "NpzData",
    "Operators",
    "Precision",
    "RoomsData",
    "Schedule",
    "Section",
    "Splits",
    "Symbols",
    "Vision",
]
