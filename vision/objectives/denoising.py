"""The denoising autoencoder: an image is restored from one with a rectangle cut out.

    || sigmoid(DAE(occlude(x))) - x ||_2^2

Higgins et al., "DARLA: Improving Zero-Shot Transfer in Reinforcement Learning", ICML 2017; in SCAN its
features replace pixels in the reconstruction (`vision.dae`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from vision.dae import DAE, occlude
from vision.objectives.forward import Loss
from vision.objectives.likelihoods import squared_distance


def denoising(dae: DAE, x: Tensor, generator: torch.Generator | None = None) -> Loss:
    """The squared distance, summed over pixels and averaged over the batch, as a loss without further terms.

    Args:
        dae: The autoencoder; images are compared in its colour space.
        x: RGB images (B, C, H, W) in [0, 1].
        generator: Source of the rectangles, on the device of x.
    """
    restored = dae(dae.colour.encode(occlude(x, generator))).float().sigmoid()
    return Loss(squared_distance(restored, dae.colour.encode(x).float()).mean(), {})
