"""The training loop. It knows no model and no loss: modules, their optimisers, and `update(step)`.

Whatever is random in a step is a function of the step (`vision.randomness`), so the step, the modules
and the optimisers are the whole state, and a run that was killed at any moment ends with the same weights,
bit for bit, as one that was not. Nothing in a step waits for the device: the logged terms are summed there
and fetched once an interval.
"""

import json
import math
import os
import time
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from pipelines import stopping
from pipelines.config import TRAININGS
from pipelines.devices import keep_threads
from pipelines.errors import DivergedRun, InterruptedRun, RunError, explain
from pipelines.runs.files import read_lines, write_bytes
from pipelines.training import checkpoint
from pipelines.training.checkpoint import Modules, Optimisers, Progress
from pipelines.training.progress import ProgressDisplay
from pipelines.training.updates import Update
from vision.files import flush

STATE, LOG = "state", "log.jsonl"
"""The files of a training in its folder."""


class TrainResult(NamedTuple):
    """The last logged terms of a training, and the time that it took."""

    last: dict[str, float]
    """The terms of the last line of the log, means over its interval."""
    seconds: float
    """Time spent in the loop, over all the processes that worked on it."""
    earlier_seconds: float
    """The part of it that earlier, interrupted processes spent."""


def log_interval(steps: int) -> int:
    """Steps between lines of the log: two hundred lines a training, but at most two hundred steps apart."""
    return max(1, min(200, steps // 200))


def train(
    update: Update,
    modules: Modules,
    optimisers: Optimisers,
    *,
    steps: int,
    folder: Path,
    label: str,
    quiet: bool = False,
    log_every: int = 50,
    checkpoint_seconds: float = 15.0,
) -> TrainResult:
    """Update `modules` step by step, going on from `folder`/state when there is one.

    Args:
        update: Called once a step with the number of the step, which is all that it may depend on besides the
            weights and the optimisers.
        modules: All that changes, by name; they stay on their device.
        optimisers: All that hold moments, by name; the log has the learning rate of the first.
        steps: Steps in total, also when some are done already.
        folder: Receives `state` (every `checkpoint_seconds`, at the end and when told to stop) and
            `log.jsonl` (a line of means every `log_every` steps).
        label: Name of the stage, for the progress bar and the messages.

    Raises:
        InterruptedRun: After SIGINT, SIGTERM or SIGHUP, once the state is safe.
        DivergedRun: When a term or a weight is not finite; the last good state is kept.
        RunError: When a file cannot be written or read.
    """
    _check_complete(modules, optimisers)
    state, log = folder / STATE, folder / LOG
    at = checkpoint.resume(state, modules, optimisers)
    keep_threads(at.threads)
    _cut(log, at.log_bytes)
    earlier, began, saved = at.seconds, time.monotonic(), time.monotonic()
    saved_step, last = at.step, _last_line(log)
    if at.step == 0:
        _save(state, log, modules, optimisers, at)
    shown = ProgressDisplay(label, steps, at.step, quiet=quiet)
    for module in modules.values():
        module.train()
    with stopping.noted() as stopped, shown:
        while at.step < steps:
            _add(at, update(at.step))
            at.step += 1
            shown.update(at.step, last)
            at.seconds = earlier + time.monotonic() - began
            if at.step % log_every == 0 or at.step == steps:
                last = _means(at, label, saved_step)
                rate = _learning_rate(optimisers)
                _append(log, {"step": at.step, **last, "lr": rate, "seconds": round(at.seconds, 3)}, at)
                shown.show(last)
            if stopped() or at.step == steps or time.monotonic() - saved > checkpoint_seconds:
                _check_weights(modules, label, at.step, saved_step)
                _save(state, log, modules, optimisers, at)
                saved, saved_step = time.monotonic(), at.step
            if stopped():
                raise InterruptedRun(
                    f"{label} stopped at step {at.step} of {steps}; the same command goes on"
                )
    for module in modules.values():
        module.eval()
    return TrainResult(last, at.seconds, earlier)


def take_over(source: Path, folder: Path, seconds: float) -> None:
    """Let the training in `source` be the one that goes on in `folder`, with `seconds` spent so far.

    Args:
        source: Folder of the training that goes on.
        folder: Where it goes on.
        seconds: The time spent so far.
    """
    write_bytes(folder / LOG, (source / LOG).read_bytes())
    checkpoint.copy(source / STATE, folder / STATE, seconds)


def _check_complete(modules: Modules, optimisers: Optimisers) -> None:
    """Whatever an optimiser changes must be in a module, or a killed training would lose it."""
    kept = {id(weight) for module in modules.values() for weight in module.parameters()}
    for name, optimiser in optimisers.items():
        changed = [weight for group in optimiser.param_groups for weight in group["params"]]
        assert all(id(weight) in kept for weight in changed), f"{name} changes weights of no listed module"


def _learning_rate(optimisers: Optimisers) -> float:
    return next(iter(optimisers.values())).param_groups[0]["lr"]


def _add(at: Progress, terms: dict[str, Tensor]) -> None:
    for name, value in terms.items():
        value = value.detach().float()
        at.sums[name] = at.sums[name] + value if name in at.sums else value
    at.count += 1


def _means(at: Progress, label: str, saved_step: int) -> dict[str, float]:
    """Fetch the means since the last line, in one transfer, and start the next interval."""
    values = (torch.stack(list(at.sums.values())) / at.count).tolist()
    means = dict(zip(at.sums, values, strict=True))
    at.sums, at.count = {}, 0
    for name, value in means.items():
        if not math.isfinite(value):
            raise DivergedRun(_broken(label, f"{name} is {value}", at.step, saved_step))
    return means


def _check_weights(modules: Modules, label: str, step: int, saved_step: int) -> None:
    for module in modules.values():
        for name, value in module.state_dict().items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                raise DivergedRun(_broken(label, f"weight {name} is not finite", step, saved_step))


def _broken(label: str, what: str, step: int, saved_step: int) -> str:
    key = f"{TRAININGS[label]}.lr" if label in TRAININGS else ""
    advice = f". Try a lower {key} (--set {key}=...)" if key else ""
    return f"{label}: {what} at step {step}; the state of step {saved_step} is kept{advice}"


def _append(log: Path, line: dict[str, float], at: Progress) -> None:
    try:
        with log.open("ab") as file:
            file.write((json.dumps(line) + "\n").encode())
            at.log_bytes = file.tell()
    except OSError as error:
        raise RunError(f"cannot write {log}: {explain(error)}; the last checkpoint is kept") from error


def _cut(log: Path, size: int) -> None:
    """Drop the lines that were written after the checkpoint: their steps are repeated."""
    if log.is_symlink():
        raise RunError(f"{log} is a link, and a training writes only into its own folder: remove it")
    found = log.stat().st_size if log.exists() else 0
    if found < size:
        raise RunError(
            f"{log} is shorter than at the last checkpoint (truncated or altered); redo with --fresh"
        )
    if found > size:
        os.truncate(log, size)


def _last_line(log: Path) -> dict[str, float]:
    lines = read_lines(log, "step") if log.exists() else []
    line = lines[-1] if lines else {}
    return {name: value for name, value in line.items() if name not in ("step", "lr", "seconds")}


def _save(state: Path, log: Path, modules: Modules, optimisers: Optimisers, at: Progress) -> None:
    if at.log_bytes:
        flush(log)  # a state must not outlive the lines that it counts on
    checkpoint.save(state, modules, optimisers, at)
