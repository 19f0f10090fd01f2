"""Drawing factor combinations for the metrics that intervene, in the order of disentanglement_lib.

A round draws the index of the factor to hold, then batches of factor values column by column. numpy draws an
array of bounds one element after the other, as separate calls would, so that a `RandomState` gives the same
numbers as the reference's loop of calls and is left in the same state.
"""

from collections.abc import Sequence

import numpy as np

from vision.metrics.arrays import Integers

Random = np.random.RandomState | np.random.Generator


def integers(rng: Random, highs: int | Integers, size: int | None = None) -> Integers:
    """Draw integers in 0..high-1 from either kind of numpy generator.

    Args:
        rng: The generator.
        highs: A bound for all numbers, or an array with a bound for each.
        size: How many numbers to draw below a single bound; None with an array of bounds.
    """
    if isinstance(rng, np.random.RandomState):
        return rng.randint(highs, size=size)
    return rng.integers(highs, size=size)


def draw_factors(rng: Random, sizes: Sequence[int], count: int) -> Integers:
    """Draw factor combinations (count, K), uniformly and independently, column by column.

    Args:
        rng: The generator.
        sizes: (K,), the number of values of each factor.
        count: How many combinations.
    """
    return np.ascontiguousarray(integers(rng, np.repeat(sizes, count)).reshape(len(sizes), count).T)


def draw_rounds(
    rng: Random, sizes: Sequence[int], rounds: int, batches: int, batch: int
) -> tuple[Integers, Integers]:
    """Draw for each round the index of a factor and batches of combinations.

    Args:
        rng: The generator.
        sizes: (K,), the number of values of each factor.
        rounds: How many rounds.
        batches: Batches of a round.
        batch: Combinations of a batch.

    Returns:
        The indices (rounds,) and the combinations (rounds, batches, batch, K).
    """
    columns = len(sizes)
    highs = np.concatenate([[columns], np.tile(np.repeat(sizes, batch), batches)])
    drawn = integers(rng, np.broadcast_to(highs, (rounds, len(highs))))
    by_column = drawn[:, 1:].reshape(rounds, batches, columns, batch)
    return drawn[:, 0], np.ascontiguousarray(by_column.swapaxes(2, 3))
