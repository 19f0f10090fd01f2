"""Reading bounded integers from a stream of 32-bit words, compiled; `vision.metrics.draws` says why."""

import numpy as np

from vision.metrics.compiling import compiled


@compiled()
def _mask(top):  # type: ignore[no-untyped-def]
    """The least 2^b - 1 that is not below top."""
    mask = np.uint32(0)
    while mask < top:
        mask = np.uint32(2 * mask + 1)
    return mask


@compiled()
def _next(words, position, top, mask):  # type: ignore[no-untyped-def]
    """The next integer in 0..top and the position after it; a position beyond the end means that words ran
    out."""
    if top == 0:
        return np.uint32(0), position
    while position < len(words):
        value = words[position] & mask
        position += 1
        if value <= top:
            return value, position
    return np.uint32(0), len(words) + 1


@compiled()
def fill(words, sizes, fixed, factors):  # type: ignore[no-untyped-def]
    """Fill `fixed` (R,) and `factors` (R, P, B, K) from `words`; returns how many were used, -1 if too
    few."""
    rounds, batches, batch, columns = factors.shape
    masks = np.array([_mask(np.uint32(size - 1)) for size in sizes])
    position = 0
    for index in range(rounds):
        value, position = _next(words, position, np.uint32(columns - 1), _mask(np.uint32(columns - 1)))
        fixed[index] = value
        for which in range(batches):
            for column in range(columns):
                top, mask = np.uint32(sizes[column] - 1), masks[column]
                for row in range(batch):
                    value, position = _next(words, position, top, mask)
                    factors[index, which, row, column] = value
        if position > len(words):
            return -1
    return position
