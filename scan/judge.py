"""The judge: a classifier that reads the attributes of generated images.

It is trained on real images only, and applied to the output of a decoder: `augment` therefore blurs and
shifts its training images and adds noise, little enough that neighbouring colours remain distinct. Its
accuracy on clean images is reported with every result that depends on it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vision.networks import Convolutions

BLUR = 1 / 20
SHIFT = 1 / 16
CONTRAST = 0.05
BRIGHTNESS = 0.02
NOISE = 0.03
LEAST_WEIGHT = 1e-12
"""Weights of a blur below this are 0: products with subnormal numbers take many times as long."""
MIDDLE, SPREAD = 0.5, 0.25
"""Approximate mean and standard deviation of pixels, by which the input is normalised."""


class Judge(nn.Module):
    """A small convolutional network with one softmax head per attribute.

    Args:
        shape: (C, H, W) of the images; each side at least 2 ** len(widths) pixels.
        sizes: The number of values V_a of each attribute; 2 for a binary one (absent, present).
        widths: Channels of the convolutions, each of which halves the image.
        hidden: Width of the layer that the heads share.
    """

    def __init__(
        self,
        shape: Sequence[int],
        sizes: Sequence[int],
        *,
        widths: Sequence[int] = (32, 32, 64),
        hidden: int = 128,
    ) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.convolutions = Convolutions(shape, widths)
        self.hidden = nn.Linear(self.convolutions.features, hidden)
        self.heads = nn.Linear(hidden, sum(self.sizes))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the logits (B, V_a) of each attribute for images x (B, C, H, W) in [0, 1]."""
        h = self.hidden(self.convolutions((x - MIDDLE) / SPREAD)).relu()
        return self.heads(h).float().split(self.sizes, dim=-1)

    def probabilities(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the probabilities (B, V_a) of each attribute for images x (B, C, H, W) in [0, 1]."""
        return tuple(logits.softmax(-1) for logits in self(x))


def judge_loss(logits: Sequence[Tensor], factors: Tensor) -> Tensor:
    """Return the cross-entropy in nats, summed over attributes, mean over the batch.

    Args:
        logits: (B, V_a) for each of A attributes.
        factors: The true values (B, A), int64.
    """
    return torch.stack([F.cross_entropy(l_a, factors[:, a]) for a, l_a in enumerate(logits)]).sum()


def augment(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return images (B, C, H, W) in [0, 1], each with its own blur, shift, contrast, brightness and noise.

    The blur is a Gaussian whose standard deviation reaches a twentieth of the shorter side; squaring a
    uniform number favours the sharper half. Shifts reach a sixteenth of a side, the border is repeated.

    Args:
        x: Images (B, C, H, W) in [0, 1].
        generator: Source of all randomness; on the device of x.
    """
    batch, _, height, width = x.shape

    def uniform() -> Tensor:
        return torch.rand(batch, 1, 1, generator=generator, device=x.device)

    sigma = 0.3 + BLUR * min(height, width) * uniform() ** 2
    rows = _resampling(height, SHIFT * height * (2 * uniform() - 1), sigma)  # (B, H, H)
    columns = _resampling(width, SHIFT * width * (2 * uniform() - 1), sigma)
    x = torch.einsum("bij,bcjk,blk->bcil", rows, x, columns)
    contrast = 1 + CONTRAST * (2 * uniform() - 1).unsqueeze(1)
    brightness = BRIGHTNESS * (2 * uniform() - 1).unsqueeze(1)
    mean = x.mean((1, 2, 3), keepdim=True)
    noise = torch.randn(x.shape, generator=generator, device=x.device) * (NOISE * uniform().unsqueeze(1))
    return (mean + contrast * (x - mean) + brightness + noise).clamp(0, 1)


def _resampling(side: int, shift: Tensor, sigma: Tensor) -> Tensor:
    """Matrices (B, side, side) that shift a row of pixels and blur it, one per image; their rows sum to 1.

    `shift` in pixels, rounded to whole ones so that a sharp image stays sharp, and `sigma` are (B, 1, 1).
    """
    place = torch.arange(side, device=shift.device, dtype=shift.dtype)
    source = (place.view(1, -1, 1) + shift.round()).clamp(0, side - 1)
    weights = (-0.5 * ((place - source) / sigma) ** 2).softmax(-1)
    return weights.where(weights > LEAST_WEIGHT, 0.0)
