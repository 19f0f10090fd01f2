"""Vocabularies: symbols to and from concepts, factors of images, and what names may be."""

import itertools
import json
import pickle

import numpy as np
import pytest
import yaml

from symbols import Attribute, Concept, ConflictError, Vocabulary, VocabularyError

COLOURS = ("red", "white", "dark yellow")


@pytest.fixture
def rooms() -> Vocabulary:
    return Vocabulary(
        (
            Attribute("wall", COLOURS),
            Attribute("floor", COLOURS),
            Attribute("shape", ("hat", "ice lolly", "suitcase")),
        ),
        aliases={"dub": Concept({"shape": "ice lolly", "wall": "white"})},
    )


@pytest.fixture
def mixed() -> Vocabulary:
    return Vocabulary(
        (
            Attribute("hair_colour", ("black", "pink")),
            Attribute("smiling", binary=True),
            Attribute("hat", binary=True),
        )
    )


def every_concept(vocabulary: Vocabulary) -> list[Concept]:
    choices = [[None, *attribute.values] for attribute in vocabulary.attributes]
    return [
        vocabulary.concept({n: v for n, v in zip(vocabulary.names, row, strict=True) if v is not None})
        for row in itertools.product(*choices)
    ]


def every_row(vocabulary: Vocabulary) -> np.ndarray:
    return np.array(list(itertools.product(*map(range, vocabulary.factor_sizes))))


def test_sizes_symbols_and_blocks(mixed: Vocabulary) -> None:
    assert mixed.size == 4
    assert mixed.sizes == (2, 1, 1)
    assert mixed.factor_sizes == (2, 2, 2)
    assert mixed.symbols == ("hair_colour: black", "hair_colour: pink", "smiling", "hat")
    assert [mixed.symbols[mixed.block(name)] for name in mixed.names] == [
        ("hair_colour: black", "hair_colour: pink"),
        ("smiling",),
        ("hat",),
    ]


@pytest.mark.parametrize("name", ["rooms", "mixed"])
def test_encode_marks_exactly_the_mentioned_symbols_and_decode_inverts_it(
    name: str, request: pytest.FixtureRequest
) -> None:
    vocabulary: Vocabulary = request.getfixturevalue(name)
    seen = set()
    for concept in every_concept(vocabulary):
        y = vocabulary.encode(concept)
        assert y.dtype == np.float32
        assert y.sum() == concept.level
        assert vocabulary.decode(y) == concept
        seen.add(y.tobytes())
    assert len(seen) == np.prod(np.array(vocabulary.sizes) + 1)


