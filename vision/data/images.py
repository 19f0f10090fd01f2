"""A data set: images as bytes, their factors as integers, and the names of both.

Images stay uint8 until a batch is drawn, a quarter of the memory of float32; `to_unit` converts them for the
networks and `to_bytes` back.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Renderer = Callable[[np.ndarray, np.random.Generator], Tensor]
"""(factors (N, A) int, rng) -> images (N, C, H, W) uint8, nuisances drawn from rng."""


class DataError(ValueError):
    """Data that cannot be used as they are; the message is one line that names the file and what is wrong."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """N images, the indices of their A factors, and the names of factors and values.

    Raises:
        DataError: For another shape or type of images or factors, an index out of its range, a name that
            occurs twice, or `binary` and `colours` that do not fit the factors.
    """

    images: Tensor
    """uint8 (N, C, H, W)."""
    factors: np.ndarray
    """int64 (N, A); column a indexes `value_names[a]`."""
    names: tuple[str, ...]
    """Of the factors (A,)."""
    value_names: tuple[tuple[str, ...], ...]
    """Of each factor's values."""
    binary: tuple[str, ...] = ()
    """Names of the factors that are attributes, absent (0) or present (1), which may be mentioned or not; any
    other factor is a block of mutually exclusive values."""
    name: str = ""
    """Of the set."""
    source: str = ""
    licence: str = ""
    render: Renderer | None = None
    """Renders images of any combination; None for a stored set."""
    colours: Mapping[str, tuple[tuple[int, int, int], ...]] = field(default_factory=dict)
    """Of factors whose values are colours: the RGB of each value, 0 to 255."""

    def __post_init__(self) -> None:
        n = len(self.images)
        if self.images.ndim != 4 or self.images.dtype != torch.uint8:
            raise DataError(
                f"images must be uint8 (N, C, H, W), got {self.images.dtype} {tuple(self.images.shape)}"
            )
        if self.factors.shape != (n, len(self.names)) or self.factors.dtype != np.int64:
            raise DataError(
                f"factors must be int64 ({n}, {len(self.names)}) for {n} images and {len(self.names)} names, "
                f"got {self.factors.dtype} {self.factors.shape}"
            )
        if len(self.value_names) != len(self.names) or len(set(self.names)) != len(self.names):
            raise DataError(f"{len(self.value_names)} lists of values for the names {', '.join(self.names)}")
        for name, values in zip(self.names, self.value_names, strict=True):
            twice = [value for value, count in Counter(values).items() if count > 1]
            if twice:
                raise DataError(f"factor {name!r} has the value {twice[0]!r} twice")
        for name, values, column in zip(self.names, self.value_names, self.factors.T, strict=True):
            if n and not 0 <= column.min() <= column.max() < len(values):
                raise DataError(
                    f"factor {name!r} has {len(values)} values but indices {column.min()} to {column.max()}"
                )
        for name in self.binary:
            if name not in self.names or len(self.value_names[self.names.index(name)]) != 2:
                raise DataError(f"binary attribute {name!r} is not a factor with two values")
        for name, palette in self.colours.items():
            if name not in self.names or len(palette) != len(self.value_names[self.names.index(name)]):
                raise DataError(
                    f"{len(palette)} colours for {name!r}: expected one for each value of a factor"
                )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of values of each factor."""
        return tuple(len(values) for values in self.value_names)

    def subset(self, mask: np.ndarray) -> ImageSet:
        """Some of the images.

        Args:
            mask: Booleans (N,), or integers (M,) in 0..N-1: the indices of the images, in their order.
        """
        index = np.asarray(mask)
        index = np.flatnonzero(index) if index.dtype == bool else index
        return replace(self, images=self.images[torch.from_numpy(index)], factors=self.factors[index])

    def sample_factors(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n combinations (n, A) int64, every factor uniform over its values."""
        drawn = [rng.integers(0, values, n) for values in self.sizes]
        return np.stack(drawn, axis=1) if drawn else np.empty((n, 0), np.int64)

    def sample(
        self, n: int, rng: np.random.Generator, allowed: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> ImageSet:
        """Render n new images, every factor uniform over its values.

        Args:
            n: The number of images.
            rng: Source of the factors and of the nuisances.
            allowed: (n, A) factors -> bool (n,), which of them may be shown; others are drawn again. It must
                allow some combination.

        Raises:
            DataError: When the set is stored, not rendered.
        """
        if self.render is None:
            raise DataError("a stored set has no new images: only a rendered one can be sampled")
        factors = self.sample_factors(n, rng)
        while allowed is not None and (refused := ~allowed(factors)).any():
            factors[refused] = self.sample_factors(int(refused.sum()), rng)
        return replace(self, images=self.render(factors, rng), factors=factors)

    def resized(self, size: int | tuple[int, int]) -> ImageSet:
        """The set at another size, each pixel the average of its area, without `render`.

        Args:
            size: The side or (height, width) in pixels. Images of other proportions are first cropped about
                their centre.
        """
        height, width = (size, size) if isinstance(size, int) else size
        whole = self.images.shape[2:]
        scale = min(whole[0] / height, whole[1] / width)
        kept = max(1, round(height * scale)), max(1, round(width * scale))
        top, left = (whole[0] - kept[0]) // 2, (whole[1] - kept[1]) // 2
        cropped = self.images[:, :, top : top + kept[0], left : left + kept[1]]
        parts = [functional.interpolate(x.float(), (height, width), mode="area") for x in cropped.split(1024)]
        return replace(self, images=torch.cat([x.round().to(torch.uint8) for x in parts]), render=None)

    def sha256(self) -> str:
        """A digest of images, factors and names: equal for equal data, whatever file they came from."""
        digest = hashlib.sha256(repr((tuple(self.images.shape), self.names, self.value_names)).encode())
        for part in self.images.split(4096):
            digest.update(part.contiguous().numpy().tobytes())
        digest.update(np.ascontiguousarray(self.factors, dtype="<i8").tobytes())
        return digest.hexdigest()


def to_unit(images: Tensor) -> Tensor:
    """Bytes to float32 in [0, 1], same shape."""
    return images.float() / 255


def to_bytes(x: Tensor) -> Tensor:
    """Images in [0, 1] to bytes, rounded to the nearest, same shape."""
    return (x.float().clamp(0, 1) * 255).round().to(torch.uint8)
