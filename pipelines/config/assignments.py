"""`--set a.b=value` on top of what a config file says.

The order of assignments has no meaning: sections are set before what is inside of them, and two that
contradict each other are refused. No assignment is dropped. A new kind of a section leaves out what the file
says for the old kind alone, and there is a note that says so.
"""

import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from pipelines.config import Config, Constant, Symbols, Training
from pipelines.config.sections import constant_section
from pipelines.config.values import spelled
from pipelines.config.yaml_reader import YAMLError, read
from pipelines.errors import UsageError, shortened

OF_LAYERS = "cross_covariance", "mask_entropy"
"""Penalties that only a layered network can have."""


class Assignment(NamedTuple):
    """A dotted key, its value, and the words of the command line that gave it."""

    key: str
    value: object
    source: str

    @property
    def path(self) -> list[str]:
        """The parts of the key."""
        return self.key.split(".")


def parse(texts: Sequence[str]) -> list[Assignment]:
    """Read assignments.

    Raises:
        UsageError: For one that is not key=value, and for two that contradict each other.
    """
    found = [_parse(text) for text in texts]
    _check_agreement(found)
    return found


def _parse(text: str) -> Assignment:
    source = f"--set {shortened(text)}"
    key, equals, value = text.partition("=")
    if not equals or not all(key.split(".")):
        raise UsageError(f"{source}: expected key=value, e.g. vision.training.steps=2000")
    try:
        return Assignment(key, read(value), source)
    except YAMLError as error:
        raise UsageError(f"{source}: '{shortened(value)}' is not a YAML value ({error})") from None


def _check_agreement(assignments: Sequence[Assignment]) -> None:
    given: dict[str, tuple[object, str]] = {}
    for one in assignments:
        for key, value in _leaves(one.key, one.value):
            before, source = given.setdefault(key, (value, one.source))
            if before != value:
                raise UsageError(f"{source} and {one.source} contradict each other: give one of them")
    for key, (_, source) in given.items():
        parts = key.split(".")
        for end in range(1, len(parts)):
            outer, other = given.get(".".join(parts[:end]), ({}, ""))
            sections = sections_at(parts[:end])
            if outer is None or (outer != {} and Constant in sections):  # a number is a constant schedule
                raise UsageError(f"{other} and {source} contradict each other: give one of them")
            if outer != {} and sections:
                raise UsageError(
                    f"{other}: {'.'.join(parts[:end])}: expected a section, got {spelled(outer)}"
                )


