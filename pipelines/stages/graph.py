"""The stages of a run, brought up to date in order (`pipelines.runs.plan` says which these are).

A stage reads its predecessors' folders and writes its own; nothing else passes between them. So each can be
run alone, repeated, resumed, or replaced by the user's own model file. What a stage does is `run` of the
module of its name, which is imported when it runs: this one imports no torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pipelines.config import Config
from pipelines.config.recorded import flat
from pipelines.errors import RunError, UsageError, nearest
from pipelines.report import health
from pipelines.runs import precision
from pipelines.runs.files import fingerprint, read_json
from pipelines.runs.folder import Inputs, RunFolder, StageResult, Status
from pipelines.runs.plan import plan
from scan.run_format import MODEL

if TYPE_CHECKING:
    from pipelines.devices import Machine


NOT_INPUTS = ("checkpoint_seconds",)
"""Settings that no result depends on."""


def inputs(name: str, config: Config, record: Mapping[str, Any], run: RunFolder) -> Inputs:
    """Everything that the result of a stage depends on, flat; `record` is the content of data.json.

    Args:
        name: Of the stage.
        config: Of the run.
        record: The content of data.json.
        run: The run folder.

    Raises:
        RunError: When a predecessor is not finished.
    """
    stage = plan(config)[name]
    settings = flat(config.model_dump(mode="json"))
    found = {
        key: value
        for key, value in settings.items()
        if any(f"{key}.".startswith(f"{named}.") for named in stage.settings)
        and key.rpartition(".")[2] not in NOT_INPUTS
    }
    for key in stage.data:
        value: Any = record
        for part in key.split("."):
            value = value[part]
        found[f"data.{'images' if key == 'sha256' else key}.sha256"] = fingerprint(value)
    for before in stage.reads:
        files = read_json(run.stage(before) / "done.json")["files"]
        found[f"{before}/{MODEL}"] = files.get(MODEL) or fingerprint(files)
    for shown in stage.shows:
        if (run.stage(shown) / "done.json").exists():
            found[shown] = fingerprint(read_json(run.stage(shown) / "done.json"))
    return found


def status(name: str, config: Config, record: Mapping[str, Any], run: RunFolder) -> Status:
    """Where a stage stands; arguments and errors as of `inputs`."""
    return run.status(name, inputs(name, config, record, run), config)


def discard(run: RunFolder, names: Sequence[str], *, also_own: bool) -> None:
    """Remove the results of stages; a model that the user put there only with `also_own`.

    Args:
        run: The run folder, locked.
        names: The stages.
        also_own: Whether the user's own models are removed, too.
    """
    for name in names:
        if also_own or not is_own(run, name):
            run.discard(name)


def adopt(config: Config, run: RunFolder, *, but: Sequence[str] = ()) -> None:
    """Write receipts for the models that the user put into stage folders, `but` those of some stages.

    Args:
        config: Of the run.
        run: The run folder, locked.
        but: Stages whose models are left as they are.
    """
    for name in plan(config):
        if name not in but and not (run.stage(name) / "done.json").exists() and is_own(run, name):
            run.adopt(name)


def is_own(run: RunFolder, name: str) -> bool:
    """Whether the model of a stage is the user's own."""
    try:
        return bool(read_json(run.stage(name) / "done.json").get("own"))
    except RunError:  # missing or damaged
        ours = ("done.json", "inputs.json", "state")
        folder = run.stage(name)
        return (folder / MODEL).exists() and not any((folder / note).exists() for note in ours)


def accompanied(names: Sequence[str]) -> list[str]:
    """The names, and the judge where they have the evaluation: it comes along when it is not up to date."""
    return [*(["judge"] if "evaluate" in names and "judge" not in names else []), *names]


def check_names(names: Sequence[str], config: Config) -> None:
    """Refuse a stage that this run has not.

    Raises:
        UsageError: With the nearest name.
    """
    there = plan(config)
    for name in names:
        if name not in there:
            hint = nearest(name, there, otherwise="; there are {}")
            raise UsageError(f"no stage '{name}' in this run{hint}")


def check_same(config: Config, record: Mapping[str, Any], run: RunFolder) -> None:
    """Refuse to make a finished run again with other settings where the user named neither it nor a stage.

    Args:
        config: What is asked for.
        record: The content of data.json.
        run: The run folder.

    Raises:
        UsageError: With what differs, and what to type.
    """
    there = plan(config)
    if not all((run.stage(name) / "done.json").exists() for name in there):
        return
    for name in there:
        found = status(name, config, record, run)
        if found.kind == "changed" and name != "report":
            raise UsageError(
                f"{run.path} holds a finished run with other settings ({found.why}): name another folder "
                f"by --run-dir; or --run-dir {run.path} makes again what differs, --fresh all of it"
            )


