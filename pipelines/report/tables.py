"""The tables of the report, from the metrics.json of the evaluation."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

SPLITS = {
    "train_symbols": "train symbols",
    "validation_symbols": "validation symbols",
    "test_symbols": "test symbols",
    "test_operators": "test operators",
    "held_out": "held-out combinations",
    "held_out_pairs": "held-out pairs",
    "held_out_pair_combinations": "combinations with a held-out pair",
}
PURPOSES = {
    "train_symbols": "taught, with a few images each",
    "validation_symbols": "never taught; what settings are chosen by, so no measure of the result",
    "test_symbols": "never taught, and nothing is chosen by them",
    "test_operators": "recombinations of two concepts by the learned operators; they reach test symbols",
    "held_out": "all attributes at once; no image and no symbol of these combinations is learned from",
    "held_out_pairs": "two values that no training image and no taught symbol has together",
    "held_out_pair_combinations": "all attributes at once, two of them a held-out pair",
}
HEADLINES = ("train_symbols", "test_symbols", "test_operators")
CODES = {
    "dci.informativeness_test": "DCI informativeness: the factors are there at all",
    "dci.disentanglement": "DCI disentanglement: one factor in each latent",
    "dci.completeness": "DCI completeness: one latent for each factor",
    "modularity": "modularity: one factor in each latent",
    "modularity_active": "modularity of active latents",
    "sap": "SAP: one latent predicts each factor",
    "mig": "MIG: one latent for each factor",
}
ANALYTIC = "analytic operators (baseline)"


class Table(NamedTuple):
    """Columns and rows; cells are shown by `number`."""

    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""
    text: bool = False
    """Whether all cells are text that may be long; otherwise only the first of a row is text."""


def number(value: object) -> str:
    """A cell: three decimals for a float, a dash for None.

    >>> number(0.5), number(None), number(1234567)
    ('0.500', '–', '1,234,567')
    """
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def percent(share: float) -> str:
    """A share of 1 in per cent, with a decimal from 99 on.

    >>> percent(0.5), percent(0.995)
    ('50\xa0%', '99.5\xa0%')
    """
    return f"{100 * share:.{0 if share < 0.99 else 1}f}\N{NO-BREAK SPACE}%"


def main_numbers(metrics: Mapping[str, Any]) -> list[tuple[str, float, str]]:
    """The numbers that the page shows large: what, value, remark."""
    splits, described = metrics["splits"], metrics["img2sym"]
    found = [
        (f"{SPLITS[name]}, accuracy", splits[name]["accuracy_top1"], _diversity(splits[name]))
        for name in HEADLINES
    ]
    if "held_out" in splits:
        found.append(("held-out, all attributes right", splits["held_out"]["accuracy_strict"], ""))
    if "held_out_pairs" in splits:
        found.append(("held-out pairs, both right", splits["held_out_pairs"]["accuracy_strict"], ""))
    remark = f"sampled symbols, all right: {number(described['sampled']['exact_match'])}"
    found.append(("img2sym, per attribute", described["accuracy"], remark))
    return found


def purposes(metrics: Mapping[str, Any]) -> Table:
    """What each list of concepts is for."""
    rows = [[title, PURPOSES[name]] for name, title in SPLITS.items() if name in metrics["splits"]]
    return Table(("concepts", "what they are for"), rows, text=True)


def _diversity(split: Mapping[str, Any]) -> str:
    if split["diversity_nats"] is None:
        return ""
    return (
        f"diversity {split['diversity_nats'] - split['diversity_uniform_nats']:.2f} nats above uniform values"
    )


def accuracy(metrics: Mapping[str, Any]) -> Table:
    """One row a split: accuracies, diversities, and the diversity of uniformly drawn values."""
    keys = {
        "concepts": "concepts",
        "top-1": "accuracy_top1",
        "top-3": "accuracy_top3",
        "strict": "accuracy_strict",
        "diversity": "diversity_nats",
        "uniform": "diversity_uniform_nats",
        "soft": "diversity_soft_nats",
        "of right images": "diversity_right_excess_nats",
        "training data": "diversity_data_nats",
    }
    rows = [[title, *(split.get(key) for key in keys.values())] for title, split in _splits(metrics)]
    samples = metrics["samples"]
    caption = (
        f"Accuracy on {samples['accuracy']} images a concept; diversity in nats per open attribute on "
        f"{samples['diversity']} (lower is more diverse; uniform: as many values, drawn uniformly; of right "
        "images: above uniform values, among images that show all that was asked for)."
    )
    return Table(("split", *keys), rows, caption)


def completions(metrics: Mapping[str, Any]) -> list[Table]:
    """Symbols as they are imagined, and by their completions; none where an evaluation has none."""
    if "completions" not in metrics:
        return []
    measured = metrics["completions"]
    split = measured.get("split", "test_symbols")
    rows = {
        "samples of the symbol's Gaussian": metrics["splits"].get(split),
        "an image for each completion": measured["samples"],
        "the mean of each completion": measured["means"],
    }
    keys = {
        "top-1": "accuracy_top1",
        "strict": "accuracy_strict",
        "diversity": "diversity_nats",
        "uniform": "diversity_uniform_nats",
    }
    caption = (
        "What scan sym2img shows, with --complete, and with --complete --mean: each image then draws a value "
        "for each attribute of several that its concept leaves open: the diversity is theirs, not learned."
    )
    coloured = list(measured["samples"]["off_palette"] or {})
    found: list[list[object]] = []
    for title, one in rows.items():
        if one is None:
            continue
        far = one.get("off_palette") or metrics["realism"].get(split, {}).get("off_palette") or {}
        distances = [far[name]["imagined"] if name in far else None for name in coloured]
        found.append([title, *(one[key] for key in keys.values()), *distances])
    if coloured:
        caption += " Last columns: distance of the colours left open from the data's, in RGB units."
    return [Table((SPLITS[split], *keys, *coloured), found, caption)]


def levels(metrics: Mapping[str, Any]) -> Table:
    """Accuracy by how many attributes a concept mentions."""
    splits = _splits(metrics)
    every = sorted({int(level) for _, split in splits for level in split["accuracy_per_level"]})
    rows = [[title, *(split["accuracy_per_level"].get(str(n)) for n in every)] for title, split in splits]
    return Table(
        ("top-1 accuracy", *(f"{n} attribute{'s' if n > 1 else ''}" for n in every)),
        rows,
        "By the level of the hierarchy: how many attributes the concept mentions.",
    )


def operators(metrics: Mapping[str, Any]) -> list[Table]:
    """Accuracy of learned and analytic operators: by operator, and by whether the operands were taught."""
    learned, analytic = metrics["splits"]["test_operators"], metrics["yardsticks"]["analytic_operators"]
    rows = [
        [name, value, analytic["accuracy_per_operator"][name]]
        for name, value in learned["accuracy_per_operator"].items()
    ]
    kinds = {"both operands are taught concepts": "taught", "one or none is": "other"}
    by_operands = []
    for title, kind in kinds.items():
        key = f"accuracy_operands_{kind}"
        by_operands.append([title, learned[f"concepts_operands_{kind}"], learned[key], analytic[key]])
    return [
        Table(("top-1 accuracy", "learned", "analytic"), rows),
        Table(("top-1 accuracy", "triples", "learned", "analytic"), by_operands),
    ]


def pairs(metrics: Mapping[str, Any]) -> list[Table]:
    """Held-out pairs: accuracy in the two attributes that never came together, and in all."""
    keys = ("concepts", "accuracy_pair", "accuracy_pair_strict", "accuracy_strict")
    found = [(title, split) for title, split in _splits(metrics) if "accuracy_pair" in split]
    rows = [[title, *(split[key] for key in keys)] for title, split in found]
    head = ("held-out pairs", "concepts", "its attributes", "both right", "all asked for right")
    return [Table(head, rows)] if rows else []


def attributes(metrics: Mapping[str, Any]) -> list[Table]:
    """One row an attribute: accuracy in each split, and its diversity where concepts leave it open."""
    splits = [(title, split) for title, split in _splits(metrics) if title != ANALYTIC]
    diverse = [(title, split) for title, split in splits if split["diversity_nats"] is not None]
    accuracies, diversities = [], []
    for name, first in splits[0][1]["per_attribute"].items():
        accuracies.append([name, *(split["per_attribute"][name]["accuracy_top1"] for _, split in splits)])
        nats = (split["per_attribute"][name]["diversity_nats"] for _, split in diverse)
        diversities.append([name, *nats, first["diversity_uniform_nats"]])
    return [
        Table(("top-1 accuracy", *(title for title, _ in splits)), accuracies),
        Table(("diversity, nats", *(title for title, _ in diverse), "uniform"), diversities),
    ]


def disentanglement(codes: Mapping[str, Any]) -> Table:
    """One row a metric: the model's code, a perfect one and a random one on the same points."""
    learned = codes["dci"]
    compared = (codes, codes["perfect"], codes["random"])
    rows = [[title, *(_score(code, key) for code in compared)] for key, title in CODES.items()]
    few = f"; DCI by {spaced(learned['estimator'])} on {learned['points']:,} and {learned['points_test']:,}"
    left_out = codes["factors_left_out"]
    caption = (
        f"{codes['latents']} latents, means of q(z|x), against {', '.join(codes['factors'])} on "
        f"{codes['points']:,} and {codes['points_test']:,} {codes['images']}{few}; {codes['bins']} bins; "
        f"seed {codes['seed']}. Perfect: the factors' indices as a code. Random: normal noise."
        + (f" Left out, a single value: {', '.join(left_out)}." if left_out else "")
    )
    return Table(("higher is better", "this model", "perfect", "random"), rows, caption)


def _score(scores: Mapping[str, Any], key: str) -> float:
    name, _, part = key.partition(".")
    return scores[name][part] if part else scores[name]


def hardest(concepts: Sequence[Mapping[str, Any]], most: int = 10) -> Table:
    """The concepts of the lowest accuracy."""
    rows = []
    for entry in sorted(concepts, key=lambda entry: entry["accuracy_top1"])[:most]:
        words = ", ".join(f"{name}: {value}" for name, value in entry["concept"].items())
        rows.append([words, entry["accuracy_top1"], entry["accuracy_strict"]])
    return Table(("concept", "top-1", "strict"), rows)


def _splits(metrics: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Title and measures of each split, the analytic operators after the learned ones."""
    found = []
    for name, title in SPLITS.items():
        if name in metrics["splits"]:
            found.append((title, metrics["splits"][name]))
        if name == "test_operators":
            found.append((ANALYTIC, metrics["yardsticks"]["analytic_operators"]))
    return found


def spaced(name: str) -> str:
    """The name of a list as words."""
    return name.replace("held_out", "held-out").replace("_", " ")
