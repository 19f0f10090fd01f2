"""Concepts against Python sets of (attribute, value) pairs."""

import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symbols import OPERATORS, Concept, ConflictError, VocabularyError, apply

thoroughly = settings(deadline=None, max_examples=200)

ATTRIBUTES = ("wall", "floor", "object", "shape", "light")
mappings = st.dictionaries(st.sampled_from(ATTRIBUTES), st.sampled_from(["a", "b"]))


def as_set(concept: Concept) -> set[tuple[str, str]]:
    return set(concept.items())


@thoroughly
@given(mappings, mappings)
def test_and_is_the_union_or_a_conflict_that_names_both_values(first: dict, second: dict) -> None:
    a, b = Concept(first), Concept(second)
    clashes = [name for name in first if name in second and first[name] != second[name]]
    if not clashes:
        assert as_set(a & b) == set(first.items()) | set(second.items())
        return
    with pytest.raises(ConflictError) as raised:
        a & b
    assert any(
        f"{name}: {first[name]}" in str(raised.value) and f"{name}: {second[name]}" in str(raised.value)
        for name in clashes
    )


@thoroughly
@given(mappings, mappings)
def test_in_common_is_the_intersection_of_items(first: dict, second: dict) -> None:
    assert as_set(Concept(first).in_common(Concept(second))) == set(first.items()) & set(second.items())


@thoroughly
@given(mappings, mappings)
def test_ignore_drops_attributes_whatever_their_value(first: dict, second: dict) -> None:
    kept = {(name, value) for name, value in first.items() if name not in second}
    assert as_set(Concept(first).ignore(Concept(second))) == kept


@thoroughly
@given(mappings, mappings)
def test_ignoring_a_superordinate_concept_is_the_set_difference(first: dict, second: dict) -> None:
    whole, part = Concept(first), Concept(first).in_common(Concept(second))
    assert as_set(whole.ignore(part)) == as_set(whole) - as_set(part)


@thoroughly
@given(mappings, mappings)
def test_relations_are_those_of_sets(first: dict, second: dict) -> None:
    a, b = Concept(first), Concept(second)
    assert a.is_superordinate_to(b) == (set(first.items()) < set(second.items()))
    assert a.is_subordinate_to(b) == (set(first.items()) > set(second.items()))
    assert a.is_orthogonal_to(b) == (not set(first) & set(second))
    assert (a == b) == (first == second)
    assert a != b or hash(a) == hash(b)


@thoroughly
@given(mappings, mappings)
def test_ignore_undoes_and_on_orthogonal_concepts(first: dict, second: dict) -> None:
    a, b = Concept(first), Concept(second).ignore(Concept(first))
    assert (a & b).ignore(b) == a
    assert (a & b).in_common(a) == a
    assert a & b == b & a


@thoroughly
@given(mappings, mappings, st.permutations(ATTRIBUTES))
def test_results_read_in_the_order_of_the_vocabulary(first: dict, second: dict, order: list[str]) -> None:
    a, b = Concept(first, tuple(order)), Concept(second, tuple(order))
    results = [a.in_common(b), a.ignore(b), b.ignore(a) & a, a & b.ignore(a)]
    for result in results:
        assert list(result.attributes) == [name for name in order if name in result.attributes]


def test_apply_names_every_operator_once_and_refuses_others() -> None:
    red_hat, blue_hat = Concept({"wall": "red", "shape": "hat"}), Concept({"wall": "blue", "shape": "hat"})
    assert len(set(OPERATORS)) == 3
    assert apply("AND", Concept({"wall": "red"}), Concept({"shape": "hat"})) == red_hat
    assert apply("IN COMMON", red_hat, blue_hat) == Concept({"shape": "hat"})
    assert apply("IGNORE", red_hat, Concept({"shape": "hat"})) == Concept({"wall": "red"})
    with pytest.raises(ValueError, match=r"'OR'.*IN COMMON"):
        apply("OR", red_hat, blue_hat)


def test_text_level_and_value() -> None:
    concept = Concept({"wall": "red", "shape": "ice lolly"})
    assert str(concept) == "wall: red, shape: ice lolly"
    assert str(Concept()) == "anything"
    assert (concept.level, concept.get("shape"), concept.get("floor")) == (2, "ice lolly", None)


def test_a_concept_cannot_be_changed() -> None:
    concept = Concept({"wall": "red"})
    with pytest.raises(AttributeError):
        concept.items = ()  # type: ignore[misc]
    with pytest.raises(AttributeError):
        concept.wall = "blue"  # type: ignore[attr-defined]


def test_copies_and_pickles_are_equal() -> None:
    concept = Concept({"wall": "red", "shape": "hat"}, order=("shape", "wall"))
    for twin in (pickle.loads(pickle.dumps(concept)), copy.deepcopy(concept)):
        assert twin == concept
        assert hash(twin) == hash(concept)
        assert twin.items() == concept.items()
        assert twin in {concept}


@pytest.mark.parametrize("value", [False, 1, 1e-4, None, ("red",)])
def test_what_yaml_makes_of_bare_words_is_refused_by_name(value: object) -> None:
    with pytest.raises(VocabularyError, match='value of "glasses" must be a string') as raised:
        Concept({"glasses": value})  # type: ignore[arg-type]
    assert repr(value) in str(raised.value)
    with pytest.raises(VocabularyError, match="attribute must be a string"):
        Concept([(value, "red")])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty"),
        (" ", "empty"),
        (" red", "stray white space"),
        ("red ", "stray white space"),
        ("dark  yellow", "stray white space"),
        ("dark\nyellow", "a line break"),
    ],
)
def test_empty_names_and_stray_spaces_are_refused(name: str, why: str) -> None:
    with pytest.raises(VocabularyError, match=why):
        Concept({"wall": name})


def test_text_is_not_taken_for_items() -> None:
    with pytest.raises(VocabularyError, match="parse"):
        Concept("wall: red")  # type: ignore[arg-type]


def test_two_values_of_one_attribute_conflict() -> None:
    with pytest.raises(ConflictError, match='"wall: red" and "wall: blue"'):
        Concept([("wall", "red"), ("wall", "blue")])
    assert Concept([("wall", "red"), ("wall", "red")]).level == 1
