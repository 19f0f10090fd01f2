"""What must not change a score: how a constant latent is written, units, offsets, names of values, types."""

from typing import Any

import numpy as np
import pytest
import torch
from metric_data import draw, identity

from vision.metrics import (
    ALL_METRICS,
    Parts,
    beta_vae_score,
    dci,
    dcimig,
    downstream,
    explicitness,
    factor_vae_score,
    gaussian_total_correlation,
    gaussian_wasserstein_correlation,
    infomec,
    irs,
    jemmig,
    mcc,
    mig,
    mig_sup,
    modularity,
    sap,
    sparse_change,
    udr,
)
from vision.metrics.arrays import varies
from vision.metrics.checks import check_codes

UNITS = ("sap", "downstream")  # their classifiers are regularised


def table(name: str, data: Any, active: Any = None) -> dict[str, float]:
    if name == "downstream":  # its ten penalties take seconds for all factors and sizes
        codes, factors, codes_test, factors_test = data
        result = downstream(codes, factors[:, :1], codes_test, factors_test[:, :1], sizes=(30,))
        return {"accuracy": float(result.accuracy[0])}
    return ALL_METRICS[name](Parts(*data, seed=0, active=active))


def changed(data: Any, change: Any) -> Any:
    return change(data[0]), data[1], change(data[2]), data[3]


def dyadic(points: int = 300) -> Any:
    """Codes on a grid of 2^-20, so that offsets and powers of two change no bit of their differences."""
    return changed(draw(points), lambda codes: np.round(codes * 2**20) / 2**20)


def padded(codes: np.ndarray, value: Any) -> np.ndarray:
    return np.hstack([codes, np.broadcast_to(value, (len(codes), 3))])


# ---- constant latents


def trembling(codes: np.ndarray) -> np.ndarray:
    """A float32 column whose values differ in the last place."""
    steps = np.arange(len(codes), dtype=np.float32)[:, None] % 2
    return padded(codes.astype(np.float32), np.float32(0.1) * (1 + steps * np.finfo(np.float32).eps))


@pytest.mark.parametrize("name", ALL_METRICS)
def test_a_constant_latent_is_one_however_it_is_written(name: str) -> None:
    data = changed(draw(240), lambda codes: codes.astype(np.float32).astype(np.float64))
    zero = table(name, changed(data, lambda codes: padded(codes, 0.0)))
    assert padded(data[0], 0.1).var(0)[-1] > 0  # why the variance does not tell
    for change in (lambda codes: padded(codes, 0.1), trembling):
        assert table(name, changed(data, change)) == pytest.approx(zero, abs=1e-6)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e8 + 0.1, -7e-9])
def test_all_latents_constant(value: float) -> None:
    data = changed(identity(), lambda codes: np.full_like(codes, value))
    for score in (mig, mig_sup, dcimig, modularity):
        assert score(*data[:2]) == 0.0
    assert irs(*data[:2])[:3:2] == (0.0, 0)
    assert mcc(*data[:2]).score == 0.0
    assert infomec(*data[:2])[:3] == (0.0, 0.0, 0.0)
    assert sap(*data) == 0.0
    assert sap(*data, continuous=True) == 0.0
    assert explicitness(*data) == (0.5, 0.5)
    assert dci(*data)[:2] == (0.0, 0.0)
    assert gaussian_total_correlation(data[0]) == 0.0
    assert gaussian_wasserstein_correlation(data[0]) == 0.0


def test_constant_latents_take_no_part_in_votes_and_rankings() -> None:
    def encode(factors: np.ndarray) -> np.ndarray:
        return padded(factors * 1.0, 0.1)

    counts = {"num_train": 60, "num_eval": 60}
    votes = factor_vae_score(
        encode, (3, 4), rng=np.random.RandomState(0), num_variance=60, prune=0.0, **counts
    )
    assert votes[:3] == (1.0, 1.0, 2)
    assert beta_vae_score(encode, (3, 4), rng=np.random.RandomState(0), **counts).eval == 1.0
    assert sparse_change(encode, (3, 4), rng=np.random.RandomState(0), moves=50).mean == 1.0
    codes = padded(np.random.default_rng(0).normal(size=(200, 2)), 0.1)
    ranking = udr([codes, codes], [np.ones(5), np.ones(5)])
    assert ranking.num_informative.tolist() == [2, 2]


