"""YAML as a config holds it: sections, lists, text, booleans and nothing.

A number stays the text that spells it, and the setting that it is for decides what it means. YAML 1.1 would
read `010` as 8, `1:30` as 90, `1_000` as 1000 and `2020-01-01` as a date, also where they are words of a
vocabulary. Anchors, aliases and merge keys (`<<`) work. Tags, other than `!!str`, are refused.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from pipelines.errors import shortened

MOST_LEVELS = 20
MOST_VALUES = 1_000_000
"""Of a document, with what aliases repeat counted every time."""

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C where PyYAML has it: some twenty times as fast on a long config."""
_STRING = "tag:yaml.org,2002:str"
_WORDS = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **{form(word): True for word in ("yes", "on", "true") for form in (str.lower, str.title, str.upper)},
    **{form(word): False for word in ("no", "off", "false") for form in (str.lower, str.title, str.upper)},
}


class YAMLError(ValueError):
    """Text that is not YAML of this kind: one line, which begins with the line of the text."""


class _Merge:
    """The plain key `<<`, which no text equals."""


class _Value(NamedTuple):
    """A value, with how much there is of it."""

    content: Any
    values: int
    levels: int


@dataclass
class _Collection:
    """A section or a list that is not closed yet."""

    content: dict[Hashable, Any] | list[Any]
    anchor: str | None
    merged: list[dict[Hashable, Any]]
    """What `<<` brought in; keys of its own take precedence, then those of the first."""
    key: Any = None
    has_key: bool = False
    values: int = 1
    levels: int = 1


def read(text: str) -> Any:
    """The value of a YAML document, made of dicts, lists, str, bool and None.

    >>> read("{steps: 010, lr: 1e-4, colours: ['no', 2020-01-01], fast: yes}")
    {'steps': '010', 'lr': '1e-4', 'colours': ['no', '2020-01-01'], 'fast': True}

    Raises:
        YAMLError: For what is not YAML, a key given twice, a tag, a second document, more than `MOST_LEVELS`
            levels and more than `MOST_VALUES` values.
    """
    try:
        return _Reader().read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line, text.count("\n")) + 1 if mark is not None else 1  # not one below the last
        raise YAMLError(f"line {line}: not valid YAML ({error.problem or error.context})") from None
    except yaml.YAMLError as error:
        raise YAMLError(f"not valid YAML ({' '.join(str(error).split())})") from None
    except UnicodeError:
        raise YAMLError("not valid YAML (not text in UTF-8)") from None


class _Reader:
    """One reading of one document, by its events; nothing recurs, so that no depth is too much."""

    def __init__(self) -> None:
        self.open: list[_Collection] = []
        self.anchors: dict[str, _Value | None] = {}
        self.root = _Value(None, 1, 0)

    def read(self, text: str) -> Any:
        documents = 0
        for event in yaml.parse(text, Loader=_PARSER):
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        raise YAMLError(_at(event, "a second document, expected one"))
                case yaml.ScalarEvent():
                    value = _Value(_scalar(event, as_key=self.expects_key()), 1, 0)
                    self.note(event.anchor, value)
                    self.add(value, event)
                case yaml.AliasEvent():
                    self.add(self.named(event), event)
                case yaml.CollectionStartEvent():
                    self.begin(event)
                case yaml.CollectionEndEvent():
                    self.end(event)
        return self.root.content

    def expects_key(self) -> bool:
        """Whether the next value is the key of a section."""
        return bool(self.open) and isinstance(self.open[-1].content, dict) and not self.open[-1].has_key

    def begin(self, event: yaml.CollectionStartEvent) -> None:
        _check_tag(event)
        if self.expects_key():
            raise YAMLError(_at(event, "a key must be a word"))
        if len(self.open) == MOST_LEVELS:
            raise YAMLError(_at(event, f"more than {MOST_LEVELS} levels of sections and lists"))
        self.note(event.anchor, None)  # an alias inside of what it names
        content: dict[Hashable, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.open.append(_Collection(content, event.anchor, []))

    def end(self, event: yaml.CollectionEndEvent) -> None:
        done = self.open.pop()
        content = done.content
        if isinstance(content, dict):
            for merged in done.merged:
                for key, inner in merged.items():
                    content.setdefault(key, inner)
        value = _Value(content, done.values, done.levels)
        self.note(done.anchor, value)
        self.add(value, event)

    def note(self, anchor: str | None, value: _Value | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = value

    def named(self, event: yaml.AliasEvent) -> _Value:
        name = str(event.anchor)
        if name not in self.anchors:
            raise YAMLError(_at(event, f"*{shortened(name)} stands for nothing above it"))
        value = self.anchors[name]
        if value is None:
            raise YAMLError(_at(event, f"*{shortened(name)} stands inside of what it names"))
        if self.expects_key() and isinstance(value.content, dict | list):
            raise YAMLError(_at(event, "a key must be a word"))
        return value

    def add(self, value: _Value, event: yaml.Event) -> None:
        """Put a finished value into what is open, or make it the document."""
        if not self.open:
            self.root = value
            return
        into = self.open[-1]
        into.values += value.values
        into.levels = max(into.levels, value.levels + 1)
        if into.values > MOST_VALUES:
            raise YAMLError(_at(event, f"more than {MOST_VALUES:,} values"))
        if len(self.open) + value.levels > MOST_LEVELS:
            raise YAMLError(_at(event, f"more than {MOST_LEVELS} levels of sections and lists"))
        if isinstance(into.content, list):
            into.content.append(value.content)
        elif not into.has_key:
            if value.content in into.content:
                raise YAMLError(_at(event, f"key '{shortened(str(value.content))}' is given twice"))
            into.key, into.has_key = value.content, True
        elif into.key is _Merge:
            into.merged += _merged(value.content, event)
            into.has_key = False
        else:
            into.content[into.key] = value.content
            into.has_key = False


def _merged(content: object, event: yaml.Event) -> list[dict[Hashable, Any]]:
    """The sections that the value of `<<` stands for."""
    sections: list[Any] = content if isinstance(content, list) else [content]
    if not all(isinstance(section, dict) for section in sections):
        raise YAMLError(_at(event, "<< takes a section, or a list of them"))
    return sections


def _scalar(event: yaml.ScalarEvent, *, as_key: bool) -> object:
    _check_tag(event)
    is_plain = event.implicit[0] and event.tag is None
    if not is_plain:
        return event.value
    if as_key and event.value == "<<":
        return _Merge
    return _WORDS.get(event.value, event.value)


def _check_tag(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
    if event.tag not in (None, "!", _STRING):
        raise YAMLError(_at(event, f"the tag {shortened(event.tag)} is not one of a config"))


def _at(event: yaml.Event, message: str) -> str:
    mark: Any = event.start_mark
    return f"line {mark.line + 1}: {message}"
