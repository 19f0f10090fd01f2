"""`scan bench`: what training costs on this machine, against what the machine can do."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pipelines.commands import Command, add_device, add_settings, real
from pipelines.report.columns import columns

if TYPE_CHECKING:
    from pipelines.config import Config
    from pipelines.devices import Machine
    from pipelines.runs.precision import Resolved

MOST_SECONDS = 600.0
RATE_SECONDS = 2.0
"""At most, for the product of two matrices."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "configs",
        metavar="CONFIG",
        nargs="*",
        default=[],
        help="names of shipped configs, or paths of YAML files (default: rooms)",
    )
    add_settings(parser, "vision.training.batch=256")
    add_device(parser)
    parser.add_argument(
        "--seconds",
        type=real,
        default=6.0,
        help="for how long each network is measured (default: 6); its first step may take longer",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> None:
    """Print what the machine can do, and what each network makes of it."""
    import json

    from pipelines.commands.speed import peak_memory
    from pipelines.config import config_files
    from pipelines.devices import machine
    from pipelines.errors import UsageError
    from pipelines.runs import precision

    if not 0 < options.seconds <= MOST_SECONDS:
        raise UsageError(
            f"--seconds {options.seconds:g}: expected more than 0 and at most {MOST_SECONDS:.0f}"
        )
    here = machine(options.device)
    names = options.configs or ["rooms"]
    asked = [config_files.load(config_files.find(name), options.set) for name in names]
    configs = [precision.settle(config, here) for config in asked]
    content: dict[str, Any] = {"machine": _machine(here), "matrix_product": {}, "configs": []}
    if not options.json:
        print(_machine_lines(content["machine"]), flush=True)
    rates = _rates(configs, here, min(options.seconds, RATE_SECONDS))
    content["matrix_product"] = {f"{name}_gflop_per_second": rate / 1e9 for name, rate in rates.items()}
    if not options.json:
        print(_rate_lines(rates), flush=True)
    for config in configs:
        content["configs"].append(_measured(config, here, rates, options.seconds))
        if not options.json:
            print(_config_lines(content["configs"][-1]), flush=True)
    most = peak_memory(here.device)
    content["peak_memory_mib"] = None if most is None else most / 2**20
    if options.json:
        print(json.dumps(content, indent=1))
    elif most is not None:
        print(f"\npeak memory: {most / 2**20:,.0f} MiB")


def _machine(here: Machine) -> dict[str, Any]:
    import platform

    import torch

    from pipelines import devices
    from pipelines.runs import precision

    return {
        "processor": devices.cpu_name(),
        "architecture": platform.machine(),
        "vector_extensions": devices.vector_extensions(),
        "device": str(here.device),
        "device_name": torch.cuda.get_device_name(here.device) if here.device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "precision_auto": precision.of_machine(here),
    }


def _machine_lines(found: dict[str, Any]) -> str:
    from pipelines.devices import spelled_extensions

    device = found["device"] + (f" ({found['device_name']})" if found["device_name"] else "")
    return (
        f"processor: {found['processor']} ({found['architecture']})\n"
        f"vector extensions: {spelled_extensions(found['vector_extensions'])}\n"
        f"torch {found['torch']}, {found['threads']} threads, device {device}\n"
        f"precision auto: {found['precision_auto']}"
    )


def _rates(configs: list[Config], here: Machine, seconds: float) -> dict[Resolved, float]:
    """The rate of matrix products in each precision that is used, fp32 always."""
    from pipelines.commands.speed import matrix_product_rate
    from pipelines.runs import precision

    used: set[Resolved] = {"fp32", precision.of_machine(here)}
    for config in configs:
        sections = precision.trainings(config).values()
        used |= {part.precision for part in sections if part.precision != "auto"}
    return {name: matrix_product_rate(here.device, name, seconds) for name in sorted(used, reverse=True)}


def _measured(config: Config, here: Machine, rates: dict[Resolved, float], seconds: float) -> dict[str, Any]:
    from tqdm import tqdm

    from pipelines.commands import benchmark

    bench = benchmark.prepare(config, here.device)
    latency = None
    if bench.model is not None and bench.concept is not None:
        latency = benchmark.latency(bench.model, bench.concept, here.device, min(seconds, RATE_SECONDS))
    costs = []
    with tqdm(bench.trainings, desc=config.name, unit="network", leave=False, disable=None) as bar:
        for training in bar:
            bar.set_postfix_str(training.stage)
            costs.append(benchmark.cost(training, here.device, rates, seconds))
    return {
        "name": config.name,
        "image_shape": list(bench.shape),
        "networks": [one._asdict() for one in costs],
        "estimated_seconds": sum(one.estimated_seconds for one in costs),
        "sym2img": latency and latency._asdict(),
    }


def _rate_lines(rates: dict[Resolved, float]) -> str:
    return "\n".join(f"matrix product in {name}: {rate / 1e9:.1f} GFLOP/s" for name, rate in rates.items())


def _config_lines(measured: dict[str, Any]) -> str:
    """The table of a config's networks, and what follows from it."""
    head = ("network", "precision", "GFLOP/step", "GFLOP/s", "ratio", "ms/step", "steps", "estimated s")
    rows = [
        (
            one["stage"],
            one["precision"],
            f"{one['gflop_per_step']:.4g}",
            f"{one['gflop_per_second']:.1f}",
            f"{one['ratio_to_matrix_product']:.2f}",
            f"{one['milliseconds_per_step']:.2f}",
            f"{one['steps']:,}",
            f"{one['estimated_seconds']:,.0f}",
        )
        for one in measured["networks"]
    ]
    table = columns([head, *rows], right=range(len(head)))
    shape = " x ".join(map(str, measured["image_shape"]))
    latency, sym2img = measured["sym2img"], []
    if latency is not None:
        sym2img = [
            f"sym2img, untrained: {latency['one_image_milliseconds']:.2f} ms for one image, "
            f"{latency['batch_milliseconds']:.2f} ms for {latency['batch_images']}"
        ]
    return "\n".join(
        (
            f"\n{measured['name']}, images of {shape}",
            *table,
            f"estimated, the steps of all networks: {measured['estimated_seconds']:,.0f} s "
            "(without data, evaluation and report)",
            *sym2img,
        )
    )


COMMAND = Command(
    summary="measure what training costs on this machine",
    example="scan bench rooms --seconds 3",
    configure=configure,
    main=main,
    trailing="configs",
)
