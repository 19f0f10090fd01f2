"""Every metric of two fixed arrays by name, for whoever wants a table of them.

for name, score in BATTERY.items():
    table |= score(Parts(codes, factors, codes_test, factors_test, seed))
"""

from collections.abc import Callable
from typing import NamedTuple

from vision.metrics.arrays import Booleans, Floats, Integers
from vision.metrics.correlation import gaussian_total_correlation, gaussian_wasserstein_correlation
from vision.metrics.dci import Estimator, dci
from vision.metrics.downstream import Downstream, downstream
from vision.metrics.explicitness import explicitness
from vision.metrics.infomec import infomec
from vision.metrics.information import latent_mutual_information
from vision.metrics.irs import irs
from vision.metrics.mcc import mcc
from vision.metrics.mig import dcimig, jemmig, mig, mig_sup, modularity
from vision.metrics.sap import sap


class Parts(NamedTuple):
    """Codes (N, D) and factors (N, K) to fit on, a test part (M, D), (M, K), a seed, and `active` (D,).

    `active` marks the latents that differ from their prior, where that is known: the codes of a VAE do not
    show it (see `modularity`). It is for the scores that average over latents: mig_sup, modularity_live, irs.
    """

    codes: Floats
    factors: Integers
    codes_test: Floats
    factors_test: Integers
    seed: int = 0
    active: Booleans | None = None


Scores = dict[str, float]


def _dci(parts: Parts, estimator: Estimator) -> Scores:
    result = dci(*parts[:4], estimator=estimator, seed=parts.seed)
    return {f"dci_{name}": getattr(result, name) for name in result._fields[:4]}


def _infomec(parts: Parts) -> Scores:
    result = infomec(parts.codes, parts.factors, seed=parts.seed)
    return {"infom": result.infom, "infoe": result.infoe, "infoc": result.infoc}


def _irs(parts: Parts) -> Scores:
    result = irs(parts.codes, parts.factors, active=parts.active)
    return {"irs": result.score, "irs_num_active": float(result.num_active)}


def _downstream(result: Downstream) -> Scores:
    table = {
        f"downstream_{size}": float(value) for size, value in zip(result.sizes, result.accuracy, strict=True)
    }
    return table | {"downstream_efficiency": result.efficiency}


BATTERY: dict[str, Callable[[Parts], Scores]] = {
    "mig": lambda p: {"mig": mig(p.codes, p.factors)},
    "mig_sup": lambda p: {"mig_sup": mig_sup(p.codes, p.factors, active=p.active)},
    "jemmig": lambda p: {"jemmig": jemmig(p.codes, p.factors)},
    "dcimig": lambda p: {"dcimig": dcimig(p.codes, p.factors)},
    "modularity": lambda p: {
        "modularity": modularity(p.codes, p.factors),
        "modularity_live": modularity(p.codes, p.factors, live_only=True, active=p.active),
    },
    "explicitness": lambda p: {
        f"explicitness_{part}": value for part, value in explicitness(*p[:4])._asdict().items()
    },
    "sap": lambda p: {"sap": sap(*p[:4])},
    "sap_continuous": lambda p: {"sap_continuous": sap(*p[:4], continuous=True)},
    "dci": lambda p: _dci(p, "gradient_boosting"),
    "irs": _irs,
    "mcc": lambda p: {"mcc": mcc(p.codes, p.factors).score},
    "infomec": _infomec,
    "unsupervised": lambda p: {
        "gaussian_total_correlation": gaussian_total_correlation(p.codes),
        "gaussian_wasserstein_correlation": gaussian_wasserstein_correlation(p.codes, normalised=True),
        "latent_mutual_information": latent_mutual_information(p.codes),
    },
    "downstream": lambda p: _downstream(downstream(*p[:4], seed=p.seed)),
}
