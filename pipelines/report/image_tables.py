"""The tables of the report about real images, and about imagined ones beside them."""

from collections.abc import Mapping
from typing import Any

from pipelines.report import page
from pipelines.report.tables import SPLITS, spaced


def reading(metrics: Mapping[str, Any]) -> str:
    """Per attribute on real images: img2sym, the judge on reconstructions, the judge itself."""
    described, judge, seen = metrics["img2sym"], metrics["judge"], metrics["vision"]
    columns: list[tuple[str, Mapping[str, Any]]] = [
        (f"img2sym, {spaced(described['measured_on'])}", described["per_attribute"])
    ]
    if "test_images" in described:
        columns.append(("img2sym, test images", described["test_images"]["per_attribute"]))
    columns += [
        (f"reconstructions, {spaced(name)}", measured["per_attribute"]) for name, measured in seen.items()
    ]
    on = spaced(judge["measured_on"])
    columns += [
        (f"judge, {on} images".replace("images images", "images"), judge["per_attribute"]),
        ("judge, blurred", judge["per_attribute_blurred"]),
    ]
    rows = [[name, *(values[name] for _, values in columns)] for name in judge["per_attribute"]]
    means = [sum(values.values()) / len(values) for _, values in columns]
    return page.table(
        ("share right", *(title for title, _ in columns)), [*rows, ["mean", *means]], "On real images."
    )


def describing(metrics: Mapping[str, Any]) -> str:
    """img2sym by both protocols, one row each and set of images."""
    first = metrics["img2sym"]
    if "sampled" not in first:  # evaluated by an earlier version
        return ""
    sets = {first["measured_on"]: first, **{name: told for name, told in first.items() if _is_set(told)}}
    best = [[spaced(name), told["accuracy"], told["accuracy_strict"]] for name, told in sets.items()]
    sampled = [
        [spaced(name), *(told["sampled"][key] for key in ("exact_match", "precision", "recall"))]
        for name, told in sets.items()
    ]
    return page.table(
        ("most likely values", "per attribute", "all right"), best, f"Protocol: {first['protocol']}."
    ) + page.table(
        ("sampled symbols", "exact match", "precision", "recall"),
        sampled,
        f"Protocol: {first['sampled']['protocol']}; {first['sampled']['samples_per_image']} an image.",
    )


def _is_set(told: object) -> bool:
    return isinstance(told, Mapping) and "sampled" in told


def realism(metrics: Mapping[str, Any]) -> str:
    """How like real images imagined ones are: what the judge's diversity cannot tell."""
    measured = metrics.get("realism", {})
    parts = []
    for name, told in measured.items():
        rows: list[list[object]] = [
            [f"{attribute}: distance from the data's colours", *far.values()]
            for attribute, far in (told["off_palette"] or {}).items()
        ]
        rows += [
            [
                "distance from the nearest training image",
                told["nearest_real_distance"],
                told["nearest_real_distance_of_real"],
                None,
            ],
            [
                "judge's confidence, open attributes",
                told["judge_confidence"],
                told["judge_confidence_of_real"],
                None,
            ],
            ["variance that has no name, share kept", told["nuisance_spread"], 1.0, None],
            [
                "the same, of reconstructions",
                told["nuisance_spread_of_reconstructions"],
                1.0,
                None,
            ],
        ]
        caption = (
            f"{SPLITS[name]}: {told['images']} images. Distances are medians, in units of 0 to 255. Colours "
            "are those of attributes that a concept leaves open; random: colours drawn uniformly. The "
            f"last two rows: {told['nuisance_concepts']} concepts of {told['nuisance_level']} attributes, "
            "variance among the images of each, pixel by pixel, as a share of that among real ones."
        )
        parts.append(page.table(("realism", "imagined", "real images", "random"), rows, caption))
    return "".join(parts)
