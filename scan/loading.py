"""Open a finished run: `load("runs/rooms")` gives a `ConceptModel`.

It takes the vocabulary from RUN/data.json, the weights from RUN/{vision,symbols,operators}/model.safetensors,
which it checks against the sha256 that each stage noted in its done.json (`scan.run_format`), and the words
that were taught later from RUN/taught.json (`scan.taught_file`). It refuses by name whatever differs.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

import scan.models
import vision.models
from scan.concept_model import ConceptModel
from scan.grounded_scan import GroundedSCAN
from scan.grounding import SCAN
from scan.joint_model import JointModel
from scan.operators import Operators
from scan.run_format import MODEL, RunError, check_model, finished, read
from scan.taught_file import load_taught
from symbols import Vocabulary
from vision import weights
from vision.dae import DAE
from vision.data.background import BACKGROUND, check_background
from vision.data.pictures import Target, target_of
from vision.vae import VAE

M = TypeVar("M", bound=nn.Module)
NO_RUN = "this is no run folder, or no stage of it has begun"
"""What a missing data.json means."""


def load(run: str | PathLike[str]) -> ConceptModel:
    """Return the models of a run, frozen, in evaluation mode and on the CPU.

    The stages vision and symbols must be finished. Without the stage operators, expressions that need an
    operator are refused when they are used.

    Raises:
        RunError: for a folder, a file or a version that cannot be used.
    """
    folder = Path(run)
    if not folder.is_dir():
        raise RunError(f"{folder}: no such run folder")
    record = folder / "data.json"
    content = read(record, NO_RUN)
    vocabulary, background = _vocabulary(record, content), _background(record, content)
    model = load_joint_model(folder)
    operators = load_model(folder / "operators", Operators) if finished(folder / "operators") else None
    _check_sizes(folder, model, vocabulary)
    taught = load_taught(folder, model.latents)
    return ConceptModel(model, operators, vocabulary, taught, background).eval().requires_grad_(False)


def picture_target(folder: Path, shape: Sequence[int]) -> Target:
    """What picture files are made for a model of a run: as those that it was trained on.

    Args:
        folder: Of the run.
        shape: (C, H, W) of the images of the model.

    Raises:
        RunError: When data.json cannot be used.
    """
    record = folder / "data.json"
    return target_of(shape, _background(record, read(record, NO_RUN)))


def load_joint_model(folder: Path) -> JointModel:
    """Return the joint model of images and symbols of a run, frozen, in evaluation mode and on the CPU.

    It is SCAN over the visual model that it is grounded in; no other function depends on that.

    Raises:
        RunError: As `load_model` does, for any of its parts.
    """
    visual = load_model(folder / "vision", VAE)
    symbolic = load_model(folder / "symbols", SCAN)
    return GroundedSCAN(visual, symbolic).eval().requires_grad_(False)


def load_model(stage: Path, kind: type[M]) -> M:
    """Return the model of a finished stage, frozen, in evaluation mode and on the CPU.

    Args:
        stage: The folder of the stage.
        kind: The class of the model.

    Raises:
        RunError: When the stage is not finished, the file is not the one that the stage wrote, or it holds
            another kind of model.
    """
    check_model(stage)
    return open_model(stage / MODEL, kind)


def open_model(path: Path, kind: type[M]) -> M:
    """Return the model in a file, as `load_model`, whatever is written beside it.

    Raises:
        RunError: When the file is missing, damaged, or holds another kind of model.
    """
    build = vision.models.build if kind in (VAE, DAE) else scan.models.build
    try:
        model, _ = weights.rebuild(path, build)
    except weights.WeightsError as error:
        raise RunError(str(error)) from error
    if not isinstance(model, kind):
        raise RunError(f"{path}: holds a {type(model).__name__}, expected a {kind.__name__}")
    return model.eval().requires_grad_(False)


def _vocabulary(path: Path, content: Mapping[str, Any]) -> Vocabulary:
    try:
        return Vocabulary.from_dict(content["vocabulary"])
    except (KeyError, ValueError) as error:
        raise RunError(f"{path}: has no usable vocabulary ({error})") from error


def _background(path: Path, content: Mapping[str, Any]) -> str:
    background: str = content.get("background", BACKGROUND)
    try:
        check_background(background)
    except ValueError as error:
        raise RunError(f"{path}: background: {error}") from error
    return background


def _check_sizes(folder: Path, model: JointModel, vocabulary: Vocabulary) -> None:
    """The models of the stages must have the same latents and words."""
    words, latents = vocabulary.size, model.latents
    path = folder / "symbols" / MODEL
    spec = weights.load(path)[1]
    if spec.get("symbols") != words:
        raise RunError(f"{path}: made for {spec.get('symbols')} symbols, data.json has {words}")
    if spec.get("latents") != latents:
        raise RunError(f"{path}: made for {spec.get('latents')} latents, the visual model has {latents}")
