"""A data set small enough for tests of the pipelines: three factors, and images that show them."""

from pathlib import Path

import numpy as np

SIZES = (3, 4, 5)


def write_npz(path: Path, *, n: int = 200, size: int = 8, flip: bool = False) -> Path:
    """Images whose first three pixels hold their factors, the rest noise; `flip` changes one bit of one."""
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(0, count, n) for count in SIZES], 1)
    images = rng.integers(0, 255, (n, size, size, 3), dtype=np.uint8)
    images[:, 0, :3, 0] = factors
    if flip:
        images[0, -1, -1, 0] ^= 1
    named = zip("abc", SIZES, strict=True)
    values = {f"values_{name}": [f"{name}{i}" for i in range(count)] for name, count in named}
    np.savez(path, images=images, factors=factors, factor_names=list("abc"), **values)
    return path
