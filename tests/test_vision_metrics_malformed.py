"""Malformed input to the metrics: a clear error, never a number."""

from typing import Any

import numpy as np
import pytest
from metric_data import draw, identity

from vision.metrics import (
    MetricError,
    dci,
    downstream,
    explicitness,
    factor_vae_score,
    infomec,
    irs,
    jemmig,
    mcc,
    mig,
    modularity,
    mutual_information,
    sap,
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
ON_SPLIT = {"sap": sap, "dci": dci, "explicitness": explicitness, "downstream": downstream}


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
        (lambda c, f: (c, f[:, 0]), r"must have shape \(N, K\)"),
        (lambda c, f: (c, f.astype(str)), "must hold integers"),
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


def test_one_class_in_the_test_part() -> None:
    codes, factors, codes_test, factors_test = draw()
    one = factors_test * [0, 1, 1]
    with pytest.raises(MetricError, match="factor 0 has one class in the test part"):
        explicitness(codes, factors, codes_test, one)
    assert 0.0 <= sap(codes, factors, codes_test, one) <= 1.0  # an accuracy is still one


def test_values_only_the_test_part_has_count_as_wrong() -> None:
    codes, factors, _, _ = identity()
    assert dci(codes, factors, codes, factors + 10).informativeness_test == 0.0
    assert sap(codes, factors, codes, factors + 10) == 0.0


def test_wrong_settings_are_named() -> None:
    codes, factors, codes_test, factors_test = draw()
    with pytest.raises(MetricError, match="9 points are fewer than the 20 bins"):
        mig(codes[:9], factors[:9])
    with pytest.raises(MetricError, match="bins=1"):
        mig(codes, factors, bins=1)
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
    with pytest.raises(MetricError, match="single precision"):
        dci(codes * 1e39, factors, codes_test, factors_test)
