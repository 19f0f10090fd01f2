"""Malformed input to the metrics: a clear error, never a number."""

from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from metric_data import draw, identity

from vision.metrics import (
    MetricError,
    beta_vae_score,
    dci,
    dcimig,
    downstream,
    explicitness,
    factor_vae_score,
    infomec,
    irs,
    jemmig,
    latent_mutual_information,
    lookup,
    mcc,
    mig,
    mig_sampled,
    mig_sup,
    modularity,
    mutual_information,
    sap,
    sparse_change,
    traversal_purity,
    udr,
)

ON_CODES_AND_FACTORS = {
    "mig": mig,
    "modularity": modularity,
    "jemmig": jemmig,
    "mutual_information": mutual_information,
    "irs": irs,
    "mcc": mcc,
    "infomec": infomec,
}
ON_SPLIT = {
    "sap": sap,
    "dci": dci,
    "dci_lasso": partial(dci, estimator="lasso"),
    "explicitness": explicitness,
    "downstream": downstream,
}


def calls() -> list[Any]:
    both = [pytest.param(metric, False, id=name) for name, metric in ON_CODES_AND_FACTORS.items()]
    return both + [pytest.param(metric, True, id=name) for name, metric in ON_SPLIT.items()]


@pytest.mark.parametrize(("metric", "split"), calls())
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c, f: (c, np.where([True, False, False], 1, f)), "factor 0 has the single value 1"),
        (lambda c, f: (np.where(np.arange(len(c))[:, None] == 7, np.nan, c), f), "holds nan at row 7"),
        (lambda c, f: (c, f[:-1]), "has .* rows but the codes have"),
        (lambda c, f: (c, f + 0.5), "are integers"),
        (lambda c, f: (c[:, 0], f), r"must have shape \(N, D\)"),
        (lambda c, f: (c, f[:, :, None]), r"must have shape \(N, K\)"),
        (lambda c, f: (c, f.astype(str)), "factors must hold real numbers, not <U"),
        (lambda c, f: (c.astype(str), f), "codes must hold real numbers, not <U"),
        (lambda c, f: (c + 1j, f), "codes must hold real numbers, not complex128"),
        (lambda c, f: (c, f + 0j), "factors must hold real numbers, not complex128"),
        (lambda c, f: (c.astype("M8[s]"), f), "codes must hold real numbers, not datetime64"),
        (lambda c, f: (c, f.astype("m8[D]")), "factors must hold real numbers, not timedelta64"),
        (lambda c, f: (np.ma.masked_greater(c, 1.0), f), r"codes is masked at \(\d+, \d\)"),
        (lambda c, f: (c, np.ma.masked_equal(f, 1)), r"factors is masked at"),
        (lambda c, f: (torch.tensor(c, requires_grad=True), f), "codes must be an array.*requires grad"),
        (lambda c, f: (torch.tensor(c).to_sparse(), f), "codes must be an array of numbers"),
        (lambda c, f: (torch.tensor(c).bfloat16(), f), "codes must be an array of numbers"),
        (lambda c, f: (torch.tensor(c) + 1j, f), "codes must hold real numbers, not complex"),
        (lambda c, f: (c.astype(object) + 1j, f), r"not the complex .* at \(0, 0\)"),
        (lambda c, f: (np.where(c > 1, None, c), f), "codes must hold real numbers, not the NoneType"),
        (lambda c, f: (c, np.where(f > 1, date(2020, 1, 1), f)), "factors .* not the date .2020-01-01"),
        (lambda c, f: ([[1.0, 2.0], [3.0]], f), "codes must be an array of numbers"),
        (lambda c, f: (c, [[1, 2], [3]]), "factors must be an array of numbers"),
        (lambda c, f: (1.0, f), r"codes must have shape \(N, D\), not \(\)"),
        (lambda c, f: (c, np.int64(1)), r"factors must have shape \(N, K\), not \(\)"),
        (lambda c, f: (None, f), "codes must hold real numbers, not the NoneType"),
        (lambda c, f: (c[:0], f[:0]), "at least 2 points"),
        (lambda c, f: (c[:, :0], f), "1 latent"),
        (lambda c, f: (c, f[:, :0]), r"must have shape \(N, K\)"),
        (lambda c, f: (c, f * 1e300), "tell such a value from its neighbours"),
        (lambda c, f: (c, f * 2.0**62), "tell such a value from its neighbours"),
        (lambda c, f: (c, f.astype(np.float32) + 2**24), "float32 cannot tell such a value"),
        (lambda c, f: (c, f.astype(object) + 2**70), "factors holds a number that is beyond 64 bits"),
        (lambda c, f: (c, f.astype(np.uint64) + 2**63), "64-bit integers"),
        (lambda c, f: (c, np.where(f == 1, np.inf, f)), "factors holds inf"),
        (lambda c, f: (c * 1e80, f), "beyond 1e.70"),
        (lambda c, f: (f + 2**60, f), "lose their last digits"),
    ],
)
def test_malformed_arrays_are_refused(metric: Any, split: bool, spoil: Any, message: str) -> None:
    data = draw()
    codes, factors = spoil(*data[:2])
    with pytest.raises(MetricError, match=message):
        metric(codes, factors, *data[2:]) if split else metric(codes, factors)


