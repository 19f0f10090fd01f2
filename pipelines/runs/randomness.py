"""Randomness as a pure function of (seed, step), so that a checkpoint needs no generator state.

Every purpose ("vision noise", "held_out", ...) has a stream of its own: drawing more for one never changes
what another gets.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


def derive(seed: int, purpose: str) -> int:
    """A 32-bit seed for one purpose of a run with seed `seed`."""
    return int(np.random.SeedSequence([seed, *purpose.encode()]).generate_state(1)[0])


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A numpy generator for one purpose of a run with seed `seed`."""
    return np.random.default_rng(derive(seed, purpose))


def noise(seed: int, step: int, device: torch.device) -> torch.Generator:
    """A torch generator on `device` for one training step."""
    state = int(np.random.SeedSequence([seed, step]).generate_state(1)[0])
    return torch.Generator(device).manual_seed(state)


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, n: int, device: torch.device) -> Tensor:
    return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(n)).to(device)


def batch_indices(seed: int, step: int, n: int, batch: int, device: torch.device) -> Tensor:
    """Indices (batch,) int64 of the examples of one step.

    Batches are cut from a stream of permutations of range(n), one an epoch: within an epoch nothing is drawn
    twice, and a batch may reach over the end of an epoch (or over several, when it is larger than n).
    """
    start, stop = step * batch, (step + 1) * batch
    parts = []
    for epoch in range(start // n, (stop - 1) // n + 1):
        first = max(start - epoch * n, 0)
        parts.append(_permutation(seed, epoch, n, device)[first : stop - epoch * n])
    return parts[0] if len(parts) == 1 else torch.cat(parts)
