"""What must not be seen: held-out combinations, held-out pairs, and what no image shows."""

import itertools

import numpy as np
import pytest
from vocabularies import FACES, MIXED, ROOMS, SMALL, every_row, generator

from symbols import (
    Concept,
    Images,
    ShortageError,
    Unseen,
    Vocabulary,
    concepts_at,
    held_out_concepts,
    held_out_pairs,
    novel_concepts,
    training_concepts,
)
from symbols.unseen import distinct


def everything(vocabulary: Vocabulary) -> list[Concept]:
    return [c for level in range(1, len(vocabulary.names) + 1) for c in concepts_at(vocabulary, level)]


@pytest.mark.parametrize("vocabulary", [SMALL, MIXED], ids=["blocks", "mixed"])
@pytest.mark.parametrize("seed", range(10))
def test_unseen_equals_a_search_through_the_images(vocabulary: Vocabulary, seed: int) -> None:
    rng = generator(seed)
    rows = rng.permutation(every_row(vocabulary))
    held_out = [concept for row in rows[:2] if (concept := vocabulary.describe(row)).level]
    pair = list(concepts_at(vocabulary, 2))[rng.integers(4)]
    shown = np.repeat(rows[2 : rng.integers(3, len(rows))], 2, axis=0)
    unseen = Unseen(vocabulary, held_out, [pair], shown)
    for concept in everything(vocabulary):
        both = concept == pair or concept.is_subordinate_to(pair)
        hidden = concept in held_out or both or not vocabulary.matches(shown, concept).any()
        assert (concept in unseen) == hidden


@pytest.mark.parametrize("vocabulary", [SMALL, MIXED], ids=["blocks", "mixed"])
def test_exactly_what_images_show_can_be_drawn(vocabulary: Vocabulary) -> None:
    shown = generator().permutation(every_row(vocabulary))[:5]
    seen = {concept for concept in everything(vocabulary) if vocabulary.matches(shown, concept).any()}
    unseen = Unseen(vocabulary, shown=shown)
    assert set(novel_concepts(vocabulary, len(seen), generator(), known=(), held_out=unseen)) == seen
    with pytest.raises(ShortageError, match=f"only {len(seen)}") as raised:
        novel_concepts(vocabulary, len(seen) + 1, generator(), known=(), held_out=unseen)
    assert raised.value.most == len(seen)


def test_parts_of_images_are_what_is_drawn_where_images_show_little() -> None:
    shown = generator().integers(0, 2, (50, 40))
    images, unseen = Images(FACES, shown), Unseen(FACES, shown=shown)
    drawn = novel_concepts(FACES, 400, generator(), known=(), held_out=unseen)
    assert len(set(drawn)) == 400
    assert all(FACES.matches(shown, concept).any() for concept in drawn)
    assert {concept.level for concept in drawn} >= set(range(1, images.top + 1))
    smiling = FACES.concept({"attribute 3": "yes", "attribute 7": "yes"})
    for level in (None, 2, 5):
        part = images.draw(level, generator(), smiling)
        assert part is not None
        assert part == smiling if level == 2 else part.is_subordinate_to(smiling)
        assert FACES.matches(shown, part).any()
    assert images.draw(images.top + 1, generator()) is None
    assert images.draw(1, generator(), smiling) is None


def test_every_symbol_that_is_shown_is_taught_and_no_other_need_be() -> None:
    shown = generator().integers(0, [16, 16, 15, 1], (60, 4))
    taught = training_concepts(ROOMS, 45, generator(), held_out=Unseen(ROOMS, shown=shown))
    mentioned = {item for concept in taught for item in concept.items()}
    assert mentioned == {item for row in shown for item in ROOMS.describe(row).items()}
    assert ("shape", "suitcase") not in mentioned


@pytest.mark.parametrize("seed", range(5))
def test_held_out_pairs_are_shown_and_leave_every_value_visible(seed: int) -> None:
    shown = generator(seed).integers(0, [3, 2, 2], (30, 3))
    images = Images(SMALL, shown)
    with pytest.raises(ShortageError) as raised:
        held_out_pairs(SMALL, 99, generator(seed), images)
    pairs = held_out_pairs(SMALL, raised.value.most, generator(seed), images)
    assert len(set(pairs)) == raised.value.most >= 1
    assert {pair.level for pair in pairs} == {2}
    hidden = np.any([SMALL.matches(shown, pair) for pair in pairs], axis=0)
    assert all(SMALL.matches(shown, pair).any() for pair in pairs)
    assert hidden.mean() <= 0.5
    for before, after in zip(shown.T, shown[~hidden].T, strict=True):
        assert set(before) == set(after)


def test_held_out_combinations_hold_no_pair_and_leave_every_value_an_image() -> None:
    pair = SMALL.concept({"wall": "red", "shape": "hat"})
    shown = np.array([[1, 0, 0], [1, 1, 1], [2, 0, 1], [2, 1, 0], [0, 1, 0]])  # red is in one image
    for seed in range(20):
        held_out = held_out_concepts(SMALL, 2, generator(seed), images=Images(SMALL, shown), pairs=[pair])
        assert not any(concept.is_subordinate_to(pair) for concept in held_out)
        left = shown[~SMALL.shows_any(shown, held_out)]
        assert [set(column) for column in left.T] == [set(column) for column in shown.T]


def test_held_out_combinations_are_of_images_where_these_are_few() -> None:
    shown = generator().integers(0, 2, (100, 40))
    held_out = held_out_concepts(FACES, 30, generator(), images=Images(FACES, shown))
    assert FACES.shows_any(shown, held_out).sum() == 30
    rendered = held_out_concepts(FACES, 30, generator(), images=Images(FACES, shown), rendered=True)
    assert not FACES.shows_any(shown, rendered).any()


@pytest.mark.parametrize("sizes", [(3, 4), (2,) * 70], ids=["numbered", "too many to number"])
def test_distinct_rows_are_counted(sizes: tuple[int, ...]) -> None:
    rows = generator().integers(0, 2, (6, len(sizes)))[[0, 1, 2, 0, 0, 2]]
    found, repeats = distinct(rows, sizes)
    assert {tuple(row): n for row, n in zip(found.tolist(), repeats.tolist(), strict=True)} == {
        key: len(list(group)) for key, group in itertools.groupby(sorted(map(tuple, rows.tolist())))
    }
