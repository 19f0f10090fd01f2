"""Where an attribute was lost, decided from shares of right answers alone."""

import math

import numpy as np
import pytest
import torch

from pipelines.config import Config
from pipelines.report.verdicts import REASONS, Shares, advice, lines, of_attributes, skill, table, verdict
from vision.data import ImageSet


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        (Shares(0.25, 0.99, 0.97, 0.95, 500), "learned"),
        (Shares(0.25, 0.99, 0.26, 0.25, 500), "lost in vision"),
        (Shares(0.125, 0.99, 0.93, 0.47, 500), "lost in naming"),
        (Shares(0.25, 0.99, 0.97, math.nan, 500), "not named"),
        (Shares(0.25, 0.99, 0.26, math.nan, 500), "lost in vision"),
        (Shares(0.25, 0.40, 0.40, 0.40, 500), "unreadable"),
        # 0.96 is no achievement where 0.95 of the images have the same value
        (Shares(0.95, 0.96, 0.96, 0.96, 500), "unreadable"),
        (Shares(0.25, 0.40, 0.40, 0.40, 5), "too few images"),
        (Shares(0.25, 0.99, 0.26, 0.25, 5), "too few images"),
        (Shares(0.25, 0.99, 0.97, 0.95, 5), "learned"),
        (Shares(1.0, 1.0, 1.0, 1.0, 500), "unreadable"),
    ],
)
def test_the_first_hand_in_which_skill_drops_is_named(shares: Shares, expected: str) -> None:
    assert verdict(shares) == expected


def test_a_worse_share_never_makes_a_better_verdict() -> None:
    order = ["learned", "lost in naming", "lost in vision", "unreadable"]
    for place, name in ((1, "judge"), (2, "reconstruction"), (3, "symbols")):
        last = 0
        for share in np.linspace(1, 0.2, 33):
            whole = [0.2, 1.0, 1.0, 1.0, 500]
            whole[place:4] = [share] * (4 - place)  # what is lost stays lost
            found = order.index(verdict(Shares(*whole)))
            assert found >= last, name
            last = found
        assert last > 0


def test_skill_is_0_at_chance_and_1_where_all_is_right() -> None:
    assert skill(0.3, 0.3) == 0
    assert skill(1.0, 0.3) == 1
    assert skill(1.0, 1.0) == 0


def measured() -> tuple[dict, ImageSet]:
    factors = np.stack([np.arange(200) % 4, np.arange(200) % 10 == 0], axis=1).astype(np.int64)
    values = (tuple("abcd"), ("no", "yes"))
    images = ImageSet(torch.zeros((200, 3, 8, 8), dtype=torch.uint8), factors, ("eyes", "hat"), values)
    metrics = {
        "judge": {"per_attribute": {"eyes": 0.99, "hat": 1.0}},
        "vision": {"test_images": {"per_attribute": {"eyes": 0.26, "hat": 0.99}}},
        "splits": {
            "train_symbols": {
                "per_attribute": {"eyes": {"accuracy_top1": 0.3}, "hat": {"accuracy_top1": None}}
            }
        },
    }
    return metrics, images


def test_a_verdict_stands_beside_chance_and_says_what_to_type() -> None:
    metrics, images = measured()
    found = of_attributes(metrics, images, np.arange(100, 200), np.arange(100))
    assert found["eyes"]["chance"] == 0.25
    assert found["hat"]["chance"] == 0.9
    assert found["hat"]["fewest"] == 10
    assert [one["verdict"] for one in found.values()] == ["lost in vision", "not named"]
    raw = {"name": "t", "data": {"kind": "npz"}}
    vision = {
        "network": {"kind": "layered", "components": 8},
        "likelihood": {"kind": "gaussian", "scale": 0.1},
    }
    config = Config.model_validate({**raw, "vision": vision})
    shown = lines(found, config)
    assert shown[0].startswith(
        "eyes: judge 0.99, reconstruction 0.26, symbols 0.30, chance 0.25: lost in vision: reconstr"
    )
    assert "--set vision.likelihood.scale=0.07 --set vision.network.components=12" in shown[-1]
    assert table(found, config).rows[0][-1] == REASONS["lost in vision"]
    bernoulli = Config.model_validate(
        {**raw, "vision": {"likelihood": {"kind": "bernoulli"}, "network": {"kind": "study"}}}
    )
    assert advice(found, bernoulli) == "lower vision.objective.beta"  # it has no scale
    assert advice({"hat": found["hat"]}, config) == ""
