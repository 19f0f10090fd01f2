r"""InfoM, InfoE, InfoC: modularity, explicitness and compactness on one information scale (Hsu et al. 2023).

With NMI_kj = I(s_k; z_j) / H(s_k), estimated from nearest neighbours and not from bins, or for codes of few
values from their frequencies, over the D' active latents

    InfoM = ( mean_j  max_k NMI_kj / sum_k NMI_kj  - 1/K  ) / (1 - 1/K)
    InfoC = ( mean_k  max_j NMI_kj / sum_j NMI_kj  - 1/D' ) / (1 - 1/D')
    InfoE =   mean_k  (H_0 - H_k) / H_0

where H_k is the log loss of an unpenalised, class-balanced logistic regression on all latents and H_0 that of
its intercept alone. A latent is active if its range exceeds a twentieth of the widest one's.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma
from sklearn.metrics import log_loss

from vision.metrics.arrays import Booleans, Floats, Integers, MetricError, dense, standardised
from vision.metrics.checks import check_count, check_pair
from vision.metrics.information import factor_entropies, information_with
from vision.metrics.linear import classifier

FEW = 100
"""Values of a latent at most, for codes of a grid."""


class InfoMEC(NamedTuple):
    """The three scores, each 1 at best, and what they were computed from."""

    infom: float
    """Modularity."""
    infoe: float
    """Explicitness."""
    infoc: float
    """Compactness; NaN with one active latent."""
    nmi: Floats
    """(K, D): normalised mutual information; 0 for inactive latents."""
    active: Booleans
    """(D,): the latents whose range exceeds a twentieth of the widest one's."""


def infomec(
    codes: ArrayLike, factors: ArrayLike, *, neighbours: int = 10, discrete: bool = False, seed: int = 0
) -> InfoMEC:
    """InfoMEC: modularity, explicitness and compactness (Hsu et al. 2023).

    Latents without information on any factor are left out of InfoM and factors without any from InfoC (the
    reference gives NaN); nothing left: 0. All latents constant: 0, 0 and 0.
    Fails: which latents are active depends on their units, so that one wide latent excludes the others; NMI
    may exceed 1 by its estimator's error; InfoM of noise depends on which near-zero estimate is positive.

    Args:
        codes: (N, D).
        factors: (N, K >= 2), integers.
        neighbours: Of the estimate of the mutual information; fewer than N.
        discrete: Whether the codes take few values, as `takes_few_values` finds: their information is then
            estimated from frequencies.
        seed: Of the noise, 1e-10 deviations, that separates equal values before neighbours are counted.

    Raises:
        MetricError: For malformed arrays, fewer than 2 factors, or a factor with a single value.

    >>> grid = np.stack(np.meshgrid(range(4), range(4)), -1).reshape(-1, 2)
    >>> result = infomec(grid, grid, discrete=True)
    >>> round(result.infom, 6), round(result.infoc, 6), result.infoe > 0.9
    (1.0, 1.0, True)
    """
    neighbours, seed = check_count("neighbours", neighbours, 1), check_count("seed", seed, 0)
    checked, values = check_pair(codes, factors)
    if values.shape[1] < 2:
        raise MetricError("infomec compares factors: at least 2 are needed")
    if len(checked) <= neighbours:
        raise MetricError(f"{len(checked)} points are too few for {neighbours} neighbours")
    width = np.ptp(checked, axis=0)
    active = width > width.max() / 20
    nmi = np.zeros((values.shape[1], checked.shape[1]))
    if not active.any():
        return InfoMEC(0.0, 0.0, 0.0, nmi, active)
    (standard,) = standardised(checked)
    information = _plug_in if discrete else _from_neighbours
    nmi = information(standard, values, neighbours, seed) / factor_entropies(values)[:, None]
    nmi[:, ~active] = 0.0
    of_active = nmi[:, active]
    return InfoMEC(
        _concentration(of_active.T, len(nmi)),
        _linear_gain(standard, values),
        _concentration(of_active, of_active.shape[1]) if of_active.shape[1] > 1 else float("nan"),
        nmi,
        active,
    )


