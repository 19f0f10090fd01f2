"""How threads wait is decided by the command line before torch is loaded, and never against the user."""

import json
import os
import subprocess
import sys

import pytest

from pipelines.openmp import SAYS, SPINS

ENTRY = """
import json, os, sys
from pipelines import __main__, cli
cli.main = lambda: print(json.dumps([dict(os.environ), "torch" in sys.modules])) or 0
sys.exit(__main__.main())
"""


@pytest.mark.parametrize(
    "given", [{}, {"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": ""}]
)
def test_threads_sleep_soon_unless_the_user_says_otherwise(given: dict[str, str]) -> None:
    outside = {name: value for name, value in os.environ.items() if name not in SAYS}
    ended = subprocess.run(
        [sys.executable, "-c", ENTRY], env={**outside, **given}, capture_output=True, text=True, check=True
    )
    found, is_loaded = json.loads(ended.stdout)
    assert {name: found[name] for name in SAYS if name in found} == (given or {"GOMP_SPINCOUNT": str(SPINS)})
    assert not is_loaded
