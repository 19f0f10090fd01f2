"""The reference of all settings, docs/settings.md: `python -m pipelines.config.reference` prints it.

Types, ranges and defaults come from the schema, and meanings from the docstrings below its fields.
"""

import ast
import inspect
import textwrap
import types
import typing
from typing import Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipelines.config.assignments import sections_of
from pipelines.config.schema import Config

INTRODUCTION = """# Settings

Everything that a config may set, by section: `scan run CONFIG --set vision.likelihood.scale=0.1`, or in a
YAML file

    vision:
      likelihood: {kind: gaussian, scale: 0.1}

Only what differs from the defaults needs to be written. A section with several kinds has one table for each.
This page is printed by `python -m pipelines.config.reference`.
"""


MOST_SHOWN = 2**16
"""Limits above this are not worth a word."""


def markdown() -> str:
    """The page."""
    return "\n".join([INTRODUCTION, *_section("", [Config])])


def _section(prefix: str, models: list[type[BaseModel]]) -> list[str]:
    """The tables of the sections that may stand at a dotted key, and of those inside of them."""
    lines, inner = [], {}
    for model in models:
        kind = model.model_fields.get("kind")
        what = f", kind {typing.get_args(kind.annotation)[0]}" if kind is not None else ""
        title = f"{prefix.rstrip('.') or 'The run'}{what}"
        lines += [f"## {title}", "", f"{_one_line(inspect.getdoc(model) or '')}", ""]
        lines += ["| setting | value | default | meaning |", "|---|---|---|---|"]
        meanings = _meanings(model)
        for name, field in model.model_fields.items():
            if name == "kind":
                continue
            sections = [one for one in sections_of(field.annotation) if one not in models]
            value = "a section, see below" if sections else _value(field)
            cells = [f"`{prefix}{name}`", value, _default(field, sections), meanings.get(name, "")]
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
            if sections:
                inner[f"{prefix}{name}."] = sections
        lines.append("")
    for key, sections in inner.items():
        lines += _section(key, sections)
    return lines


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """The docstring below each field of a section, those of its bases included."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if not issubclass(base, BaseModel) or base.__module__.startswith("pydantic"):
            continue
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(node, ast.ClassDef)
        for one, after in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
                text = _text(after)
                if text is not None:
                    found[one.target.id] = _one_line(text)
    return found


def _text(node: ast.stmt | None) -> str | None:
    """The text that a statement is; None for any other."""
    if (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ):
        return node.value.value
    return None


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _value(field: FieldInfo) -> str:
    """What a setting may be, in words."""
    low = next((one.ge for one in field.metadata if isinstance(one, Ge)), None)
    high = next((one.le for one in field.metadata if isinstance(one, Le)), None)
    above = next((f" above {one.gt}" for one in field.metadata if isinstance(one, Gt)), "")
    least = above or (f" from {low}" if low is not None else "")
    most = f" to {high}" if high is not None and float(str(high)) <= MOST_SHOWN else ""
    return _spelled(field.annotation) + least + most


def _spelled(annotation: Any) -> str:
    """A type in words."""
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_spelled(one) for one in arguments)
    if origin is tuple:
        return "[height, width] or a side" if len(arguments) == 2 and arguments[1] is int else "a list"
    if origin is dict:
        return "a section of names"
    if origin is typing.Annotated:
        return _spelled(arguments[0])
    words = {
        int: "a whole number",
        float: "a number",
        str: "text",
        bool: "`true` or `false`",
        type(None): "`null`",
    }
    return words.get(annotation, str(annotation))


def _default(field: FieldInfo, sections: list[type[BaseModel]]) -> str:
    """The default, as a config spells it."""
    if field.is_required():
        return "must be set" if not sections else ""
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        kind = getattr(default, "kind", None)
        if kind == "constant":
            return f"`{default.model_dump()['value']:g}`"
        return f"kind `{kind}`" if kind else ""
    if default is None:
        return "`null`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`[{', '.join(map(str, default))}]`"
    return f"`{default}`" if default not in ("", {}) else "none"


if __name__ == "__main__":
    print(markdown(), end="")
