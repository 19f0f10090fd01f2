"""docs/settings.md says what the schema says."""

from pathlib import Path

import pytest

from pipelines.config import config_files
from pipelines.config.reference import markdown
from pipelines.errors import UsageError

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"


def test_the_page_is_that_of_the_schema() -> None:
    """After a change of the schema: python -m pipelines.config.reference > docs/settings.md"""
    assert PAGE.read_text(encoding="utf-8") == markdown()


def test_every_setting_has_a_row_with_a_meaning() -> None:
    rows = {}
    for line in markdown().splitlines():
        if line.startswith("| `"):
            key, _, default, meaning = (cell.strip() for cell in line.strip("| ").split(" | "))
            rows[key.strip("`")] = (default, meaning)
    for key in config_files._dotted_keys():
        if not key.endswith(".kind"):
            assert key in rows, key
    assert rows["vision.training.restarts"][0] == "`24`"
    sections = {key for key in rows if any(other.startswith(f"{key}.") for other in rows)}
    assert not [key for key, (_, meaning) in rows.items() if not meaning and key not in sections]


def test_an_unknown_key_names_the_page(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("data: {kind: rooms, sise: 32}")
    with pytest.raises(UsageError, match=r"did you mean data.size\? \(docs/settings.md has all\)"):
        config_files.load(file)
