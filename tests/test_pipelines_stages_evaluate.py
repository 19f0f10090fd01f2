"""The evaluation: its numbers where they are known beforehand, and the format that others read."""

import dataclasses
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pipelines.config import config_files
from pipelines.devices import machine
from pipelines.runs import datasets
from pipelines.runs.folder import RunFolder
from pipelines.runs.models import load_concept_model
from pipelines.stages import evaluate
from pipelines.stages.evaluate import grounded_splits, with_pairs
from pipelines.stages.judge import training_images
from scan.analytic_operators import OPERATORS
from scan.data import Data
from symbols import Attribute, Concept, Splits, Vocabulary
from vision.data import ImageSet

SPLITS = ("train_symbols", "validation_symbols", "test_symbols", "test_operators", "held_out")


def test_the_judge_learns_from_fresh_images_or_from_training_images_only() -> None:
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(0, 3, 60), rng.integers(0, 2, 60)], 1)

    def render(rows: np.ndarray, _: np.random.Generator) -> Tensor:
        return torch.from_numpy(rows.sum(1)).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)

    images = torch.zeros(60, 1, 4, 4, dtype=torch.uint8)
    values = (("x", "y", "z"), ("p", "q"))
    image_set = ImageSet(images, factors, ("a", "b"), values, render=render)
    words = Vocabulary(tuple(Attribute(n, v) for n, v in zip(image_set.names, values, strict=True)))
    held_out = (words.describe([2, 1]),)
    splits = Splits(held_out, np.array([0, 5]), (), (), ())
    rendered = training_images(Data(image_set, words, splits), 500, rng)
    assert len(rendered) == 500
    seen = {(a, b) for a in range(3) for b in range(2)} - {(2, 1)}
    assert {tuple(row) for row in rendered.factors.tolist()} == seen
    assert torch.equal(rendered.images[:, 0, 0, 0], torch.from_numpy(rendered.factors.sum(1)).to(torch.uint8))
    assert len(image_set.sample(7, rng)) == 7
    stored = Data(ImageSet(images, factors, ("a", "b"), values), words, splits)
    learned = training_images(stored, 500, rng)
    assert len(learned) == len(stored.train)
    assert not words.shows_any(learned.factors, held_out).any()
    pair = dataclasses.replace(splits, held_out=(), held_out_pairs=(words.describe([0, 0]),))
    rendered = training_images(Data(image_set, words, pair), 500, rng)
    assert {tuple(row) for row in rendered.factors.tolist()} == (seen | {(2, 1)}) - {(0, 0)}


@pytest.fixture(scope="module")
def metrics(finished_run: Path) -> dict:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads((finished_run / "evaluate" / "metrics.json").read_text(), parse_constant=refuse)


def test_the_format_that_others_read(metrics: dict) -> None:
    assert tuple(metrics["splits"]) == SPLITS
    for name, split in metrics["splits"].items():
        for key in ("accuracy_top1", "accuracy_top3", "accuracy_strict"):
            assert 0 <= split[key] <= 1
        assert split["accuracy_strict"] <= split["accuracy_top1"] <= split["accuracy_top3"]
        if name == "held_out":
            assert split["diversity_nats"] is split["coverage"] is None
        else:
            assert split["diversity_nats"] >= 0
            assert 0 < split["diversity_uniform_nats"] < math.log(16)
            assert 1 - math.log(2) < split["coverage_floor"] < split["coverage_ceiling"] < 1
            assert 1 - math.log(2) < split["coverage"] <= 1
        assert 1 / 16 <= split["accuracy_chance"] <= 1 / 3
        assert list(split["per_attribute"]) == ["wall", "floor", "object", "shape"]
    analytic = metrics["yardsticks"]["analytic_operators"]
    assert analytic.keys() == metrics["splits"]["test_operators"].keys()
    assert set(analytic["accuracy_per_operator"]) == {"AND", "IN COMMON", "IGNORE"}
    completed = metrics["completions"]
    assert (completed["concepts"], completed["images_per_concept"]) == (12, 4)
    for way in ("samples", "means"):
        assert 0 <= completed[way]["accuracy_strict"] <= completed[way]["accuracy_top1"] <= 1
        assert 0 <= completed[way]["diversity_nats"] < math.log(16)
        assert completed[way]["off_palette"].keys() == {"wall", "floor", "object"}
    described = metrics["img2sym"]
    assert described["measured_on"] == "held_out_combinations"
    assert described["accuracy"] == pytest.approx(
        np.mean(list(described["per_attribute"].values())), abs=1e-4
    )
    assert described["test_images"]["images"] == 50
    judge = metrics["judge"]
    assert judge["measured_on"] == "fresh"
    assert judge["clean_accuracy"] == pytest.approx(np.mean(list(judge["per_attribute"].values())), abs=1e-4)
    assert metrics["samples"] == {"accuracy": 4, "diversity": 10}
    assert metrics["seeds"]["run"] == 0
    assert "torch" in metrics["versions"]
    seconds = metrics["seconds"]
    assert seconds["total"] == pytest.approx(sum(v for k, v in seconds.items() if k != "total"), abs=1e-3)
    assert {"vision", "symbols", "operators", "judge", "evaluate"} < seconds.keys()


