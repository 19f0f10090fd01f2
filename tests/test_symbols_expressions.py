"""Expressions: what can be written, what it means, and where an error points."""

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_vocabularies import AWKWARD, ROOMS, SPRITES

from symbols import Attribute, Concept, ConflictError, ExpressionError, Operation, Vocabulary, evaluate, parse
from symbols.concepts import OPERATORS
from symbols.expressions import Expression

thoroughly = settings(deadline=None, max_examples=200)


def room(**values: str) -> Concept:
    return ROOMS.concept(values)


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("wall: red", room(wall="red")),
        ("wall: red, shape: hat", room(wall="red", shape="hat")),
        ("shape:hat ,wall=red", room(wall="red", shape="hat")),
        ("hat", room(shape="hat")),
        ("  HAT\n", room(shape="hat")),
        ("Wall : Dark_Yellow", room(wall="dark yellow")),
        ("dark  yellow wall", room(wall="dark yellow")),
        ("wall dark yellow", room(wall="dark yellow")),
        ("ice\tlolly", room(shape="ice lolly")),
        ("dub", room(shape="ice lolly", wall="white")),
        ("Dub, red floor", room(shape="ice lolly", wall="white", floor="red")),
        ("((hat))", room(shape="hat")),
        ("anything", Concept()),
    ],
)
def test_leaves(text: str, concept: Concept) -> None:
    assert parse(text, ROOMS) == concept


@pytest.mark.parametrize(
    ("text", "written", "means"),
    [
        ("red wall AND hat", "(wall: red) AND (shape: hat)", "wall: red, shape: hat"),
        ("hat and(wall:red)", "(shape: hat) AND (wall: red)", "wall: red, shape: hat"),
        (
            "hat AND wall: red IGNORE hat",
            "((shape: hat) AND (wall: red)) IGNORE (shape: hat)",
            "wall: red",
        ),
        (
            "hat AND (wall: red IGNORE hat)",
            "(shape: hat) AND ((wall: red) IGNORE (shape: hat))",
            "wall: red, shape: hat",
        ),
        (
            "(dub) IN COMMON (white wall, hat)",
            "(wall: white, shape: ice lolly) IN COMMON (wall: white, shape: hat)",
            "wall: white",
        ),
        (
            "dub in   common ice_lolly",
            "(wall: white, shape: ice lolly) IN COMMON (shape: ice lolly)",
            "shape: ice lolly",
        ),
        ("hat IGNORE dub", "(shape: hat) IGNORE (wall: white, shape: ice lolly)", "anything"),
        ("anything AND hat", "(anything) AND (shape: hat)", "shape: hat"),
    ],
)
def test_operators_group_from_left_to_right(text: str, written: str, means: str) -> None:
    expression = parse(text, ROOMS)
    assert str(expression) == written
    assert str(evaluate(expression)) == means


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("salt and pepper", {"hair_colour": "salt and pepper"}),
        ("salt AND no", {"hair_colour": "salt", "body type": "no"}),
        ("(salt) and (no)", {"hair_colour": "salt", "body type": "no"}),
        ("salt and pepper and on", {"hair_colour": "salt and pepper", "body type": "on"}),
        ("and and and", {"hair_colour": "and"}),
        ("in common in common in common", {"hair_colour": "in common"}),
        (
            "hair colour: in common, body_type: in-common",
            {"hair_colour": "in common", "body type": "in-common"},
        ),
        ("(none)", {"body type": "(none)"}),
        ("((none) and (Wearing Hat))", {"body type": "(none)", "Wearing_Hat": "yes"}),
        ("hat (red) and redhead", {"body type": "hat (red)", "hair_colour": "redhead"}),
        ("a, b, salt", {"body type": "a, b", "hair_colour": "salt"}),
        ("body type: x: y", {"body type": "x: y"}),
        ("1E-4, wearing hat: yes", {"body type": "1e-4", "Wearing_Hat": "yes"}),
        ("5 o clock shadow", {"5_o_Clock_Shadow": "yes"}),
        ("black AND white ignore wearing_hat", {"hair_colour": "salt and pepper"}),
    ],
)
def test_names_that_look_like_operators_or_signs(text: str, items: dict[str, str]) -> None:
    assert evaluate(parse(text, AWKWARD)) == Concept(items)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("orc, white shirt, pink", "body: orc, shirt: white, hair_colour: pink"),
        ("Hair Colour: redhead AND mohawk", "hair_style: mohawk, hair_colour: redhead"),
        ("brown hair_colour, brown shirt, front", "shirt: brown, hair_colour: brown, direction: front"),
        ("(dark AND teal pants) IGNORE teal pants", "body: dark"),
        ("messy1 IN COMMON (hair style messy1, left)", "hair_style: messy1"),
    ],
)
def test_sprites_are_named_as_one_would(text: str, means: str) -> None:
    assert str(evaluate(parse(text, SPRITES))) == means


