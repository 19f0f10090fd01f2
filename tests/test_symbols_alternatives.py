"""What expressions denote, against brute force over all full combinations of small vocabularies."""

import functools
import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from symbols import (
    Concept,
    ConflictError,
    Disjunction,
    EmptyError,
    Exclusion,
    Expression,
    Operation,
    TaughtName,
    Vocabulary,
    Weighted,
    alternatives,
    apply,
    evaluate,
    matches,
    parse,
)
from symbols.alternatives import MOST_ALTERNATIVES
from tests.vocabularies import MIXED, SMALL, every_row

thoroughly = settings(deadline=None, max_examples=300)
Rows = frozenset[int]


@functools.cache
def full_combinations(vocabulary: Vocabulary) -> tuple[frozenset[tuple[str, str | None]], ...]:
    """The (attribute, value) pairs of every full combination."""
    return tuple(
        frozenset((a.name, a.value_of(value)) for a, value in zip(vocabulary.attributes, row, strict=True))
        for row in every_row(vocabulary).tolist()
    )


def shown(vocabulary: Vocabulary, concept: Concept) -> Rows:
    """The numbers of the full combinations that have every pair of a concept, one by one."""
    pairs = set(concept.items())
    return frozenset(i for i, full in enumerate(full_combinations(vocabulary)) if pairs <= full)


def cases(expression: Expression) -> list[Concept]:
    """The concepts of an expression without NOT; those that contradict themselves are none."""
    match expression:
        case Disjunction(left, right):
            return cases(left) + cases(right)
        case Weighted(_, inner):
            return cases(inner)
        case Operation(op, left, right):
            found = []
            for a, b in itertools.product(cases(left), cases(right)):
                try:
                    found.append(apply(op, a, b))
                except ConflictError:
                    continue
            return found
    assert isinstance(expression, Concept)
    return [expression]


def denoted(vocabulary: Vocabulary, expression: Expression) -> Rows:
    """The set of an expression by set operations on row numbers."""
    match expression:
        case Disjunction(left, right):
            return denoted(vocabulary, left) | denoted(vocabulary, right)
        case Exclusion(left, right):
            return denoted(vocabulary, left) - denoted(vocabulary, right)
        case Operation("AND", left, right):
            return denoted(vocabulary, left) & denoted(vocabulary, right)
        case Weighted(_, inner):
            return denoted(vocabulary, inner)
    return frozenset().union(*(shown(vocabulary, one) for one in cases(expression)))


@functools.cache  # to build and check a strategy takes longer than to draw from it
def concepts(vocabulary: Vocabulary) -> st.SearchStrategy[Concept]:
    values = {a.name: st.none() | st.sampled_from(a.values) for a in vocabulary.attributes}
    return st.fixed_dictionaries(values).map(
        lambda chosen: vocabulary.concept({name: value for name, value in chosen.items() if value})
    )


@functools.cache
def positive(vocabulary: Vocabulary) -> st.SearchStrategy[Expression]:
    return st.recursive(
        concepts(vocabulary),
        lambda inner: (
            st.builds(Disjunction, inner, inner)
            | st.builds(Weighted, st.sampled_from((0.25, 1.0, 2.0, 7.5)), inner)
            | st.builds(Operation, st.sampled_from(("AND", "IN COMMON", "IGNORE")), inner, inner)
        ),
        max_leaves=4,
    )


@functools.cache
def expressions(vocabulary: Vocabulary) -> st.SearchStrategy[Expression]:
    return st.recursive(
        positive(vocabulary),
        lambda inner: (
            st.builds(Disjunction, inner, inner)
            | st.builds(Exclusion, inner, inner)
            | st.builds(Operation, st.just("AND"), inner, inner)
            | st.builds(Weighted, st.sampled_from((0.5, 2.0)), inner)
        ),
        max_leaves=5,
    )


def contradicts(expression: Expression) -> bool:
    """Whether an operand of IN COMMON or IGNORE has a case that contradicts itself."""
    match expression:
        case Operation(op, left, right):
            inner = contradicts(left) or contradicts(right)
            if op == "AND":
                return inner
            return inner or any(_conflicting(side) for side in (left, right))
        case Disjunction(left, right) | Exclusion(left, right):
            return contradicts(left) or contradicts(right)
        case Weighted(_, inner):
            return contradicts(inner)
    return False


def _conflicting(expression: Expression) -> bool:
    match expression:
        case Operation(op, left, right):
            if _conflicting(left) or _conflicting(right):
                return True
            if op != "AND":
                return False
            pairs = itertools.product(cases(left), cases(right))
            return any(a.get(name) not in (None, value) for a, b in pairs for name, value in b.items())
        case Disjunction(left, right):
            return _conflicting(left) or _conflicting(right)
        case Weighted(_, inner):
            return _conflicting(inner)
    return False


