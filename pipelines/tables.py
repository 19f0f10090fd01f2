"""The tables of the report: from what the stages measured to HTML."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines import page

SPLITS = {
    "train_symbols": "train symbols",
    "test_symbols": "test symbols",
    "test_operators": "test operators",
    "held_out": "held-out combinations",
}
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
        if name in splits and name != "held_out"
    ]
    if "held_out" in splits:
        found.append(
            ("held-out, all attributes right", page.number(splits["held_out"]["accuracy_strict"]), "")
        )
    described = metrics["img2sym"]
    found.append(("img2sym, per attribute", page.number(described["accuracy"]), ""))
    return page.facts(found)


def _spread(split: Mapping[str, Any]) -> str:
    if split["diversity_nats"] is None:
        return ""
    return f"diversity {split['diversity_nats'] - split['diversity_floor_nats']:.2f} nats above its floor"


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
        "diversity_floor_nats",
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
    exact = metrics["yardsticks"]["exact_operators"]["accuracy_per_operator"]
    rows = [[name, learned[name], exact[name]] for name in learned]
    return page.table(("top-1 accuracy", "learned", "exact"), rows)


def attributes(metrics: Mapping[str, Any]) -> str:
    """One row an attribute: accuracy in each split, and how diverse it is where it is left open."""
    splits = [(title, split) for title, split in _splits(metrics) if title != EXACT]
    names = list(splits[0][1]["per_attribute"])
    right = page.table(
        ("top-1 accuracy", *(title for title, _ in splits)),
        [[name, *(s["per_attribute"][name]["accuracy_top1"] for _, s in splits)] for name in names],
    )
    spread = page.table(
        ("diversity, nats", *(title for title, _ in splits[:3]), "floor"),
        [
            [
                name,
                *(s["per_attribute"][name]["diversity_nats"] for _, s in splits[:3]),
                splits[0][1]["per_attribute"][name]["diversity_floor_nats"],
            ]
            for name in names
        ],
    )
    return right + spread


def reading(metrics: Mapping[str, Any]) -> str:
    """Per attribute on real images: img2sym, the judge on reconstructions, the judge itself."""
    described, judge, seen = metrics["img2sym"], metrics["judge"], metrics["vision"]
    columns: list[tuple[str, Mapping[str, Any]]] = [
        (f"img2sym, {_spaced(described['measured_on'])}", described["per_attribute"])
    ]
    if "test_images" in described:
        columns.append(("img2sym, test images", described["test_images"]["per_attribute"]))
    columns += [
        (f"reconstructions, {_spaced(name)}", measured["per_attribute"]) for name, measured in seen.items()
    ]
    on = _spaced(judge["measured_on"])
    columns += [
        (f"judge, {on} images".replace("images images", "images"), judge["per_attribute"]),
        ("judge, blurred", judge["per_attribute_blurred"]),
    ]
    rows = [[name, *(values[name] for _, values in columns)] for name in judge["per_attribute"]]
    means = [sum(values.values()) / len(values) for _, values in columns]
    return page.table(
        ("share right", *(title for title, _ in columns)), [*rows, ["mean", *means]], "On real images."
    )


def disentanglement(codes: Mapping[str, Any]) -> str:
    """One row a metric: the model's code, a perfect one and a random one on the same points."""
    learned = codes["dci"]
    rows = [
        [title, *(_inner(codes[who] if who else codes, key) for who in ("", "perfect", "random"))]
        for key, title in CODES.items()
    ]
    few = f"; DCI by {_spaced(learned['estimator'])} on {learned['points']:,} and {learned['points_test']:,}"
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
    exact = (EXACT, metrics["yardsticks"]["exact_operators"])
    place = next(i for i, (title, _) in enumerate(found) if title == SPLITS["test_operators"]) + 1
    return [*found[:place], exact, *found[place:]]


def _spaced(name: str) -> str:
    return name.replace("held_out", "held-out").replace("_", " ")
