"""The models of a run's finished stages, on the device that they are used on."""

from typing import TypeVar

import torch
from torch import nn

from pipelines.devices import place
from pipelines.errors import RunError
from pipelines.runs.folder import RunFolder
from scan.concept_model import ConceptModel
from scan.data import Data
from scan.judge import Judge
from scan.loading import load_joint_model, load_model
from scan.operators import Operators
from scan.run_format import MODEL
from vision.models import VisionModel
from vision.vae import VAE

M = TypeVar("M", bound=nn.Module)


def load(run: RunFolder, stage: str, kind: type[M], device: torch.device) -> M:
    """The model of a finished stage, frozen, in evaluation mode, on the device.

    Args:
        run: The run folder.
        stage: Name of the stage.
        kind: The class that the model must have.
        device: Where it will be.

    Raises:
        RunError: When the file is missing, damaged, altered, or holds another kind of model.
    """
    return place(load_model(run.stage(stage), kind), device)


def load_vision(run: RunFolder, data: Data | None, device: torch.device) -> VisionModel:
    """The vision model of a run, as `load`.

    Args:
        run: A run whose stage vision is finished.
        data: The data set whose images it should take; None where there is none.
        device: Where the model will be.

    Raises:
        RunError: When it cannot be loaded, or was made for images of another shape.
    """
    model = load(run, "vision", VAE, device)
    if data is not None and model.shape != data.images.shape:
        path = run.stage("vision") / MODEL
        raise RunError(f"{path}: made for images {model.shape}, the data set has {data.images.shape}")
    return model


def load_judge(run: RunFolder, data: Data, device: torch.device) -> Judge:
    """The judge of a run, as `load`.

    Args:
        run: A run whose stage judge is finished.
        data: The data set, whose attributes it should read.
        device: Where it will be.

    Raises:
        RunError: When it cannot be loaded, or was made for other attributes.
    """
    judge = load(run, "judge", Judge, device)
    if judge.sizes != data.vocabulary.factor_sizes:
        path, sizes = run.stage("judge") / MODEL, data.vocabulary.factor_sizes
        raise RunError(f"{path}: reads attributes of {judge.sizes} values, the data set has {sizes}")
    return judge


def load_concept_model(
    run: RunFolder, data: Data, device: torch.device, *, operators: bool = True
) -> ConceptModel:
    """The concept model of a run, with or without its operators, as `load`.

    Args:
        run: A run whose stages vision and symbols are finished.
        data: The data set of the run.
        device: Where the model will be.
        operators: Whether it has the learned operators.

    Raises:
        RunError: When a part of it cannot be loaded, or was made for other images.
    """
    joint = load_joint_model(run.path)
    if tuple(joint.shape) != tuple(data.images.shape):
        raise RunError(
            f"{run.path}: made for images {tuple(joint.shape)}, the data set has {data.images.shape}"
        )
    learned = load_model(run.stage("operators"), Operators) if operators else None
    return place(ConceptModel(joint, learned, data.vocabulary), device).eval().requires_grad_(False)
