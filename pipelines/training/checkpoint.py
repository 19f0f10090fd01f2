"""The state of a training in one file: the step, the modules and the optimisers by name, and open sums.

    layout, step, modules {name: state}, optimisers {name: state}, sums, count, log_bytes, seconds

A state that is damaged, or of another layout, other names or other networks, is refused before anything is
loaded from it that a training could crash on.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.errors import RunError
from pipelines.runs.files import write_bytes

LAYOUT = 2
"""Of the file. Up to 1 it held one module and one optimiser, without names or this number."""

MOST_THREADS = 4096

Modules = Mapping[str, nn.Module]
Optimisers = Mapping[str, torch.optim.Optimizer]


@dataclass
class Progress:
    """Where the loop stands, besides the modules and the optimisers."""

    step: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)
    """Of the logged terms since the last line of the log."""
    count: int = 0
    """How many steps are in them."""
    log_bytes: int = 0
    seconds: float = 0.0
    threads: int = 0
    """In how many the process computed that wrote the state, 0 where it did not say: sums depend on it."""


def save(state: Path, modules: Modules, optimisers: Optimisers, at: Progress) -> None:
    """Write the state of a training in one piece.

    Args:
        state: The file.
        modules: By name.
        optimisers: By name.
        at: Where the loop stands.
    """
    content = {
        "layout": LAYOUT,
        "step": at.step,
        "modules": {name: module.state_dict() for name, module in modules.items()},
        "optimisers": {name: optimiser.state_dict() for name, optimiser in optimisers.items()},
        "sums": at.sums,
        "count": at.count,
        "log_bytes": at.log_bytes,
        "seconds": at.seconds,
        "threads": torch.get_num_threads(),
    }
    _write(state, content)


def resume(state: Path, modules: Modules, optimisers: Optimisers) -> Progress:
    """Load a state into the modules and the optimisers; a fresh start when there is none.

    Args:
        state: The file.
        modules: By the names that they were saved with; they are changed.
        optimisers: By the names that they were saved with; they are changed.

    Raises:
        RunError: When it is damaged, of another layout, or of another training.
    """
    if not state.exists():
        return Progress()
    content = _read(state)
    try:
        if (content["modules"].keys(), content["optimisers"].keys()) != (modules.keys(), optimisers.keys()):
            raise ValueError("other names of modules or optimisers")
        for name, optimiser in optimisers.items():
            _check_fits(content["optimisers"][name], optimiser)
        for name, module in modules.items():
            module.load_state_dict(content["modules"][name])
        for name, optimiser in optimisers.items():
            optimiser.load_state_dict(content["optimisers"][name])
        device = next(weight.device for module in modules.values() for weight in module.parameters())
        return _progress(content, device)
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise _not_ours(state, "truncated or altered") from error


def copy(source: Path, state: Path, seconds: float) -> None:
    """Copy a state, with `seconds` as the time spent so far; RunError as `resume`."""
    _write(state, {**_read(source), "seconds": seconds})


def _write(state: Path, content: dict[str, Any]) -> None:
    buffer = io.BytesIO()  # torch.save to a full disk fails with an error that does not say so
    torch.save(content, buffer)
    write_bytes(state, buffer.getvalue())


def _read(state: Path) -> dict[str, Any]:
    """The content of a state of this layout.

    Raises:
        RunError: When it is damaged or of another layout.
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
        raise _not_ours(state, "truncated or altered") from error
    if not isinstance(content, dict):
        raise _not_ours(state, "truncated or altered")
    layout = content.get("layout", 1)
    if layout != LAYOUT:
        raise _not_ours(state, f"layout {layout!r}, this program reads {LAYOUT}")
    return content


def _not_ours(state: Path, why: str) -> RunError:
    return RunError(f"{state} is not a state of this stage ({why}); redo with --fresh")


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


def _progress(content: dict[str, Any], device: torch.device) -> Progress:
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
    threads = content.get("threads", 0)
    if not isinstance(threads, int) or not 0 <= threads <= MOST_THREADS:
        raise ValueError("a number of threads that is none")
    return Progress(step, sums, count, size, float(content["seconds"]), threads)
