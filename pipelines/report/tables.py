"""The tables of the report: from what the stages measured to HTML."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.report import page

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
    "mig": "MIG: one latent for each factor",
    "sap": "SAP: one latent predicts each factor",
    "dci.completeness": "DCI completeness: one latent for each factor",
    "dci.disentanglement": "DCI disentanglement: one factor in each latent",
    "modularity": "modularity: one factor in each latent",
    "modularity_live": "modularity of active latents",
    "dci.informativeness_test": "DCI informativeness: the factors are there at all",
}
EXACT = "exact operators (yardstick)"


def main_numbers(metrics: Mapping[str, Any]) -> str:
    """The numbers that matter most, large."""
    splits = metrics["splits"]
    found = [
        (f"{title}, accuracy", page.number(splits[name]["accuracy_top1"]), _spread(splits[name]))
        for name, title in SPLITS.items()
        if name in splits and name in HEADLINES
    ]
    if "held_out" in splits:
        found.append(
            ("held-out, all attributes right", page.number(splits["held_out"]["accuracy_strict"]), "")
        )
    if "held_out_pairs" in splits:
        found.append(
            ("held-out pairs, both right", page.number(splits["held_out_pairs"]["accuracy_strict"]), "")
        )
    described = metrics["img2sym"]
    exact = described.get("sampled", {}).get("exact_match")
    remark = "" if exact is None else f"sampled symbols, all right: {page.number(exact)}"
    found.append(("img2sym, per attribute", page.number(described["accuracy"]), remark))
    return page.facts(found)


def purposes(metrics: Mapping[str, Any]) -> str:
    """What each list of concepts is for."""
    rows = [[title, PURPOSES[name]] for name, title in SPLITS.items() if name in metrics["splits"]]
    return page.words(("concepts", "what they are for"), rows)


def _spread(split: Mapping[str, Any]) -> str:
    if split["diversity_nats"] is None:
        return ""
    return f"diversity {split['diversity_nats'] - split['diversity_uniform_nats']:.2f} nats above its floor"


def accuracy(metrics: Mapping[str, Any]) -> str:
    """One row a split: accuracies, diversities and their floor."""
    head = (
        "split",
        "concepts",
        "top-1",
        "top-3",
        "strict",
        "diversity",
        "its floor",
        "soft",
        "training data",
    )
    keys = (
        "concepts",
        "accuracy_top1",
        "accuracy_top3",
        "accuracy_strict",
        "diversity_nats",
        "diversity_uniform_nats",
        "diversity_soft_nats",
        "diversity_data_nats",
    )
    rows = [[title, *(split[key] for key in keys)] for title, split in _splits(metrics)]
    samples = metrics["samples"]
    caption = (
        f"Accuracy on {samples['accuracy']} images a concept; diversity in nats per open attribute on "
        f"{samples['diversity']} (lower is more diverse, and not below the floor of a perfect sampler)."
    )
    return page.table(head, rows, caption)


def levels(metrics: Mapping[str, Any]) -> str:
    """Accuracy by how many attributes a concept mentions."""
    splits = _splits(metrics)
    every = sorted({int(level) for _, split in splits for level in split["accuracy_per_level"]})
    rows = [[title, *(split["accuracy_per_level"].get(str(n)) for n in every)] for title, split in splits]
    return page.table(
        ("top-1 accuracy", *(f"{n} attribute{'s' if n > 1 else ''}" for n in every)),
        rows,
        "By the level of the hierarchy: how many attributes the concept mentions.",
    )


def operators(metrics: Mapping[str, Any]) -> str:
    """Accuracy by operator, learned and exact."""
    learned = metrics["splits"]["test_operators"]["accuracy_per_operator"]
    exact = metrics["yardsticks"]["analytic_operators"]["accuracy_per_operator"]
    rows = [[name, learned[name], exact[name]] for name in learned]
    by_operator = page.table(("top-1 accuracy", "learned", "exact"), rows)
    found = [metrics["splits"]["test_operators"], metrics["yardsticks"]["analytic_operators"]]
    if "concepts_operands_taught" not in found[0]:  # evaluated by an earlier version
        return by_operator
    kinds = {"both operands are taught concepts": "taught", "one or none is": "other"}
    split = [
        [title, found[0][f"concepts_operands_{kind}"], *(f[f"accuracy_operands_{kind}"] for f in found)]
        for title, kind in kinds.items()
    ]
    return by_operator + page.table(("top-1 accuracy", "triples", "learned", "exact"), split)


def pairs(metrics: Mapping[str, Any]) -> str:
    """Held-out pairs: the two attributes that never came together, and the whole."""
    found = [(title, split) for title, split in _splits(metrics) if "accuracy_pair" in split]
    if not found:
        return ""
    keys = ("concepts", "accuracy_pair", "accuracy_pair_strict", "accuracy_strict")
    head = ("held-out pairs", "concepts", "its attributes", "both right", "all asked for right")
    return page.table(head, [[title, *(split[key] for key in keys)] for title, split in found])


def attributes(metrics: Mapping[str, Any]) -> str:
    """One row an attribute: accuracy in each split, and how diverse it is where it is left open."""
    splits = [(title, split) for title, split in _splits(metrics) if title != EXACT]
    names = list(splits[0][1]["per_attribute"])
    right = page.table(
        ("top-1 accuracy", *(title for title, _ in splits)),
        [[name, *(s["per_attribute"][name]["accuracy_top1"] for _, s in splits)] for name in names],
    )
    varied = [(title, split) for title, split in splits if split["diversity_nats"] is not None]
    spread = page.table(
        ("diversity, nats", *(title for title, _ in varied), "floor"),
        [
            [
                name,
                *(s["per_attribute"][name]["diversity_nats"] for _, s in varied),
                splits[0][1]["per_attribute"][name]["diversity_uniform_nats"],
            ]
            for name in names
        ],
    )
    return right + spread


def disentanglement(codes: Mapping[str, Any]) -> str:
    """One row a metric: the model's code, a perfect one and a random one on the same points."""
    learned = codes["dci"]
    rows = [
        [title, *(_inner(codes[who] if who else codes, key) for who in ("", "perfect", "random"))]
        for key, title in CODES.items()
    ]
    few = f"; DCI by {spaced(learned['estimator'])} on {learned['points']:,} and {learned['points_test']:,}"
    left_out = codes["factors_left_out"]
    caption = (
        f"{codes['latents']} latents, means of q(z|x), against {', '.join(codes['factors'])} on "
        f"{codes['points']:,} and {codes['points_test']:,} {codes['images']}{few}; {codes['bins']} bins; "
        f"seed {codes['seed']}. Perfect: the factors' indices as a code. Random: normal noise."
        + (f" Left out, a single value: {', '.join(left_out)}." if left_out else "")
    )
    return page.table(("higher is better", "this model", "perfect", "random"), rows, caption)