@pytest.mark.parametrize("metric", ON_SPLIT.values(), ids=ON_SPLIT)
def test_a_test_part_of_other_width_is_refused(metric: Any) -> None:
    codes, factors, codes_test, factors_test = draw()
    with pytest.raises(MetricError, match="codes have 4 latents, codes_test 3"):
        metric(codes, factors, codes_test[:, :3], factors_test)
    with pytest.raises(MetricError, match="factors have 3 columns, factors_test 2"):
        metric(codes, factors, codes_test, factors_test[:, :2])


@pytest.mark.parametrize("metric", ON_SPLIT.values(), ids=ON_SPLIT)
def test_half_a_test_part_and_too_few_points_to_draw_one_are_refused(metric: Any) -> None:
    codes, factors, codes_test, factors_test = draw()
    with pytest.raises(MetricError, match="codes_test without factors_test"):
        metric(codes, factors, codes_test)
    with pytest.raises(MetricError, match="factors_test without codes_test"):
        metric(codes, factors, factors_test=factors_test)
    with pytest.raises(MetricError, match="5 points are too few to draw a test part from"):
        metric(codes[:5], np.arange(5)[:, None] % 2)


@pytest.mark.parametrize("metric", ON_SPLIT.values(), ids=ON_SPLIT)
def test_one_value_in_the_test_part_is_refused(metric: Any) -> None:
    codes, factors, codes_test, factors_test = draw()
    one = factors_test * [1, 0, 1]
    with pytest.raises(MetricError, match="factor 1 has the single value 0 in the test part"):
        metric(codes, factors, codes_test, one)


def test_no_value_of_the_training_part_in_the_test_part() -> None:
    codes, factors, codes_test, factors_test = draw()
    with pytest.raises(MetricError, match="factor 0: the test part has no value of the training part"):
        explicitness(
            codes, factors, codes_test, np.where([True, False, False], factors_test + 9, factors_test)
        )


def test_values_only_the_test_part_has_count_as_wrong() -> None:
    codes, factors, _, _ = identity()
    assert dci(codes, factors, codes, factors + 10).informativeness_test == 0.0
    assert sap(codes, factors, codes, factors + 10) == 0.0


def test_wrong_settings_are_named() -> None:
    codes, factors, codes_test, factors_test = draw()
    with pytest.raises(MetricError, match="9 points are fewer than the 20 bins"):
        mig(codes[:9], factors[:9])
    for bins in (1, 2.5, 20.0, True, "20", None, np.nan):
        for metric in (mig, mig_sup, jemmig, dcimig, modularity, mutual_information):
            with pytest.raises(MetricError, match=f"bins={bins} must be an integer of at least 2"):
                metric(codes, factors, bins=bins)  # type: ignore[operator]
        with pytest.raises(MetricError, match="bins="):
            latent_mutual_information(codes, bins=bins)  # type: ignore[arg-type]
    with pytest.raises(MetricError, match=r"bins=2\.5"):
        irs(codes, factors, bins=2.5)  # type: ignore[arg-type]
    with pytest.raises(MetricError, match=r"neighbours=2\.5"):
        infomec(codes, factors, neighbours=2.5)  # type: ignore[arg-type]
    with pytest.raises(MetricError, match=r"sizes=10\.5"):
        downstream(codes, factors, codes_test, factors_test, sizes=(10.5,))  # type: ignore[arg-type]
    with pytest.raises(MetricError, match="seed=-1"):
        dci(codes, factors, codes_test, factors_test, seed=-1)
    for active in (np.ones(3, dtype=bool), np.ones(4), "all", [0, 1, 2, 3]):
        with pytest.raises(MetricError, match="active must hold"):
            modularity(codes, factors, active=active)
    with pytest.raises(MetricError, match="quantile=2"):
        irs(codes, factors, quantile=2.0)
    with pytest.raises(MetricError, match="estimator='xgboost'"):
        dci(codes, factors, codes_test, factors_test, estimator="xgboost")  # type: ignore[arg-type]
    with pytest.raises(MetricError, match="at least 2"):
        modularity(codes, factors[:, :1])
    with pytest.raises(MetricError, match="udr compares models"):
        udr([codes], [np.ones(4)])
    with pytest.raises(MetricError, match="model 1"):
        udr([codes, codes], [np.ones(4), np.ones(3)])
    with pytest.raises(MetricError, match="expected"):
        factor_vae_score(lambda v: v[:, 0], (3, 4), rng=np.random.RandomState(0))


