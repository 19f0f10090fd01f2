"""Diagonal Gaussians, the distribution of codes, symbols and recombined concepts.

    KL(q || p) = 1/2 sum_k [ ln p.s2_k - ln q.s2_k + (q.s2_k + (q.mu_k - p.mu_k)^2) / p.s2_k - 1 ]

Divergences are returned per dimension, in nats: the KL of a single latent from the prior shows whether it is
active.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ACTIVE = 0.1
"""Nats from the prior above which a latent counts as active; a variance of 0.5 is 0.1 nats."""


@dataclass(frozen=True, eq=False)
class Gaussian:
    """N(mean, diag exp(logvar)); both tensors have shape (..., D), usually (B, D)."""

    mean: Tensor
    logvar: Tensor

    def __post_init__(self) -> None:
        if self.mean.shape != self.logvar.shape:
            raise ValueError(
                f"a Gaussian's mean {tuple(self.mean.shape)} and log-variance {tuple(self.logvar.shape)} "
                "must have the same shape"
            )

    @property
    def variance(self) -> Tensor:
        """exp(logvar), (..., D)."""
        return self.logvar.exp()

    @property
    def std(self) -> Tensor:
        """exp(logvar / 2), (..., D)."""
        return (0.5 * self.logvar).exp()

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One reparametrised sample of each Gaussian, (..., D): gradients reach mean and logvar.

        Args:
            generator: Source of the noise, on the device of the Gaussian.
        """
        noise = torch.randn(
            self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype
        )
        return self.mean + self.std * noise

    def detach(self) -> Gaussian:
        """The same Gaussian, cut from the graph."""
        return Gaussian(self.mean.detach(), self.logvar.detach())

    def to(self, device: torch.device | str) -> Gaussian:
        """The same Gaussian on another device."""
        return Gaussian(self.mean.to(device), self.logvar.to(device))

    def __getitem__(self, index: object) -> Gaussian:
        return Gaussian(self.mean[index], self.logvar[index])  # type: ignore[index]

    def __len__(self) -> int:
        return len(self.mean)


def standard_normal(shape: Sequence[int], device: torch.device | str | None = None) -> Gaussian:
    """The prior N(0, I).

    Args:
        shape: Of its parameters, usually (B, D).
        device: Of its parameters.
    """
    zeros = torch.zeros(tuple(shape), device=device)
    return Gaussian(zeros, zeros)


def bounded(logvar: Tensor, limit: float) -> Tensor:
    """Log-variances mapped smoothly into (-limit, limit), so that exp() can neither overflow nor vanish.

    Close to the identity around 0, and unlike a hard clamp it passes a gradient near the limit.

    Args:
        logvar: Of any shape.
        limit: Positive.
    """
    return limit * torch.tanh(logvar / limit)


def kl(q: Gaussian, p: Gaussian) -> Tensor:
    """KL(q || p) per dimension, (..., D), in nats, at least 0; q and p are over (..., D)."""
    return 0.5 * (
        p.logvar
        - q.logvar
        + (q.logvar - p.logvar).exp()
        + (q.mean - p.mean).square() * (-p.logvar).exp()
        - 1.0
    )


def kl_from_prior(q: Gaussian) -> Tensor:
    """KL(q || N(0, I)) per dimension, (..., D), in nats."""
    return 0.5 * (q.mean.square() + q.logvar.exp() - q.logvar - 1.0)
