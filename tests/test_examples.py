"""The scripts in `examples/` run as they are, and print what they promise."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def run(name: str, folder: Path) -> str:
    """What a script prints, started in an empty folder."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 25


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_the_readme_shows_an_example_as_it_is(path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert path.read_text() in blocks


def test_metrics_only(tmp_path: Path) -> None:
    clean, rotated = run("metrics_only.py", tmp_path).splitlines()
    for metric in ("MIG", "SAP", "DCI"):
        scores = [float(line.split(metric)[1].split()[0]) for line in (clean, rotated)]
        assert scores[0] > scores[1] + 0.1
    assert float(clean.split("DCI")[1].split()[0]) > 0.9