@pytest.mark.parametrize(
    ("mean", "logvar", "message"),
    [
        (np.zeros((6, 2)), np.zeros((6, 3)), r"mean \(6, 2\) and logvar \(6, 3\) must both be"),
        (np.zeros((6, 2)), np.zeros((6, 1)), r"logvar \(6, 1\)"),
        (np.zeros((6, 2)), np.zeros(2), r"logvar \(2,\)"),
        (np.zeros((6, 0)), np.zeros((6, 0)), "neither of them 0"),
        (np.zeros((6, 2)), 0.0, r"logvar \(\)"),
        (np.full((6, 2), np.nan), np.zeros((6, 2)), "mean holds nan"),
        (np.zeros((6, 2)), np.full((6, 2), -np.inf), "logvar holds -inf"),
        (np.zeros((6, 2)), np.full((6, 2), 800.0), "logvar holds 800.0.*within 230"),
        (np.zeros((6, 2)) + 1j, np.zeros((6, 2)), "mean must hold real numbers"),
        (torch.zeros(6, 2) + 1j, torch.zeros(6, 2), "mean must hold real numbers"),
        (torch.zeros(6, 2, requires_grad=True), torch.zeros(6, 2), r"pass mean.detach\(\)"),
        (torch.zeros(6, 2), torch.zeros(6, 2, requires_grad=True), r"pass logvar.detach\(\)"),
    ],
)
def test_malformed_posteriors_are_refused(mean: Any, logvar: Any, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        mig_sampled(mean, logvar, np.arange(6)[:, None] % 2)


def test_malformed_encoders_and_grids_are_refused() -> None:
    rng = np.random.RandomState(0)
    encoders: list[tuple[Any, str]] = [
        (lambda v: v + 1j, "what encode returned must hold real numbers"),
        (lambda v: torch.ones(len(v), 2, requires_grad=True), "requires grad"),
        (lambda v: torch.ones(len(v), 2).to_sparse(), "must be an array of numbers"),
        (lambda v: np.full((len(v), 2), np.nan), "holds nan at row 0"),
        (lambda v: np.ones((len(v), rng.randint(2, 50))), "expected"),
    ]
    for encode, message in encoders:
        with pytest.raises(MetricError, match=message):
            factor_vae_score(encode, (3, 4), rng=rng)
    for sizes in ((3, 1), (3,), (3, 2.5), 3, (), "34"):
        with pytest.raises(MetricError, match="sizes"):
            factor_vae_score(lambda v: v, sizes, rng=rng)  # type: ignore[arg-type]
    with pytest.raises(MetricError, match=r"batch=2\.5"):
        beta_vae_score(lambda v: v, (3, 4), rng=rng, batch=2.5)  # type: ignore[arg-type]
    with pytest.raises(MetricError, match="prune=nan"):
        factor_vae_score(lambda v: v, (3, 4), rng=rng, prune=float("nan"))
    with pytest.raises(MetricError, match="12 codes for a grid of 3x5 = 15"):
        lookup(np.ones((12, 1)), (3, 5))
    with pytest.raises(MetricError, match=r"moves=2\.5"):
        sparse_change(lambda v: v, (3, 4), rng=rng, moves=2.5)  # type: ignore[arg-type]
    with pytest.raises(MetricError, match="no factor can move"):
        sparse_change(lambda v: v, (1, 1), rng=rng)
    with pytest.raises(MetricError, match="for 1000 points"):
        sparse_change(lambda v: v[:5], (3, 4), rng=rng)


def test_malformed_judgements_and_rankings_are_refused() -> None:
    judged = np.zeros((2, 1, 4, 3))
    for wrong, message in [
        (judged + 1j, "real numbers"),
        (judged[..., :0], "must have shape"),
        (judged * np.nan, "judged holds nan"),
    ]:
        with pytest.raises(MetricError, match=message):
            traversal_purity(wrong)
    with pytest.raises(MetricError, match="categorical=3: the factors are 0 to 2"):
        traversal_purity(judged, categorical=[3])
    codes = draw()[0]
    with pytest.raises(MetricError, match=r"kl\[1\] must be an array of numbers"):
        udr([codes, codes], [np.ones(4), torch.ones(4, requires_grad=True)])
    with pytest.raises(MetricError, match=r"kl\[0\] must hold real numbers"):
        udr([codes, codes], [np.ones(4) + 1j, np.ones(4)])
