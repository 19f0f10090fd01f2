"""What and where: a decoder that paints flat layers, and an encoder that suits it.

Pictures are made of things in front of things. `LayeredDecoder` says so: L layers, each of one colour, and
masks that decide which layer is seen where. The code has two parts, and each does one of the two jobs,

    x_hat = sum_l m_l(z_where) * (b_l + A_l z_l) ,    m = softmax over l of a convolutional network,

where z_l, as many numbers as a colour has channels, is the layer's own part of z_what. A plain decoder is
free to learn "red pixels here", a feature of colour and outline at once, or "both of these brighter", a
feature of two things, and a code of such features is no use to symbols. Here an outline is spelled without
colours, a colour without outlines and without the other colours; they meet in a product, as in the world.

`LayeredEncoder` adds two things to a convolutional encoder. Colours are a linear model of the pixels once the
masks stand, so its mean has a linear path from them, which makes colours a matter of some hundred steps. And
the variance of a colour latent is a constant that is learned (as in the CV-VAE of Ghosh et al., "From
Variational to Deterministic Autoencoders", ICLR 2020): the latent costs its nats in every image, used or not,
so it does not pay to give one thing a second colour code for when it is seen from behind. An encoder's
precision limit is for "where": a linear colour has no fine structure in which something could hide, and a
limit would only spread its means beyond the prior.

The masks may be any decoder of "where". `AdditiveMasks` is one without interactions between its latents,

    logits(z) = sum_k f_k(z_k) ,

each f_k a curve in the space of logit maps. What a latent adds to the masks is then the same whatever the
others say: an outline is to be spelled alike in every view, as far as the softmax lets it. It is also cheap.

Layers with masks: Wang and Adelson, "Representing Moving Images with Layers", 1994; Burgess et al., "MONet:
Unsupervised Scene Decomposition and Representation", 2019. What and where: Zhao et al., "Stacked What-Where
Auto-encoders", 2016; Lorenz et al., "Unsupervised Part-Based Disentangling of Object Shape and Appearance",
CVPR 2019.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vision.gaussian import Gaussian
from vision.networks import ConvEncoder, Decoder, Encoder, Link, bounded, image_shape

STRIDE = 10.0
"""Of a constant log-variance, against its parameter: it has to move by units, weights by hundredths."""


class LayeredEncoder(Encoder):
    """A convolutional encoder with a linear path, mean = encoder's + V (x - 1/2), and constant variances.

    Args:
        encoder: Gives the mean, and the variance of the first latents, "where".
        where: How many these are; all others, "what", have one learned variance each for all images.
    """

    def __init__(self, encoder: ConvEncoder, where: int) -> None:
        super().__init__()
        self.shape = encoder.shape
        self.latents = encoder.latents
        self.where = where
        self.encoder = encoder
        self.linear = nn.Linear(math.prod(encoder.shape), encoder.latents)
        self.what = nn.Parameter(torch.zeros(encoder.latents - where))

    def forward(self, x: Tensor) -> Gaussian:
        """q(z|x) of images (B, C, H, W)."""
        q = self.encoder(x)
        constant = bounded(STRIDE * self.what).expand(len(x), -1)
        logvar = torch.cat((q.logvar[:, : self.where], constant), dim=1)
        return Gaussian(q.mean + self.linear((x - 0.5).flatten(1)).float(), logvar)


class AdditiveMasks(Decoder):
    """Codes (B, latents) to (B, L, H, W), the sum of one map for each latent.

    Args:
        shape: (L, H, W).
        latents: Their number.
        bends: Units of the hidden layer that each latent has to itself: how bent its curve may be.
    """

    def __init__(self, shape: Sequence[int], latents: int, *, bends: int = 16) -> None:
        super().__init__()
        self.shape = image_shape(shape)
        self.latents = latents
        self.slope = nn.Parameter(torch.empty(latents, bends).normal_())
        self.shift = nn.Parameter(torch.empty(latents, bends).normal_())
        self.maps = nn.Parameter(torch.empty(latents * bends, math.prod(self.shape)).normal_(std=0.02))

    def forward(self, z: Tensor) -> Tensor:
        """Maps (B, L, H, W) of codes (B, latents)."""
        with torch.autocast(z.device.type, enabled=False):
            bent = torch.tanh(z.float().unsqueeze(-1) * self.slope + self.shift)
        return (bent.flatten(1) @ self.maps).unflatten(1, self.shape)


class LayeredDecoder(Decoder):
    """Flat layers seen through masks; the output is the picture itself, not logits.

    Its latents are those of the masks, "where", then `channels` of each layer, "what".

    Args:
        masks: A decoder of the "where" latents to (L, H, W): the logits of the masks of L layers.
        channels: C of the picture.
    """

    link: Link = "identity"

    def __init__(self, masks: Decoder, channels: int) -> None:
        super().__init__()
        layers, height, width = masks.shape
        self.shape = (channels, height, width)
        self.latents = masks.latents + layers * channels
        self.masks = masks
        self.place = nn.Parameter(
            torch.empty(layers, height, width).normal_(std=0.5)
        )  # where a layer is on average
        self.axes = nn.Parameter(torch.empty(layers, channels, channels).normal_(std=0.1))
        self.colour = nn.Parameter(torch.empty(layers, channels).uniform_(0.2, 0.8))

    def forward(self, z: Tensor) -> Tensor:
        """Pictures (B, C, H, W) of codes (B, latents), around [0, 1] but not bounded to it."""
        where, what = z.tensor_split([self.masks.latents], dim=1)
        return torch.einsum("blhw,blc->bchw", self.alpha(where), self.colours(what))

    def colours(self, what: Tensor) -> Tensor:
        """The colours (B, L, C) of the last latents (B, L * C), in float32."""
        with torch.autocast(what.device.type, enabled=False):
            own = what.float().unflatten(1, self.colour.shape)
            return self.colour + torch.einsum("lci,bli->blc", self.axes, own)

    def alpha(self, where: Tensor) -> Tensor:
        """The masks (B, L, H, W) of the first latents (B, masks.latents); they sum to 1 over the layers."""
        return (self.masks(where).float() + self.place).softmax(dim=1)
