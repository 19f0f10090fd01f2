"""The machine that a run works on: the one place that picks a device and a number of threads."""

import os
import sys
from typing import Literal, NamedTuple, TypeVar

import torch
from torch import nn

from pipelines.errors import UsageError

M = TypeVar("M", bound=nn.Module)


class Machine(NamedTuple):
    """Where a stage computes, and whether it may speak."""

    device: torch.device
    quiet: bool = False

    def say(self, message: str) -> None:
        """Tell the user, unless quiet."""
        if not self.quiet:
            print(message, file=sys.stderr, flush=True)


def machine(device: Literal["auto", "cpu", "cuda"] = "auto", *, quiet: bool = False) -> Machine:
    """Choose the device, and set torch up so that the same run gives the same numbers on it.

    Threads: as many as this process may use cores, unless OMP_NUM_THREADS says otherwise.

    Raises:
        UsageError: When CUDA is asked for and there is none.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(usable_cores())
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise UsageError("--device cuda: torch sees no CUDA device (scan doctor says why); use --device cpu")
    if device == "cpu" or not available:
        return Machine(torch.device("cpu"), quiet)
    os.environ.setdefault(
        "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
    )  # cuBLAS repeats itself only with a fixed workspace
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    return Machine(torch.device("cuda"), quiet)


def place(module: M, device: torch.device) -> M:
    """Move a module to a device, its convolutions in channels-last order (on CPUs about twice as fast)."""
    return module.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def usable_cores() -> int:
    """The number of cores that this process may use, by affinity and by the container's quota."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this platform
        cores = os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()
        return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores
