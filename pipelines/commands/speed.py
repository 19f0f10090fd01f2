"""How fast this machine computes: its matrix products, and whatever else is called again and again.

Counted are the floating-point operations of matrix products and convolutions, forward and backward, a
multiplication and an addition as two (`torch.utils.flop_counter`). Elementwise work, random numbers and the
optimiser are in the time, not in the count, so a network's rate is below that of matrix products even where
nothing is wasted.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from pipelines.runs.precision import Resolved

SIDES = {"cpu": 1024, "cuda": 8192}
"""Of the square matrices whose product is timed: large enough that a larger one is no faster."""
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
LEAST_CALLS = 3


class Timing(NamedTuple):
    """The duration of a call that was repeated."""

    seconds: float
    """The median."""
    calls: int


def flop(call: Callable[[], object]) -> int:
    """The floating-point operations of one call, its backward pass included where it has one."""
    with FlopCounterMode(display=False) as counter:
        call()
    return int(counter.get_total_flops())


def timed(
    call: Callable[[], object],
    device: torch.device,
    seconds: float,
    clock: Callable[[], float] | None = None,
) -> Timing:
    """The median duration of a call, repeated for about `seconds` (at least three times, after a first).

    Args:
        call: What is timed.
        device: Where it computes.
        seconds: For how long.
        clock: Gives the time in seconds; `time.perf_counter` by default.
    """
    clock = time.perf_counter if clock is None else clock
    call()
    durations: list[float] = []
    _wait(device)
    began = clock()
    while len(durations) < LEAST_CALLS or clock() - began < seconds:
        start = clock()
        call()
        _wait(device)
        durations.append(clock() - start)
    return Timing(statistics.median(durations), len(durations))


def matrix_product_rate(
    device: torch.device,
    precision: Resolved,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """The floating-point operations a second of a product of two square matrices (`SIDES`)."""
    side = SIDES[device.type]
    generator = torch.Generator(device).manual_seed(0)
    left, right = (
        torch.randn(side, side, device=device, generator=generator).to(DTYPES[precision]) for _ in range(2)
    )
    out = torch.empty_like(left)
    return 2 * side**3 / timed(lambda: torch.mm(left, right, out=out), device, seconds, clock).seconds


def peak_memory(device: torch.device) -> int | None:
    """The most bytes that this process has held, on the GPU where it computes there; None if unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
