"""From a YAML file and `--set a.b=value` to a checked `Config`; errors are one line and name file and key."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from pipelines.config import Config, yaml_reader
from pipelines.config.assignments import (
    Assignment,
    apply,
    kinds_at,
    literals,
    parse,
    sections_at,
    sections_of,
)
from pipelines.config.places import absolute, named
from pipelines.config.renamed import RENAMED
from pipelines.config.values import spelled
from pipelines.errors import UsageError, nearest, printable, shortened
from vision.spelling import closest

SHIPPED = Path(__file__).parent / "presets"
MOST_BYTES = 4 * 2**20
"""Of a config file."""
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""In C where PyYAML has it: some twenty times as fast on thousands of aliases."""


def shipped_names() -> list[str]:
    """The names of the configs that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def find(name: str) -> Path:
    """The file of a shipped config's name, or of a path.

    Raises:
        UsageError: When there is neither, with the nearest name.
    """
    if name in shipped_names():
        return SHIPPED / f"{name}.yaml"
    path = Path(name)
    if os.path.isfile(path):
        return path
    name = shortened(name)
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        raise UsageError(f"config file {name} does not exist")
    choices = shipped_names()
    raise UsageError(f"no config named '{name}'{nearest(name, choices, otherwise='; there are {}')}")


def other_size(name: str, config: Config, shape: Sequence[int]) -> str:
    """A line where a shipped config is used on images of a size that its weights are not meant for, else "".

    Args:
        name: Of the shipped config, or a path.
        config: What was made of it.
        shape: (height, width) of the images.
    """
    if name not in shipped_names():
        return ""
    preset = load(SHIPPED / f"{name}.yaml")
    meant, size = preset.data.size, tuple(shape)
    meant = (meant, meant) if isinstance(meant, int) else meant
    same = preset.vision.likelihood == config.vision.likelihood
    if meant is None or not same or 2 / 3 < size[0] * size[1] / (meant[0] * meant[1]) < 3 / 2:
        return ""
    return (
        f"vision: warning: the weights of {name} are meant for {meant[0]}x{meant[1]} pixels, these images "
        f"have {size[0]}x{size[1]}: --set data.size=[{meant[0]},{meant[1]}], or scan init FOLDER for a "
        "config of their own"
    )


def load(path: Path, assignments: Sequence[str] = (), *, quiet: bool = False) -> Config:
    """Read and check a config file, with `a.b=value` assignments on top.

    What these leave out of the file, for another kind of a section, is said on stderr.

    Args:
        path: The file.
        assignments: Texts of the form a.b=value, in any order.
        quiet: Say nothing.

    Raises:
        UsageError: One line that names the file or the assignment, the dotted key, and what was expected.
    """
    where = path.name if path.parent == SHIPPED else str(path)
    return load_text(_text(path, where), path, assignments, quiet=quiet)


def load_text(text: str, path: Path, assignments: Sequence[str] = (), *, quiet: bool = False) -> Config:
    """Read and check the text of a config file that lies, or will lie, at a path; as `load`."""
    where = path.name if path.parent == SHIPPED else str(path)
    given, is_preset = parse(assignments), path.parent == SHIPPED
    raw, notes = apply(absolute(_parse(text, where), path.parent), given)
    raw = named(raw, path, {one.key for one in given}, is_preset=is_preset)
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        raise UsageError(_first_line(error, where, given)) from None
    for note in () if quiet else notes:
        print(printable(f"note: {note}"), file=sys.stderr)
    return config


def dump(config: Config) -> str:
    """The resolved config as YAML that `load` reads to an equal one."""
    content = config.model_dump(mode="json")
    return str(yaml.dump(content, Dumper=_DUMPER, sort_keys=False, allow_unicode=True))


def _text(path: Path, where: str) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{where} has more than {MOST_BYTES // 2**20} MiB: it is no config")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: not text in UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise UsageError(f"{where}: cannot be read ({error.strerror or error})") from None


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        raw = yaml_reader.read(text)
    except yaml_reader.YAMLError as error:
        raise UsageError(f"{where}: {error}") from None
    if not isinstance(raw, dict):
        raise UsageError(f"{where}: expected sections such as data and vision, got {spelled(raw)}")
    return raw


def _first_line(error: ValidationError, where: str, assigned: Sequence[Assignment]) -> str:
    problems = error.errors(include_url=False)
    first = problems[0]
    keys, model = _walk(first["loc"])
    dotted = ".".join(keys)
    source = _source(dotted, assigned, missing=first["type"] == "missing") or where
    value = first["input"]
    match first["type"]:
        case "extra_forbidden":
            listed = "" if dotted in RENAMED else " (docs/settings.md has all)"
            message = f"unknown key{_instead(keys, model)}{listed}"
        case "missing":
            message = "must be set"
        case "literal_error":
            choices = first["ctx"]["expected"].replace("' or '", "', '").strip("'").split("', '")
            message = (
                f"{spelled(value)} is none of {', '.join(choices)}{nearest(shortened(str(value)), choices)}"
            )
        case "union_tag_invalid":
            choices = first["ctx"]["expected_tags"].strip("'").split("', '")
            tag = shortened(str(first["ctx"]["tag"]))
            message = f"kind '{tag}' is none of {', '.join(choices)}{nearest(tag, choices)}"
        case "union_tag_not_found":
            message = f"a kind must be set: {', '.join(kinds_at(keys))}"
        case "value_error":
            message = str(first["ctx"]["error"])
        case "model_type" | "model_attributes_type" | "dict_type" | "tuple_type":
            message = (
                f"expected {'a list' if first['type'] == 'tuple_type' else 'a section'}, got {spelled(value)}"
            )
        case _:
            message = f"{first['msg'][0].lower()}{first['msg'][1:]}, got {spelled(value)}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{source}: {shortened(dotted)}{': ' if dotted else ''}{message}{more}"


def _source(dotted: str, assigned: Sequence[Assignment], *, missing: bool) -> str | None:
    """The last assignment that could be to blame for a key, or for one that is missing beside what it set."""
    section = f"{dotted.rpartition('.')[0]}."
    blamed = [
        one.source
        for one in assigned
        if f"{dotted}.".startswith(f"{one.key}.")
        or one.key.startswith(f"{dotted}.")
        or (missing and one.key.startswith(section))
    ]
    return blamed[-1] if blamed else None


def _walk(location: Sequence[int | str]) -> tuple[list[str], type[BaseModel]]:
    """The dotted key of an error's location, and the section that holds its last part.

    Locations also hold the names of union members, which are not keys.
    """
    keys: list[str] = []
    model: type[BaseModel] = Config
    members: list[type[BaseModel]] = [Config]
    for depth, part in enumerate(location):
        chosen = [m for m in members if "kind" in m.model_fields and part in literals(m, "kind")]
        is_last = depth == len(location) - 1
        if chosen and (not is_last or len(members) > 1):
            model, members = chosen[0], [chosen[0]]
            continue
        keys.append(str(part))
        if len(members) == 1:
            model = members[0]
        field = model.model_fields.get(str(part))
        if field is not None:
            members = sections_of(field.annotation)
    return keys, model


def _instead(keys: Sequence[str], model: type[BaseModel]) -> str:
    """What an unknown key is called now, or else may be meant for."""
    *sections, last = keys
    if ".".join(keys) in RENAMED:
        return f"; it is now {RENAMED['.'.join(keys)]}"
    others = [section for section in sections_at(sections) if last in section.model_fields]
    if others:
        kind, other = literals(model, "kind")[0], literals(others[0], "kind")[0]
        return f" of kind {kind}, it is one of kind {other}"
    if close := closest(last, model.model_fields):
        return f"; did you mean {'.'.join([*sections, close])}?"
    elsewhere = list(dict.fromkeys(key for key in _dotted_keys() if key.rpartition(".")[2] == last))
    if elsewhere:
        return f"; did you mean {' or '.join(elsewhere)}?"
    return f"; there are {', '.join(model.model_fields)}"


def _dotted_keys(section: type[BaseModel] = Config, prefix: str = "") -> Iterator[str]:
    """Every key of the configuration, with those of all kinds."""
    for name, field in section.model_fields.items():
        yield f"{prefix}{name}"
        for inner in sections_of(field.annotation):
            yield from _dotted_keys(inner, f"{prefix}{name}.")
