"""How many nats each known factor is worth: a decoder of factors that come through a channel of capacity C.

Each factor f_i, with mean 0 and variance 1, reaches the decoder as

    z_i = a_i f_i + s_i e_i ,   e_i ~ N(0, 1) ,    KL_i = E[KL(N(a_i f_i, s_i^2) || N(0, 1))]
                                                      = (a_i^2 + s_i^2 - 1 - 2 ln s_i) / 2 ,

and the decoder is trained while C = sum_i KL_i grows from 0.5 to 25 nats. Which factor it then spends nats
on shows what each is worth for the likelihood of the images: for dSprites first the position, then the scale,
the shape and last the orientation (Burgess et al., "Understanding Disentangling in beta-VAE", 2018, section
4.2).

Two forms. `ExactChannel` holds the sum at C by construction: KL_i = C softmax(w)_i with the cheapest channel
of that KL, a^2 + s^2 = 1, so that s_i = exp(-KL_i). `PenalisedChannel` is the paper's: a and s are free, and
the loss has a term gamma |sum_i KL_i - C|.

The channel needs an optimiser of its own, faster than the decoder's: in one with it, the capacity stays
spread over all factors.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Passed(NamedTuple):
    """What came through a channel."""

    z: Tensor
    """(B, K)."""
    kl: Tensor
    """(K,) in nats."""


class Channel(nn.Module):
    """Interface: standardised factors (B, K) to noisy ones, at a capacity in nats."""

    def gains(self, capacity: float) -> tuple[Tensor, Tensor, Tensor]:
        """Gain a (K,), standard deviation of the noise s (K,), and KL (K,) in nats."""
        raise NotImplementedError

    def forward(self, f: Tensor, capacity: float, generator: torch.Generator) -> Passed:
        """Factors (B, K) of mean 0 and variance 1, with noise from `generator`."""
        a, s, kl = self.gains(capacity)
        noise = torch.randn(f.shape, generator=generator, device=f.device)
        return Passed(a * f + s * noise, kl)


class ExactChannel(Channel):
    """A channel whose KL is the capacity; learned is how the factors share it.

    Args:
        factors: K.
    """

    def __init__(self, factors: int) -> None:
        super().__init__()
        self.shares = nn.Parameter(torch.zeros(factors))

    def gains(self, capacity: float) -> tuple[Tensor, Tensor, Tensor]:
        """As `Channel`; the KL sums to the capacity."""
        kl = capacity * self.shares.softmax(dim=0)
        gain = (-torch.expm1(-2 * kl)).clamp(min=torch.finfo(kl.dtype).tiny).sqrt()  # finite slope at 0
        return gain, (-kl).exp(), kl


class PenalisedChannel(Channel):
    """A channel of free gains and noises; the loss keeps its KL at the capacity.

    Args:
        factors: K.
    """

    def __init__(self, factors: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.full((factors,), 0.4))
        self.log_scale = nn.Parameter(torch.full((factors,), -0.1))

    def gains(self, capacity: float) -> tuple[Tensor, Tensor, Tensor]:
        """As `Channel`, whatever the capacity."""
        s = self.log_scale.exp()
        kl = 0.5 * (self.gain.square() + s.square() - 1 - 2 * self.log_scale)
        return self.gain, s, kl


def capacity_at(step: int, steps: int, *, start: float = 0.5, end: float = 25.0, warmup: int = 0) -> float:
    """C in nats: `start` for `warmup` steps, then linear, `end` at the last step.

    >>> [capacity_at(step, 21, start=0, end=10, warmup=11) for step in (0, 10, 15, 20)]
    [0.0, 0.0, 5.0, 10.0]
    """
    share = max(0.0, (step - warmup + 1) / max(1, steps - warmup))
    return start + (end - start) * share


def onset(capacities: list[float], kl: list[float], threshold: float = 0.1) -> float | None:
    """The capacity from which a factor's KL stays above the threshold; None where it does not end above it.

    >>> onset([1.0, 2.0, 3.0, 4.0], [0.2, 0.0, 0.3, 0.5])
    3.0
    """
    above = None
    for capacity, nats in zip(reversed(capacities), reversed(kl), strict=True):
        if nats <= threshold:
            break
        above = capacity
    return above
