"""A first config for a user's own pictures: what was found in them.

The visual model is that of the schema's defaults, whose weights follow from the images when a run starts
(`pipelines.runs.image_weights`).
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pipelines.config import Config, VisionTraining, config_files
from pipelines.config.places import name_of
from pipelines.errors import UsageError, printable, shortened
from pipelines.runs import datasets
from pipelines.runs.splits import draw
from symbols import Attribute, VocabularyError
from vision.data import DataError, ImageSet
from vision.data.background import BACKGROUND
from vision.data.content import Box, size_of
from vision.data.survey import Column, Survey, survey

SIDE = 32
"""The longer side that images are scaled to, in pixels."""
STEP = 8
"""Sides are multiples of this, which three halving layers need."""
MOST_LINES = 25
WIDTH = 110
UNNAMED_SHOWN = 3
"""Pictures without a row that are listed."""
BATCH = VisionTraining.model_fields["batch"].default


class FirstConfig(NamedTuple):
    """A config, and what it was made from."""

    text: str
    """Commented YAML."""
    config: Config
    found: Survey
    images: ImageSet

    @property
    def left_out(self) -> list[Column]:
        """The columns that are no attributes."""
        return [column for column in self.found.columns if column.kind == "left out"]


def first_config(path: Path, file: Path, bins: Mapping[str, int] | None = None) -> FirstConfig:
    """Look at a folder of pictures or an .npz file and write a config for it.

    Args:
        path: The folder or the file.
        file: Where the config will lie; a path inside of its folder is written relative to it.
        bins: Columns of numbers that are cut at their quantiles, and into how many values.

    Raises:
        UsageError: When there are no pictures, one cannot be read, or they are too few.
    """
    try:
        found = _with_names(survey(path, bins))
    except DataError as error:
        raise UsageError(str(error)) from error
    name = name_of(path.absolute())
    data = _data(found, file, bins or {})
    config = config_files.load_text(_dump({"name": name, "data": data}), file)
    images = datasets.images(config)
    datasets.check_images(config, images)
    splits = draw(config, images, datasets.vocabulary(config, images))
    sizes = {key: len(getattr(splits, key)) for key in type(config.splits).model_fields}
    if not config.has_words:
        sizes = {"test_images": sizes["test_images"]}
    text = _text(name, data, found, sizes, images)
    return FirstConfig(text, config_files.load_text(text, file), found, images)


def _with_names(found: Survey) -> Survey:
    """The survey, with columns left out whose words no vocabulary takes, or where one alone is left."""
    columns = [_named(column) for column in found.columns]
    used = [column for column in columns if column.kind != "left out"]
    if len(used) == 1:
        why = "the only attribute, and concepts need two"
        columns = [
            column._replace(kind="left out", why=why) if column in used else column for column in columns
        ]
    return found._replace(columns=tuple(columns))


def _named(column: Column) -> Column:
    if column.kind == "left out":
        return column
    try:
        binary = column.kind == "binary"
        Attribute(column.name, () if binary else tuple(column.counts), binary=binary)
    except VocabularyError as error:
        return column._replace(kind="left out", why=str(error))
    return column


def _data(found: Survey, file: Path, bins: Mapping[str, int]) -> dict[str, Any]:
    """The section data."""
    names = [column.name for column in found.used]
    data: dict[str, Any] = {"kind": found.kind, "path": _relative(found.path, file)}
    if found.kind == "folder":
        data["table"] = found.table if names else None
        data |= {"file_column": found.file_column} if names else {}
    size = _size(found)
    if found.kind == "folder" or size != found.shape:
        data["size"] = list(size)
    if found.background != BACKGROUND:
        data["background"] = found.background
    if names or found.kind == "npz":
        data["attributes"] = names
    if binary := [column.name for column in found.used if column.kind == "binary"]:
        data["binary"] = binary
    if binned := {name: n for name, n in bins.items() if name in names}:
        data["bins"] = binned
    return data


def _relative(path: Path, file: Path) -> str:
    """A path as the config at `file` names it: relative where it lies in the folder of the config."""
    absolute, folder = path.absolute(), file.absolute().parent
    inside = absolute.is_relative_to(folder)
    return os.path.relpath(absolute, folder) if inside else str(absolute)


def _size(found: Survey) -> tuple[int, int]:
    """The size for pictures: the longer side is SIDE at most, and what is the same in all is cut off."""
    height, width = found.shape
    return size_of(found.shape, found.box or Box(0, 0, height, width), side=SIDE, step=STEP)


def _text(
    name: str, data: Mapping[str, Any], found: Survey, splits: Mapping[str, int], images: ImageSet
) -> str:
    """The commented YAML."""
    batch = max(4, len(images) // 4)
    comments = {
        "size": f"of {_made_of(found)}"
        + (" pixels, without margins that are the same in all" if found.sizes == 1 else ""),
        "table": f"{found.images:,} rows"
        if data.get("table")
        else "no table of attributes: a visual model alone",
        "background": "behind transparent pixels; the fewest others resemble it",
        "path": "relative to this file" if not os.path.isabs(data["path"]) else "",
    }
    top = [
        f"# {len(images):,} pictures, looked at by scan init. docs/settings.md has all settings.",
        f"name: {name}",
    ]
    top.append("data:")
    for key, value in data.items():
        comment = comments.get(key)
        top.append(f"  {key}: {_flow(value)}" + (f" # {printable(comment)}" if comment else ""))
    rest = [f"splits: {_flow(splits)}"]
    if batch < BATCH:
        rest.append(f"vision: {{training: {{batch: {batch}}}}} # few pictures; all else follows from them")
    if found.used:
        rest += [
            "symbols: {steps: 4000, weight_decay: 0.01, expert_penalty: 10, pair_penalty: 1,"
            " completion: 0.9}",
            "operators: {hidden: [128, 128], steps: 6000}",
        ]
    notes = _notes(found, MOST_LINES - len(top) - len(rest))
    return "\n".join((*top, *notes, *rest)) + "\n"


def _notes(found: Survey, most: int) -> list[str]:
    """Comments on the columns, in at most so many lines."""
    counts = [
        f"{column.name}: {', '.join(f'{value} {n:,}' for value, n in column.counts.items())}"
        for column in found.used
    ]
    left_out = [f"{column.name} ({column.why})" for column in found.columns if column.kind == "left out"]
    lines = []
    if left_out:
        lines = _wrapped(f"left out: {'; '.join(left_out)}", max(1, min(3, most - 1)))
    if counts:
        lines = _wrapped(f"images of each value: {'; '.join(counts)}", max(1, most - len(lines))) + lines
    return lines


def _wrapped(text: str, most: int) -> list[str]:
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent="  # ",
        subsequent_indent="  #   ",
        max_lines=most,
        placeholder=" ...",
        break_on_hyphens=False,
    )


def _flow(value: object) -> str:
    """A value as YAML on one line."""
    if isinstance(value, str) or value is None:
        text = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10**6)
        return str(text).strip()[1:-1]
    return str(
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6)
    ).strip()


def _dump(content: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(dict(content), allow_unicode=True, sort_keys=False))


def described(first: FirstConfig) -> list[str]:
    """What was found, for the terminal."""
    found, images = first.found, first.images
    height, width = images.shape[1:]
    was = "" if (height, width) == found.shape and found.sizes == 1 else f", made of {_made_of(found)}"
    lines = [f"{len(images):,} pictures of {height}x{width} pixels{was}"]
    if found.table is not None:
        where = os.path.normpath(found.path / found.table)
        lines.append(f'table {where}, files in its column "{found.file_column}"')
    if found.unnamed:
        some = ", ".join(found.unnamed[:UNNAMED_SHOWN])
        more = ", ..." if len(found.unnamed) > UNNAMED_SHOWN else ""
        lines.append(
            f"  left out: {len(found.unnamed):,} pictures that it does not name ({shortened(some)}{more})"
        )
    lines += [f"{name} is not used: {shortened(why)}" for name, why in found.other_tables]
    for column in found.used:
        values = ", ".join(f"{value} {n:,}" for value, n in column.counts.items())
        kind = "present or absent" if column.kind == "binary" else f"{len(column.counts)} values"
        lines.append(f"  {column.name} ({kind}): {shortened(values, 400)}")
    for column in first.left_out:
        numbers = "different numbers" in column.why
        hint = f", cut them into four by --bin {_quoted(column.name)}=4" if numbers else ""
        lines.append(f"  left out: {column.name} ({column.why}{hint})")
    if not found.used:
        lines.append("no attributes to learn words for: a run gives a visual model, traversals and a report")
    return lines


def _made_of(found: Survey) -> str:
    """The size of the pictures that were found."""
    most = f"{found.shape[0]}x{found.shape[1]}"
    return most if found.sizes == 1 else f"pictures of {found.sizes} sizes, most of {most}"


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name


def is_own_data(text: str) -> bool:
    """Whether what a command was asked for is a folder or an .npz file, and no config."""
    if text in config_files.shipped_names():
        return False
    path = Path(text).expanduser()
    return path.is_dir() or (path.suffix == ".npz" and path.is_file())


def listed(lines: Sequence[str]) -> str:
    """Lines for the terminal, with nothing in them that it should not show."""
    return "\n".join(map(printable, lines))
