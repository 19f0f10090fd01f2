"""`scan doctor`: what this machine has, and whether it will do."""

import argparse
from typing import NamedTuple

from pipelines.commands import Command

PACKAGES = ("symbols", "vision", "scan", "pipelines")
LITTLE_DISK = 2 * 2**30


class Finding(NamedTuple):
    """One line of the report."""

    what: str
    value: str
    verdict: str = ""
    """Empty when fine, else what is wrong and what to do."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> None:
    """Print the findings and a verdict."""
    import json

    from pipelines.errors import RunError

    found = findings()
    problems = [finding for finding in found if finding.verdict]
    if options.json:
        print(json.dumps([finding._asdict() for finding in found], indent=1))
    else:
        for finding in found:
            print(f"{'!!' if finding.verdict else 'ok'}  {finding.what}: {finding.value}")
            if finding.verdict:
                print(f"      {finding.verdict}")
        print(f"{len(problems)} to look at" if problems else "no fault found in what is listed here")
    if any(finding.what in PACKAGES or finding.value == "not installed" for finding in problems):
        raise RunError("the installation is broken, see the lines marked !!")


def findings() -> list[Finding]:
    """What there is to say about this machine."""
    from pipelines.runs.folder import versions

    found = [
        Finding(
            name,
            version,
            f"pip install {name}" if version == "not installed" and name != "scan-concepts" else "",
        )
        for name, version in versions().items()
    ]
    return [*found, *_machine(), *_names(), _disk()]


def _machine() -> list[Finding]:
    import os
    import platform

    from pipelines.devices import cpu_name, spelled_extensions, usable_cores, vector_extensions

    cores, threads = usable_cores(), os.environ.get("OMP_NUM_THREADS", "")
    slow = (
        f"unset OMP_NUM_THREADS to use all {cores} cores"
        if threads.isdigit() and int(threads) < cores
        else ""
    )
    return [
        Finding("processor", f"{cpu_name()} ({platform.machine()})"),
        Finding("vector extensions", spelled_extensions(vector_extensions())),
        Finding("cores", str(cores)),
        Finding("torch threads", threads or str(cores), slow),
        _gpu(),
        _precision(),
    ]


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return Finding("GPU", ", ".join(names))
    built = torch.version.cuda
    why = (
        f"this torch is built for CUDA {built}, but sees no device" if built else "this torch is a CPU build"
    )
    return Finding("GPU", f"none ({why}); the rooms presets are made for CPUs")


def _precision() -> Finding:
    from pipelines.devices import bf16_limit, machine
    from pipelines.runs import precision

    here = machine("auto")
    on_gpu = here.device.type == "cuda"
    what = f"bf16 arithmetic on this {'GPU' if on_gpu else 'CPU'}"
    limit = "" if on_gpu else bf16_limit()
    why = what if here.bf16 else f"no {what}{f' with {limit}' if limit else ''}"
    return Finding("precision auto", f"{precision.of_machine(here)} ({why})")


def _names() -> list[Finding]:
    from importlib.metadata import packages_distributions
    from importlib.util import find_spec
    from pathlib import Path

    owners = packages_distributions()
    found = []
    for name in PACKAGES:
        owned_by = sorted(set(owners.get(name, [])))
        if owned_by == ["scan-concepts"]:
            found.append(Finding(name, "owned by scan-concepts"))
        elif not owned_by:
            spec = find_spec(name)
            origin = spec.origin if spec else None
            found.append(Finding(name, f"used from {Path(origin).parent}" if origin else "not installed"))
        else:
            found.append(
                Finding(
                    name,
                    f"owned by {', '.join(owned_by)}",
                    "uninstall the other one: it overwrites this package",
                )
            )
    return found


def _disk() -> Finding:
    import shutil

    free = shutil.disk_usage(".").free
    little = "a run needs some hundreds of MB" if free < LITTLE_DISK else ""
    return Finding("free disk here", f"{free / 2**30:.1f} GiB", little)


COMMAND = Command(
    summary="check the installation and the machine",
    example="scan doctor",
    configure=configure,
    main=main,
)
