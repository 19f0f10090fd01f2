"""How similar generated images are to real ones, in what a judge does not measure.

A judge assigns every image to one of the values that it was trained on, so a colour between two of the data's
counts as one of them, and factors without a symbol are not measured. Three measures complement accuracy and
diversity:

- `ColourProbe` and `palette_distance`: how far a colour in an image is from the nearest that the data has.
- `nearest_distance`: how far an image is from the nearest real one, in pixels.
- `spread`: how much images of the same concept vary, pixel by pixel.

Their scale depends on the data: each is to be reported with the same measure of real images.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 16
"""Images are averaged down to this many pixels a side, at most, before they are compared."""
RIDGE = 0.01
"""Penalty of the probe's weights, per image that it is fitted on."""
ROWS = 1024


class ColourProbe(NamedTuple):
    """A linear map from the pixels of an image to the colours of A parts of it.

    It is linear so that it goes on reading colours that no image of its fit had; a classifier would give the
    nearest colour that it knows.
    """

    weight: Tensor
    """(P, A * 3)."""
    origin: Tensor
    """(P,): the mean of the pixels."""
    mean: Tensor
    """(A * 3,): the mean of the colours."""

    def colours(self, x: Tensor) -> Tensor:
        """RGB in 0..255, (N, A, 3), of images x (N, C, H, W) in [0, 1]."""
        return ((pixels(x).to(self.weight) - self.origin) @ self.weight + self.mean).unflatten(-1, (-1, 3))


def colour_probe(x: Tensor, colours: Tensor, *, ridge: float = RIDGE) -> ColourProbe:
    """Fit a probe by ridge regression on real images whose colours are known.

    Args:
        x: Images (N, C, H, W) in [0, 1].
        colours: RGB in 0..255 of A parts of each image, (N, A, 3).
        ridge: Penalty of the squared weights, per image.
    """
    flat, targets = pixels(x).double(), colours.flatten(1).double()
    origin, mean = flat.mean(0), targets.mean(0)
    centred = flat - origin
    gram = centred.T @ centred + ridge * len(x) * torch.eye(flat.shape[1], dtype=flat.dtype, device=x.device)
    return ColourProbe(torch.linalg.solve(gram, centred.T @ (targets - mean)), origin, mean)


def pixels(x: Tensor) -> Tensor:
    """Images (N, C, H, W), averaged down to `SIDE` pixels a side where they are larger, as rows (N, P)."""
    side = min(SIDE, x.shape[-2]), min(SIDE, x.shape[-1])
    return F.adaptive_avg_pool2d(x.float(), side).flatten(1)


def palette_distance(colours: Tensor, palette: Tensor) -> Tensor:
    """Distance (N,), in units of RGB, from colours (N, 3) to the nearest of a palette (V, 3).

    Args:
        colours: RGB (N, 3).
        palette: RGB (V, 3).

    >>> palette_distance(torch.tensor([[3.0, 4.0, 0.0]]), torch.tensor([[0.0, 0.0, 0.0], [255.0, 0.0, 0.0]]))
    tensor([5.])
    """
    return torch.cdist(colours, palette.to(colours)).amin(-1)


def nearest_distance(x: Tensor, real: Tensor) -> Tensor:
    """Distance (N,) from images x (N, C, H, W) to the nearest of real ones (M, C, H, W), all in [0, 1].

    It is the root of the mean squared difference of their `pixels`, in units of 0..255.

    Args:
        x: Images (N, C, H, W) in [0, 1].
        real: Images (M, C, H, W) in [0, 1].
    """
    among = pixels(real)
    # cdist takes matrix products, which round distances near 0; those to the nearest are computed again.
    parts = [
        (rows - among[torch.cdist(rows, among).argmin(-1)]).square().mean(-1).sqrt()
        for rows in pixels(x).split(ROWS)
    ]
    return torch.cat(parts) * 255


def variance_within(x: Tensor, kept: Tensor | None = None) -> Tensor:
    """Variance of each value among the n images of each of S concepts, x (S, n, C, H, W): (S, C * H * W).

    Unbiased, and nan where fewer than two images are left.

    Args:
        x: The images.
        kept: Which of them to count, bool (S, n); all by default.
    """
    flat = x.flatten(2).double()
    weight = torch.ones_like(flat[..., :1]) if kept is None else kept.unsqueeze(-1).to(flat)
    n = weight.sum(1)
    mean = (flat * weight).sum(1) / n.clamp(min=1)
    squares = ((flat - mean.unsqueeze(1)).square() * weight).sum(1)
    return torch.where(n > 1, squares / (n - 1).clamp(min=1), torch.nan)


class Spread(NamedTuple):
    """The variance of images within concepts, relative to real images; nan where real images do not vary."""

    kept: float
    """sum over pixels of min(variance of generated, of real images) / sum of the real ones, in [0, 1]."""
    ratio: float
    """sum over pixels of the variance of generated images / sum of that of real ones, >= 0."""
    concepts: int
    """The number of concepts with at least two generated and two real images."""


def spread(generated: Tensor, real: Tensor) -> Spread:
    """Return the variance within concepts relative to that of real images, averaged over concepts.

    Args:
        generated: Variances within S concepts of P values of generated images, (S, P) (`variance_within`).
        real: The same of real images.

    >>> spread(torch.tensor([[1.0, 3.0]]), torch.tensor([[2.0, 2.0]]))
    Spread(kept=0.75, ratio=1.0, concepts=1)
    """
    known = ~(generated.isnan() | real.isnan()).any(1)
    of_generated, of_real = generated[known].sum(0), real[known].sum(0)
    total = of_real.sum().item()
    n = int(known.sum())
    if not total > 0:
        return Spread(math.nan, math.nan, n)
    kept = torch.minimum(of_generated, of_real).sum().item() / total
    return Spread(kept, of_generated.sum().item() / total, n)
