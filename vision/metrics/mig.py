r"""Metrics read off the mutual information matrix I(z_j; v_k): mutual information gaps and modularity.

| metric     | asks                                                 | source                                 |
|------------|------------------------------------------------------|----------------------------------------|
| mig        | does one latent hold each factor (compactness)?      | Chen et al. 2018                       |
| mig_sup    | does each latent hold one factor (modularity)?       | Li et al. 2020                         |
| jemmig     | mig, and nothing else in that latent                 | Do & Tran 2020                         |
| dcimig     | both gaps in one number                              | Sepliarskaia, Kiseleva & de Rijke 2019 |
| modularity | does each latent inform on one factor only?          | Ridgeway & Mozer 2018                  |

All bin the codes, so all inherit the discretiser's weakness for outliers and for factors with more values
than bins.
"""

import numpy as np
from numpy.typing import ArrayLike

from vision.metrics.arrays import Floats, MetricError
from vision.metrics.checks import check_active, check_pair
from vision.metrics.discretise import discretise
from vision.metrics.information import factor_entropies, latent_entropies, mutual_information

TIE = 1e-12  # nats: latents closer than this differ by rounding in what they know of a factor


def gaps(matrix: Floats, axis: int) -> Floats:
    """Largest minus second largest entry of `matrix` along `axis`; a single entry stands against 0."""
    ordered = np.sort(matrix, axis=axis)
    top = np.take(ordered, -1, axis=axis)
    return top if matrix.shape[axis] == 1 else top - np.take(ordered, -2, axis=axis)


def mig_per_factor(codes: ArrayLike, factors: ArrayLike, *, bins: int = 20) -> Floats:
    """Mutual information gap of each factor, (K,): (I_1k - I_2k) / H(v_k)."""
    _, values = check_pair(codes, factors)
    return gaps(mutual_information(codes, values, bins=bins), axis=0) / factor_entropies(values)


def mig(codes: ArrayLike, factors: ArrayLike, *, bins: int = 20) -> float:
    """Mutual information gap, mean_k (I_1k - I_2k) / H(v_k) (Chen et al. 2018, eq. 6, on binned codes).

    `codes` (N, D), `factors` (N, K) integers. Between 0 and 1; 1: each factor is known from one latent and no
    other latent knows anything about it; 0: every factor is held by two latents equally well (duplicated
    codes), or by none.
    Fails: blind to several factors merged in one latent; a pair of latents that encode one cyclic factor
    counts as a failure; 20 bins cap a perfect dSprites code at 0.90. Not comparable with the sampled form
    `mig_sampled`.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> mig(factors, factors, bins=2), mig(np.hstack([factors, factors]), factors, bins=2)
    (1.0, 0.0)
    """
    return float(mig_per_factor(codes, factors, bins=bins).mean())


def mig_sup(
    codes: ArrayLike, factors: ArrayLike, *, bins: int = 20, active: ArrayLike | None = None
) -> float:
    """Gap over factors, mean over latents of max_k - second_k of I(z_j; v_k)/H(v_k) (Li et al. 2020).

    Between 0 and 1; 1: every latent knows one factor completely and no other. The mean is over the latents
    that vary and that `active` (D,), where given, marks: see `modularity`. 0 if there are none.
    Fails: duplicated latents are free, and a noisy live latent lowers the mean.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> mig_sup(np.hstack([factors, factors]), factors, bins=2)
    1.0
    """
    checked, values = check_pair(codes, factors)
    live = check_active(active, checked)
    if not live.any():
        return 0.0
    normalised = mutual_information(checked[:, live], values, bins=bins) / factor_entropies(values)
    return float(gaps(normalised, axis=1).mean())


