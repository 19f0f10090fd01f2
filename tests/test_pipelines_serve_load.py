"""Many users of `scan serve` at once. Slow; `serve_load.py` measures for longer."""

import asyncio
from pathlib import Path

import pytest
import serve_load


@pytest.mark.slow
def test_fifty_users_get_no_error(finished_run: Path) -> None:
    with serve_load.serving(finished_run) as url:
        found = asyncio.run(serve_load.load(url, users=50, seconds=10, think=1.0))
    assert found["errors"] == 0, found["first_errors"]
    assert found["requests"] > 100
