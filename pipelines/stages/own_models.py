"""Models that the user put into a run, compared with its data before anything is trained."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

import scan.models
import vision.models
from pipelines.config import Config
from pipelines.errors import RunError
from pipelines.runs.folder import OWN_MODEL, RunFolder
from pipelines.training.learning import load
from scan.grounding import SCAN
from scan.judge import Judge
from scan.operators import Operators
from symbols import Vocabulary
from vision import weights
from vision.dae import DAE
from vision.vae import VAE

Shape = tuple[int, int, int]
Build = Callable[[Mapping[str, Any]], nn.Module]

KINDS: dict[str, tuple[Build, type[nn.Module]]] = {
    "dae": (vision.models.build, DAE),
    "vision": (vision.models.build, VAE),
    "symbols": (scan.models.build, SCAN),
    "operators": (scan.models.build, Operators),
    "judge": (scan.models.build, Judge),
}
"""What the model of a stage is, and how it is built."""


def check(
    config: Config, shape: Shape, words: Vocabulary, run: RunFolder, stages: Sequence[str], latents: int
) -> int:
    """Load the user's own models of some stages; returns the latents of the visual model.

    Args:
        shape: (C, H, W) of the images.
        latents: Of the visual model, where it is not among these.

    Raises:
        RunError: For a model that cannot be loaded, or was made for other images, words or latents.
    """
    models = {name: load(run, name, *KINDS[name], torch.device("cpu")) for name in stages if name in KINDS}
    seeing = models.get("vision")
    if isinstance(seeing, VAE):
        latents = seeing.latents
    for name, model in models.items():
        spec = weights.load(run.stage(name) / OWN_MODEL)[1]
        match model:
            case VAE():
                _same(run, name, "images", model.shape, shape)
            case DAE():
                colour = (
                    seeing.colour if isinstance(seeing, VAE) else vision.models.COLOURS[config.vision.colour]
                )
                _same(run, name, "images", model.shape, shape)
                _same(run, name, "the colour space", model.colour, colour)
            case SCAN():
                _same(run, name, "symbols", spec["symbols"], words.size)
                _same(run, name, "latents", spec["latents"], latents)
            case Judge():
                _same(run, name, "images", tuple(spec["shape"]), shape)
                _same(run, name, "numbers of values", model.sizes, words.factor_sizes)
    return latents


def _same(run: RunFolder, stage: str, what: str, found: object, expected: object) -> None:
    if found != expected:
        path = run.stage(stage) / OWN_MODEL
        raise RunError(f"{path}: made for {what}: {found}, this run has {expected}")