@functools.cache  # to build and check a strategy takes longer than to draw from it
def concepts(vocabulary: Vocabulary) -> st.SearchStrategy[Concept]:
    values = {a.name: st.none() | st.sampled_from(a.values) for a in vocabulary.attributes}
    return st.fixed_dictionaries(values).map(
        lambda chosen: vocabulary.concept(
            {name: value for name, value in chosen.items() if value is not None}
        )
    )


@functools.cache
def expressions(vocabulary: Vocabulary) -> st.SearchStrategy[Expression]:
    return st.recursive(
        concepts(vocabulary),
        lambda inner: st.builds(Operation, st.sampled_from(OPERATORS), inner, inner),
        max_leaves=6,
    )


@pytest.mark.parametrize("vocabulary", [ROOMS, AWKWARD], ids=["rooms", "awkward"])
@thoroughly
@given(data=st.data())
def test_what_an_expression_prints_is_read_back_as_itself(
    vocabulary: Vocabulary, data: st.DataObject
) -> None:
    expression = data.draw(expressions(vocabulary))
    assert parse(str(expression), vocabulary) == expression
    assert parse(str(expression).swapcase().replace("_", "  "), vocabulary) == expression


@pytest.mark.parametrize("vocabulary", [ROOMS, AWKWARD, SPRITES], ids=["rooms", "awkward", "sprites"])
def test_every_symbol_label_and_alias_is_an_expression(vocabulary: Vocabulary) -> None:
    for label in vocabulary.symbols:
        y = vocabulary.encode(evaluate(parse(label, vocabulary)))
        assert [vocabulary.symbols[k] for k in y.nonzero()[0]] == [label]
    for name, concept in vocabulary.aliases.items():
        assert parse(name, vocabulary) == concept


def test_a_contradicting_and_is_read_but_has_no_value() -> None:
    expression = parse("wall: red AND wall: blue", ROOMS)
    with pytest.raises(ConflictError, match='"wall: red" and "wall: blue"'):
        evaluate(expression)
    assert evaluate(parse("(wall: red, hat) IN COMMON (wall: blue, hat)", ROOMS)) == room(shape="hat")


def test_binary_attributes_cannot_be_denied() -> None:
    with pytest.raises(ExpressionError, match='"Wearing_Hat" has no value "no": it has yes'):
        parse("wearing hat: no", AWKWARD)


def test_attribute_and_value_have_one_reading_and_aliases_come_before_guesses() -> None:
    vocabulary = Vocabulary(
        (
            Attribute("wall", ("red", "blue")),
            Attribute("sign", ("wall: red", "_", "red")),
            Attribute("red", binary=True),
        ),
        aliases={"blue wall": Concept({"wall": "blue", "sign": "red"})},
    )
    assert parse("wall: red", vocabulary) == Concept({"wall": "red"})
    assert parse("sign: wall: red", vocabulary) == Concept({"sign": "wall: red"})
    assert parse("_", vocabulary) == Concept({"sign": "_"})
    assert parse("blue wall", vocabulary) == vocabulary.aliases["blue wall"]
    with pytest.raises(ExpressionError, match="it may mean wall: red, sign: red, red: yes"):
        parse("red", vocabulary)


def test_a_vocabulary_may_have_a_value_called_anything() -> None:
    vocabulary = Vocabulary((Attribute("taste", ("anything", "sweet")),))
    assert parse("anything", vocabulary) == Concept({"taste": "anything"})
