"""How many of each list a data set allows: defaults fit themselves, what is set is kept or refused."""

import itertools
import re
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.config import Config, config_files
from pipelines.config import Splits as Asked
from pipelines.devices import Machine
from pipelines.errors import UsageError
from pipelines.runs import datasets
from pipelines.runs.folder import RunFolder
from scan.data import Data
from symbols import Vocabulary
from vision.data import ImageSet

MACHINE = Machine(torch.device("cpu"), quiet=True)
RNG = np.random.default_rng(0)

SMALL_SETS = {
    "2 x 2": np.tile(list(itertools.product((0, 1), (0, 1))), (5, 1)),
    "2 x 2, one of each": np.array(list(itertools.product((0, 1), (0, 1)))),
    "3 binary": np.tile(list(itertools.product((0, 1), repeat=3)), (4, 1)),
    "3 binary, one of each": np.array(list(itertools.product((0, 1), repeat=3))),
    "20 images": RNG.integers(0, [3, 4, 5], (20, 3)),
    "8 images": RNG.integers(0, [3, 2, 2], (8, 3)),
    "one image of each": np.array(list(itertools.product(range(3), range(4), range(5)))),
    "unbalanced": np.concatenate([np.zeros((300, 3), int), [[1, 1, 1], [2, 0, 1], [0, 2, 0], [0, 0, 2]]]),
    "a constant": np.stack([RNG.integers(0, 5, 100), np.zeros(100, int)], axis=1),
}


def made(factors: np.ndarray, *, binary: bool, **splits: int) -> tuple[Config, ImageSet, Vocabulary]:
    names = tuple(f"f{place}" for place in range(factors.shape[1]))
    values: Sequence[tuple[str, ...]] = [
        ("no", "yes") if binary else tuple(f"v{i}" for i in range(column.max() + 1)) for column in factors.T
    ]
    images = torch.zeros((len(factors), 3, 8, 8), dtype=torch.uint8)
    image_set = ImageSet(images, factors, names, tuple(values), binary=names if binary else ())
    config = Config.model_validate({"name": "t", "data": {"kind": "npz", "path": "x"}, "splits": splits})
    return config, image_set, datasets.vocabulary(config, image_set)


def check(data: Data) -> None:
    """Whatever the sizes: nothing is in two lists, every value is shown and mentioned, nothing unseen is."""
    splits, words = data.splits, data.vocabulary
    lists = [splits.train_symbols, splits.test_symbols, splits.validation_symbols]
    assert sum(map(len, lists)) == len(set().union(*lists))
    assert not set().union(*lists) & set(splits.held_out)
    shown = data.images.factors[data.train]
    triples = splits.test_operators
    inputs = [concept for t in triples for concept in (t.left, t.right)]
    for concept in (*itertools.chain(*lists), *inputs):
        assert words.matches(shown, concept).any()
        assert not any(pair == concept or pair.is_superordinate_to(concept) for pair in splits.held_out_pairs)
    assert {triple.result for triple in triples} <= set(splits.test_symbols)
    assert not any(triple.result in (triple.left, triple.right) for triple in triples)
    for column, all_of_it in zip(shown.T, data.images.factors.T, strict=True):
        assert set(column) == set(all_of_it)
    every = {item for row in data.images.factors for item in words.describe(row).items()}
    assert {item for concept in splits.train_symbols for item in concept.items()} == every
    parts = [data.train, data.held_out, data.held_out_pairs, splits.test_images]
    assert sum(map(len, parts)) == len(data.images)
    assert min(len(splits.test_images), len(splits.test_symbols), len(triples)) >= 1


@pytest.mark.parametrize("name", SMALL_SETS)
def test_defaults_fit_small_sets_and_the_sizes_found_give_the_same_lists(name: str) -> None:
    config, images, words = made(SMALL_SETS[name], binary="binary" in name)
    splits = datasets.draw(config, images, words)
    check(Data(images, words, splits))
    sizes = {key: len(getattr(splits, key)) for key in Asked.model_fields}
    again = datasets.draw(config.model_copy(update={"splits": Asked(**sizes)}), images, words)
    assert all(np.array_equal(getattr(again, key), getattr(splits, key)) for key in sizes)
    line, *_ = datasets.notes(config, splits, images, words)
    assert line.startswith("splits: defaults fitted to the data: held_out 300 -> ")


@pytest.mark.parametrize("name", SMALL_SETS)
def test_sizes_that_are_set_are_refused_in_one_message_with_some_that_work(name: str) -> None:
    asked = {"held_out": 300, "test_images": 1000, "train_symbols": 133, "validation_symbols": 150}
    config, images, words = made(SMALL_SETS[name], binary="binary" in name, **asked)
    with pytest.raises(UsageError) as raised:
        datasets.draw(config, images, words)
    message = str(raised.value)
    assert "\n" not in message
    assert all(f"{key} {n}" in message for key, n in asked.items())
    works = {key: int(n) for key, n in re.findall(r"--set splits\.(\w+)=(\d+)", message)}
    assert works.keys() == asked.keys()
    config, *_ = made(SMALL_SETS[name], binary="binary" in name, **works)
    splits = datasets.draw(config, images, words)
    assert {key: len(getattr(splits, key)) for key in works} == works


