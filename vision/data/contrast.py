"""How much the images of a set vary, and weights in units of that.

    V = sum over pixels and channels of the variance over the images, pixels in [0, 1]

A squared error of V is what the best constant image leaves. Under a Gaussian likelihood of standard deviation
`scale` it costs V / (2 scale^2) nats, and weights that were found on one set keep their proportions to these
nats on another where

    scale               = 0.2236 sqrt(V / 280)
    weight of an L1     = 0.1 sqrt(280 1024 / (V H W))
    weight of a sum over pixels of nats = 0.3 min(1, 1024 / (H W))

V = 280 and H W = 1024 are those of rendered rooms of 32x32 pixels, for which 0.2236 and 0.1 were chosen. An
L1 norm of the change of an image grows with the number of pixels and with their contrast, hence with sqrt(V
H W). For the nats 0.3 was chosen on images of 512 and 1024 pixels; for larger ones the most that the sum can
be stays the same.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from vision.data.images import to_unit

ROOMS_VARIANCE, ROOMS_PIXELS = 280.0, 32 * 32
ROOMS_SCALE, ROOMS_JACOBIAN_L1, ROOMS_MASK_ENTROPY = 0.2236, 0.1, 0.3
LEAST = 1e-3
"""The least scale: images that are all alike have none of their own."""
AT_ONCE = 1024


def total_variance(images: Tensor) -> float:
    """The sum over pixels and channels of the variance over images, pixels in [0, 1].

    Args:
        images: uint8 (N, C, H, W), at least one.
    """
    total = torch.zeros(images.shape[1:], dtype=torch.float64)
    squares = torch.zeros_like(total)
    for part in images.split(AT_ONCE):
        x = to_unit(part).double()
        total += x.sum(dim=0)
        squares += x.square().sum(dim=0)
    mean = total / len(images)
    return float((squares / len(images) - mean.square()).clamp(min=0).sum())


def likelihood_scale(variance: float) -> float:
    """The standard deviation of a Gaussian likelihood that suits images of a total variance.

    >>> round(likelihood_scale(89), 3)
    0.126
    """
    return max(LEAST, ROOMS_SCALE * math.sqrt(variance / ROOMS_VARIANCE))


def jacobian_l1_weight(variance: float, pixels: int) -> float:
    """The weight of the penalty `vision.objectives.jacobian_l1` that suits images of a total variance.

    Args:
        variance: `total_variance` of the images.
        pixels: H W.

    >>> round(jacobian_l1_weight(89, 32 * 32), 3)
    0.177
    """
    reference = ROOMS_VARIANCE * ROOMS_PIXELS
    return ROOMS_JACOBIAN_L1 * math.sqrt(reference / max(LEAST, variance * pixels))


def mask_entropy_weight(pixels: int) -> float:
    """The weight of the penalty `vision.objectives.mask_entropy` that suits images of H W pixels.

    >>> mask_entropy_weight(64 * 64)
    0.075
    """
    return ROOMS_MASK_ENTROPY * min(1.0, ROOMS_PIXELS / pixels)


def class_mean_nats(images: Tensor, labels: np.ndarray, scale: float) -> float:
    """By how many nats class means of a factor are nearer to images than the mean of all, under a Gaussian
    likelihood:

        mean over images of ||m_class - m||^2 / (2 scale^2)

    One latent that encodes the factor alone, and changes the image as the class means do, reduces the
    reconstruction term by it. Where the KL of that latent, times beta, is more, the factor is not encoded.

    Args:
        images: uint8 (N, C, H, W), at least one.
        labels: (N,) integers, the value of the factor in each image.
        scale: Standard deviation of a pixel of the likelihood, pixels in [0, 1].
    """
    values, index = np.unique(labels, return_inverse=True)
    sums = torch.zeros((len(values), *images.shape[1:]), dtype=torch.float64)
    rows = torch.from_numpy(index.reshape(-1))
    for part, of in zip(images.split(AT_ONCE), rows.split(AT_ONCE), strict=True):
        sums.index_add_(0, of, to_unit(part).double())
    counts = torch.from_numpy(np.bincount(rows.numpy(), minlength=len(values))).double()
    means = sums / counts.view(-1, 1, 1, 1)
    mean = sums.sum(dim=0) / len(images)
    distances = (means - mean).square().flatten(1).sum(dim=1)
    return float((distances * counts).sum() / len(images)) / (2 * scale**2)
