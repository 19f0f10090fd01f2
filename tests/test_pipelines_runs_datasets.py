"""The lists of data.json: what they promise about what is seen, and that they depend on the seed alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_set import write_npz

from pipelines.config import Config
from pipelines.devices import Machine
from pipelines.errors import RunError, UsageError
from pipelines.runs import datasets
from pipelines.runs.files import write_json
from pipelines.runs.folder import RunFolder
from pipelines.stages.operators import draw_triples
from scan.data import Data
from scan.examples import draw_examples
from symbols import Attribute, Concept, Splits, Triple, Vocabulary, apply
from vision.data import ImageSet, batches
from vision.randomness import generator

MACHINE = Machine(torch.device("cpu"), quiet=True)


def config(path: Path, *, seed: int = 0, **splits: int) -> Config:
    sizes = {"held_out": 6, "test_images": 20, "train_symbols": 20, "test_symbols": 15, "test_operators": 15}
    data = {"kind": "npz", "path": str(path)}
    return Config.model_validate({"name": "t", "seed": seed, "data": data, "splits": {**sizes, **splits}})


def drawn(path: Path, folder: Path, **changes: int) -> Data:
    chosen = config(path, **changes)
    with RunFolder(folder) as run:
        write_json(folder / "data.json", datasets.record(chosen, run, MACHINE))
        return datasets.load(chosen, run)


@pytest.fixture
def data(tmp_path: Path) -> Data:
    return drawn(write_npz(tmp_path / "set.npz"), tmp_path / "run")


def test_no_list_shares_with_another_what_must_be_unseen(data: Data) -> None:
    splits = data.splits
    assert [len(part) for part in (splits.held_out, splits.train_symbols, splits.test_symbols)] == [6, 20, 15]
    assert not set(splits.train_symbols) & set(splits.test_symbols)
    assert not set(splits.held_out) & {*splits.train_symbols, *splits.test_symbols}
    assert {triple.result for triple in splits.test_operators} <= set(splits.test_symbols)
    for op, left, right, result in splits.test_operators:
        assert apply(op, left, right) == result
        assert not {left, right, result} & set(splits.held_out)


def test_training_images_are_neither_held_out_nor_test_images(data: Data) -> None:
    descriptions = [data.vocabulary.describe(row) for row in data.images.factors]
    held_out = {i for i, concept in enumerate(descriptions) if concept in set(data.splits.held_out)}
    assert held_out == set(data.held_out.tolist())
    assert held_out
    parts = [set(data.train.tolist()), held_out, set(data.splits.test_images.tolist())]
    assert sum(map(len, parts)) == len(set.union(*parts)) == len(data.images)
    assert len(parts[2]) == 20


def test_every_training_concept_has_a_training_image(data: Data) -> None:
    shown = data.images.factors[data.train]
    for concept in (*data.splits.train_symbols, *data.splits.test_symbols):
        assert data.vocabulary.matches(shown, concept).any()


def test_the_lists_depend_on_the_seed_and_not_on_each_others_lengths(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "set.npz")
    first = drawn(path, tmp_path / "a").splits
    again = drawn(path, tmp_path / "b").splits
    longer = drawn(path, tmp_path / "c", test_symbols=16, test_operators=5).splits
    other = drawn(path, tmp_path / "d", seed=1).splits
    assert first.train_symbols == again.train_symbols == longer.train_symbols != other.train_symbols
    assert first.held_out == again.held_out == longer.held_out != other.held_out
    assert np.array_equal(first.test_images, longer.test_images)


def test_data_json_stands_for_the_same_data_and_is_drawn_anew_for_other(tmp_path: Path) -> None:
    path, folder = write_npz(tmp_path / "set.npz"), tmp_path / "run"
    drawn(path, folder)
    with RunFolder(folder) as run:
        record = datasets.record(config(path), run, MACHINE)
        assert record == json.loads((folder / "data.json").read_text())
        datasets._kept.clear()  # another process, another file at the same path
        write_npz(path, flip=True)
        assert datasets.record(config(path), run, MACHINE)["sha256"] != record["sha256"]
        with pytest.raises(RunError, match="the images are not those"):
            datasets.load(config(path), run)
    datasets._kept.clear()


def test_rendered_images_may_differ_in_rounding_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"test_images": 20}
    asked = Config.model_validate(
        {"name": "t", "data": {"kind": "rooms", "size": 16, "images": 2000}, "splits": sizes}
    )
    here = datasets.images(asked)
    with RunFolder(tmp_path / "run") as run:
        write_json(tmp_path / "run" / "data.json", datasets.record(asked, run, MACHINE))

        def loaded(images: torch.Tensor) -> Data:
            monkeypatch.setattr(datasets, "images", lambda *_, **__: replace(here, images=images))
            return datasets.load(asked, run)

        rounded = here.images.clone()
        rounded[3, 0, 5, 5] ^= 1
        assert loaded(rounded).images.images is rounded
        with pytest.raises(RunError, match="another renderer"):
            loaded(here.images // 2 * 2)


def test_errors_of_the_data_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nope.npz: no such file"):
        datasets.images(config(tmp_path / "nope.npz"))
    unset = Config.model_validate({"name": "t", "data": {"kind": "npz", "obtain": "from the shelf"}})
    with pytest.raises(UsageError, match=r"--set data.path=PATH \(from the shelf\)"):
        datasets.images(unset)
    with pytest.raises(UsageError, match=r"splits: test_images 9999: at most \d+ of \d+ images"):
        drawn(write_npz(tmp_path / "set.npz"), tmp_path / "run", test_images=9999)
    bad = config(tmp_path / "set.npz").model_dump(mode="json")
    bad["data"]["aliases"] = {"x": {"a": "a9"}}
    with pytest.raises(UsageError, match='no value "a9"'):
        datasets.vocabulary(Config.model_validate(bad), datasets.images(Config.model_validate(bad)))


def test_batches_are_the_images_in_the_unit_interval(data: Data) -> None:
    pixels = batches.resident(data.images, np.array([3, 5, 8]), torch.device("cpu"))
    x = batches.take(pixels, torch.tensor([2, 0]))
    assert torch.equal(x, data.images.images[torch.tensor([8, 3])].float() / 255)
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_examples_show_their_concept_and_are_training_images(data: Data) -> None:
    pairs = draw_examples(data, 4, np.random.default_rng(0))
    assert len(pairs.image) == 4 * len(data.splits.train_symbols)
    assert set(pairs.image.tolist()) <= set(data.train.tolist())
    factors = pairs.pixels[:, 0, 0, :3].numpy()
    assert np.array_equal(factors, data.images.factors[pairs.image])
    for index, concept in enumerate(data.splits.train_symbols):
        own = pairs.concept == index
        assert own.sum() == 4
        assert data.vocabulary.matches(factors[own], concept).all()


def test_missing_examples_are_rendered_and_never_of_a_held_out_combination() -> None:
    sizes = {"held_out": 300, "test_images": 10, "train_symbols": 60, "test_symbols": 5, "test_operators": 5}
    chosen = Config.model_validate(
        {"name": "t", "data": {"kind": "rooms", "size": 8, "images": 300}, "splits": sizes}
    )
    image_set = datasets.images(chosen)
    words = datasets.vocabulary(chosen, image_set)
    rendered: list[np.ndarray] = []

    def render(factors: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        rendered.append(factors)
        return torch.full((len(factors), 3, 8, 8), 77, dtype=torch.uint8)

    image_set = type(image_set)(
        image_set.images, image_set.factors, image_set.names, image_set.value_names, render=render
    )
    data = Data(image_set, words, datasets.draw(chosen, image_set, words))
    pairs = draw_examples(data, 10, np.random.default_rng(0))
    missing = pairs.image < 0
    assert missing.any()
    assert (pairs.pixels[torch.from_numpy(missing)] == 77).all()
    assert not words.shows_any(rendered[0], data.splits.held_out).any()
    for index, concept in enumerate(data.splits.train_symbols):
        assert words.matches(rendered[0][pairs.concept[missing] == index], concept).all()


def test_operators_reach_taught_concepts(data: Data) -> None:
    triples = draw_triples(data, 200, seed=0)
    assert len(triples) == len(set(triples)) == 200
    assert {triple.result for triple in triples} == set(data.splits.train_symbols)
    tested: set[Concept] = {triple.result for triple in data.splits.test_operators}
    assert not tested & {triple.result for triple in triples}
    assert triples == draw_triples(data, 200, seed=0) != draw_triples(data, 200, seed=1)


def test_operators_make_do_with_the_triples_that_there_are() -> None:
    words = Vocabulary((Attribute("wall", ("red",)), Attribute("floor", ("blue",))))
    red, blue = words.concept([("wall", "red")]), words.concept([("floor", "blue")])
    image_set = ImageSet(
        torch.zeros((3, 3, 8, 8), dtype=torch.uint8),
        np.zeros((3, 2), dtype=np.int64),
        words.names,
        (("red",), ("blue",)),
    )
    splits = Splits((), np.array([0]), (red, blue), (red & blue,), ())
    triples = draw_triples(Data(image_set, words, splits), 50, seed=0)
    assert set(triples) == {
        Triple("IGNORE", red & blue, blue, red),
        Triple("IGNORE", red & blue, red, blue),
    }
    nothing_open = Splits((), np.array([0]), (red & blue,), (red,), ())
    assert [t.op for t in draw_triples(Data(image_set, words, nothing_open), 50, seed=0)] == ["AND"] * 2


def test_streams_of_different_names_differ() -> None:
    assert generator(0, "a").random() != generator(0, "b").random()
