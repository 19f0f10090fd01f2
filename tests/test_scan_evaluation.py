"""The evaluation of a concept model: its numbers where they are known beforehand."""

import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pipelines.runs.metrics import jsonable
from scan.accuracy import expected_kl_to_uniform
from scan.evaluation import (
    Sizes,
    frequencies,
    operand_metrics,
    pair_metrics,
    readings,
    score,
    specificity,
    split_metrics,
)
from symbols import Concept, Triple
from vision.gaussian import Gaussian

VALUES = (4, 3, 2)
TARGETS = np.array([[1, -1, -1], [3, 2, 1], [-1, 0, -1], [0, 1, 0], [2, -1, 1]])
SIZES = Sizes(accuracy=50, diversity=4000)


def gaussian(targets: np.ndarray) -> Gaussian:
    """A "concept" whose latents are what it asks for, without variance, and uncertain where it does not."""
    mean = torch.from_numpy(targets).float()
    return Gaussian(mean, torch.full_like(mean, -40.0))


def one_hot(values: Tensor, sizes: tuple[int, ...] = VALUES) -> list[Tensor]:
    return [torch.nn.functional.one_hot(values[:, a], v).float() for a, v in enumerate(sizes)]


def perfect(z: Tensor) -> list[Tensor]:
    """Reads back what is asked for, and draws whatever is left open evenly."""
    asked = z.round().long()
    drawn = torch.stack([torch.randint(v, (len(z),)) for v in VALUES], 1)
    return one_hot(torch.where(asked < 0, drawn, asked))


def test_a_perfect_model_scores_one_and_its_diversity_is_that_of_a_uniform_sampler() -> None:
    torch.manual_seed(0)
    scores = score(gaussian(TARGETS), TARGETS, perfect, SIZES)
    assert scores.accuracy.top1 == scores.accuracy.strict == 1
    assert scores.per_level == {1: 1, 2: 1, 3: 1}
    assert scores.diversity is not None
    assert scores.diversity.hard < 5 * scores.diversity.uniform
    expected = np.mean(
        [np.mean([expected_kl_to_uniform(v, 4000) for v in vs]) for vs in ((3, 2), (4, 2), (3,))]
    )
    assert scores.diversity.uniform == pytest.approx(expected)
    assert all(np.array_equal(table, np.diag(np.diag(table))) for table in scores.confusion)


def test_a_random_model_scores_chance() -> None:
    torch.manual_seed(0)

    def random(z: Tensor) -> list[Tensor]:
        return one_hot(torch.stack([torch.randint(v, (len(z),)) for v in VALUES], 1))

    targets = np.tile(TARGETS, (40, 1))
    scores = score(gaussian(targets), targets, random, Sizes(200, 200))
    assert scores.accuracy.top1_per_attribute == pytest.approx([1 / v for v in VALUES], abs=0.01)
    assert scores.per_level[3] == pytest.approx(np.mean([1 / v for v in VALUES]), abs=0.01)


def test_a_model_without_variety_is_as_far_from_flat_as_can_be() -> None:
    scores = score(gaussian(TARGETS), TARGETS, lambda z: one_hot(z.round().long().clamp(min=0)), SIZES)
    assert scores.accuracy.top1 == 1
    assert scores.diversity is not None
    assert scores.diversity.hard_per_attribute == pytest.approx([math.log(v) for v in VALUES])


def test_scores_stay_with_their_concepts() -> None:
    def blind(z: Tensor) -> list[Tensor]:  # right but for the concept that asks for 2 first
        asked = z.round().long().clamp(min=0)
        asked[asked[:, 0] == 2] = 0
        return one_hot(asked)

    scores = score(gaussian(TARGETS), TARGETS, blind, Sizes(3, 3))
    assert scores.top1.tolist() == [1, 1, 1, 1, 0]
    assert scores.strict.tolist() == [1, 1, 1, 1, 0]


def test_readings_are_the_same_however_they_are_cut_into_batches() -> None:
    q = Gaussian(torch.randn(30, 2), torch.zeros(30, 2))
    seen = []

    def read(z: Tensor) -> list[Tensor]:
        seen.append(len(z))
        return [z.softmax(-1)]

    (p,) = readings(q, 40, read, torch.Generator().manual_seed(1))
    z = q[torch.arange(30).repeat_interleave(40)].sample(torch.Generator().manual_seed(1))
    assert p == pytest.approx(z.softmax(-1).reshape(30, 40, 2).numpy())
    assert len(seen) > 1


def test_a_split_of_full_concepts_has_no_diversity_and_its_json_no_nan() -> None:
    full = TARGETS[[1, 3]]
    scores = score(gaussian(full), full, perfect, SIZES)
    metrics = jsonable(split_metrics(scores, ("a", "b", "c"), np.zeros(3), full))
    assert metrics["diversity_nats"] is None
    assert metrics["diversity_data_nats"] is None
    assert metrics["accuracy_top1"] == 1
    json.dumps(metrics, allow_nan=False)


def test_frequencies_are_nats_from_flat() -> None:
    factors = np.array([[0, 1], [1, 1], [0, 1], [1, 1]])
    assert frequencies(factors, (2, 2)) == pytest.approx([0, math.log(2)])


def test_pairs_are_scored_on_their_own_attributes() -> None:
    def half(z: Tensor) -> list[Tensor]:  # the second attribute is wrong in every second image
        asked = z.round().long().clamp(min=0)
        asked[::2, 1] = (asked[::2, 1] + 1) % 3
        return one_hot(asked)

    full = np.array([[1, 0, 1], [3, 2, 1]])
    scores = score(gaussian(full), full, half, Sizes(10, 10))
    outside = np.array([[True, False, True]] * 2)
    assert pair_metrics(scores, outside) == {"accuracy_pair": 1, "accuracy_pair_strict": 1}
    inside = np.array([[True, True, False]] * 2)
    assert pair_metrics(scores, inside) == {"accuracy_pair": 0.75, "accuracy_pair_strict": 0.5}


def test_operators_are_separated_by_whether_their_operands_were_taught() -> None:
    scores = score(gaussian(TARGETS), TARGETS, perfect, Sizes(3, 3))._replace(
        top1=np.array([1, 0.5, 0, 1, 0.2])
    )
    a, b, c = (Concept([("a", value)]) for value in "xyz")
    triples = [Triple("AND", left, right, c) for left, right in ((a, b), (b, a), (a, c), (c, c), (c, a))]
    metrics = operand_metrics(scores, triples, (a, b))
    assert metrics["accuracy_operands_taught"] == pytest.approx(0.75)
    assert metrics["accuracy_operands_other"] == pytest.approx(0.4)
    assert (metrics["concepts_operands_taught"], metrics["concepts_operands_other"]) == (2, 3)
    assert operand_metrics(scores, triples, (a, b, c))["accuracy_operands_other"] is None


def test_a_concept_specifies_the_latents_that_differ_from_the_prior() -> None:
    q = Gaussian(torch.tensor([[0.0, 3.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 0.0]]))
    assert specificity(q) == {"concepts": 2, "specific_latents": 0.5, "concepts_without_specific_latents": 1}
