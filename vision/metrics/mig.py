r"""Metrics read off the mutual information matrix I(z_j; v_k): mutual information gaps and modularity.

| metric     | asks                                                 | source                                 |
|------------|------------------------------------------------------|----------------------------------------|
| mig        | is each factor in one latent (compactness)?          | Chen et al. 2018                       |
| mig_sup    | is one factor in each latent (modularity)?           | Li et al. 2020                         |
| jemmig     | mig, and nothing else in that latent                 | Do & Tran 2020                         |
| dcimig     | both gaps in one number                              | Sepliarskaia, Kiseleva & de Rijke 2019 |
| modularity | has each latent information on one factor only?      | Ridgeway & Mozer 2018                  |

All bin the codes, so all depend on outliers, which widen the bins, and confuse the values of a factor that
has more values than there are bins.
"""

import numpy as np
from numpy.typing import ArrayLike

from vision.metric_names import BINS
from vision.metrics.arrays import Booleans, Floats, MetricError
from vision.metrics.checks import check_active, check_pair
from vision.metrics.discretise import discretise
from vision.metrics.information import factor_entropies, latent_entropies, mutual_information

TIE = 1e-12
"""Latents whose information on a factor differs by less, in nats, differ by rounding."""


def gaps(matrix: Floats, axis: int) -> Floats:
    """Largest minus second largest entry.

    Args:
        matrix: (A, B), entries at least 0.
        axis: Along which to compare; of a single entry the second largest is 0.
    """
    ordered = np.sort(matrix, axis=axis)
    top = np.take(ordered, -1, axis=axis)
    return top if matrix.shape[axis] == 1 else top - np.take(ordered, -2, axis=axis)


def mig_per_factor(codes: ArrayLike, factors: ArrayLike, *, bins: int = BINS) -> Floats:
    """Mutual information gap of each factor (K,), in 0..1: (I_1k - I_2k) / H(v_k); `mig` is their mean.

    Args:
        codes: (N, D).
        factors: (N, K), integers; (N,) for a single factor.
        bins: How many equal-width bins each latent is cut into, at least 2 and at most N.

    Raises:
        MetricError: For malformed arrays, or a factor with a single value.
    """
    _, values = check_pair(codes, factors)
    return gaps(mutual_information(codes, values, bins=bins), axis=0) / factor_entropies(values)


def mig(codes: ArrayLike, factors: ArrayLike, *, bins: int = BINS) -> float:
    """Mutual information gap, mean_k (I_1k - I_2k) / H(v_k) (Chen et al. 2018, eq. 6, on binned codes).

    Between 0 and 1; 1: each factor is determined by one latent and independent of all others; 0: two latents
    have equal information on every factor (duplicated codes), or none has any.
    Fails: does not show that several factors are merged in one latent; a pair of latents that encode one
    cyclic factor counts as a failure; with 20 bins a perfect dSprites code scores 0.90. Not comparable with
    the sampled form `mig_sampled`.

    Args:
        codes: (N, D).
        factors: (N, K), integers; (N,) for a single factor.
        bins: How many equal-width bins each latent is cut into, at least 2 and at most N.

    Raises:
        MetricError: For malformed arrays, or a factor with a single value.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> mig(factors, factors, bins=2), mig(np.hstack([factors, factors]), factors, bins=2)
    (1.0, 0.0)
    """
    return float(mig_per_factor(codes, factors, bins=bins).mean())


def mig_sup(
    codes: ArrayLike, factors: ArrayLike, *, bins: int = BINS, active: ArrayLike | None = None
) -> float:
    """Gap over factors, mean over latents of max_k - second_k of I(z_j; v_k)/H(v_k) (Li et al. 2020).

    Between 0 and 1; 1: every latent determines one factor and is independent of the others. 0 if there is no
    active latent.
    Fails: duplicated latents cost nothing, and a noisy active latent lowers the mean.

    Args:
        codes: (N, D).
        factors: (N, K), integers; (N,) for a single factor.
        bins: How many equal-width bins each latent is cut into, at least 2 and at most N.
        active: (D,), booleans: the latents that may take part, of those that vary (see `modularity`).

    Raises:
        MetricError: For malformed arrays, or a factor with a single value.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> mig_sup(np.hstack([factors, factors]), factors, bins=2)
    1.0
    """
    checked, values = check_pair(codes, factors)
    taking_part = check_active(active, checked)
    if not taking_part.any():
        return 0.0
    normalised = mutual_information(checked[:, taking_part], values, bins=bins) / factor_entropies(values)
    return float(gaps(normalised, axis=1).mean())