def test_decode_refuses_what_is_no_symbol(rooms: Vocabulary) -> None:
    with pytest.raises(ValueError, match="shape"):
        rooms.decode(np.zeros(4))
    with pytest.raises(ValueError, match="k-hot"):
        rooms.decode(np.full(9, 0.5))
    with pytest.raises(ConflictError, match='"wall: red" and "wall: white"'):
        rooms.decode([1, 1, 0, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("name", ["rooms", "mixed"])
def test_an_image_matches_a_concept_when_its_description_says_all_of_it(
    name: str, request: pytest.FixtureRequest
) -> None:
    vocabulary: Vocabulary = request.getfixturevalue(name)
    rows = every_row(vocabulary)
    described = [set(vocabulary.describe(row).items()) for row in rows]
    for concept in every_concept(vocabulary):
        expected = [set(concept.items()) <= items for items in described]
        assert vocabulary.matches(rows, concept).tolist() == expected


def test_images_of_held_out_combinations_are_found_by_their_whole_description(mixed: Vocabulary) -> None:
    rows = every_row(mixed)
    held_out = [mixed.concept({"hair_colour": "pink"}), mixed.concept({"hair_colour": "black", "hat": "yes"})]
    expected = [mixed.describe(row) in held_out for row in rows]
    assert sum(expected) == 2
    assert mixed.shows_any(rows, held_out).tolist() == expected
    assert not mixed.shows_any(rows, []).any()


def test_factors_of_a_concept_leave_open_what_it_does_not_mention(
    rooms: Vocabulary, mixed: Vocabulary
) -> None:
    assert rooms.factors(rooms.aliases["dub"]).tolist() == [1, -1, 1]
    assert mixed.factors(Concept({"hat": "yes"})).tolist() == [-1, -1, 1]
    for row in every_row(rooms):
        assert rooms.factors(rooms.describe(row)).tolist() == row.tolist()


def test_describe_and_matches_refuse_wrong_factors(rooms: Vocabulary) -> None:
    with pytest.raises(ValueError, match=r'"floor" must lie in 0\.\.2, found 3\.\.3'):
        rooms.describe([0, 3, 0])
    with pytest.raises(ValueError, match=r"shape \(N, 3\)"):
        rooms.matches(np.zeros((4, 2), int), Concept())
    with pytest.raises(ValueError, match="integers"):
        rooms.matches(np.zeros((4, 3)), Concept())


def test_unknown_names_get_the_nearest_known_one(rooms: Vocabulary) -> None:
    with pytest.raises(VocabularyError, match='unknown attribute "wal"; did you mean "wall"'):
        rooms.concept({"wal": "red"})
    with pytest.raises(VocabularyError, match='"wall" has no value "dark yelow"; did you mean "dark yellow"'):
        rooms.encode(Concept({"wall": "dark yelow"}))
    with pytest.raises(
        VocabularyError, match='"shape" has no value "zebra": it has hat, ice lolly, suitcase'
    ):
        rooms.factors(Concept({"shape": "zebra"}))
    with pytest.raises(VocabularyError, match="did you mean"):
        rooms.block("Floor")


def test_concepts_come_in_the_order_of_the_vocabulary(rooms: Vocabulary) -> None:
    assert str(rooms.concept({"shape": "hat", "wall": "red"})) == "wall: red, shape: hat"
    assert str(rooms.aliases["dub"]) == "wall: white, shape: ice lolly"
    assert str(rooms.concept(Concept({"shape": "hat"})) & Concept({"wall": "red"})) == "wall: red, shape: hat"


def test_names_that_yaml_would_mangle_survive_json_and_yaml() -> None:
    names = ("no", "on", "1e-4", "1.0", "null", "~", "2020-01-01", "0x1f", "ja: nein", "a, b")
    vocabulary = Vocabulary(
        (Attribute("yes", names), Attribute("off", binary=True)),
        aliases={"true": Concept({"yes": "no", "off": "yes"})},
    )
    data = vocabulary.to_dict()
    assert Vocabulary.from_dict(json.loads(json.dumps(data))) == vocabulary
    assert Vocabulary.from_dict(yaml.safe_load(yaml.safe_dump(data))) == vocabulary
    assert Vocabulary.from_dict(data).attributes[0].values == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("attributes: [{name: hat, values: [no, yes]}]", 'value of "hat" must be a string, not False'),
        ("attributes: [{name: on, values: [a]}]", "attribute must be a string, not True"),
        ("attributes: [{name: size, values: [1, 2]}]", 'value of "size" must be a string, not 1 '),
        ("attributes: [{name: wall, values: red}]", "must be a list of strings, not 'red'"),
        ("attributes: [{name: wall, value: [red]}]", "no key 'value'; did you mean \"values\""),
        ("attributes: [{name: wall, values: []}]", "no values"),
        ("attributes: [{name: hat, binary: 'no'}]", "binary must be true or false, not 'no'"),
        ("attributes: [{values: [red]}]", "attribute must be a string, not None"),
        ("attributes: [wall]", "must be a mapping"),
        ("attributes: {wall: [red]}", "attributes must be a list"),
        ("{}", "attributes must be a list"),
        (
            "{attributes: [{name: wall, values: [red]}], alias: {}}",
            "no key 'alias'; did you mean \"aliases\"",
        ),
        ("{attributes: [{name: wall, values: [red]}], aliases: {no: {wall: red}}}", "alias must be a string"),
        ("{attributes: [{name: wall, values: [red]}], aliases: {dub: {wall: no}}}", "not False"),
        ("{attributes: [{name: wall, values: [red]}], aliases: {dub: red}}", 'alias "dub" must map'),
        ("{attributes: [{name: wall, values: [red]}], aliases: {dub: {wal: red}}}", 'did you mean "wall"'),
    ],
)
def test_from_dict_refuses_by_name(text: str, message: str) -> None:
    with pytest.raises(VocabularyError) as raised:
        Vocabulary.from_dict(yaml.safe_load(text))
    assert message in str(raised.value)


