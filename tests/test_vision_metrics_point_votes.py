"""The FactorVAE score of points: the score of the renderer where both can be had, and its failures."""

import numpy as np
import pytest

from vision.metrics import MetricError, factor_vae_score, factor_vae_score_of_points

SIZES = (3, 4, 5)


def points(n=3000):
    rng = np.random.default_rng(1)
    return np.stack([rng.integers(0, size, n) for size in SIZES], axis=1)


def score(codes, factors, **settings):
    return factor_vae_score_of_points(codes, factors, rng=np.random.default_rng(0), **settings)


def test_a_latent_for_each_factor_is_always_right_and_noise_is_by_chance():
    factors = points()
    assert score(factors, factors).eval == 1
    noise = score(np.random.default_rng(2).standard_normal((len(factors), 6)), factors)
    assert noise.num_active == 6
    assert abs(noise.eval - 1 / 3) < 0.06


@pytest.mark.parametrize("mixing", [0.2, 0.5, 0.8])
def test_it_is_the_score_with_interventions_where_factors_are_independent(mixing):
    def encode(factors):
        a, b, c = (factors - 1.5).T
        return np.stack([a, b + mixing * 3 * np.sin(c + a), c * (1 - mixing) + mixing * b], axis=1)

    with_interventions = factor_vae_score(
        encode, SIZES, rng=np.random.default_rng(0), num_train=2000, num_eval=2000, num_variance=3000
    )
    found = score(encode(points(20_000)), points(20_000), num_train=2000, num_eval=2000)
    assert abs(found.eval - with_interventions.eval) < 0.05
    assert abs(found.train - found.eval) < 0.05


def test_latents_of_the_prior_and_constant_ones_cast_no_vote():
    factors = points()
    codes = np.concatenate([factors, np.zeros((len(factors), 1)), 0.01 * factors[:, :1]], axis=1)
    found = score(codes, factors)
    assert (found.num_active, found.eval) == (3, 1)
    assert (found.table[3:] == 0).all()
    assert score(0.01 * factors, factors)[:3] == (0, 0, 0)


def test_values_of_few_points_are_not_fixed():
    factors = points()
    factors[:7, 0] = 3  # a value of 7 points
    codes = factors.astype(float)
    codes[:7] = 0  # which would make every latent vary least
    assert score(codes, factors).eval == 1
    with pytest.raises(MetricError, match="at least 2 with 8 points"):
        score(codes[10:16], factors[10:16])
