"""What config and data decide together, checked before the first step of any training.

The networks are built without memory, as the stages will build them, so that whatever they refuse (a colour
space for other channels, more halving layers than the images have pixels for) is said at once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

import scan.models
import vision.models
from pipelines import datasets
from pipelines.config import Config, RoomsData
from pipelines.config_values import SIDES
from pipelines.errors import UsageError
from pipelines.runs import RunFolder
from pipelines.stages import dae, enabled, is_own
from pipelines.stages.vision import specification

BYTES_A_WEIGHT = 16
"""A weight, its gradient and the two moments of Adam."""
MOST_BYTES = 2**36
"""Of what the weights of one network take in training."""


def check(config: Config, record: Mapping[str, Any], run: RunFolder, names: Sequence[str] = ()) -> None:
    """Refuse a config that its data do not suit.

    Args:
        record: The content of data.json.
        names: The stages that are asked for; all where none is named. The user's own models are not checked.

    Raises:
        UsageError: One line that names the stage or the attribute, and what was expected.
    """
    channels, height, width = record["shape"]
    shape = channels, height, width
    if min(height, width) < SIDES[0]:
        raise UsageError(f"data: the images have {height}x{width} pixels, a side is at least {SIDES[0]}")
    sizes = [_values(attribute) for attribute in record["vocabulary"]["attributes"]]
    judge = {"kind": "judge", "shape": list(shape), "sizes": sizes}
    networks: dict[str, Callable[[], nn.Module]] = {
        "dae": lambda: vision.models.build(dae.specification(config, shape)),
        "vision": lambda: vision.models.build(specification(config.vision, shape)),
        "judge": lambda: scan.models.build(judge),
    }
    for stage, build in networks.items():
        asked = stage in enabled(config) and (not names or stage in names)
        if asked and not is_own(run, stage):
            _check_network(stage, build)
    if not names or not {"dae", "vision", "report"}.issuperset(names):
        _check_attributes(config, record)


def _check_network(stage: str, build: Callable[[], nn.Module]) -> None:
    try:
        with torch.device("meta"):
            module = build()
    except ValueError as error:
        raise UsageError(f"{stage}: {error}") from error
    need = BYTES_A_WEIGHT * sum(weight.numel() for weight in module.parameters())
    if need > MOST_BYTES:
        raise UsageError(
            f"{stage}: the network takes {need / 2**30:,.0f} GiB in training, at most "
            f"{MOST_BYTES / 2**30:.0f} are allowed: lower {stage}.widths or {stage}.hidden"
        )


def _values(attribute: Mapping[str, Any]) -> int:
    return 2 if attribute.get("binary") else len(attribute["values"])


def _check_attributes(config: Config, record: Mapping[str, Any]) -> None:
    """An attribute that is the same in all images cannot be learned, nor measured."""
    same = [one["name"] for one in record["vocabulary"]["attributes"] if _values(one) == 1]
    if not isinstance(config.data, RoomsData):
        images = datasets.images(config)
        constant = (images.factors == images.factors[:1]).all(axis=0).tolist()
        same = [name for name, is_constant in zip(images.names, constant, strict=True) if is_constant]
    if same:
        raise UsageError(
            f"data: all images have the same value of {', '.join(same[:8])}: nothing can be learned of "
            "an attribute with one value, leave it out of the data"
        )
