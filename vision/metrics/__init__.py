"""Disentanglement metrics: functions of codes (N, D) and factors (N, K).

    from vision.metrics import dci, mig
    mig(codes, factors), dci(codes, factors).disentanglement

Codes and factors are numpy arrays, torch tensors, data frames or lists; a single factor may be (N,). Metrics
that predict factors take a test part (M, D), (M, K) as third and fourth argument; without it a third of the
points is drawn to test on. Malformed arrays raise `MetricError`, a ValueError. `docs/metrics.md` compares the
metrics and names the failures of each.

Importing this package imports no torch: `mig_sampled` is imported when it is first used.
"""

from typing import TYPE_CHECKING, Any

from vision.metrics.all_metrics import ALL_METRICS, Parts
from vision.metrics.arrays import MetricError
from vision.metrics.correlation import gaussian_total_correlation, gaussian_wasserstein_correlation
from vision.metrics.dci import DCI, dci
from vision.metrics.discretise import discretise
from vision.metrics.downstream import Downstream, downstream
from vision.metrics.explicitness import Explicitness, explicitness
from vision.metrics.infomec import InfoMEC, infomec, takes_few_values
from vision.metrics.information import latent_mutual_information, mutual_information
from vision.metrics.interventional import PairScore, Votes, beta_vae_score, factor_vae_score, lookup
from vision.metrics.irs import InterventionalRobustness, irs
from vision.metrics.mcc import Correlation, mcc
from vision.metrics.mig import dcimig, jemmig, mig, mig_per_factor, mig_sup, modularity
from vision.metrics.point_votes import factor_vae_score_of_points
from vision.metrics.sap import sap, sap_matrix, sap_matrix_continuous
from vision.metrics.traversal import Purity, SparseChange, sparse_change, traversal_purity
from vision.metrics.udr import Ranking, udr

if TYPE_CHECKING:
    from vision.metrics.sampled_mig import SampledGap, mig_sampled

__all__ = [
    "ALL_METRICS",
    "DCI",
    "Correlation",
    "Downstream",
    "Explicitness",
    "InfoMEC",
    "InterventionalRobustness",
    "MetricError",
    "PairScore",
    "Parts",
    "Purity",
    "Ranking",
    "SampledGap",
    "SparseChange",
    "Votes",
    "beta_vae_score",
    "dci",
    "dcimig",
    "discretise",
    "downstream",
    "explicitness",
    "factor_vae_score",
    "factor_vae_score_of_points",
    "gaussian_total_correlation",
    "gaussian_wasserstein_correlation",
    "infomec",
    "irs",
    "jemmig",
    "latent_mutual_information",
    "lookup",
    "mcc",
    "mig",
    "mig_per_factor",
    "mig_sampled",
    "mig_sup",
    "modularity",
    "mutual_information",
    "sap",
    "sap_matrix",
    "sap_matrix_continuous",
    "sparse_change",
    "takes_few_values",
    "traversal_purity",
    "udr",
]


def __getattr__(name: str) -> Any:
    if name not in ("SampledGap", "mig_sampled"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vision.metrics import sampled_mig

    return getattr(sampled_mig, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
