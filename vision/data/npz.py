"""Images with factors in one `.npz` file.

    images           uint8 (N, H, W, C), (N, C, H, W) or (N, H, W), C = 1 or 3; 0/1 images are scaled to 0/255
    factors          (N, A) indices, or values; also called `attributes`, `labels` or `latents_classes`
    factor_names     (A,) strings; also called `attribute_names`
    values_NAME      (V,) strings, the names of the values of factor NAME, where its column holds indices

The names may be in a JSON file instead, {"factor_names": [...], "values": {NAME: [...]}}, optionally with
`source` and `licence`, beside the images: for `sprites_8000.npz`, `sprites_8000.json`, else `sprites.json`.
Names that are bytes are read as UTF-8. A factor without named values is named by its values.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from vision.data.archives import QUOTED, read_arrays, words
from vision.data.factors import Factors, factors
from vision.data.images import DataError, ImageSet
from vision.data.paths import regular
from vision.spelling import nearest

IMAGES = ("images", "imgs")
FACTORS = ("factors", "attributes", "labels", "latents_classes")
NAMES = ("factor_names", "attribute_names")
MOST_BYTES = 16 * 2**20
"""Of a file of names."""


class NpzContent(NamedTuple):
    """What is in a file, before its columns are numbered."""

    images: np.ndarray
    """uint8 (N, C, H, W)."""
    columns: dict[str, np.ndarray]
    """The column (N,) of each factor; none where the file has no factors."""
    values: dict[str, list[str]]
    """The names of the values of the columns that hold indices."""
    source: str
    licence: str


def load_npz(
    path: str | os.PathLike[str],
    names: str | os.PathLike[str] | None = None,
    *,
    attributes: Sequence[str] | None = None,
    binary: Collection[str] = (),
    bins: Mapping[str, int] | None = None,
) -> ImageSet:
    """Read the data set in an `.npz` file of the layout that the module describes.

    Args:
        path: The file; "~" is expanded.
        names: The JSON file of names; by default found as the module describes.
        attributes: The factors to use, by default all; none for images without factors.
        binary: The factors that are attributes, present or absent, rather than one of several values.
        bins: Factors of numbers that are cut at their quantiles, and into how many values.

    Raises:
        DataError: One line that names the file, for anything that is missing, truncated, of the wrong shape
            or type, or unnamed.
    """
    path = Path(path).expanduser()
    try:
        content = read_npz(path, names)
        columns = content.columns
        if attributes is not None:
            for name in attributes:
                if name not in columns:
                    raise DataError(
                        f"no factor {name!r}{nearest(name, columns)}: it has {', '.join(columns)}"
                    )
            columns = {name: columns[name] for name in attributes}
        elif not columns:
            raise DataError(f"no factors: expected an array called {' or '.join(FACTORS)}")
        images = torch.from_numpy(content.images)
        if columns:
            named = {name: values for name, values in content.values.items() if name in columns}
            if attributes is None:
                named = content.values  # so that a name without a factor is refused
            found = factors(columns, named, binary, bins)
        else:
            found = Factors(np.empty((len(images), 0), dtype=np.int64), (), ())
        kept = tuple(name for name in found.names if name in binary)
        return ImageSet(
            images, *found, binary=kept, name=path.stem, source=content.source, licence=content.licence
        )
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def read_npz(path: Path, names: str | os.PathLike[str] | None = None) -> NpzContent:
    """Read a file of the layout that the module describes, or one of images alone.

    Args:
        path: The file.
        names: As for `load_npz`.

    Raises:
        DataError: As `load_npz`; the message does not name the file.
    """
    arrays = read_arrays(path, _is_used)
    if not any(key in arrays for key in FACTORS):
        return NpzContent(_images(arrays), {}, {}, path.name, "")
    described = _describe(path, names, arrays)
    table = _array(arrays, FACTORS, "factors")
    table = table[:, None] if table.ndim == 1 else table
    titles = described["factor_names"]
    if table.ndim != 2 or table.shape[1] != len(titles):
        raise DataError(f"{len(titles)} factor names for factors of shape {table.shape}")
    images = _images(arrays)
    if len(images) != len(table):
        raise DataError(f"{len(images)} images but {len(table)} rows of factors")
    columns = dict(zip(titles, table.T, strict=True))
    source, licence = described.get("source", path.name), described.get("licence", "")
    return NpzContent(images, columns, described["values"], source, licence)


def _images(arrays: dict[str, np.ndarray]) -> np.ndarray:
    images = _channels_first(_array(arrays, IMAGES, "images"))
    if not len(images):
        raise DataError("0 images: expected one at least")
    return images


def _is_used(name: str) -> bool:
    return name in (*IMAGES, *FACTORS, *NAMES) or name.startswith("values_")


def _array(arrays: dict[str, np.ndarray], keys: Sequence[str], what: str) -> np.ndarray:
    for key in keys:
        if key in arrays:
            return arrays[key]
    raise DataError(f"no {what}: expected an array called {' or '.join(keys)}")


def _describe(
    path: Path, names: str | os.PathLike[str] | None, arrays: dict[str, np.ndarray]
) -> dict[str, Any]:
    """factor_names and values (and source, licence) from the JSON file, or from the arrays."""
    found = _names_file(path) if names is None else Path(names).expanduser()
    if found is not None:
        return _read_names(found)
    stored = next((name for name in NAMES if name in arrays), None)
    if stored is None:
        raise DataError(
            f"no names: put factor_names into the file, or {path.stem}.json with factor_names and values "
            "beside it"
        )
    values = {
        key.removeprefix("values_"): words(array, key)
        for key, array in arrays.items()
        if key.startswith("values_")
    }
    return {"factor_names": words(arrays[stored], stored), "values": values}


def _names_file(path: Path) -> Path | None:
    for stem in (path.stem, re.sub(r"_\d+$", "", path.stem)):
        candidate = path.with_name(f"{stem}.json")
        if candidate.is_file():
            return candidate
    return None


def _read_names(path: Path) -> dict[str, Any]:
    try:
        path = regular(path)
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"larger than {MOST_BYTES >> 20} MiB: it should hold names alone")
        text = path.read_bytes().decode("utf-8-sig")
        described = json.loads(text, object_pairs_hook=_once)
    except RecursionError as error:
        raise DataError(f"its names cannot be read from {path} (nested too deeply)") from error
    except (OSError, ValueError) as error:
        what = " ".join(str(getattr(error, "strerror", None) or error).split())[:QUOTED]
        raise DataError(f"its names cannot be read from {path} ({what})") from error
    if not isinstance(described, dict) or not isinstance(described.get("factor_names"), list):
        raise DataError(f"{path} has no list factor_names")
    values = described.setdefault("values", {})
    if not isinstance(values, dict) or not all(isinstance(names, list) for names in values.values()):
        raise DataError(f"the values in {path} must map a factor's name to a list of names")
    for key in ("source", "licence"):
        if not isinstance(described.get(key, ""), str):
            raise DataError(f"{key} in {path} must be a string")
    titles = [_spelt(name, f"factor_names in {path}") for name in described["factor_names"]]
    spelt: dict[str, list[str]] = {}
    for name, found in values.items():
        spelt[name] = [_spelt(value, f"the values of {name!r} in {path}") for value in found]
    return {**described, "factor_names": titles, "values": spelt}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, whose keys must differ."""
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DataError(f"key {twice[:QUOTED]!r} is given twice")
    return found


def _spelt(name: object, where: str) -> str:
    """A string, or a number as JSON spells it."""
    if isinstance(name, bool) or not isinstance(name, str | int | float):
        raise DataError(f"{where} must be strings, got {json.dumps(name)[:QUOTED]}")
    return str(name)


def _channels_first(images: np.ndarray) -> np.ndarray:
    if images.dtype not in (np.uint8, np.bool_) or images.ndim not in (3, 4):
        raise DataError(
            f"images must be uint8 (N, H, W, C), (N, C, H, W) or (N, H, W), got {images.dtype} {images.shape}"
        )
    if images.ndim == 3:
        images = images[:, None]
    elif images.shape[3] in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    elif images.shape[1] not in (1, 3):
        raise DataError(f"images must have 1 or 3 channels, got shape {images.shape}")
    images = np.ascontiguousarray(images, dtype=np.uint8)
    return images * np.uint8(255) if images.size and images.max() <= 1 else images
