"""A decoder that composes an image of flat layers through masks, and an encoder that suits it.

The image has L components (layers), each of one colour, and masks that say which component is seen at which
pixel. The code has two groups of latents, mask latents z_m and colour latents z_c:

    x_hat = sum_l m_l(z_m) * (b_l + A_l z_cl) ,    m = softmax over l of a convolutional network,

where z_cl, as many numbers as a colour has channels, is the part of z_c that belongs to component l. A plain
decoder may learn latents that depend on colour and outline at once, or on the brightness of two objects, and
such latents do not correspond to symbols. Here outlines depend on z_m alone and each colour on its own part
of z_c alone.

`LayeredEncoder` adds two things to a convolutional encoder. For fixed masks colours are a linear function of
the pixels, so its mean has a linear path from the pixels, with which colours are learned within some hundred
steps. And the log-variance of a colour latent is one learned constant for all images (as in the CV-VAE of
Ghosh et al., "From Variational to Deterministic Autoencoders", ICLR 2020): its KL is then paid in every
image, used or not, which penalises a second colour code for the same object in other views. An encoder's
precision limit applies to the mask latents only: a linear colour code has no fine structure in which a second
factor could be encoded, and a limit would only spread its means beyond the prior.

The masks may come from any decoder of the mask latents. `AdditiveMasks` is one without interactions between
them,

    logits(z) = sum_k f_k(z_k) ,

each f_k a curve in the space of logit maps, so that the effect of a latent on the logits does not depend on
the other latents. It also needs fewer operations than a convolutional decoder.

Sources: Wang and Adelson, "Representing Moving Images with Layers", 1994; Burgess et al., "MONet:
Unsupervised Scene Decomposition and Representation", 2019; Zhao et al., "Stacked What-Where Auto-encoders",
2016; Lorenz et al., "Unsupervised Part-Based Disentangling of Object Shape and Appearance", CVPR 2019.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vision.gaussian import Gaussian, bounded
from vision.interfaces import Decoder, Encoder, Link, image_shape
from vision.networks import LOGVAR_BOUND, ConvEncoder

LOGVAR_SCALE = 10.0
"""Log-variance of a colour latent per unit of its parameter, which moves as slowly as a weight does."""


class LayeredEncoder(Encoder):
    """A convolutional encoder with a linear path to the mean, V (x - 1/2), and constant colour variances.

    Args:
        encoder: Gives the mean, and the variance of the mask latents.
        mask_latents: How many of the latents, the first ones, are mask latents. The others are colour
            latents, with one learned variance each for all images.
    """

    def __init__(self, encoder: ConvEncoder, mask_latents: int) -> None:
        super().__init__()
        self.shape = encoder.shape
        self.latents = encoder.latents
        self.mask_latents = mask_latents
        self.encoder = encoder
        self.linear = nn.Linear(math.prod(encoder.shape), encoder.latents)
        self.colour_logvar = nn.Parameter(torch.zeros(encoder.latents - mask_latents))

    def forward(self, x: Tensor) -> Gaussian:
        """q(z|x) over (B, latents) of images (B, C, H, W) in [0, 1], in the colour space of the model."""
        q = self.encoder(x)
        constant = bounded(LOGVAR_SCALE * self.colour_logvar, LOGVAR_BOUND).expand(len(x), -1)
        logvar = torch.cat((q.logvar[:, : self.mask_latents], constant), dim=1)
        return Gaussian(q.mean + self.linear((x - 0.5).flatten(1)).float(), logvar)


class AdditiveMasks(Decoder):
    """Mask latents (B, latents) to logits (B, L, H, W), the sum of one function for each latent.

    Args:
        shape: (L, H, W).
        latents: The number of mask latents.
        hidden: Units of the hidden layer of each latent's function.
    """

    def __init__(self, shape: Sequence[int], latents: int, *, hidden: int = 16) -> None:
        super().__init__()
        self.shape = image_shape(shape)
        self.latents = latents
        self.slope = nn.Parameter(torch.empty(latents, hidden).normal_())
        self.shift = nn.Parameter(torch.empty(latents, hidden).normal_())
        self.maps = nn.Parameter(torch.empty(latents * hidden, math.prod(self.shape)).normal_(std=0.02))

    def forward(self, z: Tensor) -> Tensor:
        """Logits (B, L, H, W) of mask latents (B, latents)."""
        with torch.autocast(z.device.type, enabled=False):
            activations = torch.tanh(z.float().unsqueeze(-1) * self.slope + self.shift)
        return (activations.flatten(1) @ self.maps).unflatten(1, self.shape)


class LayeredDecoder(Decoder):
    """Flat components composed through masks; the output is the image itself, not logits.

    Its latents are the mask latents, then the colour latents: `channels` for each component.

    Args:
        masks: A decoder of the mask latents to (L, H, W): the logits of the masks of L components.
        channels: C of the image.
    """

    link: Link = "identity"

    def __init__(self, masks: Decoder, channels: int) -> None:
        super().__init__()
        components, height, width = masks.shape
        self.shape = (channels, height, width)
        self.latents = masks.latents + components * channels
        self.masks = masks
        self.mask_bias = nn.Parameter(torch.empty(components, height, width).normal_(std=0.5))
        self.colour_basis = nn.Parameter(torch.empty(components, channels, channels).normal_(std=0.1))
        self.colour_bias = nn.Parameter(torch.empty(components, channels).uniform_(0.2, 0.8))

    def forward(self, z: Tensor) -> Tensor:
        """Images (B, C, H, W) of codes (B, latents), around [0, 1] but not limited to it."""
        alpha, colours = self.layers(z)
        return (colours.mT @ alpha.flatten(2)).unflatten(2, self.shape[1:])

    def layers(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """What an image is composed of: `alpha` and `colours` of codes (B, latents)."""
        mask_latents, colour_latents = z.tensor_split([self.masks.latents], dim=1)
        return self.alpha(mask_latents), self.colours(colour_latents)

    def colours(self, z: Tensor) -> Tensor:
        """The colours (B, L, C) of colour latents (B, L * C), in float32."""
        with torch.autocast(z.device.type, enabled=False):
            own = z.float().unflatten(1, self.colour_bias.shape)
            return self.colour_bias + torch.einsum("lci,bli->blc", self.colour_basis, own)

    def alpha(self, z: Tensor) -> Tensor:
        """The masks (B, L, H, W) in [0, 1] of mask latents (B, masks.latents); they sum to 1 over L."""
        return self.logits(z).softmax(dim=1)

    def logits(self, z: Tensor) -> Tensor:
        """The logits (B, L, H, W) of the masks, in float32."""
        logits: Tensor = self.masks(z).float().contiguous()  # channels first, as the softmax over L is faster
        return logits + self.mask_bias
