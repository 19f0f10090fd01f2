"""What is drawn for training, tests and holding out: rules, uniformity, determinism, and size."""

import itertools
import os
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vocabularies import (
    FACES,
    MIXED,
    ROOMS,
    SMALL,
    SPRITES,
    chi_square,
    every_row,
    generator,
    reaches,
)

from symbols import (
    Attribute,
    Concept,
    Vocabulary,
    concepts_at,
    counts,
    held_out_concepts,
    novel_concepts,
    operator_triples,
    training_concepts,
)
from symbols.enumeration import LazyShuffle, randbelow, unrank


@pytest.mark.parametrize("vocabulary", [SMALL, MIXED], ids=["blocks", "mixed"])
def test_unranking_gives_every_concept_of_a_level_once(vocabulary: Vocabulary) -> None:
    for level, count in enumerate(counts(vocabulary), start=1):
        made = [unrank(vocabulary, level, rank) for rank in range(count)]
        assert set(made) == set(concepts_at(vocabulary, level))
        assert len(set(made)) == count


def test_a_lazy_shuffle_draws_every_number_once_in_every_order() -> None:
    rng = generator()
    orders: Counter[tuple[int | None, ...]] = Counter()
    for _ in range(6000):
        shuffle = LazyShuffle(4)
        orders[tuple(shuffle.draw(rng) for _ in range(4))] += 1
        assert shuffle.draw(rng) is None
    assert set(orders) == set(itertools.permutations(range(4)))
    assert chi_square(orders.values()) < 4


