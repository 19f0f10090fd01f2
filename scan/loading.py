"""Open a finished run: `load("runs/rooms")` gives a `ConceptModel`.

The one module of this package that reads files, because a run folder is how trained models reach people. It
takes the vocabulary from RUN/data.json and the weights from
RUN/{vision,symbols,operators}/model.safetensors, checks them against the sha256 that each stage noted in
its done.json, and refuses by name whatever it cannot trust.
"""

import hashlib
import json
import reprlib
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

import scan.models
import vision.models
from scan.concept_model import ConceptModel
from scan.grounding import SCAN
from scan.operators import Operators
from symbols import Vocabulary
from vision import weights
from vision.vae import VAE

FORMAT = 3
"""The version of run folders that this module reads, `format` in data.json and done.json."""

MODEL = "model.safetensors"

M = TypeVar("M", bound=nn.Module)


class RunError(ValueError):
    """A run folder that cannot be loaded: one line that names the file and the reason."""


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
    vocabulary = _vocabulary(folder / "data.json")
    seeing = _model(folder / "vision", vision.models.build, VAE)
    naming = _model(folder / "symbols", scan.models.build, SCAN)
    operators = None
    if _finished(folder / "operators"):
        operators = _model(folder / "operators", scan.models.build, Operators)
    model = ConceptModel(seeing, naming, operators, vocabulary)
    _check_sizes(folder, model)
    return model.eval().requires_grad_(False)


def _vocabulary(path: Path) -> Vocabulary:
    content = _read(path, "this is no run folder, or no stage of it has begun")
    try:
        return Vocabulary.from_dict(content["vocabulary"])
    except (KeyError, ValueError) as error:
        raise RunError(f"{path}: has no usable vocabulary ({error})") from error


def _finished(stage: Path) -> bool:
    """Whether a stage has a model: it is done, or the user has put a model of their own there."""
    if (stage / "done.json").exists():
        return True
    return (stage / MODEL).exists() and not (stage / "inputs.json").exists()


def _model(stage: Path, build: Callable[[Mapping[str, Any]], nn.Module], kind: type[M]) -> M:
    """The model of a finished stage, checked against its receipt."""
    path = stage / MODEL
    if not _finished(stage):
        raise RunError(f"{stage}: the stage is not finished, so there is no model to load")
    if (stage / "done.json").exists():
        _check_digest(path, _read(stage / "done.json", "the stage is not finished"))
    try:
        model, _ = weights.rebuild(path, build)
    except weights.WeightsError as error:
        raise RunError(str(error)) from error
    if not isinstance(model, kind):
        raise RunError(f"{path}: holds a {type(model).__name__}, expected a {kind.__name__}")
    return model


def _check_digest(path: Path, done: Mapping[str, Any]) -> None:
    files = done.get("files")
    expected = files.get(MODEL) if isinstance(files, Mapping) else None
    if expected is None:
        raise RunError(f"{path.parent / 'done.json'}: does not list {MODEL}")
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror or error})") from error
    if found != expected:
        raise RunError(f"{path}: not the file that the run wrote (its sha256 differs from done.json)")


def _check_sizes(folder: Path, model: ConceptModel) -> None:
    """The three models must speak of the same latents and words."""
    words, latents = model.vocabulary.size, model.vision.latents
    path = folder / "symbols" / MODEL
    spec = weights.load(path)[1]
    if spec.get("symbols") != words:
        raise RunError(f"{path}: made for {spec.get('symbols')} symbols, data.json has {words}")
    if spec.get("latents") != latents:
        raise RunError(f"{path}: made for {spec.get('latents')} latents, the visual model has {latents}")


def _read(path: Path, when_missing: str) -> dict[str, Any]:
    """The JSON object in a file of this format version."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"{path}: not found; {when_missing}") from error
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: damaged, it is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise RunError(f"{path}: damaged, it is not a JSON object")
    if content.get("format") != FORMAT:
        raise RunError(
            f"{path}: run format {reprlib.repr(content.get('format'))}, this program reads {FORMAT}"
        )
    return content
