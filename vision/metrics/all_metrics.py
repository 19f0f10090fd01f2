"""All metrics of fixed codes and factors (no interventions), by name.

scores = {}
for metric in ALL_METRICS.values():
    scores |= metric(Parts(codes, factors, codes_test, factors_test))
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from vision.metrics.arrays import Booleans, Floats, Integers
from vision.metrics.correlation import gaussian_total_correlation, gaussian_wasserstein_correlation
from vision.metrics.dci import dci
from vision.metrics.downstream import downstream
from vision.metrics.explicitness import explicitness
from vision.metrics.infomec import infomec, takes_few_values
from vision.metrics.information import latent_mutual_information
from vision.metrics.irs import irs
from vision.metrics.mcc import mcc
from vision.metrics.mig import dcimig, jemmig, mig, mig_sup, modularity
from vision.metrics.sap import sap


class Parts(NamedTuple):
    """The arguments of the metrics: the points to fit on and to test on, a seed, the active latents."""

    codes: Floats
    """(N, D)."""
    factors: Integers
    """(N, K)."""
    codes_test: Floats
    """(M, D)."""
    factors_test: Integers
    """(M, K)."""
    seed: int = 0
    """Of the learners and draws; at least 0."""
    active: Booleans | None = None
    """(D,): the latents whose posteriors differ from the prior; None counts all that vary.

    Used by the scores that average over latents: mig_sup, modularity_active, irs. The codes of a VAE alone do
    not show which latents are active (see `modularity`).
    """


Scores = dict[str, float]


def _modularity(parts: Parts) -> Scores:
    return {
        "modularity": modularity(parts.codes, parts.factors),
        "modularity_active": modularity(parts.codes, parts.factors, active_only=True, active=parts.active),
    }


def _explicitness(parts: Parts) -> Scores:
    result = explicitness(*parts[:4])
    return {"explicitness_train": result.train, "explicitness_test": result.test}


def _dci(parts: Parts) -> Scores:
    result = dci(*parts[:4], seed=parts.seed)
    return {f"dci_{name}": getattr(result, name) for name in result._fields[:4]}


def _irs(parts: Parts) -> Scores:
    result = irs(parts.codes, parts.factors, active=parts.active)
    return {"irs": result.score, "irs_num_active": float(result.num_active)}


def _infomec(parts: Parts) -> Scores:
    discrete = takes_few_values(parts.codes)
    result = infomec(parts.codes, parts.factors, discrete=discrete, seed=parts.seed)
    return {"infom": result.infom, "infoe": result.infoe, "infoc": result.infoc}


def _unsupervised(parts: Parts) -> Scores:
    return {
        "gaussian_total_correlation": gaussian_total_correlation(parts.codes),
        "gaussian_wasserstein_correlation": gaussian_wasserstein_correlation(parts.codes, normalised=True),
        "latent_mutual_information": latent_mutual_information(parts.codes),
    }


def _downstream(parts: Parts) -> Scores:
    result = downstream(*parts[:4], seed=parts.seed)
    names = [f"downstream_{size}" for size in result.sizes]
    scores = dict(zip(names, map(float, result.accuracy), strict=True))
    known = not math.isnan(result.efficiency)
    return scores | {"downstream_efficiency": result.efficiency} if known else scores


ALL_METRICS: dict[str, Callable[[Parts], Scores]] = {
    "mig": lambda p: {"mig": mig(p.codes, p.factors)},
    "mig_sup": lambda p: {"mig_sup": mig_sup(p.codes, p.factors, active=p.active)},
    "jemmig": lambda p: {"jemmig": jemmig(p.codes, p.factors)},
    "dcimig": lambda p: {"dcimig": dcimig(p.codes, p.factors)},
    "modularity": _modularity,
    "explicitness": _explicitness,
    "sap": lambda p: {"sap": sap(*p[:4])},
    "sap_continuous": lambda p: {"sap_continuous": sap(*p[:4], continuous=True)},
    "dci": _dci,
    "irs": _irs,
    "mcc": lambda p: {"mcc": mcc(p.codes, p.factors).score},
    "infomec": _infomec,
    "unsupervised": _unsupervised,
    "downstream": _downstream,
}
"""Functions of the parts that return one score or several by name.

Each raises `MetricError` where its arrays cannot be scored.
"""
