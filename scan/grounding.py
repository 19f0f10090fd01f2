"""SCAN: symbols grounded in the latents of a frozen visual model.

    L_y = E_{q(z_y|y)}[log p(y|z_y)] - beta KL(q(z_y|y) || N(0, I)) - grounding KL(q(z_x|x) || q(z_y|y))

(Higgins et al., "SCAN: Learning Hierarchical Compositional Visual Concepts", ICLR 2018, equation 4;
`grounding` is the paper's lambda.) The visual posterior q_x comes first in the KL: with q_x fixed this is a
maximum-likelihood fit of a Gaussian to the codes of all the images that a symbol was shown with. It covers
them, so latents that vary freely among the examples relax to the prior, which makes a concept abstract. The
reverse direction is the ablation SCAN_R: it keeps the variance of a single image whatever the spread of the
examples.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from scan.symbol_networks import ExpertSymbolEncoder
from symbols import Concept, Vocabulary
from vision.gaussian import Gaussian, kl, kl_from_prior
from vision.schedules import Schedule, linear
from vision.spelling import choose

Direction = Literal["forward", "reverse"]


class SCAN(nn.Module):
    """A symbol encoder q(z_y|y) and a symbol decoder p(y|z_y).

    Args:
        encoder: Maps y (B, K) to a `Gaussian` over (B, D).
        decoder: Maps z (B, D) to symbol logits (B, K).
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode_symbol(self, y: Tensor) -> Gaussian:
        """Return q(z_y|y) over (B, D) for k-hot symbols y (B, K)."""
        return self.encoder(y)

    def decode_symbol(self, z: Tensor) -> Tensor:
        """Return the logits (B, K) of p(y|z) for latents z (B, D)."""
        return self.decoder(z)


def k_hot(vocabulary: Vocabulary, concepts: Sequence[Concept], device: torch.device | None = None) -> Tensor:
    """Return the k-hot symbols y (S, K) of S concepts, float32.

    They are copied, not shared with numpy: the last bits of a matrix product depend on the alignment of its
    memory, and numpy's differs from call to call.

    Args:
        vocabulary: The K words.
        concepts: S concepts of the vocabulary.
        device: Where y is needed; the CPU by default.
    """
    return torch.tensor(np.stack([vocabulary.encode(concept) for concept in concepts]), device=device)


class Terms(NamedTuple):
    """The scalar loss and its named terms in nats, each a mean over the batch."""

    loss: Tensor
    """reconstruction + beta * kl + grounding_weight * grounding, a scalar."""
    reconstruction: Tensor
    """-log p(y|z_y), summed over the symbols, a scalar."""
    kl: Tensor
    """KL(q_y || N(0, I)), summed over the latents, a scalar."""
    grounding: Tensor
    """KL between q_x and q_y in the chosen direction, summed over the latents, a scalar."""


def directed_kl(q_x: Gaussian, q: Gaussian, direction: Direction) -> Tensor:
    """Return KL(q_x || q) ("forward") or KL(q || q_x) ("reverse") in nats per latent, (B, D).

    Args:
        q_x: Posteriors of images, over (B, D).
        q: Posteriors of symbols, or recombined ones, over (B, D).
        direction: Which of the two stands first.

    Raises:
        ValueError: For Gaussians of different numbers of rows or latents, and for an unknown direction.
    """
    if q_x.mean.shape != q.mean.shape:
        raise ValueError(
            f"expected two Gaussians over the same (B, D), got {tuple(q_x.mean.shape)} of images "
            f"and {tuple(q.mean.shape)}"
        )
    ordered = {"forward": (q_x, q), "reverse": (q, q_x)}
    return kl(*choose(ordered, direction, "direction"))