def test_a_single_latent_that_tells_nothing_is_not_complete() -> None:
    data = changed(identity(), lambda codes: np.zeros((len(codes), 1)))
    assert dci(*data)[:2] == (0.0, 0.0)


def test_small_movements_on_a_large_offset_are_kept() -> None:
    codes = np.array([[1e8], [1e8 + 1e-6], [1e8]])
    assert varies(check_codes(codes)).tolist() == [True]
    assert varies(check_codes(codes.astype(np.float32))).tolist() == [False]


# ---- dead latents of a VAE


def test_latents_at_the_prior_are_left_out_by_their_kl() -> None:
    data, rng = identity(), np.random.default_rng(2)
    dead = changed(data, lambda codes: np.hstack([codes, 0.02 * rng.normal(size=(len(codes), 6))]))
    active = np.arange(10) < 4
    assert modularity(*dead[:2], active_only=True) < 0.9  # the codes do not show it
    assert modularity(*dead[:2], active_only=True, active=active) == pytest.approx(modularity(*data[:2]))
    assert modularity(*dead[:2], active=active) == pytest.approx(modularity(*data[:2]))
    assert mig_sup(*dead[:2], active=active) == pytest.approx(mig_sup(*data[:2]))
    found = irs(*dead[:2], active=active)
    assert (found.score, found.num_active) == (pytest.approx(irs(*data[:2]).score), 4)
    assert found.active.tolist() == active.tolist()
    scores = table("modularity", dead, active)
    assert scores["modularity_active"] == pytest.approx(modularity(*data[:2]))
    nothing = np.zeros(10, dtype=bool)
    assert modularity(*dead[:2], active=nothing) == mig_sup(*dead[:2], active=nothing) == 0.0
    assert irs(*dead[:2], active=nothing).score == 0.0


# ---- units, offsets, types


@pytest.mark.parametrize("name", [name for name in ALL_METRICS if name not in UNITS])
@pytest.mark.parametrize("unit", [2.0**-60, 2.0**60])
def test_one_unit_for_all_latents_changes_nothing(name: str, unit: float) -> None:
    data = dyadic()
    expected = table(name, data)
    moved = table(name, changed(data, lambda codes: codes * unit))
    for score in ("gaussian_wasserstein_correlation", "gaussian_total_correlation"):
        if score in expected:
            assert moved.pop(score) == pytest.approx(expected.pop(score), rel=1e-6)
    assert moved == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("name", [name for name in ALL_METRICS if name not in UNITS])
def test_an_offset_changes_nothing(name: str) -> None:
    data = dyadic()
    moved = table(name, changed(data, lambda codes: codes + 1e8))
    assert moved == pytest.approx(table(name, data), rel=5e-3, abs=2e-3)


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("scale", [(1.0, 1e8), (1e30, 0.0), (1e-30, 0.0), (1e60, 1e61)])
def test_scores_that_depend_on_units_stay_in_range(name: str, scale: tuple[float, float]) -> None:
    scores = table(name, changed(draw(), lambda codes: codes * scale[0] + scale[1]))
    assert all(0.0 <= value <= 1.0 for value in scores.values())


@pytest.mark.parametrize("name", ALL_METRICS)
def test_types_change_nothing(name: str) -> None:
    single = changed(draw(240), lambda codes: codes.astype(np.float32))
    double = changed(single, lambda codes: codes.astype(np.float64))
    tensors = changed(single, torch.from_numpy)
    boxed = changed(double, lambda codes: codes.astype(object))
    as_floats = double[0], double[1].astype(np.float64), double[2], double[3].astype(np.uint8)
    expected = table(name, double)
    for data in (single, tensors, boxed, as_floats):
        assert table(name, data) == pytest.approx(expected, abs=1e-9)


# ---- names of values


@pytest.mark.parametrize("bins", [None, 20])
def test_irs_does_not_read_the_names_of_values(bins: int | None) -> None:
    codes, factors, _, _ = draw()
    names = np.array([7, -3, 5_000, 2**61])
    assert irs(codes, names[factors], bins=bins).score == pytest.approx(irs(codes, factors, bins=bins).score)


def test_irs_merges_by_rank() -> None:
    rng = np.random.default_rng(0)
    factors = rng.integers(40, size=(800, 2))
    codes = factors + rng.normal(size=(800, 2))
    assert irs(codes, factors**3).score == pytest.approx(irs(codes, factors).score)


