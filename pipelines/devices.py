"""The machine that a run works on: the one place that picks a device, a number of threads and an autocast."""

import inspect
import os
import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal, NamedTuple, TypeVar

import torch
from torch import nn

from pipelines.errors import UsageError, printable

M = TypeVar("M", bound=nn.Module)

FEATURES = {
    "avx2": "avx2",
    "avx512": "avx512_f",
    "avx512_bf16": "avx512_bf16",
    "amx_bf16": "amx_bf16",
    "arm_bf16": "bf16",
}
"""Vector extensions that decide how fast networks compute, and what torch calls them."""

LOAD = "/proc/loadavg"
"""Load averages and running processes, on Linux."""

BF16_FEATURES = ("avx512_bf16", "amx_bf16", "arm_bf16")

ISA_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""By which a user keeps oneDNN from newer instructions of an x86 processor; the first that is set counts."""

ISAS_WITHOUT_BF16 = (
    "SSE41",
    "AVX",
    "AVX2",
    "AVX2_VNNI",
    "AVX2_VNNI_2",
    "AVX512_MIC",
    "AVX512_MIC_4OPS",
    "AVX512_CORE",
    "AVX512_CORE_VNNI",
)
"""Values of `ISA_LIMITS` below AVX512_CORE_BF16; oneDNN reads them in any case, and ignores what it does not
know."""


class Machine(NamedTuple):
    """Where a stage computes, and whether it may speak."""

    device: torch.device
    quiet: bool = False
    bf16: bool = False
    """Whether the device computes in bfloat16, rather than emulating it."""

    def say(self, message: str) -> None:
        """Tell the user, unless quiet."""
        if not self.quiet:
            with suppress(OSError):  # the terminal may be gone
                print(printable(message, lines=True), file=sys.stderr, flush=True)


def machine(device: Literal["auto", "cpu", "cuda"] = "auto", *, quiet: bool = False) -> Machine:
    """Choose the device, and set torch up so that the same run gives the same numbers on it.

    Threads: as many as this process may use cores, or one where others keep the machine busy (several would
    wait for each other at every operation), unless OMP_NUM_THREADS says otherwise.

    Raises:
        UsageError: When CUDA is asked for and there is none.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        cores, load = usable_cores(), busy()
        torch.set_num_threads(1 if load else cores)
        if load and cores > 1:
            Machine(torch.device("cpu"), quiet).say(
                f"one thread of {cores}, since the machine is busy (load average {load:.1f}); "
                f"OMP_NUM_THREADS={cores} takes all"
            )
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise UsageError("--device cuda: torch sees no CUDA device (scan doctor says why); use --device cpu")
    if device == "cpu" or not available:
        return Machine(torch.device("cpu"), quiet, computes_bf16(torch.device("cpu")))
    os.environ.setdefault(
        "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
    )  # cuBLAS repeats itself only with a fixed workspace
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    return Machine(torch.device("cuda"), quiet, computes_bf16(torch.device("cuda")))


def computes_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is arithmetic of the device.

    Where it is not, it is emulated: on a CPU about ten times slower than float32 (pytorch issues 118499 and
    183815). On a CPU, oneDNN computes products and convolutions, so that its own limit (`bf16_limit`) counts
    like that of the processor: held to AVX2, it makes bfloat16 products at an eightieth, and convolutions at
    an eighth, of the rate of float32. ATEN_CPU_CAPABILITY, which it does not read, does not matter.
    """
    if device.type == "cuda":
        supported = torch.cuda.is_bf16_supported
        if "including_emulation" in inspect.signature(supported).parameters:
            return bool(supported(including_emulation=False))
        return bool(supported())
    has = torch.backends.mkldnn.is_available() and any(cpu_features()[name] for name in BF16_FEATURES)
    return has and not bf16_limit()


def bf16_limit() -> str:
    """The setting of the environment that keeps oneDNN from bfloat16 arithmetic, NAME=VALUE; "" for none."""
    for name in ISA_LIMITS:
        if value := os.environ.get(name):
            return f"{name}={value}" if value.upper() in ISAS_WITHOUT_BF16 else ""
    return ""


def cpu_features() -> dict[str, bool]:
    """Which of `FEATURES` this processor has; what torch does not report counts as absent."""
    try:
        found = torch.cpu.get_capabilities()
    except AttributeError:  # torch before 2.11
        found = _older_capabilities()
    return {name: bool(found.get(key, False)) for name, key in FEATURES.items()}


def vector_extensions() -> dict[str, bool]:
    """The `cpu_features` that a processor of this architecture may have."""
    arm = platform.machine().lower() in ("aarch64", "arm64")
    return {name: has for name, has in cpu_features().items() if name.startswith("arm") == arm}


def spelled_extensions(found: Mapping[str, bool]) -> str:
    """Which vector extensions are there, and which are not, in words."""
    there = [name for name, has in found.items() if has]
    missing = [name for name, has in found.items() if not has]
    return (", ".join(there) or "none") + (f"; not {', '.join(missing)}" if missing else "")


def _older_capabilities() -> dict[str, bool]:
    asked = {
        "avx2": "_is_avx2_supported",
        "avx512_f": "_is_avx512_supported",
        "avx512_bf16": "_is_avx512_bf16_supported",
    }
    known = vars(torch.cpu)
    return {key: known[name]() for key, name in asked.items() if name in known}


def cpu_name() -> str:
    """The processor's model name, or its architecture where that cannot be read."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == "model name" and value.strip():
                    return value.strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine() or "unknown"


def autocast(device: torch.device, precision: Literal["auto", "bf16", "fp32"]) -> torch.autocast:
    """The context in which networks compute in `precision`, which is resolved by now."""
    assert precision != "auto", "precision is resolved when a run starts"
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def place(module: M, device: torch.device) -> M:
    """Move a module to a device, its convolutions in channels-last order (on CPUs about twice as fast)."""
    return module.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def busy() -> float:
    """The load average of the last minute where others use all cores of the machine, else 0.

    Where it can be seen (Linux), as many processes as there are cores must also be about to run now: the load
    average falls slowly after a run.
    """
    cores = os.cpu_count() or 1
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):  # not on this platform
        return 0.0
    with suppress(OSError, ValueError), open(LOAD, encoding="ascii") as file:
        running = int(file.read().split()[3].split("/")[0]) - 1  # without this process
        if running < cores:
            return 0.0
    return load if load >= cores else 0.0


def keep_threads(threads: int) -> None:
    """Go on in as many threads as a state was written in, unless OMP_NUM_THREADS says otherwise; 0 is
    unknown."""
    if threads and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(threads)


def usable_cores() -> int:
    """The number of cores that this process may use, by affinity and by the container's quota."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this platform
        cores = os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="utf-8") as file:
            quota, period = file.read().split()
        return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores
