r"""InfoM, InfoE, InfoC: modularity, explicitness and compactness on one information scale (Hsu et al. 2023).

With NMI_kj = I(s_k; z_j) / H(s_k), estimated from nearest neighbours and not from bins, over the D' active
latents

    InfoM = ( mean_j  max_k NMI_kj / sum_k NMI_kj  - 1/K  ) / (1 - 1/K)
    InfoC = ( mean_k  max_j NMI_kj / sum_j NMI_kj  - 1/D' ) / (1 - 1/D')
    InfoE =   mean_k  (H_0 - H_k) / H_0

where H_k is the log loss of an unpenalised, class-balanced logistic regression on all latents and H_0 that of
its intercept alone. A latent is active if its range exceeds a twentieth of the widest one's.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.feature_selection import mutual_info_classif
from sklearn.metrics import log_loss

from vision.metrics.arrays import Floats, Integers, MetricError, check_pair, dense
from vision.metrics.information import factor_entropies, information_with
from vision.metrics.linear import classifier


class InfoMEC(NamedTuple):
    """The three scores, each 1 at best and about 0 for noise, the matrix (K, D) behind two of them, active
    latents (D,)."""

    infom: float
    infoe: float
    infoc: float
    nmi: Floats
    active: NDArray[np.bool_]


def infomec(
    codes: ArrayLike, factors: ArrayLike, *, neighbours: int = 10, discrete: bool = False, seed: int = 0
) -> InfoMEC:
    """InfoMEC of `codes` (N, D) for `factors` (N, K >= 2); `discrete` codes (quantised latents) use plug-in
    information.

    `seed` draws the tiny noise that parts equal values before neighbours are counted. Latents without
    information on any factor are left out of InfoM and factors without any from InfoC (the reference gives
    NaN); nothing left: 0. With one active latent InfoC is undefined: NaN. Inactive latents have rows of 0 in
    `nmi`. All latents constant: 0, 0 and 0.
    Fails: the activity rule carries units, so one wide latent switches the others off; NMI may exceed 1 by
    its estimator's error; InfoM of noise is decided by which near-zero estimate is positive.

    >>> grid = np.stack(np.meshgrid(range(4), range(4)), -1).reshape(-1, 2)
    >>> result = infomec(grid, grid, discrete=True)
    >>> round(result.infom, 6), round(result.infoc, 6), result.infoe > 0.9
    (1.0, 1.0, True)
    """
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
    standard = (checked - checked.mean(0)) / np.where(width > 0, checked.std(0), 1.0)
    information = _plug_in if discrete else _from_neighbours
    nmi = information(standard, values, neighbours, seed) / factor_entropies(values)[:, None]
    nmi[:, ~active] = 0.0
    live = nmi[:, active]
    return InfoMEC(
        _concentration(live.T, len(nmi)),
        _linear_gain(standard, values),
        _concentration(live, live.shape[1]) if live.shape[1] > 1 else float("nan"),
        nmi,
        active,
    )


def _concentration(matrix: Floats, width: int) -> float:
    """Mean share of the largest entry of each non-zero row, rescaled so that an equal spread over `width`
    gives 0."""
    total = matrix.sum(1)
    rows = matrix[total > 0]
    if len(rows) == 0:
        return 0.0
    return float(((rows.max(1) / rows.sum(1)).mean() - 1 / width) / (1 - 1 / width))


def _from_neighbours(codes: Floats, factors: Integers, neighbours: int, seed: int) -> Floats:
    """Nearest-neighbour estimates (K, D) of Ross 2014; one stream of tie-breaking noise runs over all
    pairs."""
    random = np.random.RandomState(seed)
    return np.array(
        [
            [
                mutual_info_classif(
                    latent[:, None],
                    column,
                    discrete_features=False,
                    n_neighbors=neighbours,
                    random_state=random,
                )[0]
                for latent in codes.T
            ]
            for column in factors.T
        ]
    )


def _plug_in(codes: Floats, factors: Integers, neighbours: int, seed: int) -> Floats:
    """Plug-in information (K, D) of codes that take few values; no neighbours and no noise are involved."""
    symbols = np.stack([dense(latent)[0] for latent in codes.T], axis=1)
    size = int(symbols.max()) + 1
    return np.array([information_with(symbols, size, *dense(column)) for column in factors.T])


def _linear_gain(standard: Floats, values: Integers) -> float:
    """InfoE of standardised codes, so that the iteration limit does not depend on their units."""
    gains = []
    for column in values.T:
        fitted, null = (
            log_loss(column, classifier(x, column, cost=np.inf, balanced=True).predict_proba(x))
            for x in (standard, np.zeros((len(column), 1)))
        )
        gains.append((null - fitted) / null)
    return float(np.mean(gains))
