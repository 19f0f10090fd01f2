"""Grey images of a shape, of every combination of kind, scale and position: a small relative of dSprites."""

import itertools
from pathlib import Path

import numpy as np

NAMES = ("shape", "scale", "x", "y")
SHAPES = ("square", "disc", "diamond")
SIDE, SAMPLES = 32, 4


def render(factors: np.ndarray, positions: int, scales: int) -> np.ndarray:
    """Images uint8 (N, SIDE, SIDE, 1) of factors (N, 4), each pixel the share of it that the shape covers."""
    points = (np.arange(SIDE * SAMPLES) + 0.5) / SAMPLES
    images = []
    for shape, scale, x, y in factors:
        radius = 4 + 3 * scale / max(1, scales - 1)
        centre = 8 + 16 * np.array([x, y]) / (positions - 1)
        across, down = np.abs(points[None] - centre[0]), np.abs(points[:, None] - centre[1])
        inside = (
            np.maximum(across, down) < radius * 0.85,
            np.hypot(across, down) < radius,
            across + down < radius * 1.2,
        )[shape]
        shares = inside.reshape(SIDE, SAMPLES, SIDE, SAMPLES).mean((1, 3))
        images.append(np.round(255 * shares).astype(np.uint8))
    return np.stack(images)[..., None]


def write(path: Path, *, positions: int = 16, scales: int = 4) -> Path:
    """The whole set as an .npz file."""
    sizes = (len(SHAPES), scales, positions, positions)
    factors = np.array(list(itertools.product(*map(range, sizes))))
    values = {
        f"values_{name}": [f"{name} {i}" for i in range(n)] for name, n in zip(NAMES, sizes, strict=True)
    }
    images = render(factors, positions, scales)
    np.savez(path, images=images, factors=factors, factor_names=list(NAMES), **values)
    return path
