"""Codes and factors whose scores are known, for several tests."""

import numpy as np

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
SIZES = (2, 3, 4)


def draw(points: int = 300, seed: int = 0, noise: float = 0.3) -> Data:
    rng = np.random.default_rng(seed)
    factors = np.stack([rng.integers(size, size=points) for size in SIZES], axis=1)
    mixing = np.eye(3, 4) + 0.3 * rng.normal(size=(3, 4))
    codes = factors @ mixing + noise * rng.normal(size=(points, 4))
    half = 2 * points // 3
    return codes[:half], factors[:half], codes[half:], factors[half:]


def identity(points: int = 900, size: int = 4) -> Data:
    rng = np.random.default_rng(1)
    factors = rng.integers(size, size=(points, 4))
    codes, half = factors.astype(float), 2 * points // 3
    return codes[:half], factors[:half], codes[half:], factors[half:]
