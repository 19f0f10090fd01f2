"""How like real images imagined ones are, where a judge cannot tell.

A judge gives every image to one of the values that it knows, so a colour between two of the data's counts as
one of them, and what has no name is not read at all. Three measures stand beside accuracy and diversity:

- `ColourProbe` and `palette_distance`: how far a colour in an image is from the nearest that the data has.
- `nearest_distance`: how far an image is from the nearest real one, in pixels.
- `spread`: how much images of the same concept vary, pixel by pixel.

None has a scale of its own: each is to be given beside the same measure of real images.
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

    >>> palette_distance(torch.tensor([[3.0, 4.0, 0.0]]), torch.tensor([[0.0, 0.0, 0.0], [255.0, 0.0, 0.0]]))
    tensor([5.])
    """
    return torch.cdist(colours, palette.to(colours)).amin(-1)


def nearest_distance(x: Tensor, real: Tensor) -> Tensor:
    """Distance (N,) from images x (N, C, H, W) to the nearest of real ones (M, C, H, W), all in [0, 1].

    It is the root of the mean squared difference of their `pixels`, in units of 0..255.
    """
    among = pixels(real)
    parts = [torch.cdist(rows, among).amin(-1) for rows in pixels(x).split(ROWS)]
    return torch.cat(parts) * (255 / among.shape[1] ** 0.5)


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
    """How images vary within a concept, relative to real images of it; nan where real ones do not vary."""

    kept: float
    """In [0, 1]: of the variance of real images, the share that is there pixel by pixel. A pixel that varies
    more than in real images, as an unsteady colour does, does not make up for one that varies less."""
    ratio: float
    """Of the variances, summed over the pixels."""
    concepts: int
    """The concepts that both have at least two images of."""


def spread(made: Tensor, real: Tensor) -> Spread:
    """Compare variances within S concepts (S, P), as `variance_within` gives them; means over concepts.

    >>> spread(torch.tensor([[1.0, 3.0]]), torch.tensor([[2.0, 2.0]]))
    Spread(kept=0.75, ratio=1.0, concepts=1)
    """
    known = ~(made.isnan() | real.isnan()).any(1)
    of_made, of_real = made[known].sum(0), real[known].sum(0)
    total = of_real.sum().item()
    n = int(known.sum())
    if not total > 0:
        return Spread(math.nan, math.nan, n)
    return Spread(torch.minimum(of_made, of_real).sum().item() / total, of_made.sum().item() / total, n)
