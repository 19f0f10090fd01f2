"""Batches of resident images for a method of the vision stage."""

from collections.abc import Callable

from torch import Tensor

from pipelines.config import Config
from vision.data import batches
from vision.randomness import derive_seed


def plain(config: Config, pixels: Tensor, stream: str = "vision batches") -> Callable[[int], Tensor]:
    """Step -> its batch (B, C, H, W) in [0, 1], with each image as often as any other.

    Args:
        config: Batch size and the seed.
        pixels: Images uint8 (N, H, W, C), as `batches.resident` returns them.
        stream: Name of the random order; a second network has one of its own.
    """
    seed, batch = derive_seed(config.seed, stream), config.vision.training.batch
    return lambda step: batches.take(pixels, batches.plain(seed, step, len(pixels), batch, pixels.device))
