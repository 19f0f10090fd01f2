"""Randomness as a pure function of (seed, step), so that a checkpoint needs no generator state.

Every purpose ("vision noise", "held_out", ...) has a stream of its own: drawing more for one never changes
what another gets.
"""

import numpy as np
import torch


def derive_seed(seed: int, purpose: str) -> int:
    """A 32-bit seed for one purpose of a run with seed `seed`."""
    return int(np.random.SeedSequence([seed, *purpose.encode()]).generate_state(1)[0])


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A numpy generator for one purpose of a run with seed `seed`."""
    return np.random.default_rng(derive_seed(seed, purpose))


def step_generator(seed: int, step: int, device: torch.device) -> torch.Generator:
    """A torch generator on `device` for one training step."""
    state = int(np.random.SeedSequence([seed, step]).generate_state(1)[0])
    return torch.Generator(device).manual_seed(state)
