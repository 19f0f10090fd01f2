"""`scan metrics`: disentanglement metrics of anyone's codes, or of a run's visual model."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines.commands import Command, place, real, whole
from pipelines.report.columns import columns
from vision.metric_names import METRICS, QUICK, TEST_SHARE, interpretation

if TYPE_CHECKING:
    from vision.metrics import Parts

RUN_POINTS = 10_000


class Source(NamedTuple):
    """What is scored."""

    parts: Parts
    about: dict[str, Any]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "file",
        metavar="FILE",
        type=place,
        nargs="?",
        help=".npz with codes (N, D) and factors (N, K), integers or words, perhaps codes_test, "
        "factors_test; or .csv: columns code_* or z0, z1, ... are codes, all others factors",
    )
    parser.add_argument(
        "--run", type=place, help="score a run instead: its codes of images with known factors"
    )
    parser.add_argument(
        "--metrics",
        metavar="LIST",
        help=f"names with commas between them, or all: {', '.join(METRICS)} (default: the quick ones)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--seed", type=whole(2**32 - 1), default=0, help="of the split, the draws and the learners"
    )
    parser.add_argument(
        "--test-share",
        type=real,
        help=f"share of FILE to test on, without a test part (default: {TEST_SHARE})",
    )
    parser.add_argument(
        "--points",
        type=whole(10**9),
        help=f"fit on at most so many and test on half as many (default: all of FILE, {RUN_POINTS} of a run)",
    )


def main(options: argparse.Namespace) -> None:
    """Print the scores, how to read them, and the settings they depend on."""
    import json

    from pipelines.errors import UsageError, printable
    from pipelines.runs.metrics import jsonable

    if (options.file is None) == (options.run is None):
        raise UsageError("give either a FILE of codes and factors or --run RUN (see scan metrics --help)")
    if options.test_share is not None and options.run is not None:
        raise UsageError("--test-share: has no effect with --run, whose test part is half of --points")
    if options.test_share is not None and not 0 < options.test_share < 1:
        raise UsageError(f"--test-share {options.test_share}: expected a share between 0 and 1")
    if options.points is not None and options.points < 20:
        raise UsageError(f"--points {options.points}: expected at least 20")
    if options.seed < 0:
        raise UsageError(f"--seed {options.seed}: expected 0 or more")
    names = QUICK if options.metrics is None else _named(options.metrics)
    source = _of_run(options) if options.run else _of_file(options)
    may_lack = options.metrics is None or options.metrics.strip() == "all"
    results = {**source.about, "metrics": measure(source.parts, names, strict=not may_lack)}
    print(
        json.dumps(jsonable(results, None), indent=1, allow_nan=False)
        if options.json
        else printable(table(results), lines=True)
    )


def _named(text: str) -> tuple[str, ...]:
    from pipelines.errors import UsageError, nearest

    if text.strip() == "all":
        return tuple(METRICS)
    names = tuple(dict.fromkeys(name.strip().lower().replace("-", "_") for name in text.split(",")))
    for name in names:
        if name not in METRICS:
            hint = nearest(name, METRICS, otherwise="; there are {}")
            raise UsageError(f"--metrics: no metric '{name}'{hint}")
    return names


def _of_file(options: argparse.Namespace) -> Source:
    from pipelines.errors import UsageError
    from vision import code_files
    from vision.data import DataError

    path, share = options.file.expanduser(), options.test_share or TEST_SHARE
    if path.is_dir():
        raise UsageError(f"{path} is a folder; for a run: scan metrics --run {path}")
    try:
        found = code_files.read(path, share=share, seed=options.seed, points=options.points)
    except DataError as error:
        raise UsageError(str(error)) from error
    about = {"source": str(options.file), "split": found.split}
    return Source(found.parts, about | _sizes(found.parts, found.names, options.seed))


def _of_run(options: argparse.Namespace) -> Source:
    """Encode images of a run; rendered ones are drawn afresh, so that its own need not be made again."""
    from tqdm import tqdm

    from pipelines.commands import finished
    from pipelines.config import RoomsData, config_files
    from pipelines.devices import machine
    from pipelines.errors import RunError, UsageError
    from pipelines.runs import datasets
    from pipelines.runs.folder import RunFolder, config_of
    from pipelines.runs.models import load
    from vision.disentanglement import encoded, points_of
    from vision.metrics import MetricError
    from vision.vae import VAE

    run = RunFolder(finished.folder(options.run))
    config = config_files.load(config_of(run.path))
    device = machine().device
    vae = load(run, "vision", VAE, device)
    if isinstance(config.data, RoomsData):
        config = config.model_copy(update={"data": config.data.model_copy(update={"images": 1})})
    images = datasets.images(config)
    if vae.shape != images.shape:
        raise RunError(f"{run.path}: its vision is for images {vae.shape}, its data set has {images.shape}")
    points = options.points or RUN_POINTS
    total = points_of(images, points)
    try:
        with tqdm(total=total, desc="encoding", unit="image", delay=1, leave=False, disable=None) as bar:
            found = encoded(vae.encode, images, points, options.seed, device, progress=bar.update)
    except MetricError as error:
        raise UsageError(f"{run.path}: {error}") from error
    about = {
        "source": f"{run.path}, means of q(z|x)",
        "split": f"{found.images}, drawn with seed {options.seed}",
    }
    parts = found.parts._replace(seed=options.seed)
    left_out = {"factors_left_out": list(found.left_out)} if found.left_out else {}
    return Source(parts, about | _sizes(parts, found.names, options.seed) | left_out)


def _sizes(parts: Parts, names: Sequence[str], seed: int) -> dict[str, Any]:
    from pipelines.runs.folder import versions
    from vision.code_files import counts

    return {
        "points": len(parts.codes),
        "points_test": len(parts.codes_test),
        "latents": parts.codes.shape[1],
        "factors": counts(names, parts.factors),
        "seed": seed,
        "versions": versions(),
    }


def measure(parts: Parts, names: Sequence[str], *, strict: bool) -> dict[str, dict[str, Any]]:
    """Scores and settings of each metric.

    Raises:
        UsageError: When a metric cannot score these arrays and `strict` is set, or none can; otherwise its
            entry says why it is not measured.
    """
    import time
    from importlib.metadata import version

    from tqdm import tqdm

    from pipelines.errors import UsageError
    from vision.metrics import MetricError

    results: dict[str, dict[str, Any]] = {}
    with tqdm(names, delay=1, leave=False, disable=None, bar_format="{desc} ({n}/{total}, {elapsed})") as bar:
        for name in bar:
            bar.set_description(name)
            settings = METRICS[name].settings.format(numba=version("numba"), seed=parts.seed)
            began = time.monotonic()
            try:
                scores = _scores(parts, name)
            except MetricError as error:
                if strict:
                    raise UsageError(f"{name}: {error}") from error
                results[name] = {"not_measured": str(error), "settings": settings}
                continue
            read = {
                score: {"value": value, **interpretation(score)._asdict()} for score, value in scores.items()
            }
            seconds = round(time.monotonic() - began, 2)
            results[name] = {"scores": read, "settings": settings, "seconds": seconds}
    if not any("scores" in entry for entry in results.values()):
        raise UsageError(next(iter(results.values()))["not_measured"])
    return results


def _scores(parts: Parts, name: str) -> dict[str, float]:
    """Of one metric; a learner other than the reference's is part of its scores' names."""
    from vision.metrics import ALL_METRICS, dci

    if not name.startswith("dci_"):
        return ALL_METRICS[name](parts)
    result = dci(*parts[:4], estimator=name.removeprefix("dci_"), seed=parts.seed)  # type: ignore[arg-type]
    return {f"{name}_{score}": getattr(result, score) for score in result._fields[:4]}


def table(results: dict[str, Any]) -> str:
    """The scores as lines for the terminal."""
    factors = ", ".join(f"{name} ({values})" for name, values in results["factors"].items())
    lines = [
        f"{results['source']}: {results['points']:,} points to fit, {results['points_test']:,} to test; "
        f"{results['latents']} latents",
        f"test part: {results['split']}",
        f"factors (values): {factors}",
        "",
    ]
    if "factors_left_out" in results:
        lines.insert(3, f"left out, a single value: {', '.join(results['factors_left_out'])}")
    rows = [("score", "", "better", "0 means", "1 means", "settings")]
    missing = []
    for name, entry in results["metrics"].items():
        for score, read in entry.get("scores", {}).items():
            value = f"{read['value']:.3f}" if read["better"] else f"{read['value']:g}"
            rows.append((score, value, read["better"], read["zero"], read["one"], entry["settings"]))
        if "not_measured" in entry:
            missing.append(f"{name}: not measured, {entry['not_measured']}")
    return "\n".join([*lines, *columns(rows, right=(1,)), *([""] if missing else []), *missing])


COMMAND = Command(
    summary="score codes against known factors: MIG, DCI, SAP and others",
    example="scan metrics codes.npz --metrics mig,dci --json",
    configure=configure,
    main=main,
)
