import numpy as np
import pytest

from vision.data.factors import MOST_VALUES, factors
from vision.data.images import DataError


def test_words_are_numbered_in_alphabetical_order():
    found = factors({"colour": np.array(["red", "blue", "red"]), "shape": np.array(["cup", "cup", "hat"])})
    assert found.names == ("colour", "shape")
    assert found.value_names == (("blue", "red"), ("cup", "hat"))
    assert found.indices.tolist() == [[1, 0], [0, 0], [1, 1]]
    assert found.indices.dtype == np.int64


@pytest.mark.parametrize(
    ("column", "names"),
    [
        (np.array(["10", "9", "9.5"]), ("9", "9.5", "10")),
        (np.array([10, 9, 11], dtype=np.uint8), ("9", "10", "11")),
        (np.array([0.75, -30.0, 2.0]), ("-30", "0.75", "2")),
        (np.array([True, False, True]), ("False", "True")),
    ],
)
def test_numbers_are_ordered_by_size_and_keep_their_spelling(column, names):
    found = factors({"size": column})
    assert found.value_names == (names,)
    spelt = [names[i] for i in found.indices[:, 0]]
    assert spelt == [str(value).removesuffix(".0") for value in column]


def test_named_values_are_indexed():
    found = factors({"colour": np.array([2, 0], dtype=np.uint8)}, {"colour": ["red", "green", "blue"]})
    assert found.indices.tolist() == [[2], [0]]
    assert found.value_names == (("red", "green", "blue"),)


@pytest.mark.parametrize("words", [("0", "1"), ("no", "yes"), ("No", "YES"), ("-1", "1"), ("false", "true")])
def test_a_binary_attribute_is_absent_or_present(words):
    column = np.array([words[1], words[0], words[1]])
    found = factors({"hat": column}, binary=("hat",))
    assert found.value_names == (("no", "yes"),)
    assert found.indices[:, 0].tolist() == [1, 0, 1]


def test_a_binary_attribute_may_be_numbers_or_named_values():
    assert factors({"hat": np.array([1, -1])}, binary=("hat",)).indices[:, 0].tolist() == [1, 0]
    assert factors({"hat": np.array([1.0, 0.0])}, binary=("hat",)).indices[:, 0].tolist() == [1, 0]
    swapped = factors({"hat": np.array([0, 1])}, {"hat": ["yes", "no"]}, binary=("hat",))
    assert swapped.indices[:, 0].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("columns", "values", "binary", "message"),
    [
        ({"hat": np.array(["on", "off"])}, {}, ("hat",), "'hat' must have exactly .* it has off, on"),
        ({"hat": np.array([1, 1])}, {}, ("hat",), "it has 1$"),
        ({"hat": np.array([0, 1])}, {}, ("hut",), r"no factor 'hut' \(did you mean 'hat'\?\)"),
        ({"hat": np.array([0, 1])}, {"hut": ["a"]}, (), r"no factor 'hut' \(did you mean 'hat'\?\)"),
        ({"hat": np.array([0, 2])}, {"hat": ["a", "b"]}, (), "'hat' must hold indices 0 to 1"),
        ({"hat": np.array([-1, 1])}, {"hat": ["a", "b"]}, (), "'hat' must hold indices 0 to 1"),
        ({"hat": np.array([0.5, 1])}, {"hat": ["a", "b"]}, (), "'hat' must hold indices 0 to 1"),
        ({"hat": np.array(["a", "b"])}, {"hat": ["a", "b"]}, (), "'hat' must hold indices 0 to 1"),
        ({"hat": np.array([0.5, np.nan])}, {}, (), "'hat' has 1 missing"),
        ({"age": np.arange(MOST_VALUES + 1)}, {}, (), "'age' has 257 distinct values: .* at most 256"),
    ],
)
def test_what_is_wrong_is_named(columns, values, binary, message):
    with pytest.raises(DataError, match=message):
        factors(columns, values, binary)


def test_words_keep_their_spelling_and_only_numbers_lose_a_zero_fraction():
    words = np.array(["v2.0", "v10.0", "v2"])
    assert factors({"version": words}).value_names == (("v10.0", "v2", "v2.0"),)
    assert factors({"size": np.array(["2.0", "10.0"])}).value_names == (("2.0", "10.0"),)
    assert factors({"size": np.array([2.0, 10.0, -0.0, 0.0])}).value_names == (("0", "2", "10"),)


def test_bytes_are_decoded():
    found = factors({"colour": np.array(["gr\xfcn".encode(), b"rot"])})
    assert found.value_names == (("gr\xfcn", "rot"),)
    with pytest.raises(DataError, match="'colour' has bytes that are not UTF-8"):
        factors({"colour": np.array([b"\xff", b"a"])})


def test_booleans_index_named_values():
    found = factors({"hat": np.array([True, False])}, {"hat": ["off", "on"]})
    assert found.indices[:, 0].tolist() == [1, 0]
    assert factors({"hat": np.array([True, False])}, binary=["hat"]).indices[:, 0].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.array(["1", "1.0", "2"]), "'a' spells one number in two ways: 1 and 1.0"),
        (np.array([1.0, np.inf]), "'a' has 1 missing values"),
        (np.array([1j, 2]), "'a' holds complex128: expected numbers or words"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "'a' holds datetime64"),
    ],
)
def test_columns_that_are_no_factor(column, message):
    with pytest.raises(DataError, match=message):
        factors({"a": column})
