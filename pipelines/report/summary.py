"""The main numbers of an evaluation, as lines for the terminal."""

from collections.abc import Mapping
from typing import Any

from pipelines.config import Config
from pipelines.report import verdicts


def summary(metrics: Mapping[str, Any], config: Config) -> str:
    """The lines, from the content of metrics.json; the verdict on each attribute and warnings come last."""
    lines = [_split(name, split) for name, split in metrics["splits"].items()]
    if "completions" in metrics:
        lines += _completed(metrics["completions"])
    lines += _described(metrics["img2sym"])
    for name, measured in metrics["realism"].items():
        lines += _realism(name, measured)
    lines.append(f"judge: clean accuracy {metrics['judge']['clean_accuracy']:.3f}")
    codes = metrics["disentanglement"]
    if "mig" in codes:
        parts = codes["dci"]
        lines.append(
            f"disentanglement: DCI {parts['disentanglement']:.3f} ({parts['estimator']}), "
            f"modularity {codes['modularity']:.3f}, SAP {codes['sap']:.3f}, MIG {codes['mig']:.3f}"
        )
    lines += verdicts.lines(metrics["attributes"], config)
    lines += [f"warning: {line}" for line in metrics["warnings"]]
    return "\n".join(f"evaluate: {line}" for line in lines)


def _split(name: str, split: Mapping[str, Any]) -> str:
    parts = [f"accuracy {split['accuracy_top1']:.3f}", f"strict {split['accuracy_strict']:.3f}"]
    if "accuracy_pair" in split:
        pair, strict = split["accuracy_pair"], split["accuracy_pair_strict"]
        parts.append(f"the pair's attributes {pair:.3f}, both {strict:.3f}")
    for kind in ("taught", "other"):
        if split.get(f"accuracy_operands_{kind}") is not None:
            right, n = split[f"accuracy_operands_{kind}"], split[f"concepts_operands_{kind}"]
            parts.append(f"{'both' if kind == 'taught' else 'not both'} operands taught {right:.3f} ({n})")
    if split["diversity_nats"] is not None:
        uniform = split["diversity_uniform_nats"]
        parts.append(f"diversity {split['diversity_nats']:.3f} nats (uniform {uniform:.3f})")
    return f"{name}: {', '.join(parts)}"


def _completed(measured: Mapping[str, Any]) -> list[str]:
    samples, means = measured["samples"], measured["means"]
    what = f"completed {measured.get('split', 'test_symbols').replace('_', ' ')}"
    accuracies = (
        f"{what} (sym2img --complete): accuracy {samples['accuracy_top1']:.3f}, strict "
        f"{samples['accuracy_strict']:.3f}; their means (--mean) {means['accuracy_top1']:.3f}, "
        f"{means['accuracy_strict']:.3f}"
    )
    return [accuracies, *(f"{what}: {line}" for line in _off_palette(samples))]


def _described(described: Mapping[str, Any]) -> list[str]:
    sampled = described["sampled"]
    return [
        f"img2sym, most likely values: accuracy {described['accuracy']:.3f}, "
        f"all right {described['accuracy_strict']:.3f} on {described['images']} images",
        f"img2sym, sampled symbols (the paper's protocol): exact match {sampled['exact_match']:.3f}, "
        f"precision {_three(sampled['precision'])}, recall {_three(sampled['recall'])}",
    ]


def _off_palette(measured: Mapping[str, Any]) -> list[str]:
    """The line of distances from the data's colours, where it has some."""
    if not measured["off_palette"]:
        return []
    far = [f"{a} {' / '.join(map(_whole, f.values()))}" for a, f in measured["off_palette"].items()]
    return [f"RGB units off the palette (imagined / real / random): {', '.join(far)}"]


def _realism(name: str, measured: Mapping[str, Any]) -> list[str]:
    sure, real = measured["judge_confidence"], measured["judge_confidence_of_real"]
    lines = [
        f"{name}: judge's confidence {_three(sure)} (real images {_three(real)}), "
        f"distance from real images {_three(measured['nearest_real_distance_ratio'])} of that of real ones, "
        f"nuisance spread {_three(measured['nuisance_spread'])}"
    ]
    return [*lines, *(f"{name}: {line}" for line in _off_palette(measured))]


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
