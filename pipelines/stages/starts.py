"""Several starts of one training, of which the best goes on.

Which layer takes which part of a picture is settled in the first steps, by the first weights, and a bad
division is a local minimum that no later step leaves. So a number of initialisations run for a while, then
the better half of them for as long again, and so on until one is left: successive halving (Jamieson and
Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016). All see
the same batches and the same noise, so their losses differ by what they have found, not by what they were
shown.
"""

import json
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
from pipelines.training import LOG, STATE, Loss, Trained, take_over

NOTE = "starts.json"
"""Beside the model: the losses of the starts after each round, and which start was trained to the end."""

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
        left, steps = list(range(settings.starts)), settings.start_steps
        seconds: dict[int, float] = {}
        rounds = []
        while len(left) > 1:
            losses = {}
            for number in left:
                module, loss = make(number)
                trained = learn(module, loss, settings, tries / str(number), stage, machine, until=steps)
                here += trained.seconds - trained.earlier_seconds
                seconds[number] = trained.seconds
                losses[number] = _loss_at(steps, tries / str(number))
                machine.say(f"{stage}: start {number + 1}: loss {losses[number]:.2f} at step {steps}")
            rounds.append({"steps": steps, "losses": losses})
            left = sorted(left, key=losses.__getitem__)[: len(left) // 2]
            steps = min(2 * steps, settings.steps)
        write_json(folder / NOTE, {"best": left[0], "rounds": rounds})
        take_over(tries / str(left[0]), folder, seconds=sum(seconds.values()))
    shutil.rmtree(tries, ignore_errors=True)
    module, loss = make(read_json(folder / NOTE)["best"])
    trained = learn(module, loss, settings, folder, stage, machine)
    return module, trained._replace(earlier_seconds=trained.earlier_seconds - here)


def _loss_at(step: int, folder: Path) -> float:
    """The loss that the log tells for the interval up to a step, also when the training has gone on since."""
    lines = map(json.loads, (folder / LOG).read_text().splitlines())
    return next(float(line["loss"]) for line in lines if line["step"] == step)


def steps_of(settings: Vision) -> int:
    """The steps of all starts together."""
    total, left, done, steps = 0, settings.starts, 0, settings.start_steps
    while left > 1:
        total += left * (steps - done)
        left, done, steps = left // 2, steps, min(2 * steps, settings.steps)
    return total + settings.steps - done