def test_names_that_cannot_be_told_apart_are_refused() -> None:
    wall = Attribute("wall", COLOURS)
    with pytest.raises(VocabularyError, match='"Dark_Yellow" and "dark yellow"'):
        Attribute("wall", ("Dark_Yellow", "dark yellow"))
    with pytest.raises(VocabularyError, match='attributes: "wall" and "Wall"'):
        Vocabulary((wall, Attribute("Wall", ("a",))))
    with pytest.raises(VocabularyError, match='alias "Red" is already the value "wall: red"'):
        Vocabulary((wall,), {"Red": Concept({"wall": "white"})})
    with pytest.raises(VocabularyError, match='alias "wall" is already the attribute "wall"'):
        Vocabulary((wall,), {"wall": Concept({"wall": "white"})})
    with pytest.raises(VocabularyError, match="empty concept"):
        Vocabulary((wall,), {"all": Concept()})
    with pytest.raises(VocabularyError, match="separate attribute and value"):
        Attribute("wall:colour", COLOURS)
    with pytest.raises(VocabularyError, match='has the one value "yes"'):
        Attribute("smiling", ("yes", "no"), binary=True)


def test_names_from_numpy_become_plain_strings() -> None:
    names = np.array(["wall", "red", "white"])
    vocabulary = Vocabulary([Attribute(names[0], tuple(names[1:]))])  # type: ignore[arg-type]
    assert {type(name) for name in (vocabulary.names[0], *vocabulary.attributes[0].values)} == {str}


def test_equal_vocabularies_hash_alike_and_survive_pickling(rooms: Vocabulary) -> None:
    twin = pickle.loads(pickle.dumps(rooms))
    assert twin == rooms
    assert hash(twin) == hash(rooms)
    assert twin != Vocabulary(rooms.attributes)
    assert (twin.encode(rooms.aliases["dub"]) == rooms.encode(rooms.aliases["dub"])).all()


def test_values_that_repeat_are_refused_however_the_strings_came_about() -> None:
    for values in (("7", "7", "8"), tuple(str(n) for n in (7, 7, 8)), ("7", "".join(["", "7"]))):
        with pytest.raises(VocabularyError, match='"7" and "7" cannot be told apart'):
            Attribute("age", values)
    with pytest.raises(VocabularyError, match="cannot be told apart"):
        Attribute("place", ("caf\u00e9", "cafe\u0301"))
    assert Attribute("version", ("v2.0", "v2")).values == ("v2.0", "v2")


@pytest.mark.parametrize(
    "character", ["\0", "\x1b", "\x7f", "\x9b", "\u200b", "\u202e", "\u2066", "\ufeff", "\ud800"]
)
def test_names_have_no_characters_that_cannot_be_seen(character: str) -> None:
    for name in (f"re{character}d", f"{character}red"):
        with pytest.raises(VocabularyError, match="cannot be seen") as caught:
            Attribute("colour", (name,))
        assert str(caught.value).isprintable()
        with pytest.raises(VocabularyError):
            Attribute(name, ("red",))
    assert Attribute("face", ("\U0001f469\u200d\U0001f680", "$\\foo$")).size == 2
