"""From a YAML file and `--set a.b=value` to a checked `Config`; errors are one line and name file and key."""

import difflib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from pipelines.config import Config
from pipelines.config_values import spelled
from pipelines.errors import UsageError

SHIPPED = Path(__file__).parent / "configs"


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
    if path.is_file():
        return path
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        raise UsageError(f"config file {name} does not exist")
    choices = shipped_names()
    raise UsageError(
        f"no config named '{name}'" + (_hint(name, choices) or f"; there are {', '.join(choices)}")
    )


def load(path: Path, assignments: Sequence[str] = ()) -> Config:
    """Read and check a config file, with `a.b=value` assignments on top.

    Raises:
        UsageError: One line that names the file or the assignment, the dotted key, and what was expected.
    """
    where = path.name if path.parent == SHIPPED else str(path)
    raw = _parse(path.read_text(), where)
    assigned = {}
    for assignment in assignments:
        key, value = _assignment(assignment)
        _assign(raw, key, value, assignment)
        assigned[key] = assignment
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise UsageError(_first_line(error, where, assigned)) from None


def dump(config: Config) -> str:
    """The resolved config as YAML that `load` reads to an equal one."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for index, key in enumerate(keys):
        if key in keys[:index]:
            line = node.value[index][0].start_mark.line + 1
            raise UsageError(f"line {line}: key '{key}' is given twice")
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        raw = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark is not None else ""
        raise UsageError(
            f"{where}{line}: not valid YAML ({getattr(error, 'problem', None) or error})"
        ) from None
    except UsageError as error:
        raise UsageError(f"{where} {error}") from None
    if not isinstance(raw, dict):
        raise UsageError(f"{where}: expected sections such as data and vision, got {spelled(raw)}")
    return raw


def _assignment(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not all(key.split(".")):
        raise UsageError(f"--set {text}: expected key=value, e.g. vision.steps=2000")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError:
        raise UsageError(f"--set {text}: '{value}' is not a YAML value") from None


def _assign(raw: dict[str, Any], dotted: str, value: object, assignment: str) -> None:
    *sections, last = dotted.split(".")
    for section in sections:
        inner = raw.setdefault(section, {})
        if inner is None:
            inner = raw[section] = {}
        if not isinstance(inner, dict):
            raise UsageError(f"--set {assignment}: {section} is {spelled(inner)}, not a section")
        raw = inner
    if last == "kind" and raw.get("kind") != value:
        raw.clear()  # the keys of another kind do not apply
    raw[last] = value


def _first_line(error: ValidationError, where: str, assigned: Mapping[str, str]) -> str:
    problems = error.errors(include_url=False)
    first = problems[0]
    keys, model = _walk(first["loc"])
    dotted = ".".join(keys)
    source = _source(dotted, assigned, missing=first["type"] == "missing") or where
    value = first["input"]
    match first["type"]:
        case "extra_forbidden":
            message = f"unknown key{_nearest_key(keys, model)}"
        case "missing":
            message = "must be set"
        case "literal_error":
            choices = first["ctx"]["expected"].replace("' or '", "', '").strip("'").split("', '")
            message = f"{spelled(value)} is none of {', '.join(choices)}{_hint(str(value), choices)}"
        case "union_tag_invalid":
            choices, tag = first["ctx"]["expected_tags"].strip("'").split("', '"), first["ctx"]["tag"]
            message = f"kind '{tag}' is none of {', '.join(choices)}{_hint(tag, choices)}"
        case "union_tag_not_found":
            message = (
                "a kind must be set, e.g. kind: constant" if dotted != "data" else "data.kind must be set"
            )
        case "value_error":
            message = str(first["ctx"]["error"])
        case "model_type" | "model_attributes_type" | "dict_type" | "tuple_type":
            message = (
                f"expected {'a list' if first['type'] == 'tuple_type' else 'a section'}, got {spelled(value)}"
            )
        case _:
            message = f"{first['msg'][0].lower()}{first['msg'][1:]}, got {spelled(value)}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{source}: {dotted}{': ' if dotted else ''}{message}{more}"


def _source(dotted: str, assigned: Mapping[str, str], *, missing: bool) -> str | None:
    """The last assignment that could be to blame for a key, or for one that is missing beside what it set."""
    section = f"{dotted.rpartition('.')[0]}."
    blamed = [
        text
        for key, text in assigned.items()
        if f"{dotted}.".startswith(f"{key}.")
        or key.startswith(f"{dotted}.")
        or (missing and key.startswith(section))
    ]
    return f"--set {blamed[-1]}" if blamed else None


def _walk(location: Sequence[int | str]) -> tuple[list[str], type[BaseModel]]:
    """The dotted key of an error's location, and the section that holds its last part.

    Locations also hold the names of union members, which are not keys.
    """
    keys: list[str] = []
    model: type[BaseModel] = Config
    members: list[type[BaseModel]] = [Config]
    for depth, part in enumerate(location):
        chosen = [m for m in members if "kind" in m.model_fields and part in _literals(m, "kind")]
        is_last = depth == len(location) - 1
        if chosen and not is_last:
            model, members = chosen[0], [chosen[0]]
            continue
        keys.append(str(part))
        if len(members) == 1:
            model = members[0]
        field = model.model_fields.get(str(part))
        if field is not None:
            members = _sections(field.annotation)
    return keys, model


def _literals(model: type[BaseModel], name: str) -> tuple[Any, ...]:
    return typing.get_args(model.model_fields[name].annotation)


def _sections(annotation: Any) -> list[type[BaseModel]]:
    """The sections inside an annotation, e.g. of `DAE | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for part in typing.get_args(annotation) for section in _sections(part)]


def _nearest_key(keys: Sequence[str], model: type[BaseModel]) -> str:
    *sections, last = keys
    close = difflib.get_close_matches(last, list(model.model_fields), n=1)
    if close:
        return f"; did you mean {'.'.join([*sections, close[0]])}?"
    elsewhere = [
        f"{name}.{last}"
        for name, field in Config.model_fields.items()
        if any(last in section.model_fields for section in _sections(field.annotation))
    ]
    if elsewhere:
        return f"; did you mean {' or '.join(elsewhere)}?"
    return f"; there are {', '.join(model.model_fields)}"


def _hint(name: str, choices: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, choices, n=1)
    return f"; did you mean {close[0]}?" if close else ""
