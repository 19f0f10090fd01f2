"""JMVAE-kl: an autoencoder of pairs, to whose posterior those of images and of symbols alone are fitted.

    L = E_{q(z|x,y)}[log p(x|z) + a log p(y|z)] - KL(q(z|x,y) || N(0, I))
        - alpha [KL(q(z|x,y) || q(z|x)) + KL(q(z|x,y) || q(z|y))]

`alpha` ties the encoders of one modality to the joint one, which stands first in both KLs: they cover it.
Without it nothing trains them, and with little of it nothing holds the variance of q(z|y). `symbol_weight` is
a: an image has thousands of numbers and a symbol a few, which would otherwise be ignored.

The zeros of a k-hot symbol mean "not mentioned". This method reads them as "absent", in q(z|x,y), in p(y|z)
and in a perceptron q(z|y): it knows no missing parts of a modality, and so it stays here. Experts for q(z|y)
(`scan.symbol_networks.ExpertSymbolEncoder`) ignore what is not mentioned.

Suzuki, Nakayama, Matsuo, "Joint Multimodal Learning with Deep Generative Models", 2016; a as in Vedantam et
al., "Generative Models of Visually Grounded Imagination", ICLR 2018.
"""

import torch
from torch import Tensor

from scan.multimodal import MultimodalVAE, forward_pairs
from vision.gaussian import kl
from vision.objectives import Likelihood, Loss


def jmvae(
    model: MultimodalVAE,
    x: Tensor,
    y: Tensor,
    likelihood: Likelihood,
    *,
    alpha: float = 1.0,
    symbol_weight: float = 50.0,
    generator: torch.Generator | None = None,
) -> Loss:
    """Return -L for pairs of images and symbols, sums over pixels, symbols and latents, means over the batch.

    Args:
        model: In training.
        x: RGB images (B, C, H, W) in [0, 1].
        y: k-hot symbols (B, K), float.
        likelihood: Of an image given a code.
        alpha: Weight of the KLs between the joint encoder and those of one modality, >= 0.
        symbol_weight: Weight of -log p(y|z), relative to that of the image.
        generator: Source of the noise in z.

    Raises:
        ValueError: When the likelihood does not suit the decoder.
    """
    passed = forward_pairs(model, x, y, likelihood, generator)
    of_image = kl(passed.q, model.vision.encoder(passed.target)).sum(-1).mean()
    of_symbols = kl(passed.q, model.encode_symbol(y)).sum(-1).mean()
    loss = Loss(passed.image + symbol_weight * passed.symbols + passed.kl, passed.terms())
    return loss.plus("kl_image_encoder", alpha, of_image).plus("kl_symbol_encoder", alpha, of_symbols)
