"""Several initialisations of one training, of which the best is trained to the end.

Which layer encodes which part of an image is decided in the first steps, by the initial weights, and a bad
division is a local minimum that later steps do not leave. So n restarts (initialisations) are trained for
r steps, the better half of them for as long again, and so on until one is left: successive halving (Jamieson
and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016). One
such round is a rung. All restarts see the same batches and the same noise, so that their losses differ by
their weights alone.
"""

import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Generic, NamedTuple, TypeVar

from torch import nn

from pipelines.config import VisionTraining
from pipelines.devices import Machine
from pipelines.errors import DivergedRun
from pipelines.runs.files import read_json, read_lines, write_json
from pipelines.runs.folder import RunFolder
from pipelines.runs.metrics import jsonable
from pipelines.training.fitting import Method, fit
from pipelines.training.loop import LOG, STATE, TrainResult, take_over

RECORD = "restarts.json"
"""Beside the model: the losses of the restarts after each rung, and which of them was trained to the end."""

M = TypeVar("M", bound=nn.Module)


class Restart(NamedTuple, Generic[M]):
    """A module with its initial weights, and how it is trained."""

    module: M
    method: Method


class Rung(NamedTuple):
    """One round of successive halving."""

    steps: int
    """After how many steps in total it ends."""
    losses: dict[int, float]
    """Number of a restart -> its loss at the end of the rung; infinite where it diverged."""


def successive_halving(
    make: Callable[[int], Restart[M]], settings: VisionTraining, run: RunFolder, stage: str, machine: Machine
) -> tuple[M, TrainResult]:
    """Train the best of `settings.restarts` restarts to the end, and record the rungs in `RECORD`.

    Args:
        make: Number of a restart, from 0 -> the restart, always the same for the same number.
        settings: `restarts`, `restart_steps` of the first rung, and `steps` in total.
        run: The run folder, in whose folder of the stage the training works.
        stage: Name of the stage.
        machine: Where to train.

    Returns:
        The trained module, and the result of its training with the seconds of all restarts.

    Raises:
        InterruptedRun, RunError: As `pipelines.training.loop.train`; of a restart that diverges only where
            all do.
    """
    if settings.restarts == 1:
        module, method = make(0)
        return module, fit(method, settings, run.stage(stage), stage, machine)
    folder, seconds_here = run.stage(stage), 0.0
    unfinished = folder / "restarts"
    if not (folder / STATE).exists():
        results: dict[int, TrainResult] = {}
        diverged: list[DivergedRun] = []

        def loss_of(number: int, steps: int) -> float:
            nonlocal seconds_here
            own = unfinished / str(number)
            try:
                results[number] = fit(make(number).method, settings, own, stage, machine, until=steps)
            except DivergedRun as error:
                diverged.append(error)
                return math.inf
            seconds_here += results[number].seconds - results[number].earlier_seconds
            return _loss_up_to(steps, own)

        rungs = _rungs(loss_of, settings, lambda message: machine.say(f"{stage}: {message}"))
        best = min(rungs[-1].losses, key=rungs[-1].losses.__getitem__)
        if math.isinf(rungs[-1].losses[best]):  # so are all others
            raise diverged[-1]
        write_json(folder / RECORD, {"best": best, "rungs": [jsonable(rung._asdict()) for rung in rungs]})
        take_over(unfinished / str(best), folder, seconds=sum(one.seconds for one in results.values()))
    shutil.rmtree(unfinished, ignore_errors=True)
    module, method = make(read_json(folder / RECORD)["best"])
    result = fit(method, settings, folder, stage, machine)
    return module, result._replace(earlier_seconds=result.earlier_seconds - seconds_here)


def _rungs(
    loss_of: Callable[[int, int], float], settings: VisionTraining, say: Callable[[str], None]
) -> list[Rung]:
    """Train rungs of fewer and fewer restarts, until the better half of one is a single restart.

    Args:
        loss_of: (number of a restart, steps) -> its loss after so many steps in total.
    """
    left = list(range(settings.restarts))
    rungs: list[Rung] = []
    for count, steps in _plan(settings):
        if rungs:
            left = sorted(left, key=rungs[-1].losses.__getitem__)[:count]
        losses: dict[int, float] = {}
        for number in left:
            losses[number] = loss_of(number, steps)
            say(f"restart {number + 1} of {settings.restarts}: loss {losses[number]:.2f} at step {steps}")
        rungs.append(Rung(steps, losses))
    return rungs


def _plan(settings: VisionTraining) -> Iterator[tuple[int, int]]:
    """How many restarts each rung has, and after how many steps in total it ends."""
    count, steps = settings.restarts, settings.restart_steps
    while count > 1:
        yield count, steps
        count, steps = count // 2, min(2 * steps, settings.steps)


def _loss_up_to(step: int, folder: Path) -> float:
    """The mean loss of the last quarter of the steps up to `step`; the training may have gone on since."""
    lines = read_lines(folder / LOG, "step", "loss")
    return fmean(line["loss"] for line in lines if 0.75 * step < line["step"] <= step)


def total_steps(settings: VisionTraining) -> int:
    """The steps of all restarts together."""
    total, done = 0, 0
    for count, steps in _plan(settings):
        total += count * (steps - done)
        done = steps
    return total + settings.steps - done
