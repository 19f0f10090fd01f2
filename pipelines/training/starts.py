"""Several starts of one training, of which the best goes on.

Which layer takes which part of a picture is settled in the first steps, by the first weights, and a bad
division is a local minimum that no later step leaves. So a number of initialisations run for a while, then
the better half of them for as long again, and so on until one is left: successive halving (Jamieson and
Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016). All see
the same batches and the same noise, so their losses differ by what they have found, not by what they were
shown.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Generic, NamedTuple, TypeVar

from torch import nn

from pipelines.config import Vision
from pipelines.devices import Machine
from pipelines.runs.files import read_json, read_lines, write_json
from pipelines.runs.folder import RunFolder
from pipelines.training.learning import learn
from pipelines.training.loop import LOG, STATE, Trained, take_over
from pipelines.training.updates import StepLoss

NOTE = "starts.json"
"""Beside the model: the losses of the starts after each round, and which start was trained to the end."""

M = TypeVar("M", bound=nn.Module)


class Start(NamedTuple, Generic[M]):
    """A module with its first weights, and its loss."""

    module: M
    loss: StepLoss


class Round(NamedTuple):
    """What the starts of one round came to."""

    steps: int
    losses: dict[int, float]


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
        trained: dict[int, Trained] = {}

        def loss_of(number: int, steps: int) -> float:
            nonlocal here
            own = tries / str(number)
            module, loss = make(number)
            trained[number] = learn(module, loss, settings, own, stage, machine, until=steps)
            here += trained[number].seconds - trained[number].earlier_seconds
            return _loss_up_to(steps, own)

        rounds = _halve(loss_of, settings, lambda message: machine.say(f"{stage}: {message}"))
        best = min(rounds[-1].losses, key=rounds[-1].losses.__getitem__)
        write_json(folder / NOTE, {"best": best, "rounds": [one._asdict() for one in rounds]})
        take_over(tries / str(best), folder, seconds=sum(one.seconds for one in trained.values()))
    shutil.rmtree(tries, ignore_errors=True)
    module, loss = make(read_json(folder / NOTE)["best"])
    whole = learn(module, loss, settings, folder, stage, machine)
    return module, whole._replace(earlier_seconds=whole.earlier_seconds - here)


def _halve(loss_of: Callable[[int, int], float], settings: Vision, say: Callable[[str], None]) -> list[Round]:
    """Rounds of fewer and fewer starts, until the best half of one is a single start.

    Args:
        loss_of: (the number of a start, steps) -> its loss after so many steps in total.
    """
    left = list(range(settings.starts))
    rounds: list[Round] = []
    for count, steps in _plan(settings):
        if rounds:
            left = sorted(left, key=rounds[-1].losses.__getitem__)[:count]
        losses: dict[int, float] = {}
        for number in left:
            losses[number] = loss_of(number, steps)
            say(f"start {number + 1} of {settings.starts}: loss {losses[number]:.2f} at step {steps}")
        rounds.append(Round(steps, losses))
    return rounds


def _plan(settings: Vision) -> Iterator[tuple[int, int]]:
    """How many starts each round has, and after how many steps in total it ends."""
    count, steps = settings.starts, settings.start_steps
    while count > 1:
        yield count, steps
        count, steps = count // 2, min(2 * steps, settings.steps)


def _loss_up_to(step: int, folder: Path) -> float:
    """The mean loss of the last quarter of the steps up to `step`; the training may have gone on since."""
    lines = read_lines(folder / LOG, "step", "loss")
    return fmean(line["loss"] for line in lines if 0.75 * step < line["step"] <= step)


def steps_of(settings: Vision) -> int:
    """The steps of all starts together."""
    total, done = 0, 0
    for count, steps in _plan(settings):
        total += count * (steps - done)
        done = steps
    return total + settings.steps - done
