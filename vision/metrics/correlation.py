r"""Dependence between the latents themselves, under a Gaussian fit with covariance S; no factors needed.

    total correlation        1/2 (sum_j log S_jj - log det S)
    Wasserstein correlation  2 tr S - 2 tr (S diag(S))^(1/2)

The second is the squared 2-Wasserstein distance to the product of the marginals; both as Locatello et al.
2019, section 3, use them. Lower is better, and low is not enough: a rotation of independent factors of equal
variance, or a code that ignores its input, has none of either.
"""

import numpy as np
from numpy.typing import ArrayLike

from vision.metrics.arrays import Floats, centred
from vision.metrics.checks import check_codes

SINGULAR = 1e-12
"""Largest eigenvalue of a correlation matrix that counts as 0: a latent that the others determine to within
1e-6 of its deviation, which is what rounding to single precision leaves, counts as determined."""


def total_correlation_of(covariance: Floats) -> float:
    """Total correlation in nats of N(0, covariance) for `covariance` (D, D).

    Dimensions of zero variance are independent of everything and left out. A covariance that is singular up
    to the rounding of single precision (a duplicated latent, one-hot latents, a sum of others) gives inf.

    >>> round(total_correlation_of(np.array([[1.0, 0.5], [0.5, 1.0]])), 6)
    0.143841
    """
    variances = np.diag(covariance)
    varying = variances > 0
    if not varying.any():
        return 0.0
    scale = np.sqrt(variances[varying])
    eigenvalues = np.linalg.eigvalsh(covariance[np.ix_(varying, varying)] / scale / scale[:, None])
    if eigenvalues[0] <= SINGULAR:
        return float("inf")
    return max(0.0, float(-0.5 * np.log(eigenvalues).sum()))


def wasserstein_correlation_of(covariance: Floats, *, normalised: bool = False) -> float:
    """Squared 2-Wasserstein distance of N(0, S) from N(0, diag(S)), at least 0.

    Args:
        covariance: S, (D, D).
        normalised: Whether to divide by the trace of S; 0 for a trace of 0.

    >>> round(wasserstein_correlation_of(np.array([[1.0, 0.5], [0.5, 1.0]])), 6)
    0.136297
    """
    scale = np.sqrt(np.diag(covariance))
    # (S diag(S))^(1/2) has the trace of the square root of this similar, symmetric matrix
    eigenvalues = np.linalg.eigvalsh(scale[:, None] * covariance * scale)
    trace = float(np.trace(covariance))
    distance = 2.0 * trace - 2.0 * float(np.sqrt(np.maximum(eigenvalues, 0.0)).sum())
    distance = max(0.0, distance)
    if not normalised:
        return distance
    return distance / trace if trace > 0 else 0.0


def _covariance(codes: ArrayLike) -> Floats:
    offset = centred(check_codes(codes))
    return offset.T @ offset / (len(offset) - 1)


def gaussian_total_correlation(codes: ArrayLike) -> float:
    """Total correlation of a Gaussian fitted to codes, in nats; 0: uncorrelated, no upper bound.

    Constant latents are left out (the reference gives NaN); all constant: 0. Where a latent is a linear
    function of others up to rounding, or there are no more points than latents, the fit is singular: inf.

    Args:
        codes: (N, D).

    Raises:
        MetricError: For malformed codes.

    >>> gaussian_total_correlation([[0, 0], [0, 1], [1, 0], [1, 1]])
    0.0
    """
    return total_correlation_of(_covariance(codes))


def gaussian_wasserstein_correlation(codes: ArrayLike, *, normalised: bool = False) -> float:
    """Wasserstein correlation of a Gaussian fitted to `codes` (N, D); 0: uncorrelated.

    In squared units of the code.

    Args:
        codes: (N, D).
        normalised: Whether to divide by the total variance (all latents constant: 0, where the reference
            gives NaN).

    >>> round(gaussian_wasserstein_correlation([[0, 0], [1, 1]], normalised=True), 4)
    0.5858
    """
    return wasserstein_correlation_of(_covariance(codes), normalised=normalised)
