"""The sheet of a layered model's components: what each of them draws of some images."""

import numpy as np
import torch
from torch import Tensor

from pipelines.report.figures import code
from pipelines.report.sheets import Sheet
from scan.data import Data
from vision.data import to_bytes
from vision.layered import LayeredDecoder
from vision.models import VisionModel
from vision.vae import VAE

LEAST_AREA = 0.003
"""Components that cover less of the images than this share are left out."""
SQUARE, LIGHT, DARK = 2, 0.6, 0.5
"""Pixels and greys of the squares that stand for what a component does not cover."""


@torch.no_grad()
def layers(vision: VisionModel | None, data: Data, indices: np.ndarray) -> Sheet | None:
    """An image a row, its reconstruction, and its components in their colours, by the area that they cover.

    None for a model that has no components.

    Args:
        vision: The visual model.
        data: The images.
        indices: Of the images, at least one.
    """
    if not isinstance(vision, VAE) or not isinstance(vision.decoder, LayeredDecoder):
        return None
    images = data.images.images[torch.from_numpy(indices)]
    z = code(vision, images)
    alpha, colours = vision.decoder.layers(z * vision.scale + vision.shift)
    area = alpha.mean(dim=(0, 2, 3))
    order = area.argsort(descending=True, stable=True)
    order = order[area[order] > LEAST_AREA]
    mask = alpha[:, order].unsqueeze(2)
    flat = vision.colour.decode(colours[:, order].clamp(0, 1)[..., None, None])
    drawn = mask * flat + (1 - mask) * _squares(mask.shape[-2:]).to(mask)
    beside = torch.stack((images, to_bytes(vision.decode(z)).cpu()), dim=1)
    return Sheet(
        "layers",
        "The components of test images",
        torch.cat((beside, to_bytes(drawn).cpu()), dim=1),
        tuple(str(data.vocabulary.describe(row)) for row in data.images.factors[indices]),
        ("original", "reconstruction", *(f"component {k}" for k in order.tolist())),
        parts=(2, len(order)),
        about={"components": order.tolist(), "area": [round(a, 4) for a in area[order].tolist()]},
    )


def _squares(shape: torch.Size) -> Tensor:
    """Squares (H, W) of two greys."""
    y, x = (torch.arange(side) // SQUARE for side in shape)
    return torch.where((y[:, None] + x) % 2 == 0, LIGHT, DARK)
