"""Which images a selection takes, and what becomes of their factors."""

import numpy as np
import pytest

from vision.data.images import DataError
from vision.data.selection import FactorSpace, Selection, grid

FACTORS = {"shape": ("square", "heart"), "x": ("0", "1", "2", "3", "4"), "scale": ("0.5", "0.75", "1")}
TABLE = grid([2, 5, 3])


def test_a_grid_has_every_combination_once_and_its_last_factor_fastest() -> None:
    assert len(np.unique(TABLE, axis=0)) == len(TABLE) == 30
    assert np.array_equal(TABLE @ [15, 3, 1], np.arange(30))


def test_by_default_every_image_is_taken_and_every_factor_is_an_attribute() -> None:
    space = FactorSpace(FACTORS, Selection())
    assert (space.names, space.value_names) == (tuple(FACTORS), tuple(FACTORS.values()))
    assert space.rows(TABLE, np.random.default_rng(0)).tolist() == list(range(30))
    assert np.array_equal(space.labels(TABLE), TABLE)


def test_a_fixed_factor_is_no_attribute_and_the_others_keep_all_values() -> None:
    space = FactorSpace(FACTORS, Selection(fixed={"shape": "heart"}))
    kept = TABLE[space.rows(TABLE, np.random.default_rng(0))]
    assert (kept[:, 0] == 1).all()
    assert np.array_equal(space.labels(kept), grid([5, 3]))
    assert space.names == ("x", "scale")


def test_bins_cut_values_in_their_order_and_a_bin_can_be_fixed() -> None:
    space = FactorSpace(FACTORS, Selection(bins={"x": 2, "scale": 2}, fixed={"scale": "small"}))
    assert space.value_names == (FACTORS["shape"], ("left", "right"))
    kept = TABLE[space.rows(TABLE, np.random.default_rng(0))]
    assert set(kept[:, 2].tolist()) == {0, 1}
    assert [set(kept[space.labels(kept)[:, 1] == place, 1].tolist()) for place in (0, 1)] == [
        {0, 1, 2},
        {3, 4},
    ]
    assert FactorSpace(FACTORS, Selection(bins={"x": 4})).value_names[1] == ("0 to 1", "2", "3", "4")


def test_so_many_images_are_drawn_without_replacement() -> None:
    space = FactorSpace(FACTORS, Selection(images=12))
    rows = space.rows(TABLE, np.random.default_rng(0))
    assert len(set(rows.tolist())) == 12
    assert (np.diff(rows) > 0).all()
    assert not np.array_equal(rows, space.rows(TABLE, np.random.default_rng(1)))
    assert len(FactorSpace(FACTORS, Selection(images=99)).rows(TABLE, np.random.default_rng(0))) == 30


def test_rows_are_drawn_with_the_attributes_asked_for_and_uniform_over_what_has_no_name() -> None:
    space = FactorSpace(
        FACTORS, Selection(attributes=["x"], bins={"x": 2, "scale": 2}, fixed={"scale": "small"})
    )
    labels = np.repeat([[0], [1]], 3000, axis=0)
    table = space.draw(labels, np.random.default_rng(0))
    assert np.array_equal(space.labels(table), labels)
    for column, values in ((0, [0, 1]), (2, [0, 1])):
        found, counts = np.unique(table[:, column], return_counts=True)
        assert found.tolist() == values
        assert abs(counts / 6000 - 0.5).max() < 0.03
    counts = np.bincount(table[:3000, 1])
    assert len(counts) == 3
    assert abs(counts / 3000 - 1 / 3).max() < 0.03


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (Selection(attributes=["shap"]), "no factor 'shap' .did you mean 'shape'"),
        (Selection(bins={"y": 2}), "no factor 'y': there are shape, x, scale"),
        (Selection(attributes=["shape"], fixed={"shape": "heart"}), "every attribute is fixed: none is left"),
        (Selection(bins={"x": 6}), "'x' has 5 values: it cannot be cut into 6 bins"),
        (Selection(fixed={"shape": "hart"}), "no value 'hart' .did you mean 'heart'.*: it has square, heart"),
    ],
)
def test_what_does_not_exist_is_named(chosen: Selection, message: str) -> None:
    with pytest.raises(DataError, match=message):
        FactorSpace(FACTORS, chosen)


def test_a_fixed_value_that_no_image_has() -> None:
    with pytest.raises(DataError, match="no image has the values that are fixed"):
        FactorSpace(FACTORS, Selection(fixed={"shape": "heart"})).rows(TABLE[:15], np.random.default_rng(0))


def test_factors_that_depend_on_each_other() -> None:
    chosen = Selection(images=30_000, joint=["x", "scale"], bins={"x": 2}, fixed={"shape": "heart"})
    space = FactorSpace(FACTORS, chosen)
    rows = space.rows(TABLE, np.random.default_rng(0))
    assert len(rows) == 30_000
    drawn, sampled = TABLE[rows], space.sample(30_000, np.random.default_rng(1))
    for table in (drawn, sampled):
        assert (table[:, 0] == 1).all()
        equal = (table == [1, 4, 2]).all(1).sum()
        apart = (table == [1, 0, 2]).all(1).sum()
        assert equal / apart == pytest.approx(4, rel=0.1)
    with pytest.raises(DataError, match="factor 'x' is fixed: no factor depends on it"):
        FactorSpace(FACTORS, Selection(joint=["x", "scale"], fixed={"x": "3"})).rows(
            TABLE, np.random.default_rng(0)
        )
    with pytest.raises(DataError, match="'scale' is drawn by itself"):
        FactorSpace(FACTORS, Selection(joint=["x", "scale"])).rows(TABLE[:, :2], np.random.default_rng(0))
