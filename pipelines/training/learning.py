"""What the training stages share: a module learns by its section of the config, and is kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipelines.config import Learning
from pipelines.devices import Machine
from pipelines.runs.files import write_json
from pipelines.runs.folder import Made, RunFolder
from pipelines.training import schedules
from pipelines.training.loop import Trained, log_interval, train
from pipelines.training.updates import StepLoss, descend
from scan.run_format import MODEL
from vision import weights

NETWORK = "model"
"""Name of a stage's network and of its optimiser in the checkpoint."""


def learn(
    module: nn.Module,
    loss: StepLoss,
    settings: Learning,
    folder: Path,
    stage: str,
    machine: Machine,
    *,
    weight_decay: float = 0.0,
    until: int | None = None,
) -> Trained:
    """Minimise `loss` by AdamW (plain Adam without `weight_decay`), in `folder`, or the first steps of it."""
    learner = optimiser(module, weight_decay)
    return train(
        descend(learner, loss, schedules.learning_rate(settings)),
        {NETWORK: module},
        {NETWORK: learner},
        steps=settings.steps if until is None else until,
        folder=folder,
        label=stage,
        quiet=machine.quiet,
        log_every=log_interval(settings.steps),
        checkpoint_seconds=settings.checkpoint_seconds,
    )


def optimiser(module: nn.Module, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    """What every stage learns by; the loop sets its rate."""
    return torch.optim.AdamW(module.parameters(), weight_decay=weight_decay, fused=True)


def keep(
    module: nn.Module,
    spec: Mapping[str, Any],
    metrics: Mapping[str, Any],
    trained: Trained,
    run: RunFolder,
    stage: str,
    machine: Machine,
) -> Made:
    """Write the weights and the metrics of a finished training."""
    folder = run.stage(stage)
    weights.save(folder / MODEL, module, spec)
    told = {
        "precision": "fp32",  # where the stage does not say otherwise
        **metrics,
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "seconds": round(trained.seconds, 3),
        "device": str(machine.device),
        "threads": torch.get_num_threads(),
    }
    write_json(folder / "metrics.json", told)
    return Made((MODEL, "metrics.json", "log.jsonl"), trained.earlier_seconds)
