"""Encode more images than fit into memory as float32."""

import torch
from torch import Tensor

from vision.data import to_unit
from vision.gaussian import Gaussian
from vision.models import VisionModel

ENCODING_BATCH = 512


@torch.no_grad()
def encode(vision: VisionModel, images: Tensor, device: torch.device) -> Gaussian:
    """Return q(z|x) over (N, D) of uint8 images (N, C, H, W), in float32, on `device`, where the model is."""
    parts = [
        vision.encode(to_unit(x.to(device)).contiguous(memory_format=torch.channels_last))
        for x in images.split(ENCODING_BATCH)
    ]
    return Gaussian(torch.cat([q.mean for q in parts]), torch.cat([q.logvar for q in parts]))