def jemmig(codes: ArrayLike, factors: ArrayLike, *, bins: int = 20) -> float:
    """Joint entropy minus mutual information gap, turned so that higher is better (Do & Tran 2020).

    mean_k 1 - (H(v_k, z*) - I_1k + I_2k) / (H(v_k) + log bins) with z* the latent that knows most about v_k.
    Between 0 and 1; 1: z* and v_k determine each other and no second latent knows v_k; 0: as many joint
    states as possible, no gap. A latent with noise inside a factor value, or with two factors merged, loses
    what it adds to the joint entropy.
    Fails: a constant code does not score 0. Where no latent knows v_k, z* is the one of least entropy, and a
    constant one has none to punish: log bins / (H(v_k) + log bins), which is 0.68 for 20 bins and 4 equal
    values, where noise that fills all bins scores 0. Read it beside `mig`.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> jemmig(factors, factors, bins=2)
    1.0
    """
    checked, values = check_pair(codes, factors)
    matrix = mutual_information(checked, values, bins=bins)
    of_factor = factor_entropies(values)
    of_latent = latent_entropies(discretise(checked, bins), bins)
    top = matrix.max(0)
    tied = matrix >= top - TIE
    joint = of_factor + np.where(tied, of_latent[:, None], np.inf).min(0) - top
    return float(np.mean(1.0 - (joint - gaps(matrix, axis=0)) / (of_factor + np.log(bins))))


def dcimig(codes: ArrayLike, factors: ArrayLike, *, bins: int = 20) -> float:
    """3CharM / DCIMIG, sum_k S_k / sum_k H(v_k) (Sepliarskaia, Kiseleva & de Rijke 2019, section 4).

    Each latent belongs to the factor that it knows best; its gap is I with that factor minus I with the next
    one. S_k is the largest gap among the latents that belong to factor k, 0 if there is none. Between 0 and
    1; 1: every factor has a latent that knows it completely and knows nothing else. Duplicated latents are
    free.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> dcimig(factors, factors, bins=2), dcimig(factors[:, :1], factors, bins=2)
    (1.0, 0.5)
    """
    checked, values = check_pair(codes, factors)
    matrix = mutual_information(checked, values, bins=bins)
    owner, gap = matrix.argmax(1), gaps(matrix, axis=1)
    best = np.zeros(matrix.shape[1])
    np.maximum.at(best, owner, gap)
    return float(best.sum() / factor_entropies(values).sum())


def modularity_per_latent(matrix: Floats) -> Floats:
    """Modularity (D,) of the rows of a mutual information matrix (D, K >= 2); a row of zeros scores 0.

    >>> modularity_per_latent(np.array([[5.0, 0.0], [1.0, 1.0], [0.0, 0.0]])).tolist()
    [1.0, 0.0, 0.0]
    """
    if matrix.shape[1] < 2:
        raise MetricError("modularity compares factors: at least 2 are needed")
    squared = matrix**2
    top = squared.max(1)
    rest = squared.sum(1) - top
    return np.where(top > 0, 1.0 - rest / (np.where(top > 0, top, 1.0) * (matrix.shape[1] - 1)), 0.0)


def modularity(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int = 20,
    live_only: bool = False,
    active: ArrayLike | None = None,
) -> float:
    """Modularity, mean_j 1 - sum_{k != k*} I_jk^2 / (I_jk*^2 (K - 1)) (Ridgeway & Mozer 2018, eq. 2).

    Between 0 and 1; 1: each latent informs on one factor at most; 0: every latent informs on all factors
    alike. A latent without information counts as 0, as in disentanglement_lib, so 6 dead latents of 10 cap
    the score at 0.4; `live_only` leaves such latents out (0 if none is left).
    The codes alone show only constant latents to be dead. The mean of a VAE's latent whose posterior is the
    prior still moves by some 0.02, and bins as wide as its range find information in that: give `active`
    (D,), True for the latents with a mean KL from the prior above, say, 0.1 nats, and no other takes part.
    Fails: pure noise scores about 0.57 because the bias of I differs between factors, a rotated code 0.90.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> dead = np.hstack([factors, np.zeros((4, 2))])
    >>> modularity(dead, factors, bins=2), modularity(dead, factors, bins=2, live_only=True)
    (0.5, 1.0)
    """
    checked, values = check_pair(codes, factors)
    matrix = mutual_information(checked, values, bins=bins)
    scores = modularity_per_latent(matrix)
    counted = np.ones(len(scores), dtype=bool) if active is None else check_active(active, checked)
    if live_only:
        counted &= matrix.max(1) > 0
    scores = scores[counted]
    return float(scores.mean()) if len(scores) else 0.0
