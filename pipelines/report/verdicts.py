"""What became of each attribute: learned, or where it was lost on the way from images to words.

The judge reads an attribute in real images, in reconstructions by the visual model, and in images of taught
symbols that ask for it. Each share of right answers is compared with chance, the share of the commonest
value,

    skill = (share - chance) / (1 - chance) ,

and the first of the three in which the skill drops is where the attribute was lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from pipelines.config import Config, GaussianLikelihood, LayeredNetwork
from pipelines.report.health import MORE_NATS
from pipelines.report.tables import Table
from vision.data import ImageSet

READABLE = 0.7
"""Skill of the judge on real images below which it cannot read an attribute."""
KEPT = 0.7
"""Share of the skill before it that must be left."""
FEW_IMAGES = 20
"""Training images of a value below which anything may be for want of images."""
LOWER_SCALE, MORE_COMPONENTS = 0.7, 4
"""By what the scale is multiplied, and how many components are added, for what was lost in vision."""

Kind = Literal["learned", "too few images", "unreadable", "lost in vision", "lost in naming", "not named"]

REASONS: dict[Kind, str] = {
    "learned": "learned",
    "too few images": "too few images of a value",
    "unreadable": "unreadable to the judge: its values look alike at this size, or the labels are wrong",
    "lost in vision": "lost in vision: reconstructions do not show it",
    "not named": "no taught symbol names it: raise splits.train_symbols",
    "lost in naming": "lost in naming: one word has images too different, or too few concepts",
}


class Shares(NamedTuple):
    """Shares of right answers on an attribute, in [0, 1]."""

    chance: float
    """Of the commonest value."""
    judge: float
    """Of the judge on real images."""
    reconstruction: float
    """Of the judge on reconstructions of test images."""
    symbols: float
    """Of images of taught symbols; NaN where none mentions the attribute."""
    fewest: int
    """Training images of the rarest value."""


def verdict(shares: Shares) -> Kind:
    """Where an attribute was lost.

    >>> verdict(Shares(0.25, 0.99, 0.26, 0.3, 500))
    'lost in vision'
    """
    judge, kept, named = (
        skill(share, shares.chance) for share in (shares.judge, shares.reconstruction, shares.symbols)
    )
    if judge < READABLE:
        found: Kind = "unreadable"
    elif kept < KEPT * judge:
        found = "lost in vision"
    elif np.isnan(named):
        return "not named"
    elif named < KEPT * kept:
        found = "lost in naming"
    else:
        return "learned"
    return "too few images" if shares.fewest < FEW_IMAGES else found


def skill(share: float, chance: float) -> float:
    """How far a share of right answers is above chance: 0 at chance, 1 where all are right.

    >>> skill(0.625, 0.25)
    0.5
    """
    return (share - chance) / (1 - chance) if chance < 1 else 0.0


def of_attributes(
    metrics: Mapping[str, Any], images: ImageSet, train: np.ndarray, test: np.ndarray
) -> dict[str, dict[str, Any]]:
    """Shares and verdict of each attribute, from the measures of an evaluation.

    Args:
        metrics: The content of metrics.json.
        images: The data set.
        train: Indices of the training images.
        test: Indices of the test images.
    """
    found = {}
    taught = metrics["splits"]["train_symbols"]["per_attribute"]
    for a, name in enumerate(images.names):
        column, values = images.factors[:, a], images.sizes[a]
        counts = np.bincount(column[train], minlength=values)
        accuracy = taught[name]["accuracy_top1"]
        shares = Shares(
            float(np.bincount(column[test]).max() / len(test)),
            metrics["judge"]["per_attribute"][name],
            metrics["vision"]["test_images"]["per_attribute"][name],
            float("nan") if accuracy is None else accuracy,
            int(counts[counts > 0].min()),
        )
        found[name] = {**shares._asdict(), "verdict": verdict(shares)}
    return found


def advice(found: Mapping[str, Mapping[str, Any]], config: Config) -> str:
    """What may keep what was lost in vision: a command where numbers are known; empty where nothing was."""
    if all(one["verdict"] != "lost in vision" for one in found.values()):
        return ""
    network, likelihood = config.vision.network, config.vision.likelihood
    if not isinstance(likelihood, GaussianLikelihood) or likelihood.scale == "auto":
        return MORE_NATS.get(config.vision.objective.kind, "") if config.joint is None else ""
    settings = [f"vision.likelihood.scale={LOWER_SCALE * likelihood.scale:.3g}"]
    if isinstance(network, LayeredNetwork):
        settings.append(f"vision.network.components={network.components + MORE_COMPONENTS}")
    return "scan run RUN/config.yaml --run-dir NEW " + " ".join(f"--set {one}" for one in settings)


def lines(found: Mapping[str, Mapping[str, Any]], config: Config) -> list[str]:
    """A line for each attribute, for the terminal; those that were lost come last, with what to try."""
    shown = []
    for name, one in sorted(found.items(), key=lambda item: item[1]["verdict"] != "learned"):
        shares = f"judge {_two(one['judge'])}, reconstruction {_two(one['reconstruction'])}"
        shares += f", symbols {_two(one['symbols'])}, chance {_two(one['chance'])}"
        shown.append(f"{name}: {shares}: {REASONS[one['verdict']]}")
    what = advice(found, config)
    return [*shown, f"to keep what was lost in vision, try: {what}"] if what else shown


def table(found: Mapping[str, Mapping[str, Any]], config: Config) -> Table:
    """One row an attribute."""
    rows: list[list[object]] = []
    for name, one in found.items():
        shares = [one[key] for key in ("chance", "judge", "reconstruction", "symbols")]
        rows.append([name, *shares, one["fewest"], REASONS[one["verdict"]]])
    caption = "Shares of right answers; chance is the share of the commonest value. "
    caption += (
        "Judge: on real images; reconstruction: on those of test images; symbols: on images of taught ones."
    )
    what = advice(found, config)
    if what:
        caption += f" To keep what was lost in vision, try: {what}"
    head = ("attribute", "chance", "judge", "reconstruction", "symbols", "fewest images", "verdict")
    return Table(head, rows, caption)


def _two(share: float | None) -> str:
    return "-" if share is None or np.isnan(share) else f"{share:.2f}"
