"""Drawing factor combinations for the metrics that intervene, in the order of disentanglement_lib.

A vote draws the index of the factor to hold, then batches of factor values column by column: some hundred
thousand calls of a few numbers each, which cost more than the metric. With numba the stream of a
`RandomState` is read in one piece instead. That class's stream is frozen: `randint(high)` takes 32-bit words,
masks them to the bits of high - 1, and rejects what is still too large; so the same numbers come out, and the
generator is left where the calls would have left it.
"""

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from vision.metrics.arrays import Integers

Random = np.random.RandomState | np.random.Generator


def integers(rng: Random, high: int, size: int) -> Integers:
    """Draw `size` integers in 0..high-1 from either kind of numpy generator."""
    if isinstance(rng, np.random.RandomState):
        return rng.randint(high, size=size)
    return rng.integers(high, size=size)


def draw_factors(rng: Random, sizes: Sequence[int], count: int) -> Integers:
    """Draw `count` factor combinations (count, K), uniformly and independently, column by column."""
    return np.stack([integers(rng, size, count) for size in sizes], axis=1)


def draw_rounds(
    rng: Random, sizes: Sequence[int], rounds: int, batches: int, batch: int
) -> tuple[Integers, Integers]:
    """Draw `rounds` times the index of a factor and `batches` batches of combinations.

    Returns the indices (rounds,) and the combinations (rounds, batches, batch, K).
    """
    fixed = np.empty(rounds, dtype=np.int64)
    factors = np.empty((rounds, batches, batch, len(sizes)), dtype=np.int64)
    if isinstance(rng, np.random.RandomState) and find_spec("numba") is not None:
        _read_stream(rng, np.array(sizes, dtype=np.int64), fixed, factors)
        return fixed, factors
    for index in range(rounds):
        fixed[index] = integers(rng, len(sizes), 1)[0]
        for which in range(batches):
            factors[index, which] = draw_factors(rng, sizes, batch)
    return fixed, factors


def _read_stream(rng: np.random.RandomState, sizes: Integers, fixed: Integers, factors: Integers) -> None:
    """Fill `fixed` and `factors` from the words of `rng`, and move `rng` on by as many as were used."""
    from vision.metrics.draws_kernels import fill

    before = rng.get_state()
    bits = np.ceil(np.log2(sizes))
    words = int(1.1 * factors.size * (2.0**bits / sizes).mean()) + 1000
    used = fill(rng.randint(0, 1 << 32, size=words, dtype=np.uint32), sizes, fixed, factors)
    while used < 0:  # rejections are a matter of luck: read more if these did not last
        words *= 2
        rng.set_state(before)
        used = fill(rng.randint(0, 1 << 32, size=words, dtype=np.uint32), sizes, fixed, factors)
    rng.set_state(before)
    rng.randint(0, 1 << 32, size=used, dtype=np.uint32)
