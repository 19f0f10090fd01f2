"""What the JSON files of a run must hold, so that a damaged one is named where it is read.

A file that a stage's receipt lists is checked against its sha256 instead (`files.read_json`): that is how the
results of stages are known to be whole. Keys that are not named here are not looked at.
"""

from math import nan
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.errors import shortened
from scan.run_format import FORMAT

Items = dict[str, str]


class _Record(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Operation(_Record):
    op: str
    left: Items
    right: Items
    result: Items


class _Attribute(_Record):
    name: str
    values: list[str] = []
    binary: bool = False


class _Vocabulary(_Record):
    attributes: list[_Attribute]
    aliases: dict[str, Items] = {}


class _Splits(_Record):
    held_out: list[Items]
    held_out_pairs: list[Items]
    test_images: list[Annotated[int, Field(ge=0)]]
    train_symbols: list[Items]
    validation_symbols: list[Items]
    test_symbols: list[Items]
    test_operators: list[_Operation]


class _Data(_Record):
    """`data.json`."""

    name: str
    source: str
    licence: str
    sha256: str
    images: int
    shape: Annotated[list[int], Field(min_length=3, max_length=3)]
    total_variance: float = nan
    background: str = ""
    asked: dict[str, Any]
    vocabulary: _Vocabulary
    splits: _Splits


class _Receipt(_Record):
    """`done.json`."""

    own: bool
    inputs: dict[str, Any]
    files: dict[str, str]
    seconds: float
    versions: dict[str, str]


class _Restarts(_Record):
    """`restarts.json`."""

    best: Annotated[int, Field(ge=0)]
    rungs: list[dict[str, Any]]


class _Entry(_Record):
    run: str
    measures: dict[str, Any] | None
    state: str = ""


class _Row(_Record):
    cells: list[_Entry]
    setting: dict[str, str] = {}


class _Table(_Record):
    """`compare.json`, `sweep.json`."""

    rows: list[_Row] = []


RECORDS: dict[str, type[_Record]] = {"data.json": _Data, "done.json": _Receipt, "restarts.json": _Restarts}


def damage(name: str, content: dict[str, Any]) -> str:
    """What is wrong with the content of a file of a run, by the file's name; "" where nothing is.

    Files of another format version are not looked into: they are refused as such (`folder.check_format`).

    >>> damage("restarts.json", {"best": "0", "rungs": []})
    'best: input should be a valid integer'
    """
    record = RECORDS.get(name)
    if record is None or content.get("format", FORMAT) != FORMAT:
        return ""
    return _wrong(record, content)


def damage_of_table(content: dict[str, Any]) -> str:
    """What is wrong with the table of a comparison or a sweep; "" where nothing is.

    >>> damage_of_table({"rows": [{"cells": [{"measures": None}]}]})
    'rows.0.cells.0.run: field required'
    """
    return _wrong(_Table, content)


def _wrong(record: type[_Record], content: dict[str, Any]) -> str:
    try:
        record.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = shortened(".".join(str(part) for part in first["loc"]))
        return f"{key}: {first['msg'][0].lower()}{first['msg'][1:]}"
    return ""