@pytest.mark.parametrize("vocabulary", [SMALL, MIXED], ids=["small", "mixed"])
@thoroughly
@given(data=st.data())
def test_expressions_denote_the_sets_of_brute_force(vocabulary: Vocabulary, data: st.DataObject) -> None:
    expression = data.draw(expressions(vocabulary))
    assume(not contradicts(expression))
    rows = every_row(vocabulary)
    expected = denoted(vocabulary, expression)
    assert frozenset(np.flatnonzero(matches(expression, rows, vocabulary)).tolist()) == expected
    try:
        parts = alternatives(expression, vocabulary)
    except (ConflictError, EmptyError):
        assert not expected
        return
    except ValueError as error:
        assume("alternatives" not in str(error))
        raise
    union: Rows = frozenset()
    for part in parts:
        left = shown(vocabulary, evaluate(part.expression))
        for one in part.excluded:
            left -= denoted(vocabulary, one)
        assert left, "an alternative is never empty"
        union |= left
    assert union == expected


@pytest.mark.parametrize("vocabulary", [SMALL, MIXED], ids=["small", "mixed"])
@thoroughly
@given(data=st.data())
def test_what_an_expression_prints_is_read_back(vocabulary: Vocabulary, data: st.DataObject) -> None:
    expression = data.draw(expressions(vocabulary))
    assert parse(str(expression), vocabulary) == expression


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("lolly OR hat", "(shape: lolly) OR (shape: hat)"),
        ("hat NOT red", "(shape: hat) NOT (wall: red)"),
        ("hat AND NOT red", "(shape: hat) NOT (wall: red)"),
        ("not hat", "(anything) NOT (shape: hat)"),
        ("hat OR NOT red", "(shape: hat) OR ((anything) NOT (wall: red))"),
        ("2*hat", "2*(shape: hat)"),
        ("2 * (red, hat) and .5*big", "(2*(wall: red, shape: hat)) AND (0.5*(size: big))"),
        ("2*(0.5*(hat))", "2*(0.5*(shape: hat))"),
        ("hat NOT 3*red", "(shape: hat) NOT (3*(wall: red))"),
        ("zebra OR hat", "(Zebra) OR (shape: hat)"),
        ("2*zebra NOT the_zoo and more", "(2*(Zebra)) NOT (the zoo and more)"),
    ],
)
def test_or_not_weights_and_taught_names_are_read(text: str, written: str) -> None:
    assert str(parse(text, SMALL, ["Zebra", "the zoo and more"])) == written


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("hat OR", "", "found the end"),
        ("hat NOT", "", "found the end"),
        ("hat OR OR red", "OR red", 'found "OR"'),
        ("0*hat", "0", "a weight is a number from 0.01 to 100; NOT excludes"),
        ("hat AND -1*red", "-1", "NOT excludes"),
        ("1e9*hat", "1e9", "a weight is a number from 0.01 to 100"),
        ("nan*(hat)", "nan", "a weight is a number from 0.01 to 100"),
        ("1000*hat", "1000", "a weight is a number from 0.01 to 100"),
        ("2*", "", "found the end"),
        ("2*hat, red", ", red", "write AND"),
        ("(hat NOT red) IGNORE hat", "IGNORE", "IGNORE takes concepts, and what NOT leaves is none"),
        ("hat in common (not red)", "in common", "IN COMMON takes concepts"),
        ("zebra, hat", ", hat", "write AND"),
        ("hat, zebra", "zebra", '"zebra" was taught: write AND'),
        ("zebar", "zebar", 'did you mean "zebra"?'),
        ("hat ORR red", "ORR", 'did you mean "OR"?'),
    ],
)
def test_errors_point_at_the_place(text: str, place: str, message: str) -> None:
    with pytest.raises(ValueError, match="column") as raised:
        parse(text, SMALL, ["zebra"])
    assert message in str(raised.value)
    start = text.rindex(place) if place else len(text)
    assert raised.value.start == start  # type: ignore[attr-defined]


def test_what_leaves_nothing_and_what_contradicts_itself_are_refused() -> None:
    with pytest.raises(EmptyError, match="leaves nothing"):
        alternatives(parse("hat NOT (hat OR red)", SMALL), SMALL)
    with pytest.raises(EmptyError, match="leaves nothing"):
        alternatives(parse("hat NOT red NOT blue NOT green", SMALL), SMALL)
    with pytest.raises(ConflictError, match="wall: red"):
        alternatives(parse("red AND blue", SMALL), SMALL)
    (only,) = alternatives(parse("(red OR blue) AND (red, hat)", SMALL), SMALL)
    assert evaluate(only.expression) == Concept({"wall": "red", "shape": "hat"})
    (taught,) = alternatives(Exclusion(TaughtName("a"), TaughtName("a")), SMALL)  # nobody knows its set
    assert taught.excluded == (TaughtName("a"),)


def test_alternatives_are_bounded() -> None:
    many = parse(" AND ".join(["(red OR hat OR big)"] * 6), SMALL)
    with pytest.raises(ValueError, match=f"more than {MOST_ALTERNATIVES} alternatives"):
        alternatives(many, SMALL)
