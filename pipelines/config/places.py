"""What a config says by where it lies: relative paths are meant from its folder, and a name may be left
out."""

import os
import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

PATHS = ("path", "names")
"""Keys of the section data that are paths."""


def absolute(raw: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The content of a config file with the paths of its data absolute.

    Args:
        raw: The content.
        folder: That of the file; paths that are relative or begin with "~" are meant from it, or from the
        home.
    """
    data = raw.get("data")
    if not isinstance(data, dict):
        return dict(raw)
    paths = {
        key: os.path.abspath(os.path.join(folder, os.path.expanduser(data[key])))
        for key in PATHS
        if isinstance(data.get(key), str) and data[key]
    }
    return {**raw, "data": {**data, **paths}}


def named(raw: Mapping[str, Any], file: Path, assigned: Set[str], *, is_preset: bool) -> dict[str, Any]:
    """The content of a config with a name: where it has none, that of its data, or else of its file.

    A preset that is given other data takes the name of these.

    Args:
        raw: The content, with what was assigned.
        file: The config file.
        assigned: Dotted keys that were assigned.
        is_preset: Whether the file came with the package.
    """
    data = raw.get("data")
    path = data.get("path") if isinstance(data, dict) else None
    has_own = is_preset and "name" not in assigned and assigned & {"data.path", "data"}
    if "name" in raw and not (has_own and isinstance(path, str)):
        return dict(raw)
    return {**raw, "name": name_of(Path(path) if isinstance(path, str) else file)}


def name_of(path: Path) -> str:
    """The name of a run on a folder, an .npz file or a config file.

    >>> name_of(Path("data/My pictures.npz"))
    'My-pictures'
    """
    path = path.expanduser()
    stem = path.stem if path.suffix in (".npz", ".yaml", ".yml") else path.name
    return re.sub(r"^[._-]+|-+$", "", re.sub(r"[^A-Za-z0-9._-]+", "-", stem)) or "own"
