"""Equal-width binning of codes, for MIG, modularity and the mutual information matrices.

Each latent's range is divided into `bins` intervals of equal width. The two extreme values decide the edges,
so that with one outlier all other points are in few bins. Neighbouring values of a latent with more values
than bins share a bin (with 20 bins the MIG of a perfect code for dSprites' 40 orientations is 0.80).
"""

import numpy as np
from numpy.typing import ArrayLike

from vision.metric_names import BINS
from vision.metrics.arrays import Integers, MetricError, varies
from vision.metrics.checks import check_codes, check_count


def discretise(codes: ArrayLike, bins: int = BINS) -> Integers:
    """Bin each latent on its own; returns bin numbers (N, D) in 0..bins-1.

    The bins are those of `numpy.histogram`: closed on the left, the last closed on both sides. A constant
    latent is in the middle bin.

    Args:
        codes: (N, D).
        bins: How many bins, at least 2 and at most N.

    Raises:
        MetricError: For malformed codes, or another number of bins.

    >>> discretise([[0.1], [0.2], [0.3], [0.4], [0.5], [0.6]], bins=3).ravel().tolist()
    [0, 0, 1, 1, 2, 2]
    """
    array = check_codes(codes)
    bins = check_count("bins", bins, 2)
    if len(array) < bins:
        raise MetricError(f"{len(array)} points are fewer than the {bins} bins")
    edges = np.linspace(array.min(0), array.max(0), bins + 1)  # (bins + 1, D)
    index = np.full(array.shape, bins // 2, dtype=np.int64)
    # the search is against the edges themselves: no rounding at the borders
    for column in np.flatnonzero(varies(array)):
        index[:, column] = np.searchsorted(edges[:-1, column], array[:, column], side="right") - 1
    return index