def grounding_loss(
    scan: SCAN,
    y: Tensor,
    q_x: Gaussian,
    *,
    beta: float = 1.0,
    grounding: float = 10.0,
    direction: Direction = "forward",
    generator: torch.Generator | None = None,
) -> Terms:
    """Return -L_y (equation 4) for pairs of symbols and image codes.

    Sums over symbols and latents, means over the batch.

    Args:
        scan: The model in training.
        y: k-hot symbols (B, K), float.
        q_x: Posteriors q(z_x|x) of one image for each symbol, over (B, D), from the frozen visual model.
        beta: Weight of the KL from the prior.
        grounding: Weight of the grounding KL, the paper's lambda.
        direction: "forward" is the method, KL(q_x || q_y); "reverse" is SCAN_R, KL(q_y || q_x).
        generator: Source of the noise in z_y.

    Raises:
        ValueError: For q_x of another number of rows than y, or of latents than the model, and for an unknown
            direction.
    """
    q_y = scan.encode_symbol(y)
    logits = scan.decode_symbol(q_y.sample(generator))
    reconstruction = F.binary_cross_entropy_with_logits(logits, y, reduction="none").sum(-1).mean()
    prior = kl_from_prior(q_y).sum(-1).mean()
    grounded = directed_kl(q_x, q_y, direction).mean(0).sum()
    loss = reconstruction + beta * prior + grounding * grounded
    return Terms(loss, reconstruction, prior, grounded)


def attribute_blocks(vocabulary: Vocabulary, device: torch.device | None = None) -> Tensor:
    """Which symbols are values of which attribute: 0 or 1 over (A, K), float32."""
    blocks = torch.zeros(len(vocabulary.names), vocabulary.size, device=device)
    for attribute, name in enumerate(vocabulary.names):
        blocks[attribute, vocabulary.block(name)] = 1
    return blocks