def takes_few_values(codes: Floats) -> bool:
    """Whether codes (N, D) are those of a grid: at most FEW values of each latent, and 10 points for each."""
    most = min(FEW, len(codes) // 10)
    return all(len(np.unique(column)) <= most for column in codes.T)


def _concentration(matrix: Floats, width: int) -> float:
    """Mean share of the largest entry of each non-zero row; an equal spread over `width` gives 0."""
    total = matrix.sum(1)
    rows = matrix[total > 0]
    if len(rows) == 0:
        return 0.0
    return float(((rows.max(1) / rows.sum(1)).mean() - 1 / width) / (1 - 1 / width))


def _from_neighbours(codes: Floats, factors: Integers, neighbours: int, seed: int) -> Floats:
    """Nearest-neighbour estimates (K, D), all with tie-breaking noise from one generator."""
    random = np.random.RandomState(seed)
    size = np.maximum(1.0, np.abs(codes).mean(0))
    labels = [dense(column) for column in factors.T]
    information = np.empty((len(labels), codes.shape[1]))
    for factor, (label, values) in enumerate(labels):
        for latent in range(codes.shape[1]):
            noise = 1e-10 * size[latent] * random.standard_normal(len(codes))
            information[factor, latent] = _ross(codes[:, latent] + noise, label, values, neighbours)
    return information


def _ross(x: Floats, label: Integers, values: int, neighbours: int) -> float:
    """Information of a continuous x (N,) and a discrete label (N,) in nats (Ross 2014, eq. 1), at least 0.

    psi(N) + mean psi(k) - mean psi(N_label) - mean psi(m): the distance to the k-th neighbour with the same
    label is a radius, and m counts the points of any label within it. On one sorted dimension the k
    neighbours are a window around the point, and m is two binary searches: 9.7 times as fast as
    scikit-learn's `mutual_info_classif` on dSprites' factors and 10,000 points (`python -m pytest -m slow -s
    tests/test_vision_metrics_speed.py -k neighbours`).
    """
    order = np.argsort(x, kind="stable")
    groups = np.split(x[order][np.argsort(label[order], kind="stable")], np.cumsum(np.bincount(label))[:-1])
    groups = [group for group in groups if len(group) > 1]  # a value seen once has no neighbour
    if not groups:
        return 0.0
    every = np.sort(np.concatenate(groups))
    total = 0.0
    for group in groups:
        k = min(neighbours, len(group) - 1)
        radius = _kth_distance(group, k)
        low = _corrected(every, np.searchsorted(every, group - radius), group, radius)
        high = len(every) - _corrected(
            -every[::-1], np.searchsorted(-every[::-1], -group - radius), -group, radius
        )
        total += len(group) * (digamma(k) - digamma(len(group))) - digamma(high - low).sum()
    return max(0.0, float(digamma(len(every)) + total / len(every)))


def _kth_distance(ordered: Floats, k: int) -> Floats:
    """Distance (n,) of each of the sorted points to its k-th nearest other point."""
    padded = np.concatenate([np.full(k, -np.inf), ordered, np.full(k, np.inf)])
    starts = range(k + 1)  # windows of k + 1 points that contain the point
    spans = [
        np.maximum(ordered - padded[s : s + len(ordered)], padded[s + k : s + k + len(ordered)] - ordered)
        for s in starts
    ]
    return np.minimum.reduce(spans)


def _corrected(every: Floats, found: Integers, points: Floats, radius: Floats) -> Integers:
    """First index less than a radius below the point; rounding may have set `found` off by one."""
    last = len(every) - 1
    found = found - ((found > 0) & (points - every[np.maximum(found - 1, 0)] < radius))
    return found + (points - every[np.minimum(found, last)] >= radius)


def _plug_in(codes: Floats, factors: Integers, neighbours: int, seed: int) -> Floats:
    """Plug-in information (K, D) of codes that take few values; no neighbours and no noise are involved."""
    symbols = np.stack([dense(latent)[0] for latent in codes.T], axis=1)
    size = int(symbols.max()) + 1
    return np.array([information_with(symbols, size, *dense(column)) for column in factors.T])


def _linear_gain(standard: Floats, values: Integers) -> float:
    """InfoE of standardised codes, so that the iteration limit does not depend on their units."""
    gains = []
    for column in values.T:
        fitted = _balanced_loss(standard, column)
        null = _balanced_loss(np.zeros((len(column), 1)), column)
        gains.append((null - fitted) / null)
    return float(np.mean(gains))


def _balanced_loss(x: Floats, labels: Integers) -> float:
    """Log loss, in nats, of an unpenalised, class-balanced classifier on the points it is fitted on."""
    model = classifier(x, labels, cost=np.inf, balanced=True)
    return float(log_loss(labels, model.predict_proba(x)))
