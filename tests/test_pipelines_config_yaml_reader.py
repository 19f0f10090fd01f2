"""YAML of a config: text stays text, anchors and merges work, and nothing in a file takes long or recurs."""

import time

import pytest

from pipelines.config.yaml_reader import MOST_LEVELS, YAMLError, read


@pytest.mark.parametrize("text", ["008", "010", "0o17", "0x1F", "1:30", "1_000", "2020-01-01", "1e-4", "="])
def test_what_yaml_1_1_takes_for_a_number_or_a_date_stays_its_text(text: str) -> None:
    assert read(text) == text
    assert read(f"{{{text}: [{text}]}}") == {text: [text]}


def test_null_and_booleans_are_distinguished_from_quoted_words() -> None:
    assert read("[~, null, '', 'null', yes, 'yes', Off, !!str no]") == [
        None,
        None,
        "",
        "null",
        True,
        "yes",
        False,
        "no",
    ]


def test_own_keys_take_precedence_over_merged_ones_and_the_first_of_these_over_others() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], z: 3}\nd: {z: 4, <<: *b}"
    assert read(text)["c"] == {"x": "1", "y": "1", "z": "3"}
    assert read(text)["d"] == {"y": "2", "z": "4"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: key 'a' is given twice"),
        ("a: [", "line 1: not valid YAML"),
        ("a: *b", "line 1: *b stands for nothing above it"),
        ("a: &b [*b]", "line 1: *b stands inside of what it names"),
        ("a: 1\n---\nb: 1", "line 2: a second document"),
        ("? [a]\n: 1", "line 1: a key must be a word"),
        ("<<: 3", "line 1: << takes a section"),
        ("a: !!python/name:os.system x", "line 1: the tag"),
        ("a: !!int 010", "line 1: the tag"),
        ("a\0", "control characters"),
        ("a: \udc80", "not text in UTF-8"),
        ("[" * 100_000, f"line 1: more than {MOST_LEVELS} levels"),
        ("- " * 100_000, f"line 1: more than {MOST_LEVELS} levels"),
    ],
)
def test_what_is_not_a_config_is_one_line(text: str, message: str) -> None:
    with pytest.raises(YAMLError) as caught:
        read(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_aliases_of_aliases_are_counted_and_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(YAMLError, match=r"more than 1,000,000 values"):
        read("\n".join(lines))


def test_a_long_document_is_read_in_time() -> None:
    began = time.monotonic()
    found = read("\n".join(f"word {n}: {{shape: hat, wall: white}}" for n in range(20_000)))
    assert len(found) == 20_000
    assert time.monotonic() - began < 10
