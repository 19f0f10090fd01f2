"""The metrics of codes by name, and how their scores are read.

It imports nothing, so that names can be listed at once. `vision.metrics` has the formulas, `docs/metrics.md`
the failures.
"""

from typing import NamedTuple

BINS = 20
"""Equal-width bins of each latent, unless other ones are asked for."""
TEST_SHARE = 0.33
"""Share of the points that are drawn to test on where no test part is given."""
DEAD = "dead latents: by KL in a run, constant ones in a file"


class Metric(NamedTuple):
    """A metric: the settings that its scores depend on, besides the points."""

    settings: str
    """In words; {numba} and {seed} are filled in."""
    quick: bool = True
    """Whether it is measured unless others are asked for."""


class Interpretation(NamedTuple):
    """How a score is read."""

    better: str
    """"higher", "lower", or "" for a count."""
    zero: str
    one: str


METRICS: dict[str, Metric] = {
    "mig": Metric(f"bins {BINS}"),
    "mig_sup": Metric(f"bins {BINS}, {DEAD}"),
    "jemmig": Metric(f"bins {BINS}"),
    "dcimig": Metric(f"bins {BINS}"),
    "modularity": Metric(f"bins {BINS}, {DEAD}"),
    "explicitness": Metric("logistic regression, C 1"),
    "sap": Metric("linear classifier, C 0.01"),
    "sap_continuous": Metric("squared correlation"),
    "dci": Metric("gradient boosting (compiled, numba {numba}), seed {seed}"),
    "dci_random_forest": Metric("random forest (scikit-learn), seed {seed}", quick=False),
    "dci_lasso": Metric("lasso, alpha 0.02", quick=False),
    "dci_lightgbm": Metric("lightgbm, seed {seed}", quick=False),
    "irs": Metric(f"quantile 0.99, bins {BINS}, {DEAD}"),
    "mcc": Metric("Pearson correlation"),
    "infomec": Metric("10 neighbours, seed {seed}"),
    "unsupervised": Metric(f"bins {BINS}, Wasserstein normalised"),
    "downstream": Metric("logistic regression, C by 5 folds", quick=False),
}

QUICK = tuple(name for name, metric in METRICS.items() if metric.quick)
"""The metrics that are measured unless others are asked for."""

INTERPRETATIONS: dict[str, Interpretation] = {
    "mig": Interpretation("higher", "no latent ahead of the next", "one latent per factor"),
    "mig_sup": Interpretation("higher", "latents mix factors", "one factor per latent"),
    "jemmig": Interpretation("higher", "all spread and mixed", "one latent per factor, pure"),
    "dcimig": Interpretation("higher", "no factor is held", "one latent per factor, pure"),
    "modularity": Interpretation("higher", "latents mix factors (noise: ~0.6)", "one factor per latent"),
    "modularity_active": Interpretation(
        "higher", "latents mix factors (dead ones left out)", "one factor per latent"
    ),
    "explicitness": Interpretation("higher", "(chance is 0.5)", "factors linearly readable"),
    "sap": Interpretation("higher", "no latent ahead of the next", "one latent predicts each factor"),
    "dci_disentanglement": Interpretation("higher", "latents mix factors", "one factor per latent"),
    "dci_completeness": Interpretation("higher", "factors spread over latents", "one latent per factor"),
    "dci_informativeness": Interpretation("higher", "all wrong (chance: 1/values)", "every factor predicted"),
    "irs": Interpretation("higher", "any factor moves a latent", "one factor moves each latent"),
    "irs_num_active": Interpretation("", "(latents that take part)", ""),
    "mcc": Interpretation("higher", "no correlation", "one latent per factor, affine"),
    "infom": Interpretation("higher", "latents mix factors", "one factor per latent"),
    "infoe": Interpretation("higher", "factors not readable", "factors linearly readable"),
    "infoc": Interpretation("higher", "factors spread over latents", "one latent per factor"),
    "gaussian_total_correlation": Interpretation("lower", "uncorrelated", "(nats, no upper bound)"),
    "gaussian_wasserstein_correlation": Interpretation("lower", "uncorrelated", "(share of the variance)"),
    "latent_mutual_information": Interpretation("lower", "independent pairs", "(nats)"),
    "downstream": Interpretation("higher", "all wrong (chance: 1/values)", "right, with so many labels"),
    "downstream_efficiency": Interpretation(
        "higher", "few labels are useless", "100 labels do as well as all"
    ),
}


def interpretation(score: str) -> Interpretation:
    """How a score is read, by the longest name that it begins with; a learner's name does not count.

    >>> interpretation("dci_lasso_completeness") == interpretation("dci_completeness")
    True
    >>> interpretation("downstream_100").one
    'right, with so many labels'
    """
    for name in METRICS:
        if name.startswith("dci_"):
            score = score.replace(name, "dci")
    return INTERPRETATIONS[max((name for name in INTERPRETATIONS if score.startswith(name)), key=len)]