def test_what_lies_beside_the_metrics_agrees_with_them(finished_run: Path, metrics: dict) -> None:
    folder = finished_run / "evaluate"
    listed = json.loads((folder / "concepts.json").read_text())
    tables = json.loads((folder / "confusion.json").read_text())
    for name, split in metrics["splits"].items():
        assert len(listed[name]) == split["concepts"]
        mean = np.mean([one["accuracy_top1"] for one in listed[name]])
        assert mean == pytest.approx(split["accuracy_top1"], abs=1e-3)
        for attribute, scores in split["per_attribute"].items():
            counts = np.array(tables[name][attribute]["counts"])
            assert counts.sum() == scores["concepts"] * split["images_per_concept"]
            if scores["concepts"]:
                assert np.trace(counts) / counts.sum() == pytest.approx(scores["accuracy_top1"], abs=1e-4)


def test_operators_are_asked_in_the_order_of_their_triples(finished_run: Path) -> None:
    config, run = config_files.load(finished_run / "config.yaml"), RunFolder(finished_run)
    data, device = datasets.load(config, run), torch.device("cpu")
    model = load_concept_model(run, data, device)
    asked = grounded_splits(model, data, 0)
    assert {*asked} == {*SPLITS, "analytic_operators"}
    for name in ("test_operators", "analytic_operators"):
        q, results = asked[name]
        assert results == tuple(triple.result for triple in data.splits.test_operators)
        for row, (op, left, right, _) in enumerate(data.splits.test_operators):
            q_1, q_2 = model.ground(left), model.ground(right)
            expected = (
                model.recombine(op, left, right) if name == "test_operators" else OPERATORS[op](q_1, q_2)
            )
            assert torch.allclose(q.mean[row], expected.mean[0], atol=1e-5)
            assert torch.allclose(q.logvar[row], expected.logvar[0], atol=1e-5)


@pytest.fixture(scope="module")
def hard(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Data, dict]:
    """The run evaluated once more, with validation symbols and held-out pairs."""
    run = RunFolder(shutil.copytree(finished_run, tmp_path_factory.mktemp("hard") / "run"))
    config = config_files.load(run.path / "config.yaml")
    data = datasets.load(config, run)
    pairs = tuple(Concept([("wall", wall), ("shape", "hat")]) for wall in ("red", "blue"))
    lists = dataclasses.replace(
        data.splits, validation_symbols=data.splits.train_symbols[:5], held_out_pairs=pairs
    )
    changed = Data(data.images, data.vocabulary, lists)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate.datasets, "load", lambda *_, **__: changed)
        evaluate.run(config, run, machine("cpu", quiet=True))
    return changed, json.loads((run.path / "evaluate" / "metrics.json").read_text())


def test_validation_symbols_and_held_out_pairs_have_columns_of_their_own(hard: tuple[Data, dict]) -> None:
    data, found = hard
    splits = found["splits"]
    assert list(splits) == [*SPLITS, *evaluate.PAIRS]
    assert splits["validation_symbols"]["concepts"] == 5
    assert found["realism"].keys() == {"validation_symbols", "test_symbols"}
    pairs, whole = (splits[name] for name in evaluate.PAIRS)
    assert pairs["concepts"] == 2
    assert pairs["accuracy_pair"] == pytest.approx(pairs["accuracy_top1"], abs=1e-4)
    assert pairs["accuracy_pair_strict"] == pytest.approx(pairs["accuracy_strict"], abs=1e-4)
    assert whole["concepts"] == evaluate.PAIR_COMBINATIONS
    assert whole["accuracy_strict"] <= whole["accuracy_pair_strict"] <= whole["accuracy_pair"]
    assert found["img2sym"]["held_out_pairs"]["images"] == len(data.held_out_pairs) > 0
    drawn = with_pairs(data, np.random.default_rng(0))
    assert all(concept.level == 4 for concept in drawn)
    for place, concept in enumerate(drawn):
        assert set(data.splits.held_out_pairs[place % 2].items()) <= set(concept.items())


def test_img2sym_is_measured_by_both_protocols(metrics: dict) -> None:
    described = metrics["img2sym"]
    for measured in (described, described["test_images"]):
        sampled = measured["sampled"]
        assert measured["protocol"] != sampled["protocol"]
        assert 0 <= sampled["exact_match"] <= min(sampled["precision"], sampled["recall"]) <= 1
        assert sampled["exact_match"] <= measured["accuracy_strict"] + 0.05


def test_realism_stands_beside_that_of_real_images(metrics: dict) -> None:
    found = metrics["realism"]["test_symbols"]
    assert list(found["off_palette"]) == ["wall", "floor", "object"]
    for far in found["off_palette"].values():
        assert far["real"] < far["uniform_random"]
        assert far["imagined"] > 0
    assert found["nearest_real_distance_ratio"] == pytest.approx(
        found["nearest_real_distance"] / found["nearest_real_distance_of_real"], abs=1e-3
    )
    assert 0 < found["judge_confidence"] <= 1
    assert found["nuisance_spread"] is None or 0 <= found["nuisance_spread"] <= 1
    assert found["nuisance_level"] == 4


def test_kl_is_that_of_standardised_codes_in_every_file(finished_run: Path, metrics: dict) -> None:
    trained = json.loads((finished_run / "vision" / "metrics.json").read_text())
    seen = metrics["vision"]
    for here, there in (("test_images", "test_images"), ("held_out_combinations", "held_out")):
        assert seen[here]["images"] == trained[there]["images"]
        assert seen[here]["kl"] == pytest.approx(trained[there]["kl"], rel=1e-3)
        assert seen[here]["kl_per_latent"] == pytest.approx(trained[there]["kl_per_latent"], abs=1e-3)
