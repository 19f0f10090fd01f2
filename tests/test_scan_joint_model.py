"""The contract: all that SCAN is used for works with a joint model that has no separate visual model."""

import numpy as np
import pytest
import torch
from joint_models import NAMES, VALUES, WORDS, BandJudge, SharedTable, concept, pictures

import scan
from scan.analytic_operators import OPERATORS as ANALYTIC
from scan.evaluation import Sizes, reader, score, split_metrics, target_values
from symbols import OPERATORS, Concept
from vision.encoding import encode_with

CPU = torch.device("cpu")
FACTORS = np.random.default_rng(0).integers(3, size=(600, 3))
MENTIONED = np.random.default_rng(1).random(FACTORS.shape) < 0.6
CONCEPTS = [concept(row) for row in np.where(MENTIONED, FACTORS, -1)]


@pytest.fixture(scope="module")
def model() -> scan.ConceptModel:
    joint = SharedTable().requires_grad_(False)
    q_x = encode_with(joint.encode_image, pictures(FACTORS), CPU)
    operators = scan.fit_operators(joint, q_x, CONCEPTS, WORDS, steps=600, triples=2000)
    return scan.ConceptModel(joint, operators, WORDS)


def test_images_and_symbols_are_turned_into_each_other(model: scan.ConceptModel) -> None:
    full = WORDS.concept(dict(zip(NAMES, VALUES, strict=True)))
    images = model.sym2img(full, 2, mean=True)
    assert images.shape == (2, 1, 3, 4)
    assert model.img2sym(images).best() == (full, full)


@pytest.mark.parametrize("op", OPERATORS)
def test_its_operators_learn_what_the_analytic_ones_compute(model: scan.ConceptModel, op: str) -> None:
    left, right = ("sky: high", "floor: low") if op == "AND" else ("sky: high, floor: low", "floor: low")
    if op == "IN COMMON":
        right = "sky: high, floor: middle"
    learned = model.recombine(op, left, right)
    expected = ANALYTIC[op](model.ground(left), model.ground(right))
    torch.testing.assert_close(learned.mean, expected.mean, atol=0.25, rtol=0)
    assert ((learned.std < 0.5) == (expected.std < 0.5)).all()


def test_it_is_scored_as_scan_is(model: scan.ConceptModel) -> None:
    concepts: list[Concept] = list(dict.fromkeys(c for c in CONCEPTS if c.level))
    targets = target_values(WORDS, concepts)
    read = reader(model.model, BandJudge())  # type: ignore[arg-type]
    random = torch.Generator().manual_seed(0)
    scores = score(model.ground_concepts(concepts), targets, read, Sizes(20, 200), random)
    assert scores.accuracy.strict == 1
    assert scores.diversity is not None
    assert scores.diversity.uniform < scores.diversity.hard < 0.1
    metrics = split_metrics(scores, NAMES, np.zeros(3), targets)
    assert metrics["concepts"] == len(concepts)
    assert metrics["accuracy_top1"] == 1

    with pytest.raises(ValueError, match=f"each of {len(concepts)} concepts, got 1"):
        score(model.ground("sky: low"), targets, read, Sizes(1, 1))
