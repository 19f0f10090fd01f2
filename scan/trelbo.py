"""The triple ELBO: evidence bounds of pairs, of images alone and of symbols alone, by one model.

    L = ELBO(x, y) + ELBO(x) + ELBO(y)
    ELBO(x, y) = E_{q(z|x,y)}[log p(x|z) + a log p(y|z)] - KL(q(z|x,y) || N(0, I))
    ELBO(x)    = E_{q(z|x)}[log p(x|z)] - KL(q(z|x) || N(0, I)) ,      p(x|z) fixed
    ELBO(y)    = E_{q(z|y)}[b log p(y|z)] - KL(q(z|y) || N(0, I)) ,    p(y|z) fixed

The decoders learn from pairs only: in the other two bounds gradients pass through them into the encoders, and
reach none of their weights.

q(z|y) is a product of experts over the mentioned attributes, with the prior as the expert that is always
there (`scan.symbol_networks.ExpertSymbolEncoder`): 1/s^2 = 1 + sum_v y_v tau_v. What is not mentioned has no
expert, and no part in log p(y|z) either: an attribute counts where one of its values is mentioned, and then
all of its values do. A free binary attribute is mentioned where it is present.

Vedantam et al., "Generative Models of Visually Grounded Imagination", ICLR 2018 (TELBO, there with a
categorical p(y|z) for each attribute; here symbols are independent, as in every model of this package).
"""

import torch
from torch import Tensor

from scan.multimodal import MultimodalVAE, forward_pairs, frozen, nats, symbol_cost
from vision.objectives import Likelihood, Loss


def trelbo(
    model: MultimodalVAE,
    x: Tensor,
    y: Tensor,
    likelihood: Likelihood,
    attributes: Tensor,
    *,
    symbol_weight: float = 50.0,
    symbol_weight_alone: float = 50.0,
    generator: torch.Generator | None = None,
) -> Loss:
    """Return -L for pairs of images and symbols, sums over pixels, symbols and latents, means over the batch.

    Args:
        model: In training; its symbol encoder is a product of experts.
        x: RGB images (B, C, H, W) in [0, 1].
        y: k-hot symbols (B, K), float.
        likelihood: Of an image given a code.
        attributes: Which symbols are values of which attribute, 0 or 1, over (A, K)
            (`scan.grounding.attribute_blocks`).
        symbol_weight: a, the weight of log p(y|z) in ELBO(x, y).
        symbol_weight_alone: b, its weight in ELBO(y).
        generator: Source of the noise in z.

    Raises:
        ValueError: When the likelihood does not suit the decoder.
    """
    observed = of_mentioned(y, attributes)
    passed = forward_pairs(model, x, y, likelihood, generator, observed)
    q_x, q_y = model.vision.encoder(passed.target), model.encode_symbol(y)
    output = frozen(model.vision.decoder, q_x.sample(generator))
    image = likelihood.cost(model.vision, output, passed.target).mean() + nats(q_x)
    with torch.autocast(y.device.type, enabled=False):
        logits = frozen(model.symbols.decoder, q_y.sample(generator))
    symbols = symbol_weight_alone * symbol_cost(logits, y, observed) + nats(q_y)
    loss = Loss(passed.image + symbol_weight * passed.symbols + passed.kl, passed.terms())
    return loss.plus("image_alone", 1.0, image).plus("symbols_alone", 1.0, symbols)


def of_mentioned(y: Tensor, attributes: Tensor) -> Tensor:
    """Return which symbols belong to a mentioned attribute, 0 or 1 over (B, K).

    Args:
        y: k-hot symbols (B, K), float.
        attributes: Which symbols are values of which attribute, 0 or 1, over (A, K).
    """
    return ((y @ attributes.T) > 0).to(y.dtype) @ attributes