def test_numbers_beyond_64_bits_are_uniform() -> None:
    rng, n = generator(), 3 * 2**70
    drawn = [randbelow(n, rng) for _ in range(3000)]
    assert all(0 <= number < n for number in drawn)
    assert chi_square(Counter(number * 12 // n for number in drawn).values()) < 4


def test_held_out_concepts_are_distinct_full_combinations() -> None:
    drawn = held_out_concepts(ROOMS, 300, generator())
    assert len(set(drawn)) == 300
    assert {concept.level for concept in drawn} == {4}


def test_held_out_concepts_are_uniform() -> None:
    drawn = Counter(c for seed in range(1200) for c in held_out_concepts(SMALL, 2, generator(seed)))
    assert len(drawn) == 12
    assert chi_square(drawn.values()) < 4


@pytest.mark.parametrize("vocabulary", [SMALL, MIXED], ids=["blocks", "mixed"])
@pytest.mark.parametrize("seed", range(10))
def test_holding_out_hides_no_pair_of_values(vocabulary: Vocabulary, seed: int) -> None:
    rng, rows = generator(seed), every_row(vocabulary)
    held_out: tuple[Concept, ...] = ()
    with pytest.raises(ValueError, match="pair of values"):
        held_out_concepts(vocabulary, len(rows), rng)
    with suppress(ValueError):
        for n in range(1, len(rows)):
            held_out = held_out_concepts(vocabulary, n, rng)
    assert len(held_out) >= 1
    shown = rows[~vocabulary.shows_any(rows, held_out)]
    for a, b in itertools.combinations(range(rows.shape[1]), 2):
        assert (
            len(np.unique(shown[:, [a, b]], axis=0))
            == vocabulary.factor_sizes[a] * vocabulary.factor_sizes[b]
        )


def test_two_attributes_keep_every_value_visible() -> None:
    vocabulary = Vocabulary((Attribute("wall", ("red", "blue")), Attribute("shape", ("hat", "lolly"))))
    held_out = held_out_concepts(vocabulary, 2, generator())
    assert held_out[0].in_common(held_out[1]) == Concept()
    with pytest.raises(ValueError, match="cannot hold out 3"):
        held_out_concepts(vocabulary, 3, generator())


@pytest.mark.parametrize("seed", range(5))
def test_training_concepts_follow_their_rules(seed: int) -> None:
    rng = generator(seed)
    held_out = held_out_concepts(ROOMS, 300, rng)
    exclude = held_out_concepts(ROOMS, 50, rng) + tuple(concepts_at(ROOMS, 1))[:20]
    drawn = training_concepts(ROOMS, 133, rng, held_out=held_out, exclude=exclude)
    assert len(set(drawn)) == 133
    assert not set(drawn) & {*held_out, *exclude}
    assert {item for concept in drawn for item in concept.items()} == {
        item for unigram in concepts_at(ROOMS, 1) for item in unigram.items()
    }


def test_training_levels_are_uniform() -> None:
    levels = Counter(
        concept.level
        for seed in range(100)
        for concept in training_concepts(ROOMS, 133, generator(seed), held_out=())
    )
    assert set(levels) == {1, 2, 3, 4}
    assert all(abs(count / 13300 - 0.25) < 0.02 for count in levels.values())


def test_concepts_are_uniform_within_their_level() -> None:
    drawn = Counter(
        concept
        for seed in range(2500)
        for concept in novel_concepts(SMALL, 4, generator(seed), known=(), held_out=())
    )
    for level in (1, 2, 3):
        assert chi_square(drawn[concept] for concept in concepts_at(SMALL, level)) < 4


def test_few_training_concepts_still_mention_every_symbol() -> None:
    for seed in range(30):
        drawn = training_concepts(ROOMS, 16, generator(seed), held_out=())
        assert len({item for concept in drawn for item in concept.items()}) == 51
    with pytest.raises(ValueError, match="15 concepts cannot mention every symbol"):
        training_concepts(ROOMS, 15, generator(), held_out=())


def test_an_exhausted_level_leaves_the_others() -> None:
    rng = generator()
    everything = training_concepts(SMALL, sum(counts(SMALL)), rng, held_out=())
    assert set(everything) == {concept for level in (1, 2, 3) for concept in concepts_at(SMALL, level)}
    with pytest.raises(ValueError, match="36 concepts are asked for, but only 35"):
        novel_concepts(SMALL, 36, rng, known=(), held_out=())


def test_novel_concepts_are_neither_known_nor_held_out() -> None:
    rng = generator()
    held_out = held_out_concepts(ROOMS, 300, rng)
    known = training_concepts(ROOMS, 133, rng, held_out=held_out)
    drawn = novel_concepts(ROOMS, 19651 - 133 - 300 - 100, rng, known=known, held_out=held_out)
    assert len(set(drawn)) == len(drawn)
    assert not set(drawn) & {*known, *held_out}


def test_a_concept_of_which_every_image_is_held_out_is_unseen() -> None:
    held_out = [SMALL.concept({"wall": "red", "shape": "hat", "size": size}) for size in ("big", "small")]
    unseen = {*held_out, SMALL.concept({"wall": "red", "shape": "hat"})}
    for drawn in (
        novel_concepts(SMALL, 35 - 3, generator(), known=(), held_out=held_out),
        training_concepts(SMALL, 35 - 3, generator(), held_out=held_out),
        [c for t in operator_triples(SMALL, 2000, generator(), held_out=held_out) for c in t[1:]],
    ):
        assert not set(drawn) & unseen
    with pytest.raises(ValueError, match="only 32"):
        novel_concepts(SMALL, 33, generator(), known=(), held_out=held_out)


@pytest.mark.parametrize("vocabulary", [SMALL, MIXED], ids=["blocks", "mixed"])
@pytest.mark.parametrize("seed", range(20))
def test_exactly_the_unseen_concepts_are_never_drawn(vocabulary: Vocabulary, seed: int) -> None:
    rng, rows = generator(seed), every_row(vocabulary)
    held_out = [vocabulary.describe(row) for row in rng.permutation(rows)[: rng.integers(1, len(rows))]]
    held_out = [concept for concept in held_out if concept.level]
    shown = rows[~vocabulary.shows_any(rows, held_out)]
    seen = {
        concept
        for level in (1, 2, 3)
        for concept in concepts_at(vocabulary, level)
        if concept not in held_out and vocabulary.matches(shown, concept).any()
    }
    assert set(novel_concepts(vocabulary, len(seen), rng, known=(), held_out=held_out)) == seen


def everything_drawn(vocabulary: Vocabulary, seed: int) -> tuple[tuple[Any, ...], ...]:
    rng = generator(seed)
    held_out = held_out_concepts(vocabulary, 300, rng)
    train = training_concepts(vocabulary, 133, rng, held_out=held_out)
    test = novel_concepts(vocabulary, 100, rng, known=train, held_out=held_out)
    triples = operator_triples(vocabulary, 500, rng, held_out=held_out, exclude=test)
    return held_out, train, test, triples


@pytest.mark.parametrize("vocabulary", [ROOMS, SPRITES, FACES], ids=["rooms", "sprites", "faces"])
def test_the_generator_decides_everything(vocabulary: Vocabulary) -> None:
    first, again, other = (everything_drawn(vocabulary, seed) for seed in (1, 1, 2))
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_draws_do_not_depend_on_how_this_process_hashes_strings() -> None:
    code = "from test_symbols_sampling import ROOMS, everything_drawn; print(everything_drawn(ROOMS, 0))"
    places = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(places)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
    assert "Concept" in printed.pop()


def test_forty_binary_attributes_are_not_enumerated() -> None:
    held_out, train, test, triples = everything_drawn(FACES, 0)
    assert len(set(held_out)) == 300
    assert not {*train, *test} & set(held_out)
    assert all(reaches(triple) for triple in triples)
    assert max(concept.level for concept in train) > 30


def test_the_whole_of_rooms_can_be_drawn() -> None:
    assert len(set(training_concepts(ROOMS, 19651, generator(), held_out=()))) == 19651
