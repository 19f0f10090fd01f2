"""`scan run`: the stages of a config, in a run folder, resuming where it stopped."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.commands import Command, add_device, add_settings, place, real
from pipelines.errors import UsageError
from pipelines.runs.plan import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.config import Config
    from pipelines.devices import Machine
    from pipelines.runs.first_config import FirstConfig
    from pipelines.runs.folder import RunFolder

MOST_MINUTES = 100_000
TIMED_SECONDS = 0.5
"""For how long each training is measured before a run."""
OWN = "init.yaml"
"""The config that is written into a run on a folder or an .npz file."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "config",
        metavar="CONFIG",
        help="name of a shipped config (rooms, rooms-mini, rooms-full, rooms-beta, rooms-paper, sprites, "
        "own), path of a YAML file, of a folder of pictures or of an .npz file; for the last two a first "
        "config is written into the run, as by scan init",
    )
    parser.add_argument(
        "stages",
        metavar="STAGE",
        nargs="*",
        help=f"only these stages ({', '.join(STAGES)})",
    )
    parser.add_argument(
        "--run-dir",
        type=place,
        metavar="DIR",
        help="where to work: a new folder, an empty one, or a run's, whose stages with changed settings are "
        "made again (default: runs/NAME, where a finished run with other settings is kept and the command "
        "refused)",
    )
    add_settings(parser)
    parser.add_argument(
        "--minutes",
        type=real,
        metavar="M",
        help="about how long the run takes on this machine: steps and restarts are scaled to it when it "
        "starts, and kept when it goes on (default: as many as the config has)",
    )
    add_device(parser)
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="throw away what these stages (or all) made, and start over; by default a run resumes",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, only errors")


def main(options: argparse.Namespace) -> None:
    """Bring the run up to date."""
    from pipelines import stopping
    from pipelines.config import config_files
    from pipelines.runs import first_config, image_weights, precision
    from pipelines.runs.files import write_bytes, write_json
    from pipelines.runs.folder import RunFolder
    from pipelines.stages import graph

    minutes = options.minutes
    if minutes is not None and not 0 < minutes <= MOST_MINUTES:
        raise UsageError(f"--minutes {minutes:g}: expected more than 0 and at most {MOST_MINUTES:,}")
    first = None
    if first_config.is_own_data(options.config):
        config, first = own_data(options)
    else:
        config = config_files.load(config_files.find(options.config), options.set)
    graph.check_names(options.stages, config)
    options.stages = graph.accompanied(options.stages)
    path = options.run_dir or Path("runs") / config.name
    with RunFolder(path) as run, stopping.like_interrupt():
        from pipelines.devices import machine
        from pipelines.runs import datasets
        from pipelines.stages import preflight
        from pipelines.training import budget

        here = machine(options.device, quiet=options.quiet)
        if first is not None:
            for line in first_config.described(first):
                here.say(line)
            here.say(f"config: {path / OWN}, which may be edited; the same command goes on with it")
        over = options.fresh and not options.stages
        config = precision.settle(config, here, None if over else path)
        # Whatever can be wrong with the request is found before anything is removed.
        record = datasets.record(config, run, here, fresh=over)
        config = image_weights.settle(datasets.with_sizes(config, record), record)
        if remark := config_files.other_size(options.config, config, record["shape"][1:]):
            here.say(remark)
        preflight.check(config, record, run, options.stages)
        config, plan = planned(config, record, run, options, here)
        if not options.fresh and options.run_dir is None and not options.stages:
            graph.check_same(config, record, run)
        graph.adopt(config, run, but=options.stages if options.fresh else ())
        graph.check_predecessors(options.stages, config, record, run, fresh=options.fresh)
        settings, written = config_files.dump(config).encode(), path / "config.yaml"
        if options.stages and not (written.is_file() and written.read_bytes() == settings):
            graph.check_others(options.stages, config, record, run)
        if options.fresh:
            graph.discard(run, options.stages or list(STAGES), also_own=bool(options.stages))
        if first is not None:
            write_bytes(path / OWN, first.text.encode())
        write_json(path / "data.json", record)
        if plan:
            write_json(path / budget.FILE, plan)
        elif minutes is None and not budget.is_of(config, path):
            (path / budget.FILE).unlink(missing_ok=True)  # the steps are no longer those of a budget
        write_bytes(written, settings)
        graph.execute(config, run, record, here, options.stages)


def under_way(run: RunFolder) -> bool:
    """Whether a stage of a run has begun."""
    return any((run.stage(name) / note).exists() for name in STAGES for note in ("inputs.json", "done.json"))


