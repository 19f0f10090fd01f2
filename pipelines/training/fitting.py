"""What the training stages share: fit networks by a section of the config, and save one with its metrics."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from pipelines.config import Training
from pipelines.devices import Machine
from pipelines.runs.files import write_json
from pipelines.runs.folder import RunFolder, StageResult
from pipelines.training import schedules
from pipelines.training.loop import TrainResult, log_interval, train
from pipelines.training.updates import StepLoss, Update, descend
from scan.run_format import MODEL
from vision import weights

NETWORK = "model"
"""Name of a stage's network and of its optimiser in the checkpoint."""


class Method(NamedTuple):
    """What a training changes, and how."""

    modules: dict[str, nn.Module]
    """The networks by name; `NETWORK` is the one that the stage saves."""
    optimisers: dict[str, torch.optim.Optimizer]
    """Of their weights, by name."""
    update: Update


def by_descent(module: nn.Module, loss: StepLoss, settings: Training, weight_decay: float = 0.0) -> Method:
    """The method that minimises a loss of one network by AdamW, or by plain Adam without `weight_decay`.

    Args:
        module: The network, on its device.
        loss: Step -> (scalar to minimise, named scalars for the log).
        settings: Learning rate and its schedule.
        weight_decay: Of AdamW.
    """
    adam = optimiser(module, weight_decay)
    update = descend(adam, loss, schedules.learning_rate(settings))
    return Method({NETWORK: module}, {NETWORK: adam}, update)


def fit(
    method: Method,
    settings: Training,
    folder: Path,
    stage: str,
    machine: Machine,
    *,
    until: int | None = None,
) -> TrainResult:
    """Train by a method; an interrupted training goes on.

    Args:
        method: What is trained, and how.
        settings: Steps, and how often the state is saved.
        folder: Receives `state` and `log.jsonl`.
        stage: Name of the stage, for progress and messages.
        machine: Whether there is progress to show.
        until: Stop after this number of steps in total, with the learning rates of the whole training.

    Raises:
        InterruptedRun, RunError: As `pipelines.training.loop.train`.
    """
    return train(
        method.update,
        method.modules,
        method.optimisers,
        steps=settings.steps if until is None else until,
        folder=folder,
        label=stage,
        quiet=machine.quiet,
        log_every=log_interval(settings.steps),
        checkpoint_seconds=settings.checkpoint_seconds,
    )


def optimiser(module: nn.Module, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    """AdamW without a learning rate of its own: `descend` sets that of each step."""
    return torch.optim.AdamW(module.parameters(), weight_decay=weight_decay, fused=True)


def decayed(module: nn.Module, weight_decay: float, without: tuple[str, ...] = ()) -> torch.optim.Optimizer:
    """AdamW that decays weights, but no bias and nothing of the submodules named, as `optimiser`.

    Args:
        module: The network.
        weight_decay: Of all other weights.
        without: Names of submodules, at any depth.
    """
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, weight in module.named_parameters():
        *places, last = name.split(".")
        groups[last != "bias" and not set(places) & set(without)].append(weight)
    parts = [
        {"params": groups[True], "weight_decay": weight_decay},
        {"params": groups[False], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(parts, fused=True)


def save_model(
    module: nn.Module,
    spec: Mapping[str, Any],
    metrics: Mapping[str, Any],
    result: TrainResult,
    run: RunFolder,
    stage: str,
    machine: Machine,
) -> StageResult:
    """Write the weights and the metrics of a finished training into the folder of its stage.

    Args:
        module: The trained network.
        spec: The specification that rebuilds it.
        metrics: What is specific to the stage; JSON-able.
        result: Of the training.
        run: The run folder.
        stage: Name of the stage.
        machine: Where it was trained.
    """
    folder = run.stage(stage)
    weights.save(folder / MODEL, module, spec)
    content = {
        "precision": "fp32",  # where the stage does not say otherwise
        **metrics,
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "seconds": round(result.seconds, 3),
        "device": str(machine.device),
        "threads": torch.get_num_threads(),
    }
    write_json(folder / "metrics.json", content)
    return StageResult((MODEL, "metrics.json", "log.jsonl"), result.earlier_seconds)


def save_half(
    module: nn.Module,
    spec: Mapping[str, Any],
    metrics: Mapping[str, Any],
    run: RunFolder,
    stage: str,
    machine: Machine,
) -> StageResult:
    """Write a part of a model that another stage has trained, as `save_model`; there is no log."""
    result = save_model(module, spec, metrics, TrainResult({}, 0.0, 0.0), run, stage, machine)
    return result._replace(files=(MODEL, "metrics.json"))
