"""How a decoder's output is compared with an image: p(x|z), or a distance of features in its place.

    Bernoulli      -sum_i [x_i log p_i + (1 - x_i) log(1 - p_i)] ,    p = sigmoid(output)
    Normal         sum_i (x_i - x_hat_i)^2 / (2 scale^2) + log(scale sqrt(2 pi))
    Perceptual     ||J(x_hat) - J(x)||_2^2 , J the features of a frozen denoising autoencoder

x_hat is the mean of p(x|z), `VAE.mean` of the output. The first needs logits; the others take any decoder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from vision.dae import DAE, FEATURES, Features
from vision.vae import VAE, at_least_float32


class Likelihood(Protocol):
    """Interface: what an objective needs of a likelihood."""

    def check(self, vae: VAE) -> None:
        """Raise ValueError where this likelihood cannot read the output of the model's decoder."""
        ...

    def cost(self, vae: VAE, output: Tensor, target: Tensor) -> Tensor:
        """The cost (B,) of each image, at least float32.

        Args:
            output: The decoder's output (B, C, H, W).
            target: The images (B, C, H, W) in [0, 1], in the colour space of the model.
        """
        ...


@dataclass(frozen=True)
class Bernoulli:
    """-log p(x|z) under independent Bernoullis, in nats.

    Targets need not be binary: for grey values it is the cross-entropy, whose minimum is the entropy of the
    target rather than 0.
    """

    def check(self, vae: VAE) -> None:
        """Raise ValueError for a decoder whose output is the image itself."""
        if vae.decoder.link != "sigmoid":
            raise ValueError(
                "a Bernoulli likelihood needs a decoder of logits (link sigmoid), and the output of this "
                f"{type(vae.decoder).__name__} is the image itself (link {vae.decoder.link}): "
                "take Normal or Perceptual"
            )

    def cost(self, vae: VAE, output: Tensor, target: Tensor) -> Tensor:
        """The binary cross-entropy (B,) in nats."""
        logits, target = at_least_float32(output), at_least_float32(target)
        cost = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return cost.sum(dim=tuple(range(1, cost.ndim)))


@dataclass(frozen=True)
class Normal:
    """-log p(x|z) under N(x_hat, scale^2) for each pixel, in nats; a density may exceed 1.

    Args:
        scale: Standard deviation of a pixel, where pixels are in [0, 1]. Raises ValueError unless positive.
    """

    scale: float = 0.1

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise ValueError(f"the scale of a normal likelihood must be positive, got {self.scale}")

    def check(self, vae: VAE) -> None:
        """Any decoder suits."""

    def cost(self, vae: VAE, output: Tensor, target: Tensor) -> Tensor:
        """The negative log-density (B,) in nats."""
        constant = (math.log(self.scale) + 0.5 * math.log(2 * math.pi)) * target[0].numel()
        return squared_distance(vae.mean(output), at_least_float32(target)) / (2 * self.scale**2) + constant


@dataclass(frozen=True, eq=False)
class Perceptual:
    """||J(x_hat) - J(x)||_2^2, summed over the features J of a denoising autoencoder.

    Args:
        dae: The autoencoder, frozen, for images of the shape and colour space of the VAE. Gradients flow
            through it into x_hat. The features "pixels" need none.
        features: One of `vision.dae.FEATURES`.

    Raises:
        ValueError: For unknown features, or features of an autoencoder that was not given.
    """

    dae: DAE | None
    features: Features

    def __post_init__(self) -> None:
        if self.features not in FEATURES:
            raise ValueError(f"unknown features {self.features!r}: choose from {', '.join(FEATURES)}")
        if self.features != "pixels" and self.dae is None:
            raise ValueError(f"{self.features!r} are features of a denoising autoencoder, and none was given")

    def check(self, vae: VAE) -> None:
        """Raise ValueError where shapes or colour spaces differ, or the autoencoder is not frozen."""
        if self.dae is None:
            return
        if (vae.shape, vae.colour) != (self.dae.shape, self.dae.colour):
            raise ValueError(
                f"the VAE sees {vae.shape} images in {vae.colour}, "
                f"the denoising autoencoder {self.dae.shape} in {self.dae.colour}"
            )
        if any(p.requires_grad for p in self.dae.parameters()):
            raise ValueError("freeze the denoising autoencoder first: dae.requires_grad_(False)")

    def cost(self, vae: VAE, output: Tensor, target: Tensor) -> Tensor:
        """The squared distance (B,) of the features."""
        x_hat = vae.mean(output)
        if self.dae is None or self.features == "pixels":
            return squared_distance(x_hat, at_least_float32(target))
        with torch.no_grad():
            of_target = self.dae.features(target, self.features)
        return squared_distance(self.dae.features(x_hat, self.features), of_target)


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """||a - b||_2^2 of each row: (B, ...) and (B, ...) to (B,)."""
    return (a - b).square().sum(dim=tuple(range(1, a.ndim)))