def planned(
    config: Config, record: Mapping[str, Any], run: RunFolder, options: argparse.Namespace, here: Machine
) -> tuple[Config, dict[str, Any]]:
    """The config with steps and restarts for `--minutes`, where these are given; says how long it takes.

    Args:
        config: Whose weights and precision are resolved.
        record: The content of data.json.
        run: The run folder, locked.
        options: Of the command: minutes, stages, fresh, quiet.
        here: The machine.

    Returns:
        The config, and what is to be kept of the budget; empty without one.
    """
    from pipelines.runs import datasets
    from pipelines.training import budget

    minutes = options.minutes
    over = options.fresh and not options.stages
    kept: dict[str, Any] = {}
    short = options.quiet or not budget.is_long(config, options.stages)
    if minutes is None and (short or (under_way(run) and not over)):
        return config, kept
    found: list[budget.Costs] = []

    def measure() -> budget.Costs:
        from pipelines.commands import benchmark

        here.say("plan: timing the first steps")
        data = datasets.recorded(record, datasets.images(config, quiet=here.quiet))
        found.append(benchmark.costs(config, data, here.device, TIMED_SECONDS))
        return found[-1]

    if minutes is None:
        measure()
    else:
        config, kept = budget.settle(config, run.path, minutes, measure, over=over)
    for costs in found:
        here.say(budget.line(config, costs, options.stages))
        if minutes is not None and budget.is_beyond(config, costs, minutes):
            here.say(
                f"plan: {minutes:g} min are not enough for this data on this machine: every training has the "
                f"{budget.LEAST_STEPS} steps that it has at least, and little will be learned"
            )
    return config, kept


def own_data(options: argparse.Namespace) -> tuple[Config, FirstConfig | None]:
    """The config of a run on a folder or an .npz file: that of the run where it has one, else a new one.

    Returns:
        The config, and what it was made from where it is new.

    Raises:
        UsageError: When the folder is a run, or the run has a config for other data.
    """
    from pipelines.config import config_files
    from pipelines.config.assignments import parse
    from pipelines.config.places import name_of
    from pipelines.runs.contents import is_run
    from pipelines.runs.first_config import first_config

    data = Path(options.config).expanduser().absolute()
    if is_run(data):
        raise UsageError(f"{data} is a run: scan run {data / 'config.yaml'} --run-dir {data} goes on with it")
    names = [str(one.value) for one in parse(options.set) if one.key == "name"]
    file = (options.run_dir or Path("runs") / (names[-1] if names else name_of(data))) / OWN
    if file.is_file():  # also with --fresh: the user may have edited it
        config = config_files.load(file, options.set)
        used = Path(str(getattr(config.data, "path", "")))
        if used == data or data in used.parents:
            return config, None
        if not options.fresh or options.stages:
            raise UsageError(f"{file} is for {used}, not for {data}: name another --run-dir, or --fresh")
    first = first_config(data, file)
    return config_files.load_text(first.text, file, options.set), first


def up_to_date(path: Path, names: list[str], options: argparse.Namespace) -> bool:
    """Whether some stages of an existing run need nothing done; nothing is written, not even a lock.

    Raises:
        RunError: When files of a stage that they build on were altered.
    """
    from pipelines.config import config_files
    from pipelines.devices import machine
    from pipelines.runs import datasets, image_weights, precision
    from pipelines.runs.folder import RunFolder, config_of
    from pipelines.stages import graph

    names, run = graph.accompanied(names), RunFolder(path)
    if options.fresh or not all((run.stage(name) / "done.json").exists() for name in names):
        return False
    here = machine(options.device, quiet=options.quiet)
    config = precision.settle(config_files.load(config_of(path)), here, path)
    record = datasets.record(config, run, here)
    config = image_weights.settle(datasets.with_sizes(config, record), record)
    try:
        graph.check_predecessors(names, config, record, run)
    except UsageError:  # one is not finished
        return False
    for name in names:
        if graph.status(name, config, record, run).kind not in ("done", "own"):
            return False
    for name in names:
        here.say(f"{name}: up to date")
    return True


def again(path: Path, names: list[str], options: argparse.Namespace, *, quiet: bool = False) -> None:
    """Bring some stages of an existing run up to date, with the config that the run has.

    Args:
        path: The run folder.
        names: The stages.
        options: Of the command: device, fresh, quiet.
        quiet: Say nothing, whatever `options` has.

    Raises:
        UsageError: When the run has no config.
    """
    from pipelines.runs.folder import config_of

    asked = argparse.Namespace(
        config=str(config_of(path)),
        stages=names,
        run_dir=path,
        set=[],
        minutes=None,
        device=options.device,
        fresh=options.fresh,
        quiet=quiet or options.quiet,
    )
    main(asked)


COMMAND = Command(
    summary="train and evaluate a run, or go on with it",
    example="scan run rooms-mini --set vision.training.steps=2000",
    configure=configure,
    main=main,
    trailing="stages",
)