def expert_penalty(weight: float, grounding: float, pairs: int, steps: int) -> Schedule:
    """Return the weight of `Experts.penalty` in the loss at each step of a training.

    It rises linearly from 0 to its full size at half of the steps.

    Args:
        weight: Nats per value and latent, over all training pairs; >= 0.
        grounding: Weight of the grounding KL, by which a nat counts in the loss.
        pairs: M, the number of training pairs; the loss is a mean over them.
        steps: The length of the training.
    """
    return linear(0.0, grounding * weight / pairs, 0, max(1, steps // 2))


def training_loss(
    scan: SCAN,
    y: Tensor,
    q_x: Gaussian,
    *,
    penalty: float = 0.0,
    pair_penalty: float = 0.0,
    completion: float | None = None,
    attributes: Tensor | None = None,
    beta: float = 1.0,
    grounding: float = 10.0,
    direction: Direction = "forward",
    generator: torch.Generator | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return `grounding_loss` plus the expert penalties, a scalar in nats, and its named terms.

    Args:
        scan: The model in training.
        y: k-hot symbols (B, K), float.
        q_x: Posteriors q(z_x|x) of one image for each symbol, over (B, D).
        penalty: Weight of `Experts.penalty` at this step (`expert_penalty`); above 0 it needs an encoder of
            experts, and attributes.
        pair_penalty: The same of the experts of pairs of values.
        completion: Take y as `completed` returns it with this threshold, which needs attributes; None for y
            as it is.
        attributes: The attribute of each symbol, over (A, K) (`attribute_blocks`).
        beta: As in `grounding_loss`, like the following.
        grounding: Weight of the grounding KL.
        direction: Direction of the grounding KL.
        generator: Source of the noise in z_y.
    """
    if completion is not None:
        assert attributes is not None, "what is completed are attributes"
        y = completed(scan, y, q_x, attributes, completion, generator)
    terms = grounding_loss(
        scan, y, q_x, beta=beta, grounding=grounding, direction=direction, generator=generator
    )
    loss = terms.loss
    if penalty:
        assert isinstance(scan.encoder, ExpertSymbolEncoder), "only experts can be penalised"
        assert attributes is not None, "the expert penalty is one for each attribute"
        loss = loss + penalty * scan.encoder.experts.penalty(attributes)
    if pair_penalty:
        assert isinstance(scan.encoder, ExpertSymbolEncoder), "only experts can be penalised"
        loss = loss + pair_penalty * scan.encoder.pair_penalty()
    return loss, {
        "loss": loss,
        "reconstruction": terms.reconstruction,
        "kl": terms.kl,
        "grounding": terms.grounding,
    }


@torch.no_grad()
def completed(
    scan: SCAN,
    y: Tensor,
    q_x: Gaussian,
    attributes: Tensor,
    threshold: float,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return y with some of the values of open attributes that p(y|z_x) reads from the images, (B, K).

    A concept is shown with images that have a value of each attribute, whether it is named or not. A value v
    of an open attribute a is added with probability 1/2 where sigma_v > threshold,

        sigma = softmax over the values of a of the logits of p(y|z = E[z_x]) ,

    so that experts of pairs of values are learned from more images, and from more varied ones, than those of
    the concepts that name both. Self-training, with the confidence threshold of Sohn et al., "FixMatch:
    Simplifying Semi-Supervised Learning with Consistency and Confidence", 2020. Attributes of one symbol stay
    as they are: no symbol says that one of them is absent.

    Args:
        scan: The model in training; no gradient flows.
        y: k-hot symbols (B, K), float.
        q_x: Posteriors of an image of each, over (B, D).
        attributes: The attribute of each symbol, over (A, K).
        threshold: Of the probability, at least 1/2 and below 1; at most one value is above it.
        generator: Source of the choice of attributes, on the device of y.
    """
    logits = scan.decode_symbol(q_x.mean).unsqueeze(1)  # (B, 1, K)
    sigma = logits.masked_fill(attributes == 0, -torch.inf).softmax(-1).sum(1)  # over (B, A, K): (B, K)
    chosen = torch.rand((len(y), len(attributes)), generator=generator, device=y.device) < 0.5
    is_open = (y @ attributes.T == 0) & (attributes.sum(1) > 1) & chosen  # (B, A)
    return y + (sigma > threshold) * (is_open.to(y.dtype) @ attributes)


def optimal_posterior(
    q_x: Gaussian, *, beta: float = 1.0, grounding: float = 10.0, direction: Direction = "forward"
) -> Gaussian:
    """Return the optimal q_y (1, D) of one symbol, the optimum of equation 4 without its term log p(y|z_y).

    It minimises beta KL(q_y || prior) + grounding KL(q_x || q_y), the latter averaged over the symbol's
    examples. With l = grounding, m = E[mu_x] and v = E[sigma_x^2] + Var[mu_x],
    the forward optimum satisfies

        mu = l m / (l + beta s^2) ,    beta s^4 + (l - beta) s^2 - l (v + (m - mu)^2) = 0 ,

    and the reverse optimum is the precision-weighted average

        1/s^2 = (l E[1/sigma_x^2] + beta) / (l + beta) ,
        mu = l E[mu_x/sigma_x^2] / (l E[1/sigma_x^2] + beta) .

    Args:
        q_x: Posteriors of the N images that the symbol was shown with, over (N, D).
        beta: Weight of the KL from the prior, >= 0.
        grounding: Weight of the grounding KL, > 0.
        direction: "forward" is KL(q_x || q_y), "reverse" KL(q_y || q_x).

    Raises:
        ValueError: For an unknown direction.
    """
    if choose({"forward": False, "reverse": True}, direction, "direction"):
        precision = grounding * (1 / q_x.variance).mean(0, keepdim=True) + beta
        weighted_mean = grounding * (q_x.mean / q_x.variance).mean(0, keepdim=True)
        return Gaussian(weighted_mean / precision, ((grounding + beta) / precision).log())
    m = q_x.mean.mean(0, keepdim=True)
    v = q_x.variance.mean(0, keepdim=True) + q_x.mean.var(0, keepdim=True, correction=0)
    mean = m
    gap = grounding - beta
    for _ in range(100):  # A contraction: about one more digit a turn with the paper's weights.
        second = v + (m - mean) ** 2
        root = (gap**2 + 4 * beta * grounding * second).sqrt()
        # Two forms of the same positive root: neither subtracts near-equal numbers or divides by beta = 0.
        variance = 2 * grounding * second / (gap + root) if gap > 0 else (root - gap) / (2 * beta)
        mean = grounding * m / (grounding + beta * variance)
    return Gaussian(mean, variance.log())