def check_predecessors(
    names: Sequence[str],
    config: Config,
    record: Mapping[str, Any],
    run: RunFolder,
    *,
    fresh: bool = False,
) -> None:
    """Refuse to run some stages alone where one that they build on is not up to date.

    Args:
        fresh: Whether what the named stages made will be discarded.

    Raises:
        UsageError: When a predecessor must be made first.
        RunError: When a predecessor's files were altered.
    """
    needed = predecessors(names, config)
    for name in (stage for stage in plan(config) if stage in needed and stage not in names):
        found = (
            status(name, config, record, run)
            if _ready(name, config, run, names if fresh else ())
            else Status("absent")
        )
        if found.kind == "altered":
            raise RunError(_altered(name, found, run))
        if found.kind not in ("done", "own"):
            why = (
                f"was made with other settings ({found.why})"
                if found.kind == "changed"
                else "is not finished"
            )
            raise UsageError(
                f"{names[-1]} needs {name}, which {why}: name {name} too, or no stage to make all"
            )


def check_others(names: Sequence[str], config: Config, record: Mapping[str, Any], run: RunFolder) -> None:
    """Refuse to make some stages with settings that finished ones, which do not build on them, have not.

    Raises:
        UsageError: With the stage, and what differs.
    """
    for name in plan(config):
        is_independent = name not in names and predecessors([name], config).isdisjoint(names)
        if name == "report" or not is_independent or not (run.stage(name) / "done.json").exists():
            continue
        found = status(name, config, record, run) if _ready(name, config, run, ()) else Status("absent")
        if found.kind == "changed":
            raise UsageError(
                f"{run.path} holds {name} with other settings ({found.why}): name {name} too, or another "
                "folder by --run-dir"
            )


def predecessors(names: Sequence[str], config: Config) -> set[str]:
    """The stages that some build on, directly or not."""
    stages = plan(config)
    direct = {before for name in names for before in stages[name].reads}
    return direct | predecessors(sorted(direct), config) if direct else direct


def _ready(name: str, config: Config, run: RunFolder, discarded: Sequence[str]) -> bool:
    before = plan(config)[name].reads
    return all((run.stage(one) / "done.json").exists() and one not in discarded for one in before)


def _altered(name: str, status: Status, run: RunFolder) -> str:
    again = f"scan run {run.path / 'config.yaml'} {name} --run-dir {run.path} makes it again"
    own = f", and without {name}/done.json the file is used as your own" if MODEL in status.why else ""
    return f"{status.why}: {again}{own if (run.stage(name) / MODEL).exists() else ''}"


def _make(name: str, config: Config, run: RunFolder, machine: Machine) -> StageResult:
    """Do what a stage does: `run` of the module of its name."""
    do: Callable[[Config, RunFolder, Machine], StageResult] = import_module(f"pipelines.stages.{name}").run
    return do(config, run, machine)


def execute(
    config: Config,
    run: RunFolder,
    record: Mapping[str, Any],
    machine: Machine,
    names: Sequence[str] = (),
) -> None:
    """Bring the named stages, or all, up to date, in order.

    A stage that is done with the same inputs is left as it is, also when it is named; one whose files were
    altered is made again only when it is named, but for the report, which nobody edits.

    Args:
        config: Of the run.
        run: The run folder, locked.
        record: The content of data.json.
        machine: Where to compute.
        names: The stages; all where none is named.

    Raises:
        RunError: When a file was altered, or the stage failed.
        InterruptedRun: When the process was told to stop.
    """
    warning = precision.slow(config, machine)
    for name in (stage for stage in plan(config) if not names or stage in names):
        made_from = inputs(name, config, record, run)
        found = run.status(name, made_from, config)
        if found.kind == "altered" and name not in names and name != "report":
            raise RunError(_altered(name, found, run))
        if found.kind == "done":
            machine.say(f"{name}: up to date")
            continue
        if found.kind == "own":
            machine.say(f"{name}: your own {name}/{MODEL}")
            continue
        if found.kind in ("changed", "altered"):
            machine.say(f"{name}: made again, since {found.why}")
        if found.kind == "partial":
            machine.say(f"{name}: goes on from where it stopped")
        if warning and name in precision.USERS:
            machine.say(warning)
            warning = ""
        began = time.monotonic()
        run.begin(name, made_from, config)
        result = _make(name, config, run, machine)
        seconds = result.earlier_seconds + time.monotonic() - began
        run.finish(name, made_from, result.files, seconds)
        machine.say(f"{name}: done in {seconds:.1f} s")
        if name == "vision" and (run.path / "taught.json").exists():
            machine.say(
                f"vision: {run.path / 'taught.json'} has words of the former visual model: remove it, then "
                "teach them again"
            )
        if name in health.LEARNED and "metrics.json" in result.files:
            for line in health.CHECKS[name](read_json(run.stage(name) / "metrics.json")):
                machine.say(f"{name}: warning: {line}")
