"""The table of counter-examples in docs/metrics.md is what the code measures.

python -m pytest -m slow -s tests/test_vision_metrics_counterexamples.py
"""

from pathlib import Path

import numpy as np
import pytest

from vision.metrics import (
    beta_vae_score,
    dci,
    explicitness,
    factor_vae_score,
    irs,
    mig,
    modularity,
    sap,
)

pytestmark = pytest.mark.slow
SIZES = (3, 4, 5, 6)
DOCS = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"
COLUMNS = (
    "MIG",
    "SAP",
    "DCI-D",
    "DCI-C",
    "DCI-I",
    "modularity",
    "explicitness",
    "IRS",
    "FactorVAE",
    "BetaVAE",
)


def code(name: str, factors: np.ndarray, noise: np.random.Generator) -> np.ndarray:
    """A code (N, D) of factors (N, 4), each factor scaled to -1..1."""
    x = 2.0 * factors / (np.array(SIZES) - 1.0) - 1.0
    fixed = np.random.default_rng(1)
    if name == "perfect":
        return x
    if name == "perfect, each latent twice":
        return np.hstack([x, x])
    if name == "rotated":
        return x @ np.linalg.qr(fixed.normal(size=(4, 4)))[0]
    if name == "two factors merged in one latent":
        merged = factors[:, 0] * SIZES[1] + factors[:, 1]
        return np.column_stack([2.0 * merged / (SIZES[0] * SIZES[1] - 1.0) - 1.0, x[:, 2:]])
    if name == "one factor missing":
        return np.column_stack([x[:, :3], noise.normal(size=len(x))])
    if name == "64 dense random mixtures":
        return x @ fixed.normal(size=(4, 64)) / 2.0 + 0.2 * noise.normal(size=(len(x), 64))
    if name == "perfect, other units":
        return x * np.array([1e-3, 0.1, 10.0, 1e3])
    if name == "pure noise":
        return noise.normal(size=(len(x), 10))
    raise AssertionError(name)


def rows() -> list[list[str]]:
    lines = DOCS.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| code |"))
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:] if line[:1] == "|"
    ]
    assert tuple(cells[0][1:]) == COLUMNS
    return [row for row in cells[2:] if len(row) == len(COLUMNS) + 1]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_the_documented_scores(row: list[str]) -> None:
    rng, noise = np.random.default_rng(0), np.random.default_rng(2)
    factors = np.stack([rng.integers(size, size=3000) for size in SIZES], axis=1)
    codes = code(row[0], factors, noise)
    train, test = (codes[:2000], factors[:2000]), (codes[2000:], factors[2000:])
    importances = dci(*train, *test)

    def encode(values: np.ndarray) -> np.ndarray:
        return code(row[0], values, noise)

    counts = {"num_train": 1000, "num_eval": 500}
    measured = [
        mig(*train),
        sap(*train, *test),
        importances.disentanglement,
        importances.completeness,
        importances.informativeness_test,
        modularity(*train),
        explicitness(*train, *test).test,
        irs(*train).score,
        factor_vae_score(encode, SIZES, rng=np.random.RandomState(0), num_variance=1000, **counts).eval,
        beta_vae_score(encode, SIZES, rng=np.random.RandomState(0), **counts).eval,
    ]
    print("\n| " + " | ".join([row[0], *(f"{value:.2f}" for value in measured)]) + " |")
    np.testing.assert_allclose(measured, [float(cell) for cell in row[1:]], atol=0.015)
