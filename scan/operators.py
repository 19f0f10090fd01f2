"""Recombination operators: (q_1, q_2, op) -> q_r.

One small network strides over the latents: for each latent k it sees (mu_1^k, mu_2^k, logvar_1^k, logvar_2^k)
and returns a mean and a log-variance for each operator, of which a one-hot code picks one. The weights are
shared by all latents, a 1x1 convolution, so an operator is a map R^4 -> R^2 that can be plotted.

It learns from images of the result: min KL(q(z_x|x) || q_r) with x an image that matches the recombined
symbol, in the direction of `scan.grounding`; the ablation SCAN_R reverses it here as well (Higgins et al.,
"SCAN: Learning Hierarchical Compositional Visual Concepts", ICLR 2018).
"""

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from scan.grounding import Direction, directed_kl, k_hot
from scan.joint_model import SymbolModel
from scan.symbol_networks import LOGVAR_LIMIT, mlp
from symbols import OPERATORS, Concept, ShortageError, Triple, Unseen, Vocabulary, operator_triples
from vision.gaussian import Gaussian, bounded

LARGEST_MULTIPLE = 2**62
"""An int64; remainders of so many numbers are uniform but for a share of 2^-62 of each count."""


class Operators(nn.Module):
    """The learned operators AND, IN COMMON and IGNORE (`symbols.OPERATORS`), numbered in that order.

    Args:
        hidden: Widths of the hidden layers; (30, 15) is the paper's, (1024,) a wide alternative.
    """

    def __init__(self, hidden: Sequence[int] = (30, 15)) -> None:
        super().__init__()
        self.layers = mlp((4, *hidden, 2 * len(OPERATORS)))

    def forward(self, q_1: Gaussian, q_2: Gaussian, op: Tensor) -> Gaussian:
        """Return q_r over (B, D) for q_1, q_2 over (B, D) and operator numbers op (B,), int64.

        Args:
            q_1: The first input, over (B, D).
            q_2: The second input, over (B, D).
            op: Indices (B,) int64 into `symbols.OPERATORS`.
        """
        pair = torch.stack((q_1.mean, q_2.mean, q_1.logvar, q_2.logvar), dim=-1)  # (B, D, 4)
        results = self.layers(pair).unflatten(-1, (len(OPERATORS), 2))  # (B, D, R, 2)
        mean, logvar = results[torch.arange(len(op), device=op.device), :, op].unbind(-1)
        return Gaussian(mean, bounded(logvar, LOGVAR_LIMIT))


def operator_loss(q_x: Gaussian, q_r: Gaussian, direction: Direction = "forward") -> Tensor:
    """Return KL(q_x || q_r), or KL(q_r || q_x) for "reverse", summed over latents, mean over the batch.

    Args:
        q_x: Codes (B, D) of images that match the result of each recombination.
        q_r: What the operators made of the two inputs, over (B, D).
        direction: "forward" is the method, "reverse" the ablation SCAN_R.

    Raises:
        ValueError: For Gaussians of different numbers of rows or latents, and for an unknown direction.
    """
    return directed_kl(q_x, q_r, direction).sum(-1).mean()


class Recombinations(NamedTuple):
    """T triples to learn from: the codes of both inputs, and where the image codes of the result lie."""

    op: Tensor
    """Operator numbers (T,), int64."""
    q_left: Gaussian
    """q(z_y|y) of the left inputs, over (T, D)."""
    q_right: Gaussian
    """q(z_y|y) of the right inputs, over (T, D)."""
    first: Tensor
    """Row (T,), int64, of the first image code of the result."""
    available: Tensor
    """How many image codes of the result follow each other there, (T,), int64."""
    common: int
    """A common multiple of the numbers of image codes that concepts have."""


def recombinations(
    model: SymbolModel,
    vocabulary: Vocabulary,
    triples: Sequence[Triple],
    results: Sequence[Concept],
    counts: Sequence[int],
    device: torch.device,
) -> Recombinations:
    """Return what `recombination_loss` needs of T triples.

    Args:
        model: The trained concept model, which encodes the inputs.
        vocabulary: The K words.
        triples: Operator, two inputs, and a result, which is one of `results`.
        results: S concepts, in the order of their image codes.
        counts: How many image codes each of them has, (S,).
        device: Where the model and the codes are.
    """
    place = {concept: number for number, concept in enumerate(results)}
    count = torch.tensor(counts)
    first = count.cumsum(0) - count
    reached = torch.tensor([place[triple.result] for triple in triples])
    op = torch.tensor([OPERATORS.index(triple.op) for triple in triples], device=device)
    with torch.no_grad():
        q_left = model.encode_symbol(k_hot(vocabulary, [triple.left for triple in triples], device))
        q_right = model.encode_symbol(k_hot(vocabulary, [triple.right for triple in triples], device))
    common = min(math.lcm(*counts), LARGEST_MULTIPLE)
    return Recombinations(op, q_left, q_right, first[reached].to(device), count[reached].to(device), common)


def recombination_loss(
    operators: nn.Module,
    examples: Recombinations,
    rows: Tensor,
    q_x: Gaussian,
    direction: Direction = "forward",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return `operator_loss` of some triples, a scalar, each with a random image code of its result.

    Args:
        operators: The operators in training.
        examples: The T triples.
        rows: Which of them, (B,), int64.
        q_x: The image codes over (N, D), those of a concept one after the other.
        direction: As in `operator_loss`.
        generator: Source of the choice of images, on the device of the codes.
    """
    drawn = torch.randint(examples.common, rows.shape, generator=generator, device=rows.device)
    image = examples.first[rows] + drawn % examples.available[rows]
    q_r = operators(examples.q_left[rows], examples.q_right[rows], examples.op[rows])
    return operator_loss(q_x[image], q_r, direction)


def draw_triples(
    vocabulary: Vocabulary,
    results: Sequence[Concept],
    n: int,
    seed: int,
    *,
    held_out: Collection[Concept] | Unseen = (),
) -> tuple[Triple, ...]:
    """Draw n distinct triples that reach the given concepts, or as many as there are.

    Args:
        vocabulary: The K words.
        results: The concepts to reach.
        n: How many triples.
        seed: The same seed gives the same triples.
        held_out: Concepts that are neither input nor result.

    Raises:
        ShortageError: When there are none.
        ValueError: For a vocabulary of one attribute, and for a result that is held out or empty.
    """

    def drawn(n: int) -> tuple[Triple, ...]:
        rng = np.random.default_rng(seed)
        return operator_triples(vocabulary, n, rng, held_out=held_out, results=results)

    try:
        return drawn(n)
    except ShortageError as shortage:
        if not shortage.most:
            raise
        return drawn(shortage.most)
