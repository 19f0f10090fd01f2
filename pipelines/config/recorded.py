"""Settings as they are recorded beside what was made from them: flat, by dotted keys.

Every setting that a version has is recorded, so that a key which a record lacks has been added since. It
stands for its default: what the schema gives to a config with the other settings that does not name it. So
what was made before the key existed is kept while the key has its default, and the default of a new key
must be what was done before it. Where it is not, also because it changed later, the key is in
`NOT_AS_BEFORE`, and its absence is a change. A key that is recorded and exists no more is always a change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from pipelines.config.schema import Config

NOT_AS_BEFORE = ("joint.expert_lr",)
"""Keys whose default is not what was done before they were added."""


def flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by their dotted keys.

    >>> flat({"judge": {"steps": 3, "network": "strided"}})
    {'judge.steps': 3, 'judge.network': 'strided'}
    """
    found: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def completed(before: Mapping[str, Any], now: Collection[str], config: Config) -> dict[str, Any]:
    """A record, and the defaults of the settings that it lacks because they have been added since.

    Args:
        before: What is recorded, flat. Other things than settings may be among them.
        now: The keys that would be recorded now.
        config: That of now, whose other settings decide what the defaults are.
    """
    absent = {key for key in now if key not in before and key not in NOT_AS_BEFORE}
    if not absent:
        return dict(before)
    try:
        shortened = Config.model_validate(_without(config.model_dump(mode="json"), absent))
    except ValidationError:  # one of them has no default
        return dict(before)
    defaults = flat(shortened.model_dump(mode="json"))
    return {**before, **{key: defaults[key] for key in now if key in absent and key in defaults}}


def _without(content: Mapping[str, Any], keys: Collection[str], prefix: str = "") -> dict[str, Any]:
    """Nested mappings without the leaves of some dotted keys, and without sections of which none is left."""
    left: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            section = _without(value, keys, f"{prefix}{key}.")
            if section or not value:
                left[key] = section
        elif f"{prefix}{key}" not in keys:
            left[key] = value
    return left
