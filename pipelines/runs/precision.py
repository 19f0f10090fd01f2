"""What a run computes in: bfloat16 where it is arithmetic of the device, else float32.

`precision: auto` is resolved when a run starts, and the result is written into the run's config. Whoever goes
on with the run, on whatever machine, computes in the same, so that it ends with the weights that it would
have had on the first.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipelines.config import DAE, TRAININGS, Config, Judge, VisionTraining
from pipelines.config.yaml_reader import YAMLError, read
from pipelines.errors import RunError

if TYPE_CHECKING:
    from pipelines.devices import Machine

Resolved = Literal["bf16", "fp32"]

TRAINED = ("dae", "vision", "judge")
"""Stages whose training has a precision."""

USERS = {"dae": "dae", "joint": "vision", "vision": "vision", "judge": "judge", "evaluate": "vision"}
"""The stage whose precision a stage computes in."""


def of_machine(machine: Machine) -> Resolved:
    """What auto means on a machine."""
    return "bf16" if machine.bf16 else "fp32"


def settle(config: Config, machine: Machine, run: Path | None = None) -> Config:
    """The config with every `auto` resolved: to what the run began with, else to what suits the machine.

    Args:
        run: A run folder, which may be new; None where nothing is gone on with.

    Raises:
        RunError: When the run's config.yaml is damaged.
    """
    unresolved = [stage for stage, part in trainings(config).items() if part.precision == "auto"]
    if not unresolved:
        return config
    recorded = {} if run is None else _recorded(run / "config.yaml")
    for stage in unresolved:
        config = _with_precision(config, stage, recorded.get(stage, of_machine(machine)))
    return config


def trainings(config: Config) -> dict[str, DAE | VisionTraining | Judge]:
    """The sections with a precision, by stage."""
    found = {"dae": config.dae, "vision": config.vision.training, "judge": config.judge}
    return {stage: section for stage, section in found.items() if section is not None}


def _with_precision(config: Config, stage: str, precision: Resolved) -> Config:
    part = trainings(config)[stage].model_copy(update={"precision": precision})
    section = config.vision.model_copy(update={"training": part}) if stage == "vision" else part
    return config.model_copy(update={stage: section})


def slow(config: Config, machine: Machine) -> str:
    """A line on what a resolved config computes in emulated bfloat16 on a machine; empty where nothing.

    Args:
        config: Whose precisions are resolved.
        machine: Where it would compute.
    """
    emulated = [stage for stage, part in trainings(config).items() if part.precision == "bf16"]
    if machine.bf16 or not emulated:
        return ""
    return (
        f"precision: this run computes {', '.join(emulated)} in bf16 (its config.yaml), for which this "
        f"{machine.device.type.upper()} has no arithmetic: about ten times slower than fp32 "
        f"(--fresh --set {TRAININGS[emulated[0]]}.precision=fp32 starts over)"
    )


def _recorded(path: Path) -> dict[str, Resolved]:
    """The precision of each stage in the config of a run; other keys may be of another version."""
    if not path.is_file():
        return {}
    try:
        content = read(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise RunError(f"{path} is damaged (not YAML): delete it, or start over with --fresh") from error
    found: dict[str, Resolved] = {}
    for stage in TRAINED:
        value: Any = content
        for name in (*TRAININGS[stage].split("."), "precision"):
            value = value.get(name) if isinstance(value, dict) else None
        if value in ("bf16", "fp32"):
            found[stage] = value
    return found
