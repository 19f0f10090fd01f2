"""A variational autoencoder of images and symbols: the networks of JMVAE and of the triple ELBO.

    q(z|x), p(x|z)   a `VAE` of any network
    q(z|y), p(y|z)   the symbol networks that SCAN has, too
    q(z|x,y)         the joint encoder, which only training needs

    q(z|x,y) = N(m, s^2) ,    (m, log s^2) = t(x) + f(t(x), y)

t is an image encoder of its own, of the same network as q(z|x), and f a perceptron. (The authors of both
methods concatenate the features of an image tower and a symbol tower. A tower that puts out a Gaussian takes
any encoder, a layered one too.)

How they are trained is in `scan.jmvae` and `scan.trelbo`. Whatever the networks of images compute in, those
of symbols and the joint encoder's perceptron compute in float32: experts sum precisions, and the prior's 1
beside some thousands is lost in bfloat16.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from scan.grounding import SCAN
from scan.symbol_networks import mlp
from vision.gaussian import Gaussian, kl_from_prior
from vision.interfaces import Encoder
from vision.networks import full_precision, posterior
from vision.objectives import Likelihood, target_of
from vision.vae import VAE


class JointEncoder(nn.Module):
    """q(z|x,y): an image encoder, whose mean and log-variance a perceptron corrects by the symbol.

    Args:
        image: Images (B, C, H, W) to a Gaussian over (B, D).
        symbols: K, the width of y.
        hidden: Widths of the perceptron's hidden layers.
    """

    def __init__(self, image: Encoder, symbols: int, hidden: Sequence[int] = (256,)) -> None:
        super().__init__()
        self.image = image
        self.correction = mlp((2 * image.latents + symbols, *hidden, 2 * image.latents))

    def forward(self, x: Tensor, y: Tensor) -> Gaussian:
        """q(z|x,y) over (B, D) of images (B, C, H, W) in the colour space of the model and symbols (B, K)."""
        q = self.image(x)
        alone = torch.cat((q.mean, q.logvar), dim=1)
        return posterior(alone + full_precision(self.correction, torch.cat((alone, y), dim=1)))


class MultimodalVAE(nn.Module):
    """All networks of a model of images and symbols that share D latents; it keeps the contract `JointModel`.

    Args:
        vision: q(z|x) and p(x|z).
        symbols: q(z|y) and p(y|z), for k-hot symbols (B, K).
        joint: q(z|x,y).

    Raises:
        ValueError: For a joint encoder of other latents or images than the visual model.
    """

    def __init__(self, vision: VAE, symbols: SCAN, joint: JointEncoder) -> None:
        super().__init__()
        if (joint.image.latents, joint.image.shape) != (vision.latents, vision.shape):
            raise ValueError(
                f"the visual model has {vision.latents} latents of images {vision.shape}, "
                f"the joint encoder {joint.image.latents} of {joint.image.shape}"
            )
        self.vision = vision
        self.symbols = symbols
        self.joint = joint

    @property
    def latents(self) -> int:
        """D."""
        return self.vision.latents

    @property
    def shape(self) -> Sequence[int]:
        """(C, H, W) of the images."""
        return self.vision.shape

    def encode_symbol(self, y: Tensor) -> Gaussian:
        """Return q(z|y) over (B, D) for k-hot symbols y (B, K), float."""
        with torch.autocast(y.device.type, enabled=False):
            return self.symbols.encode_symbol(y)

    def decode_symbol(self, z: Tensor) -> Tensor:
        """Return the logits (B, K) of p(y|z) for latents z (B, D)."""
        return full_precision(self.symbols.decoder, z)

    def encode_image(self, x: Tensor) -> Gaussian:
        """Return q(z|x) over (B, D) for images x (B, C, H, W) in [0, 1]."""
        return self.vision.encode(x)

    def decode_image(self, z: Tensor) -> Tensor:
        """Return the images (B, C, H, W) in [0, 1] that latents z (B, D) decode to."""
        return self.vision.decode(z)


class JointPass(NamedTuple):
    """A batch of pairs encoded and decoded: the terms of ELBO(x, y), scalars in the autograd graph."""

    target: Tensor
    """The images (B, C, H, W) in the colour space of the networks."""
    q: Gaussian
    """q(z|x,y) over (B, D)."""
    image: Tensor
    """-log p(x|z), or the distance that stands for it, mean over the batch."""
    symbols: Tensor
    """-log p(y|z), mean over the batch."""
    kl: Tensor
    """KL(q(z|x,y) || N(0, I)) in nats, summed over the latents, mean over the batch."""

    def terms(self) -> dict[str, Tensor]:
        """The three scalars for the log, without gradients."""
        terms = {"reconstruction": self.image, "symbols": self.symbols, "kl": self.kl}
        return {name: term.detach() for name, term in terms.items()}


def forward_pairs(
    model: MultimodalVAE,
    x: Tensor,
    y: Tensor,
    likelihood: Likelihood,
    generator: torch.Generator | None = None,
    observed: Tensor | None = None,
) -> JointPass:
    """Encode pairs by q(z|x,y), sample, and decode both.

    Args:
        model: In training.
        x: RGB images (B, C, H, W) in [0, 1].
        y: k-hot symbols (B, K), float.
        likelihood: Of an image given a code.
        generator: Source of the noise in z.
        observed: Which symbols log p(y|z) is of, 0 or 1 over (B, K); all by default.

    Raises:
        ValueError: When the likelihood does not suit the decoder.
    """
    target = target_of(model.vision, x, likelihood)
    q = model.joint(target, y)
    z = q.sample(generator)
    image = likelihood.cost(model.vision, model.vision.decoder(z), target).mean()
    return JointPass(target, q, image, symbol_cost(model.decode_symbol(z), y, observed), nats(q))


def symbol_cost(logits: Tensor, y: Tensor, observed: Tensor | None = None) -> Tensor:
    """Return -log p(y|z) in nats of independent symbols, summed over them, mean over the batch.

    Args:
        logits: (B, K).
        y: k-hot symbols (B, K), float.
        observed: The weight of each symbol, (B, K): 1 for the observed ones, 0 for others; all by default.
    """
    return F.binary_cross_entropy_with_logits(logits, y, observed, reduction="none").sum(-1).mean()


def nats(q: Gaussian) -> Tensor:
    """Return KL(q || N(0, I)), summed over the latents, mean over the batch."""
    return kl_from_prior(q).sum(-1).mean()


def frozen(module: nn.Module, z: Tensor) -> Tensor:
    """Return what a module gives for z, where gradients reach z and no weight of the module."""
    weights = {name: weight.detach() for name, weight in module.named_parameters()}
    return functional_call(module, weights, (z,))
