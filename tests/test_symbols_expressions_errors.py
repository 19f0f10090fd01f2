"""Expressions that cannot be read: where an error points, and what it proposes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_vocabularies import ROOMS

from symbols import Attribute, ExpressionError, Vocabulary, parse
from symbols.parsing import MAX_OPERATORS


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("red", "red", '"red" is ambiguous, it may mean wall: red, floor: red, object: red'),
        ("hat AND red", "red", "ambiguous"),
        ("hat AND zebra wall", "zebra wall", 'unknown name "zebra wall"'),
        ("hatt", "hatt", 'unknown name "hatt"; did you mean "hat"?'),
        ("hat AND ice loly", "ice loly", 'did you mean "ice lolly"?'),
        ("dark yelow wall", "dark yelow wall", 'did you mean "dark yellow wall"?'),
        ("zzz", "zzz", 'unknown name "zzz"'),
        ("hat, wall: yelow", "yelow", 'attribute "wall" has no value "yelow"; did you mean "yellow"?'),
        (
            "wall: hat",
            "hat",
            'attribute "wall" has no value "hat": it has red, blue, white, yellow, dark yellow',
        ),
        ("Wall: wall", "wall", 'has no value "wall"'),
        ("hat, wal: red", "wal", 'unknown attribute "wal"; did you mean "wall"?'),
        ("hat AND wall", "wall", '"wall" needs a value, such as "wall: red"'),
        ("hat, floor:", "floor", '"floor" needs a value'),
        ("hat ADN wall: red", "ADN", 'did you mean "AND"?'),
        ("hat in comon red wall", "in", 'did you mean "IN COMMON"?'),
        ("hat red wall", "red", '"red" is out of place: expected AND, IN COMMON, IGNORE, OR, NOT or a comma'),
        ("(hat) red wall", "red", "out of place"),
        ("hat (red wall)", "(", '"(" is out of place'),
        ("(hat), (red wall)", ",", "write AND"),
        ("AND hat", "AND", 'expected a name, found "AND"'),
        ("hat AND IGNORE dub", "IGNORE", 'expected a name, found "IGNORE"'),
        ("hat, , dub", ",", 'expected a name, found ","'),
        ("()", ")", 'expected a name, found ")"'),
        ("dub AND (hat", "(", '"(" is never closed'),
        ("hat)", ")", '")" is out of place'),
        (
            "floor: red, wall: red, wall: blue",
            "wall: blue",
            '"wall: red" and "wall: blue" exclude each other',
        ),
        ("dub, red wall", "red wall", '"wall: white" and "wall: red" exclude each other'),
    ],
)
def test_errors_point_at_the_place(text: str, place: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse(text, ROOMS)
    error = raised.value
    assert message in str(error)
    assert "\n" not in str(error)
    assert text[error.start : error.end] == place
    assert error.start in (text.find(place), text.rfind(place))
    assert str(error).endswith(f"(column {error.start + 1})")
    line, pointer = error.caret.split("\n")
    assert line == text
    assert pointer == " " * error.start + "^" * len(place)


@pytest.mark.parametrize("text", ["", "   ", "hat AND", "hat,", "(hat AND"])
def test_an_unfinished_text_is_refused_at_its_end(text: str) -> None:
    with pytest.raises(ExpressionError, match="found the end") as raised:
        parse(text, ROOMS)
    assert raised.value.start == len(text)


def test_messages_stay_on_one_line_and_lists_short() -> None:
    many = Vocabulary(tuple(Attribute(f"part {i}", ("red", "blue")) for i in range(40)))
    with pytest.raises(ExpressionError, match="40 in all") as raised:
        parse("red", many)
    assert len(str(raised.value)) < 200
    with pytest.raises(ExpressionError) as raised:
        parse("hat AND\nz\nz", ROOMS)
    assert "\n" not in str(raised.value)
    assert raised.value.caret.split("\n")[0] == "hat AND z z"


@pytest.mark.parametrize("text", ["(" * 5000 + "hat", "hat" + " AND hat" * 5000])
def test_endless_nesting_is_refused_before_it_exhausts_the_stack(text: str) -> None:
    with pytest.raises(ExpressionError, match=f"more than {MAX_OPERATORS}"):
        parse(text, ROOMS)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="ahtred wl:,()ANDINCOMMON_-=\n") | st.text())
def test_any_text_is_read_or_refused_within_its_bounds(text: str) -> None:
    try:
        parse(text, ROOMS)
        return
    except ExpressionError as refusal:
        error = refusal
    assert 0 <= error.start <= error.end <= len(text)
    assert len(str(error).splitlines()) == 1