def test_a_size_that_is_set_is_never_changed() -> None:
    factors = SMALL_SETS["one image of each"]
    for name, n in {"held_out": 7, "test_images": 17, "train_symbols": 60, "test_operators": 90}.items():
        splits = datasets.draw(*made(factors, binary=False, **{name: n}))
        assert len(getattr(splits, name)) == n
    with pytest.raises(UsageError, match=r"splits: train_symbols 2: at least [3-9], to mention every symbol"):
        datasets.draw(*made(factors, binary=False, train_symbols=2))


def test_a_set_of_one_attribute_is_refused() -> None:
    with pytest.raises(UsageError, match=r'data: "f0" is the only attribute: .* two attributes at least'):
        datasets.draw(*made(RNG.integers(0, 10, (100, 1)), binary=False))


def test_a_set_of_two_images_is_refused() -> None:
    with pytest.raises(UsageError, match="splits: the data set is too small: no test_images"):
        datasets.draw(*made(np.array([[0, 0], [1, 1]]), binary=False))


@pytest.mark.parametrize(("attributes", "values"), [(14, 2), (19, 2), (40, 2), (6, 200)])
def test_vocabularies_too_large_to_enumerate_are_drawn_from_in_seconds(attributes: int, values: int) -> None:
    factors = np.random.default_rng(1).integers(0, values, (500, attributes))
    config, images, words = made(factors, binary=values == 2)
    began = time.process_time()
    splits = datasets.draw(config, images, words)
    assert time.process_time() - began < 10
    data = Data(images, words, splits)
    check(data)
    assert len(data.held_out) == len(splits.held_out) > 40
    assert len(splits.test_symbols) == len(splits.validation_symbols) == 200
    assert len(splits.train_symbols) == 133 if values == 2 else len(splits.train_symbols) > 300


def test_values_that_no_image_shows_are_named_and_not_taught() -> None:
    config, images, words = made(np.array(list(itertools.product((0, 1, 2), (0, 2), (0, 1)))), binary=False)
    splits = datasets.draw(config, images, words)
    assert ("f1", "v1") not in {item for concept in splits.train_symbols for item in concept.items()}
    assert datasets.notes(config, splits, images, words)[-1] == (
        'data: no image shows "f1: v1": these are not taught'
    )


@pytest.mark.parametrize("n", [1, 3])
def test_a_held_out_pair_is_in_no_list_and_in_no_training_image(n: int) -> None:
    config, images, words = made(
        np.tile(SMALL_SETS["one image of each"], (3, 1)), binary=False, held_out_pairs=n
    )
    data = Data(images, words, datasets.draw(config, images, words))
    check(data)
    assert len(data.splits.held_out_pairs) == n
    shows = np.any([words.matches(images.factors, pair) for pair in data.splits.held_out_pairs], axis=0)
    assert np.array_equal(data.held_out_pairs, np.flatnonzero(shows))
    assert len(data.held_out_pairs)
    for pair in data.splits.held_out_pairs:
        assert pair in data.unseen
        assert not words.matches(images.factors[data.train], pair).any()
        assert not any(pair.is_superordinate_to(concept) for concept in data.splits.held_out)


def test_validation_symbols_change_no_other_list() -> None:
    factors = np.tile(SMALL_SETS["one image of each"], (3, 1))
    sizes = {"train_symbols": 20, "test_symbols": 15, "test_operators": 30}
    none, some = (datasets.draw(*made(factors, binary=False, validation_symbols=n, **sizes)) for n in (0, 15))
    assert len(some.validation_symbols) == 15
    assert not none.validation_symbols
    assert none.train_symbols == some.train_symbols
    assert none.test_symbols == some.test_symbols
    assert none.test_operators == some.test_operators


def test_half_of_the_test_triples_have_taught_operands_only() -> None:
    splits = datasets.draw(*made(np.tile(SMALL_SETS["one image of each"], (3, 1)), binary=False))
    taught = [
        t.left in splits.train_symbols and t.right in splits.train_symbols for t in splits.test_operators
    ]
    assert 0.3 < np.mean(taught) < 0.7


def test_the_run_keeps_the_sizes_that_were_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "set.npz",
        images=rng.integers(0, 255, (20, 8, 8, 3), dtype=np.uint8),
        factors=SMALL_SETS["2 x 2"],
        factor_names=["wall", "shape"],
    )
    path = tmp_path / "set.yaml"
    path.write_text(f"name: t\ndata: {{kind: npz, path: {tmp_path / 'set.npz'}}}\n")
    config = config_files.load(path)
    with RunFolder(tmp_path / "run") as run:
        record = datasets.record(config, run, Machine(torch.device("cpu")))
        assert "splits: defaults fitted to the data: held_out 300 -> 0" in capsys.readouterr().err
        found = datasets.with_sizes(config, record)
        assert found.splits.test_images == len(record["splits"]["test_images"]) == 4
        path.write_text(config_files.dump(found))
        again = config_files.load(path)
        assert datasets.record(again, run, MACHINE)["splits"] == record["splits"]
        assert datasets.with_sizes(again, record) == found
    datasets._kept.clear()
