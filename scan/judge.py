"""The judge: a classifier that reads the attributes of generated images.

It is trained on real images only, and applied to the output of a decoder: `augment` therefore blurs and
shifts its training images and adds noise, little enough that neighbouring colours remain distinct. Its
accuracy on clean images is reported with every result that depends on it.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vision.interfaces import Shape, image_shape
from vision.networks import Convolutions
from vision.spelling import choose

BLUR = 1 / 20
SHIFT = 1 / 16
CONTRAST = 0.05
BRIGHTNESS = 0.02
NOISE = 0.03
LARGE = 40
"""Pixels a side above which a pooled network begins by halving the image."""
LEAST_WEIGHT = 1e-12
"""Weights of a blur below this are 0: products with subnormal numbers take many times as long."""
MIDDLE, SPREAD = 0.5, 0.25
"""Approximate mean and standard deviation of pixels, by which the input is normalised."""


class PooledConvolutions(nn.Module):
    """Pairs of 3x3 convolutions with batch normalisation, after each of which the image is halved by maxima.

    The features (B, features) of images (B, C, H, W) are the last maps and the maximum of each of them: what
    an object is stays the same wherever it stands, where it stands is in the maps.

    Args:
        shape: (C, H, W) of the images; each side at least 2 ** len(widths) pixels.
        widths: Channels of each pair.
    """

    def __init__(self, shape: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        self.shape: Shape = image_shape(shape)
        channels, height, width = self.shape
        if min(height, width) < 2 ** len(widths):
            raise ValueError(f"an image of {height}x{width} pixels cannot be halved {len(widths)} times")
        layers: list[nn.Module] = []
        if max(height, width) > LARGE:
            layers += [nn.Conv2d(channels, widths[0], kernel_size=4, stride=2, padding=1), nn.ReLU()]
            channels, height, width = widths[0], height // 2, width // 2
        for ins, outs in zip((channels, *widths[:-1]), widths, strict=True):
            for inputs in (ins, outs):
                layers.append(nn.Conv2d(inputs, outs, kernel_size=3, padding=1, bias=False))
                layers += [nn.BatchNorm2d(outs), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
        self.layers = nn.Sequential(*layers)
        self.features = widths[-1] * ((height >> len(widths)) * (width >> len(widths)) + 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, features) of images (B, C, H, W)."""
        h = self.layers(x)
        return torch.cat((h.flatten(1), h.amax((2, 3))), dim=1)


NETWORKS: Mapping[str, type[Convolutions] | type[PooledConvolutions]] = {
    "strided": Convolutions,
    "pooled": PooledConvolutions,
}
WIDTHS = {"strided": (32, 32, 64), "pooled": (16, 32, 64)}


class Judge(nn.Module):
    """A small convolutional network with one softmax head per attribute.

    Args:
        shape: (C, H, W) of the images; each side at least 2 ** len(widths) pixels.
        sizes: The number of values V_a of each attribute; 2 for a binary one (absent, present).
        network: "strided", a convolution for each width, or "pooled" (`PooledConvolutions`), which reads
            small objects in different places better and takes about six times as many operations.
        widths: Channels of the convolutions, by which the image is halved so many times; None for (32, 32,
            64), for a pooled one (16, 32, 64).
        hidden: Width of the layer that the heads share.

    Raises:
        ValueError: For an image that is too small, or an unknown network.
    """

    def __init__(
        self,
        shape: Sequence[int],
        sizes: Sequence[int],
        *,
        network: str = "strided",
        widths: Sequence[int] | None = None,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.convolutions = choose(NETWORKS, network, "judge network")(
            shape, WIDTHS[network] if widths is None else widths
        )
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