def _leaves(key: str, value: object) -> Iterator[tuple[str, object]]:
    """The settings that a value holds, by dotted key."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(f"{key}.{name}", inner)
    else:
        yield key, value


def apply(raw: Mapping[str, Any], assignments: Sequence[Assignment]) -> tuple[dict[str, Any], list[str]]:
    """What the file says with the assignments on top, and the notes on what new kinds leave out of it.

    Args:
        raw: The content of the file; it stays as it is.
        assignments: In any order.

    Raises:
        UsageError: For a key inside of what is not a section.
    """
    result, notes = dict(raw), []
    for one in assignments:
        *path, last = one.path
        if last == "kind":
            notes += _change_kind(result, path, one)
            if one.key == "vision.network.kind":
                notes += _change_network(result, one.value, one)
        elif one.key == "vision.network" and isinstance(one.value, dict):
            notes += _change_network(result, one.value.get("kind"), one)
        elif one.key == "symbols.encoder":
            notes += _change_encoder(result, one)
    for one in sorted(assignments, key=lambda one: len(one.path)):
        *path, last = one.path
        _section(result, path, one.source)[last] = one.value
    return result, notes


def _change_kind(raw: dict[str, Any], path: Sequence[str], one: Assignment) -> list[str]:
    """Take out of a section what its new kind does not have."""
    kinds = kinds_at(path)
    if one.value not in tuple(kinds):
        return []
    given = constant_section(_section(raw, path[:-1], one.source).get(path[-1]))
    in_file = set(given) if isinstance(given, dict) else set()
    section = _section(raw, path, one.source)
    if section.get("kind") in (one.value, None):
        return []
    kept = () if path == ["data"] else kinds[str(one.value)].model_fields  # all about the other data set
    dropped = [key for key in section if key not in kept and key != "kind"]
    return _leave_out(section, dropped, in_file, one, path)


def _change_network(raw: dict[str, Any], kind: object, one: Assignment) -> list[str]:
    """Take out of `vision.penalties` those of a layered network for one of another kind."""
    if kind in ("layered", None):
        return []
    section = _section(raw, ["vision", "penalties"], one.source)
    dropped = [key for key in OF_LAYERS if str(section.get(key, 0)) not in ("0", "0.0")]
    return _leave_out(section, dropped, dropped, one, ["vision", "penalties"])


def _change_encoder(raw: dict[str, Any], one: Assignment) -> list[str]:
    """Take out of `symbols` the training settings of the other encoder."""
    section = _section(raw, ["symbols"], one.source)
    if section.get("encoder", Symbols.model_fields["encoder"].default) == one.value:
        return []
    chosen_for_it = {*Training.model_fields, "weight_decay", "expert_penalty"}
    dropped = [key for key in section if key in chosen_for_it]
    return _leave_out(section, dropped, dropped, one, ["symbols"])


def _leave_out(
    section: dict[str, Any],
    dropped: Sequence[str],
    in_file: Collection[str],
    one: Assignment,
    path: Sequence[str],
) -> list[str]:
    """Take keys out of the section at a path; returns the note on those that the file has."""
    for key in dropped:
        del section[key]
    named = ", ".join(".".join((*path, key)) for key in dropped if key in in_file)
    return (
        [f"{one.source}: leaves out {named}, which the config file has for another {one.path[-1]}"]
        if named
        else []
    )


def _section(raw: dict[str, Any], path: Sequence[str], source: str) -> dict[str, Any]:
    """The section at a path, a copy that may be changed; the default one where the file has none."""
    for depth, name in enumerate(path, start=1):
        inner = raw.get(name)
        if inner is None:
            inner = _default(path[:depth])
        elif Constant in sections_at(path[:depth]):
            inner = constant_section(inner)
        if not isinstance(inner, dict):
            raise UsageError(
                f"{source}: {shortened('.'.join(path[:depth]))} is {spelled(inner)}, not a section"
            )
        raw[name] = dict(inner)
        raw = raw[name]
    return raw


def _default(path: Sequence[str]) -> dict[str, Any]:
    """What the default of a section that has a kind sets, its kind at least; nothing for any other."""
    *outer, name = path
    for section in sections_at(outer):
        field = section.model_fields.get(name)
        if field is not None and isinstance(field.default, BaseModel) and kinds_at(path):
            return field.default.model_dump(mode="json", exclude_unset=True)
    return {}


def kinds_at(path: Sequence[str]) -> dict[str, type[BaseModel]]:
    """The sections that may stand at a dotted key, by their kind; none where they have no kind."""
    return {
        kind: section
        for section in sections_at(path)
        if "kind" in section.model_fields
        for kind in literals(section, "kind")
    }


def sections_at(path: Sequence[str]) -> list[type[BaseModel]]:
    """The sections that may stand at a dotted key: several where it has kinds, none where it is a setting."""
    found: list[type[BaseModel]] = [Config]
    for name in path:
        fields = [section.model_fields[name] for section in found if name in section.model_fields]
        found = [section for field in fields for section in sections_of(field.annotation)]
    return found


def sections_of(annotation: Any) -> list[type[BaseModel]]:
    """The sections inside an annotation, e.g. of `DAE | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for part in typing.get_args(annotation) for section in sections_of(part)]


def literals(model: type[BaseModel], name: str) -> tuple[Any, ...]:
    """The values of a field that is a `Literal`."""
    return typing.get_args(model.model_fields[name].annotation)