def _inner(scores: Mapping[str, Any], key: str) -> float:
    name, _, part = key.partition(".")
    return scores[name][part] if part else scores[name]


def hardest(concepts: Sequence[Mapping[str, Any]], most: int = 10) -> str:
    """The concepts that came out worst."""
    worst = sorted(concepts, key=lambda one: one["accuracy_top1"])[:most]
    rows = [
        [
            ", ".join(f"{name}: {value}" for name, value in one["concept"].items()),
            one["accuracy_top1"],
            one["accuracy_strict"],
        ]
        for one in worst
    ]
    return page.table(("concept", "top-1", "strict"), rows)


def timings(stages: Mapping[str, Mapping[str, Any]]) -> str:
    """One row a stage: seconds, and what it ran on. `stages` has its receipt merged with its metrics."""
    rows = []
    for name, told in stages.items():
        steps, seconds = told.get("steps"), told["seconds"]
        speed = round(steps / told["loop_seconds"], 1) if steps and told.get("loop_seconds") else None
        own = "your own model" if told.get("own") else ""
        rows.append([name, f"{seconds:,.1f}", steps, speed, told.get("device", own), told.get("threads")])
    total = sum(told["seconds"] for told in stages.values())
    head = ("stage", "seconds", "steps", "steps a second", "device", "threads")
    return page.table(head, [*rows, ["all", f"{total:,.1f}", None, None, None, None]])


def _splits(metrics: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    found = [(title, metrics["splits"][name]) for name, title in SPLITS.items() if name in metrics["splits"]]
    exact = (EXACT, metrics["yardsticks"]["analytic_operators"])
    place = next(i for i, (title, _) in enumerate(found) if title == SPLITS["test_operators"]) + 1
    return [*found[:place], exact, *found[place:]]


def spaced(name: str) -> str:
    """The name of a list as words."""
    return name.replace("held_out", "held-out").replace("_", " ")
