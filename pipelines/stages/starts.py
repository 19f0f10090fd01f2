"""Several starts of one training, of which the best goes on.

Which layer takes which part of a picture is settled in the first steps, by the first weights, and a bad
division is a local minimum that no later step leaves. So a few initialisations are tried for a short while,
as in k-means, and the one with the least loss is trained on. All see the same batches and the same noise:
their losses differ by what they have found, not by what they were shown.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from torch import nn

from pipelines.config import Vision
from pipelines.devices import Machine
from pipelines.files import read_json, write_json
from pipelines.runs import RunFolder
from pipelines.stages.learning import learn
from pipelines.training import STATE, Loss, Trained, take_over

NOTE = "starts.json"
"""Beside the model: the loss of each start after `start_steps`, and which was trained on."""

M = TypeVar("M", bound=nn.Module)


class Start(NamedTuple, Generic[M]):
    """A module with its first weights, and its loss."""

    module: M
    loss: Loss


def learn_best(
    make: Callable[[int], Start[M]], settings: Vision, run: RunFolder, stage: str, machine: Machine
) -> tuple[M, Trained]:
    """Train the best of `settings.starts` starts to the end; `NOTE` says what became of each.

    Args:
        make: The number of a start -> the start, always the same for the same number.
    """
    if settings.starts == 1:
        module, loss = make(0)
        return module, learn(module, loss, settings, run.stage(stage), stage, machine)
    folder, here = run.stage(stage), 0.0
    tries = folder / "starts"
    if not (folder / STATE).exists():
        tried = [_try(make, number, settings, tries, stage, machine) for number in range(settings.starts)]
        losses = [one.last["loss"] for one in tried]
        best = losses.index(min(losses))
        here = sum(one.seconds - one.earlier_seconds for one in tried)
        write_json(folder / NOTE, {"losses": losses, "best": best, "steps": settings.start_steps})
        take_over(tries / str(best), folder, seconds=sum(one.seconds for one in tried))
    shutil.rmtree(tries, ignore_errors=True)
    module, loss = make(read_json(folder / NOTE)["best"])
    trained = learn(module, loss, settings, folder, stage, machine)
    return module, trained._replace(earlier_seconds=trained.earlier_seconds - here)


def _try(
    make: Callable[[int], Start[M]], number: int, settings: Vision, tries: Path, stage: str, machine: Machine
) -> Trained:
    module, loss = make(number)
    folder, steps = tries / str(number), settings.start_steps
    trained = learn(module, loss, settings, folder, stage, machine, until=steps)
    machine.say(f"{stage}: start {number + 1} of {settings.starts}: loss {trained.last['loss']:.2f}")
    return trained