@pytest.mark.parametrize("offset", [2**40, 2**62, -(2**62)])
def test_large_labels_are_told_apart(offset: int) -> None:
    codes, factors, codes_test, factors_test = draw()
    moved = codes, factors + offset, codes_test, factors_test + offset
    assert mcc(*moved[:2]).score == pytest.approx(mcc(codes, factors).score)
    assert sap(*moved, continuous=True) == pytest.approx(
        sap(codes, factors, codes_test, factors_test, continuous=True)
    )
    plain = dci(codes, factors, codes_test, factors_test, estimator="lasso")
    far = dci(*moved, estimator="lasso")
    assert far[:4] == pytest.approx(plain[:4])
    assert mig(*moved[:2]) == pytest.approx(mig(codes, factors))
    assert explicitness(*moved) == pytest.approx(explicitness(codes, factors, codes_test, factors_test))


def test_a_factor_with_a_value_for_every_point() -> None:
    codes, factors, codes_test, factors_test = draw(90)
    own = np.column_stack([np.arange(60), factors])
    own_test = np.column_stack([np.arange(30), factors_test])
    assert irs(codes, own, bins=None).score == 1.0  # nothing moves inside a group of one
    for score in (mig, mig_sup, jemmig, dcimig, modularity):
        assert 0.0 <= score(codes, own) <= 1.0
    result = infomec(codes, own)
    assert result.nmi[0].tolist() == [0.0] * 4  # no point has a neighbour with its label
    assert np.isfinite(result[:3]).all()
    forest = dci(codes, own, codes_test, own_test, estimator="random_forest")
    assert np.isfinite(forest[:4]).all()
    assert 0.0 <= sap(codes, own, codes_test, own_test) <= 1.0
    assert 0.0 <= downstream(codes, own, codes_test, own_test, sizes=(20,)).accuracy[0] <= 1.0


# ---- dependent latents


def singular() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3))
    single = x.astype(np.float32)
    return {
        "duplicated": np.hstack([x, x]),
        "negated, other unit": np.hstack([x, -1e6 * x[:, :1]]),
        "duplicated in single precision": np.hstack([single, 0.3 * single + np.float32(0.7)]),
        "sum": np.hstack([x, x.sum(1, keepdims=True)]),
        "sum in single precision": np.hstack([single, single.sum(1, keepdims=True)]),
        "one-hot": np.eye(6)[rng.integers(6, size=500)],
        "rank 3 of 40": x @ rng.normal(size=(3, 40)),
        "no more points than latents": rng.normal(size=(5, 5)),
        "duplicated far from 0": np.hstack([x, x]) + 1e6,
    }


@pytest.mark.parametrize("name", singular())
def test_a_singular_code_has_infinite_total_correlation(name: str) -> None:
    assert gaussian_total_correlation(singular()[name]) == np.inf


def test_near_dependence_is_finite() -> None:
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 5000, 1))
    expected = -0.5 * np.log(1 - np.corrcoef(x[:, 0], (x + 1e-3 * noise)[:, 0])[0, 1] ** 2)
    assert gaussian_total_correlation(np.hstack([x, 1e5 * (x + 1e-3 * noise)])) == pytest.approx(expected)


# ---- ties


def test_jemmig_of_a_code_that_tells_nothing() -> None:
    grid = np.stack(np.meshgrid(range(4), range(5)), -1).reshape(-1, 2).repeat(40, axis=0)
    entropies = np.log([4, 5])
    constant = np.zeros((len(grid), 2))
    empty = float((np.log(20) / (entropies + np.log(20))).mean())
    assert jemmig(constant, grid) == pytest.approx(empty)
    even = np.tile(np.arange(40) // 2, 20)[:, None]  # every bin alike at every value
    assert jemmig(even, grid) == pytest.approx(0.0)
    both = np.hstack([even, constant])
    assert jemmig(both, grid) == pytest.approx(jemmig(both[:, ::-1], grid)) == pytest.approx(empty)


@pytest.mark.parametrize("name", ALL_METRICS)
def test_the_order_of_latents_does_not_matter(name: str) -> None:
    data = draw(240)
    order = [2, 0, 3, 1]
    tolerance = {"dci": 0.02, "infomec": 1e-6, "downstream": 0.02}.get(name, 1e-9)
    moved = table(name, changed(data, lambda codes: codes[:, order]))
    assert moved == pytest.approx(table(name, data), abs=tolerance)
