"""The examples of the operators that are drawn: rules, uniformity, and what cannot be drawn."""

from collections import Counter

import numpy as np
import pytest
from vocabularies import FACES, MIXED, ROOMS, SMALL, SPRITES, chi_square, generator, reaches

from symbols import (
    OPERATORS,
    Attribute,
    Concept,
    ShortageError,
    Triple,
    Unseen,
    Vocabulary,
    concepts_at,
    held_out_concepts,
    novel_concepts,
    operator_triples,
    training_concepts,
)


@pytest.mark.parametrize("vocabulary", [ROOMS, SPRITES, MIXED], ids=["rooms", "sprites", "mixed"])
def test_triples_follow_their_rules(vocabulary: Vocabulary) -> None:
    rng = generator()
    held_out = held_out_concepts(vocabulary, 1 if vocabulary is MIXED else 300, rng)
    exclude = novel_concepts(vocabulary, 3 if vocabulary is MIXED else 200, rng, known=(), held_out=held_out)
    triples = operator_triples(vocabulary, 3000, rng, held_out=held_out, exclude=exclude)
    assert all(reaches(triple) for triple in triples)
    assert not any(t.result in (t.left, t.right) for t in triples)
    assert not {c for t in triples for c in (t.left, t.right, t.result)} & set(held_out)
    assert not {t.result for t in triples} & set(exclude)
    assert chi_square(Counter(t.op for t in triples).values()) < 4
    assert {t.op for t in triples} == set(OPERATORS)


def test_triples_reach_all_levels_evenly_and_may_conflict() -> None:
    triples = operator_triples(ROOMS, 6000, generator(), held_out=())
    for op, levels in (("AND", {2, 3, 4}), ("IN COMMON", {1, 2, 3}), ("IGNORE", {1, 2, 3})):
        results = Counter(t.result.level for t in triples if t.op == op)
        assert set(results) == levels
        assert chi_square(results.values()) < 4
    pairs = [t for t in triples if t.op == "IN COMMON"]
    shared = [set(t.left.attributes) & set(t.right.attributes) for t in pairs]
    conflicting = np.mean([len(s) > t.result.level for s, t in zip(shared, pairs, strict=True)])
    assert 0.2 < conflicting < 0.9
    splits = {(t.left.level, t.right.level) for t in triples if t.op == "AND"}
    assert splits == {(1, 1), (1, 2), (2, 1), (1, 3), (2, 2), (3, 1)}


def test_triples_can_be_asked_to_reach_given_concepts() -> None:
    rng = generator()
    held_out = held_out_concepts(ROOMS, 300, rng)
    results = novel_concepts(ROOMS, 200, rng, known=(), held_out=held_out)
    triples = operator_triples(ROOMS, 500, rng, held_out=held_out, results=results)
    assert [t.result for t in triples] == [results[i % 200] for i in range(500)]
    assert all(reaches(triple) for triple in triples)
    assert not {c for t in triples for c in (t.left, t.right)} & set(held_out)
    assert {t.op for t in triples if t.result.level == 4} == {"AND"}
    assert {t.op for t in triples if t.result.level == 1} == {"IN COMMON", "IGNORE"}
    assert {t.op for t in triples if t.result.level == 2} == set(OPERATORS)


def test_impossible_triples_are_refused() -> None:
    red = SMALL.concept({"wall": "red"})
    with pytest.raises(ValueError, match='may reach "wall: red": it is excluded'):
        operator_triples(SMALL, 1, generator(), held_out=(), exclude=[red], results=[red])
    with pytest.raises(ValueError, match='"anything": it is empty'):
        operator_triples(SMALL, 1, generator(), held_out=(), results=[Concept()])
    with pytest.raises(ValueError, match="no results"):
        operator_triples(SMALL, 1, generator(), held_out=(), results=[])
    with pytest.raises(ValueError, match="two attributes"):
        operator_triples(Vocabulary((Attribute("wall", ("red",)),)), 1, generator(), held_out=())
    unreachable = [concept for level in (1, 2, 3) for concept in concepts_at(SMALL, level)]
    with pytest.raises(ValueError, match="exclusions leave too little"):
        operator_triples(SMALL, 1, generator(), held_out=(), exclude=unreachable)


@pytest.mark.parametrize("vocabulary", [ROOMS, SPRITES], ids=["rooms", "sprites"])
def test_half_of_the_triples_have_taught_inputs_only_where_there_are_as_many(vocabulary: Vocabulary) -> None:
    taught = training_concepts(vocabulary, 133, generator(1), held_out=())
    results = novel_concepts(vocabulary, 200, generator(2), known=taught, held_out=())
    triples = operator_triples(vocabulary, 120, generator(), held_out=(), results=results, taught=taught)
    kinds = Counter((t.op, t.left in taught and t.right in taught) for t in triples)
    assert all(reaches(triple) for triple in triples)
    assert not any(t.result in (t.left, t.right) for t in triples)
    assert {t.result for t in triples} <= set(results)
    assert len(set(triples)) == 120
    assert all(kinds[op, kind] >= 5 for op in OPERATORS for kind in (True, False))
    assert 45 <= sum(kinds[op, True] for op in OPERATORS) <= 70


def test_no_more_distinct_triples_than_there_are() -> None:
    two = Vocabulary((Attribute("wall", ("red", "blue")), Attribute("shape", ("hat", "lolly"))))
    results = [two.concept({"wall": "red", "shape": "hat"})]
    split = {two.concept({"wall": "red"}), two.concept({"shape": "hat"})}
    triples = operator_triples(two, 2, generator(), held_out=(), results=results)
    assert [{t.left, t.right} for t in triples] == [split, split]
    with pytest.raises(ShortageError, match="found 2 of 3") as raised:
        operator_triples(two, 3, generator(), held_out=(), results=results)
    assert raised.value.most == 2


def test_results_that_are_exhausted_leave_the_others_open() -> None:
    results = [*concepts_at(SMALL, len(SMALL.attributes)), SMALL.concept({"wall": "red"})]

    def drawn(n: int) -> tuple[Triple, ...]:
        return operator_triples(SMALL, n, generator(), held_out=(), results=results)

    with pytest.raises(ShortageError) as raised:
        drawn(10_000)
    for n in (1, 50, raised.value.most - 1, raised.value.most):
        assert drawn(n) == drawn(raised.value.most)[:n]


def test_an_operator_that_can_reach_nothing_is_left_out() -> None:
    two = Vocabulary((Attribute("smiling", binary=True), Attribute("hat", binary=True)))
    triples = operator_triples(two, 50, generator(), held_out=())
    assert {t.op for t in triples} == {"AND", "IGNORE"}  # IN COMMON would give back an operand


def test_triples_of_forty_attributes_mention_what_images_show() -> None:
    shown = generator().integers(0, 2, (60, 40))
    unseen = Unseen(FACES, shown=shown)
    triples = operator_triples(FACES, 150, generator(), held_out=unseen)
    assert all(reaches(triple) for triple in triples)
    assert all(FACES.matches(shown, c).any() for t in triples for c in (t.left, t.right, t.result))
    assert {t.op for t in triples} == set(OPERATORS)
    assert max(t.result.level for t in triples) > 15
