"""The tables of the report about real images, and about imagined ones beside them."""

from collections.abc import Mapping
from typing import Any

from pipelines.report.tables import SPLITS, Table, spaced


def reading(metrics: Mapping[str, Any]) -> Table:
    """Per attribute on real images: img2sym, the judge on reconstructions, the judge itself."""
    described, judge = metrics["img2sym"], metrics["judge"]
    columns = {f"img2sym, {spaced(described['measured_on'])}": described["per_attribute"]}
    if "test_images" in described:
        columns["img2sym, test images"] = described["test_images"]["per_attribute"]
    for name, measured in metrics["vision"].items():
        columns[f"reconstructions, {spaced(name)}"] = measured["per_attribute"]
    judged_on = spaced(judge["measured_on"]).removesuffix(" images")
    columns[f"judge, {judged_on} images"] = judge["per_attribute"]
    columns["judge, blurred"] = judge["per_attribute_blurred"]
    rows = [[name, *(values[name] for values in columns.values())] for name in judge["per_attribute"]]
    means = [sum(values.values()) / len(values) for values in columns.values()]
    return Table(("share right", *columns), [*rows, ["mean", *means]], "On real images.")


def describing(metrics: Mapping[str, Any]) -> list[Table]:
    """img2sym by both protocols, one row each and set of images."""
    first = metrics["img2sym"]
    others = ("held_out_combinations", "test_images", "held_out_pairs")
    sets = {first["measured_on"]: first, **{name: first[name] for name in others if name in first}}
    best, sampled = [], []
    for name, measured in sets.items():
        samples = measured["sampled"]
        best.append([spaced(name), measured["accuracy"], measured["accuracy_strict"]])
        sampled.append([spaced(name), samples["exact_match"], samples["precision"], samples["recall"]])
    protocol = f"{first['sampled']['protocol']}; {first['sampled']['samples_per_image']} an image"
    return [
        Table(("most likely values", "per attribute", "all right"), best, f"Protocol: {first['protocol']}."),
        Table(("sampled symbols", "exact match", "precision", "recall"), sampled, f"Protocol: {protocol}."),
    ]


def realism(metrics: Mapping[str, Any]) -> list[Table]:
    """Per split, imagined images compared with real ones in what the judge does not read."""
    return [_realism(SPLITS[name], measured) for name, measured in metrics["realism"].items()]


def _realism(title: str, measured: Mapping[str, Any]) -> Table:
    rows: list[list[object]] = []
    for attribute, distances in (measured["off_palette"] or {}).items():
        rows.append([f"{attribute}: distance from the data's colours", *distances.values()])
    pairs = {
        "distance from the nearest training image": "nearest_real_distance",
        "judge's confidence, open attributes": "judge_confidence",
    }
    rows += [[words, measured[key], measured[f"{key}_of_real"], None] for words, key in pairs.items()]
    rows += [
        ["variance that has no name, share kept", measured["nuisance_spread"], 1.0, None],
        ["the same, of reconstructions", measured["nuisance_spread_of_reconstructions"], 1.0, None],
    ]
    caption = (
        f"{title}: {measured['images']} images. Distances are medians, in units of 0 to 255. Colours "
        "are those of attributes that a concept leaves open; random: colours drawn uniformly. "
        f"The last two rows: {measured['nuisance_concepts']} concepts of "
        f"{measured['nuisance_level']} attributes, variance among the images of each, pixel by pixel, as a "
        "share of that among real ones."
    )
    return Table(("realism", "imagined", "real images", "random"), rows, caption)
