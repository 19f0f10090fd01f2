"""Files of codes and factors, and `scan metrics` on them, for several tests."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines import cli

SIZES = (3, 4)
RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(0, size, 300) for size in SIZES], axis=1)
CODES = FACTORS[:, ::-1] * np.array([-1.0, 0.5])


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    capsys.readouterr()
    code = cli.main(["metrics", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def write(path: Path, **arrays: object) -> str:
    np.savez(path, **{"codes": CODES, "factors": FACTORS, **arrays})  # type: ignore[arg-type]
    return str(path)


def values(stdout: str, metric: str) -> dict[str, float]:
    entry = json.loads(stdout)["metrics"][metric]
    return {name: score["value"] for name, score in entry["scores"].items()}