def jemmig(codes: ArrayLike, factors: ArrayLike, *, bins: int = BINS) -> float:
    """Joint entropy minus mutual information gap, turned so that higher is better (Do & Tran 2020).

    mean_k 1 - (H(v_k, z*) - I_1k + I_2k) / (H(v_k) + log bins) with z* the latent with most information on
    v_k. Between 0 and 1; 1: z* and v_k determine each other and no second latent has information on v_k; 0:
    as many joint states as possible, no gap. Noise of a latent within a factor's value, and a second factor
    in it, lower the score by what they add to the joint entropy.
    Fails: a constant code does not score 0. Where no latent has information on v_k, z* is the one of least
    entropy, and that of a constant one is 0: log bins / (H(v_k) + log bins), which is 0.68 for 20 bins and 4
    equally likely values, where noise that fills all bins scores 0. Read it beside `mig`.

    Args:
        codes: (N, D).
        factors: (N, K), integers; (N,) for a single factor.
        bins: How many equal-width bins each latent is cut into, at least 2 and at most N.

    Raises:
        MetricError: For malformed arrays, or a factor with a single value.

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


def dcimig(codes: ArrayLike, factors: ArrayLike, *, bins: int = BINS) -> float:
    """3CharM / DCIMIG, sum_k S_k / sum_k H(v_k) (Sepliarskaia, Kiseleva & de Rijke 2019, section 4).

    Each latent is assigned to the factor on which it has most information; its gap is I with that factor
    minus I with the next one. S_k is the largest gap among the latents of factor k, 0 if there is none.
    Between 0 and 1; 1: every factor has a latent that determines it and is independent of the others.
    Fails: duplicated latents cost nothing.

    Args:
        codes: (N, D).
        factors: (N, K), integers; (N,) for a single factor.
        bins: How many equal-width bins each latent is cut into, at least 2 and at most N.

    Raises:
        MetricError: For malformed arrays, or a factor with a single value.

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
    bins: int = BINS,
    active_only: bool = False,
    active: ArrayLike | None = None,
) -> float:
    """Modularity, mean_j 1 - sum_{k != k*} I_jk^2 / (I_jk*^2 (K - 1)) (Ridgeway & Mozer 2018, eq. 2).

    Between 0 and 1; 1: each latent has information on one factor at most; 0: every latent has equal
    information on all factors.
    Fails: pure noise scores about 0.65 because the bias of I differs between factors, a rotated code 0.88.

    Args:
        codes: (N, D).
        factors: (N, K >= 2), integers.
        bins: How many equal-width bins each latent is cut into, at least 2 and at most N.
        active_only: Whether to leave out latents without information (0 if none is left). They count as 0
            otherwise, as in disentanglement_lib, so that a code with 6 such latents of 10 scores 0.4 at most.
        active: (D,), booleans: the latents that may take part, of those that vary. The codes alone show only
            constant latents to be inactive: the mean of a VAE's latent whose posterior is the prior still
            moves by some 0.02, and in bins as wide as its range that is information. So mark the latents with
            a mean KL from the prior above, say, 0.1 nats.

    Raises:
        MetricError: For malformed arrays, fewer than 2 factors, or a factor with a single value.

    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> codes = np.hstack([factors, np.zeros((4, 2))])
    >>> modularity(codes, factors, bins=2), modularity(codes, factors, bins=2, active_only=True)
    (0.5, 1.0)
    """
    checked, values = check_pair(codes, factors)
    counted = np.ones(checked.shape[1], dtype=bool) if active is None else check_active(active, checked)
    return modularity_of(mutual_information(checked, values, bins=bins), counted, active_only=active_only)


def modularity_of(matrix: Floats, counted: Booleans, *, active_only: bool = False) -> float:
    """Mean modularity of some rows of a mutual information matrix (D, K >= 2); 0 of none.

    Args:
        matrix: Mutual information (D, K) in nats.
        counted: (D,), the rows that count.
        active_only: Whether to leave out rows of zeros.
    """
    scores = modularity_per_latent(matrix)[counted & (matrix.max(1) > 0) if active_only else counted]
    return float(scores.mean()) if len(scores) else 0.0
