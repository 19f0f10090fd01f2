"""Encode more images than fit into memory as float32."""

from collections.abc import Callable

import torch
from torch import Tensor

from vision.data import to_unit
from vision.gaussian import Gaussian
from vision.models import VisionModel

ENCODING_BATCH = 512

ImageEncoder = Callable[[Tensor], Gaussian]
"""Maps images (B, C, H, W) in [0, 1] to q(z|x) over (B, D)."""


def encode(vision: VisionModel, images: Tensor, device: torch.device) -> Gaussian:
    """Return q(z|x) over (N, D) of uint8 images (N, C, H, W), in float32, on `device`, where the model is."""
    return encode_with(vision.encode, images, device)


@torch.no_grad()
def encode_with(encoder: ImageEncoder, images: Tensor, device: torch.device) -> Gaussian:
    """Return q(z|x) over (N, D) of many images, in float32.

    Args:
        encoder: `VisionModel.encode`, or the image encoder of any other model.
        images: uint8 (N, C, H, W), on any device.
        device: Where the encoder is, and the result will be.
    """
    parts = [
        encoder(to_unit(x.to(device)).contiguous(memory_format=torch.channels_last))
        for x in images.split(ENCODING_BATCH)
    ]
    return Gaussian(torch.cat([q.mean for q in parts]), torch.cat([q.logvar for q in parts]))
