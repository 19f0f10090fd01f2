"""What and where: a decoder that paints flat layers, and the linear path that makes it quick to train.

Pictures are made of things in front of things. `LayeredDecoder` says so: L layers, each of one colour, and
masks that decide which layer is seen where. The code has two parts, and each does one of the two jobs,

    x_hat = sum_l m_l(z_where) * c_l(z_what) ,    m = softmax over l of a convolutional network, c linear.

A plain decoder is free to learn "red pixels here", a feature of colour and outline at once, and a code of
such features is no use to symbols. Here an outline is spelled without colours and a colour without outlines;
they meet in a product, as they do in the world. The colours are a linear model, so their axes are soon those
of a principal component analysis (Lucas et al., "Don't Blame the ELBO!", NeurIPS 2019), which
`objectives.spread` turns to single parts of the picture. `LinearPathEncoder` gives the encoder the same
short way.

Layers with masks: Wang and Adelson, "Representing Moving Images with Layers", 1994; Burgess et al., "MONet:
Unsupervised Scene Decomposition and Representation", 2019. What and where: Zhao et al., "Stacked What-Where
Auto-encoders", 2016; Lorenz et al., "Unsupervised Part-Based Disentangling of Object Shape and Appearance",
CVPR 2019.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vision.gaussian import Gaussian
from vision.networks import Decoder, Encoder, Link, full_precision


class LinearPathEncoder(Encoder):
    """An encoder whose mean also has a linear path from the pixels: mean = encoder's + V (x - 1/2)."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.shape = encoder.shape
        self.latents = encoder.latents
        self.encoder = encoder
        self.linear = nn.Linear(math.prod(encoder.shape), encoder.latents)

    def forward(self, x: Tensor) -> Gaussian:
        """q(z|x) of images (B, C, H, W)."""
        q = self.encoder(x)
        return Gaussian(q.mean + self.linear((x - 0.5).flatten(1)).float(), q.logvar)


class LayeredDecoder(Decoder):
    """Flat layers seen through masks; the output is the picture itself, not logits.

    Args:
        masks: A decoder of the first latents, "where", to (L, H, W): the logits of the masks of L layers.
        channels: C of the picture.
        latents: D, all latents; those after the masks' own are "what". Raises ValueError where none is left.
    """

    link: Link = "identity"

    def __init__(self, masks: Decoder, channels: int, latents: int) -> None:
        super().__init__()
        if not masks.latents < latents:
            raise ValueError(
                f"of {latents} latents the masks take {masks.latents}: none is left for the colours"
            )
        layers, height, width = masks.shape
        self.shape = (channels, height, width)
        self.latents = latents
        self.masks = masks
        self.place = nn.Parameter(0.5 * torch.randn(layers, height, width))  # where a layer is on average
        self.colours = nn.Linear(latents - masks.latents, layers * channels)
        nn.init.normal_(self.colours.weight, std=0.1)
        nn.init.uniform_(self.colours.bias, 0.2, 0.8)

    def forward(self, z: Tensor) -> Tensor:
        """Pictures (B, C, H, W) of codes (B, latents), around [0, 1] but not bounded to it."""
        where, what = z.tensor_split([self.masks.latents], dim=1)
        colours = full_precision(self.colours, what).unflatten(1, (-1, self.shape[0]))
        return torch.einsum("blhw,blc->bchw", self.alpha(where), colours)

    def alpha(self, where: Tensor) -> Tensor:
        """The masks (B, L, H, W) of the first latents (B, masks.latents); they sum to 1 over the layers."""
        return (self.masks(where).float() + self.place).softmax(dim=1)
