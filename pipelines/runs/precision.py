"""What a run computes in: bfloat16 where it is arithmetic of the device, else float32.

`precision: auto` is resolved when a run starts, and the result is written into the run's config. Whoever goes
on with the run, on whatever machine, computes in the same, so that it ends with the weights that it would
have had on the first.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipelines.config import Config
from pipelines.config.yaml_reader import YAMLError, read
from pipelines.errors import RunError

if TYPE_CHECKING:
    from pipelines.devices import Machine

Resolved = Literal["bf16", "fp32"]

SECTIONS = ("dae", "vision", "judge")
"""Sections of the config with a precision."""

USERS = {"dae": "dae", "vision": "vision", "judge": "judge", "evaluate": "vision"}
"""Which section's precision a stage computes in."""


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
    asked = {name: getattr(config, name) for name in SECTIONS}
    open_ones = {name: part for name, part in asked.items() if part is not None and part.precision == "auto"}
    if not open_ones:
        return config
    began = {} if run is None else _recorded(run / "config.yaml")
    chosen = {
        name: part.model_copy(update={"precision": began.get(name, of_machine(machine))})
        for name, part in open_ones.items()
    }
    return config.model_copy(update=chosen)


def slow(config: Config, machine: Machine) -> str:
    """A line on what a resolved config computes in emulated bfloat16 on a machine; empty where nothing."""
    parts = {name: getattr(config, name) for name in SECTIONS}
    emulated = [name for name, part in parts.items() if part is not None and part.precision == "bf16"]
    if machine.bf16 or not emulated:
        return ""
    return (
        f"precision: this run computes {', '.join(emulated)} in bf16 (its config.yaml), for which this "
        f"{machine.device.type.upper()} has no arithmetic: about ten times slower than fp32 "
        f"(--fresh --set {emulated[0]}.precision=fp32 starts over)"
    )


def _recorded(path: Path) -> dict[str, Resolved]:
    """What the config of a run says of each section, read leniently: other keys may be of another version."""
    if not path.is_file():
        return {}
    try:
        content = read(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise RunError(f"{path} is damaged (not YAML): delete it, or start over with --fresh") from error
    sections = content if isinstance(content, dict) else {}
    found: dict[str, Resolved] = {}
    for name in SECTIONS:
        section = sections.get(name)
        value = section.get("precision") if isinstance(section, dict) else None
        if value in ("bf16", "fp32"):
            found[name] = value
    return found
