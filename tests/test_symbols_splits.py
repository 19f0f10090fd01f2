"""The published lists: drawn from factors alone, written and read back, refused with sizes that work."""

import json

import numpy as np
import pytest
from vocabularies import SMALL, every_row

from symbols import SplitError, Splits, SplitSizes, VocabularyError, draw_splits, shows_pair

FACTORS = np.tile(every_row(SMALL), (5, 1))
SIZES = {
    "held_out": 1,
    "held_out_pairs": 1,
    "test_images": 6,
    "train_symbols": 12,
    "validation_symbols": 4,
    "test_symbols": 6,
    "test_operators": 9,
}


def rng(name: str) -> np.random.Generator:
    return np.random.default_rng([*name.encode()])


def drawn(**sizes: int) -> Splits:
    return draw_splits(SMALL, FACTORS, SplitSizes({**SIZES, **sizes}, SIZES), rng)


def sizes_of(splits: Splits) -> dict[str, int]:
    return {name: len(getattr(splits, name)) for name in SIZES}


def test_the_lists_have_the_sizes_that_are_asked_for_and_are_drawn_again_alike() -> None:
    splits, again = drawn(), drawn()
    assert sizes_of(splits) == SIZES
    assert splits.to_dict() == again.to_dict()


def test_a_list_does_not_depend_on_the_length_of_another() -> None:
    assert drawn().train_symbols == drawn(test_images=3, validation_symbols=0).train_symbols


def test_lists_are_read_back_from_json_as_they_were() -> None:
    splits = drawn()
    content = json.loads(json.dumps(splits.to_dict()))
    read = Splits.from_dict(content, SMALL)
    assert read.to_dict() == splits.to_dict()
    assert read.test_operators == splits.test_operators
    content["held_out"][0] = {"wall": "pink"}
    with pytest.raises(VocabularyError, match='no value "pink"'):
        Splits.from_dict(content, SMALL)


def test_sizes_that_are_too_large_are_refused_with_some_that_work() -> None:
    with pytest.raises(SplitError, match=r"held_out 300: at most .*; test_images 9999: at most") as raised:
        drawn(held_out=300, test_images=9999)
    works = raised.value.works
    assert works.keys() == {"held_out", "test_images"}
    assert {name: sizes_of(drawn(**works))[name] for name in works} == works


def test_a_default_is_lowered_in_silence() -> None:
    lowered = draw_splits(SMALL, FACTORS, SplitSizes({**SIZES, "test_images": 9999}), rng)
    assert 0 < len(lowered.test_images) < len(FACTORS)


def test_a_pair_is_shown_by_the_images_that_have_both_of_its_values() -> None:
    pair = SMALL.concept({"wall": "red", "size": "big"})
    shown = shows_pair(SMALL, FACTORS, [pair])
    assert np.array_equal(shown, (FACTORS[:, 0] == 0) & (FACTORS[:, 2] == 0))
    assert not shows_pair(SMALL, FACTORS, []).any()
