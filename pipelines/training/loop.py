"""The training loop. It knows no model: a module whose parameters learn, an optimiser, and `loss(step)`.

Whatever is random in a step is a function of the step (`pipelines.runs.randomness`), so {step, module,
optimiser} is the whole state, and a run that was killed at any moment ends with the same weights, bit for
bit, as one that was not. Nothing in a step waits for the device: the logged terms are summed there and
fetched once an interval.
"""

import io
import json
import math
import os
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from pipelines import stopping
from pipelines.errors import InterruptedRun, RunError
from pipelines.runs.files import explain, flush, read_lines, write_bytes

STATE, LOG = "state", "log.jsonl"
"""The files of a training in its folder."""

Loss = Callable[[int], tuple[Tensor, dict[str, Tensor]]]
"""step -> (scalar to minimise, named scalars for the log)."""


class Trained(NamedTuple):
    """What a training came to."""

    last: dict[str, float]
    """The terms of the last line of the log, means over its interval."""
    seconds: float
    """Time spent in the loop, over all the processes that worked on it."""
    earlier_seconds: float
    """The part of it that earlier, interrupted processes spent."""


@dataclass
class _Progress:
    """Where the loop stands, besides the module and the optimiser."""

    step: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)
    count: int = 0
    log_bytes: int = 0
    seconds: float = 0.0


def log_interval(steps: int) -> int:
    """Steps between lines of the log: two hundred lines a training, but at most two hundred steps apart."""
    return max(1, min(200, steps // 200))


def train(
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    loss: Loss,
    *,
    steps: int,
    learning_rate: Callable[[int], float],
    folder: Path,
    label: str,
    quiet: bool = False,
    log_every: int = 50,
    checkpoint_seconds: float = 10.0,
) -> Trained:
    """Minimise `loss` over the parameters of `module`, going on from `folder`/state when there is one.

    Args:
        module: What learns; it stays on its device.
        optimiser: Holds the parameters of `module`.
        loss: Called once a step with the number of the step, which is all that it may depend on.
        steps: Steps in total, also when some are done already.
        learning_rate: Sets the rate of every parameter group before each step.
        folder: Receives `state` (every `checkpoint_seconds`, at the end and when told to stop) and
            `log.jsonl` (a line of means every `log_every` steps).
        label: Name of the stage, for the progress bar and the messages.

    Raises:
        InterruptedRun: After SIGINT, SIGTERM or SIGHUP, once the state is safe.
        RunError: When the loss or a weight is not finite (the last good state is kept), or a file cannot be
            written or read.
    """
    state, log = folder / STATE, folder / LOG
    at = _resume(state, module, optimiser)
    _cut(log, at.log_bytes)
    earlier, began, saved = at.seconds, time.monotonic(), time.monotonic()
    saved_step, last = at.step, _last_line(log)
    if at.step == 0:
        _save(state, log, module, optimiser, at)
    bar = tqdm(total=steps, initial=at.step, desc=label, unit="step", disable=True if quiet else None)
    module.train()
    with stopping.noted() as stopped, bar:
        while at.step < steps:
            rate = learning_rate(at.step)
            _add(at, descend(optimiser, loss, at.step, rate))
            at.step += 1
            bar.update()
            at.seconds = earlier + time.monotonic() - began
            if at.step % log_every == 0 or at.step == steps:
                last = _means(at, label, saved_step)
                _append(log, {"step": at.step, **last, "lr": rate, "seconds": round(at.seconds, 3)}, at)
                bar.set_postfix({name: f"{mean:.4g}" for name, mean in list(last.items())[:3]}, refresh=False)
            if stopped() or at.step == steps or time.monotonic() - saved > checkpoint_seconds:
                _check_weights(module, label, at.step, saved_step)
                _save(state, log, module, optimiser, at)
                saved, saved_step = time.monotonic(), at.step
            if stopped():
                raise InterruptedRun(
                    f"{label} stopped at step {at.step} of {steps}; the same command goes on"
                )
    module.eval()
    return Trained(last, at.seconds, earlier)


def descend(optimiser: torch.optim.Optimizer, loss: Loss, step: int, rate: float) -> dict[str, Tensor]:
    """One step of a training at a learning rate: loss, gradient, update of the weights. Returns the terms."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    value, terms = loss(step)
    optimiser.zero_grad(set_to_none=True)
    value.backward()
    optimiser.step()
    return terms


def take_over(source: Path, folder: Path, seconds: float) -> None:
    """Let the training in `source` be the one that goes on in `folder`, with `seconds` spent so far."""
    write_bytes(folder / LOG, (source / LOG).read_bytes())
    _write(folder / STATE, {**_read(source / STATE), "seconds": seconds})


def _add(at: _Progress, terms: dict[str, Tensor]) -> None:
    for name, value in terms.items():
        value = value.detach().float()
        at.sums[name] = at.sums[name] + value if name in at.sums else value
    at.count += 1


def _means(at: _Progress, label: str, saved_step: int) -> dict[str, float]:
    """Fetch the means since the last line, in one transfer, and start the next interval."""
    values = (torch.stack(list(at.sums.values())) / at.count).tolist()
    means = dict(zip(at.sums, values, strict=True))
    at.sums, at.count = {}, 0
    for name, value in means.items():
        if not math.isfinite(value):
            raise RunError(_broken(label, f"{name} is {value}", at.step, saved_step))
    return means


def _check_weights(module: nn.Module, label: str, step: int, saved_step: int) -> None:
    for name, value in module.state_dict().items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise RunError(_broken(label, f"weight {name} is not finite", step, saved_step))


def _broken(label: str, what: str, step: int, saved_step: int) -> str:
    return (
        f"{label}: {what} at step {step}; the state of step {saved_step} is kept. "
        f"Try a lower {label}.lr (--set {label}.lr=...)"
    )


def _append(log: Path, line: dict[str, float], at: _Progress) -> None:
    try:
        with log.open("ab") as file:
            file.write((json.dumps(line) + "\n").encode())
            at.log_bytes = file.tell()
    except OSError as error:
        raise RunError(f"cannot write {log}: {explain(error)}; the last checkpoint is kept") from error


def _cut(log: Path, size: int) -> None:
    """Drop the lines that were written after the checkpoint: the steps they tell of come again."""
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


def _save(state: Path, log: Path, module: nn.Module, optimiser: torch.optim.Optimizer, at: _Progress) -> None:
    if at.log_bytes:
        flush(log)  # a state must not outlive the lines that it counts on
    content = {
        "step": at.step,
        "module": module.state_dict(),
        "optimiser": optimiser.state_dict(),
        "sums": at.sums,
        "count": at.count,
        "log_bytes": at.log_bytes,
        "seconds": at.seconds,
    }
    _write(state, content)


def _write(state: Path, content: dict[str, Any]) -> None:
    buffer = io.BytesIO()  # torch.save to a full disk fails with an error that does not say so
    torch.save(content, buffer)
    write_bytes(state, buffer.getvalue())


def _read(state: Path) -> dict[str, Any]:
    """The content of a checkpoint.

    Raises:
        RunError: When it is damaged.
    """
    try:
        with zipfile.ZipFile(state) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(damaged)
        content = torch.load(state, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # whatever a damaged archive leads to
        raise _not_ours(state) from error
    if not isinstance(content, dict):
        raise _not_ours(state)
    return content


def _resume(state: Path, module: nn.Module, optimiser: torch.optim.Optimizer) -> _Progress:
    """Load a checkpoint into the module and the optimiser; a fresh start when there is none."""
    if not state.exists():
        return _Progress()
    content = _read(state)
    try:
        _check_fits(content["optimiser"], optimiser)
        module.load_state_dict(content["module"])
        optimiser.load_state_dict(content["optimiser"])
        return _progress(content, next(module.parameters()).device)
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise _not_ours(state) from error


def _not_ours(state: Path) -> RunError:
    return RunError(f"{state} is not a state of this stage (truncated or altered); redo with --fresh")


def _check_fits(found: dict[str, Any], optimiser: torch.optim.Optimizer) -> None:
    """Refuse moments of other shapes than their weights: torch does not, and a fused step would crash.

    Raises:
        ValueError: Also when the groups differ in anything but the learning rate.
    """
    here = optimiser.state_dict()["param_groups"]
    for group, other in zip(here, found["param_groups"], strict=True):
        if any(group[key] != other[key] for key in (group.keys() & other.keys()) - {"lr"}):
            raise ValueError(f"a group {other}, expected {group}")
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    for number, moments in found["state"].items():
        shape, shapes = weights[number].shape, {name: value.shape for name, value in moments.items()}
        adam = {"step": torch.Size(), "exp_avg": shape, "exp_avg_sq": shape}
        if isinstance(optimiser, torch.optim.Adam | torch.optim.AdamW) and shapes != adam:
            raise ValueError(f"moments of {shapes}, expected {adam}")


def _progress(content: dict[str, Any], device: torch.device) -> _Progress:
    """Where the loop stood.

    Raises:
        ValueError: When a number is not one that the loop writes.
    """
    step, count, size = (content[name] for name in ("step", "count", "log_bytes"))
    if not all(isinstance(number, int) and number >= 0 for number in (step, count, size)):
        raise ValueError("a step, count or size that is not a natural number")
    sums = {name: value.to(device) for name, value in content["sums"].items()}
    if any(value.shape != () for value in sums.values()):
        raise ValueError("sums that are not scalars")
    return _Progress(step, sums, count, size, float(content["seconds"]))
