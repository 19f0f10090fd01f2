"""Recombination operators: (q_1, q_2, op) -> q_r.

One small network strides over the latents: for each latent k it sees (mu_1^k, mu_2^k, logvar_1^k, logvar_2^k)
and returns a mean and a log-variance for each operator, of which a one-hot code picks one. The weights are
shared by all latents, a 1x1 convolution, so an operator is a map R^4 -> R^2 that can be plotted.

It learns from images of the result: min KL(q(z_x|x) || q_r) with x an image that matches the recombined
symbol, in the direction of `scan.grounding`; the ablation SCAN_R reverses it here as well (Higgins et al.,
"SCAN: Learning Hierarchical Compositional Visual Concepts", ICLR 2018).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from scan.grounding import Direction, between
from scan.symbol_networks import bounded, mlp
from symbols import OPERATORS
from vision.gaussian import Gaussian


class Operators(nn.Module):
    """The learned operators AND, IN COMMON and IGNORE (`symbols.OPERATORS`), numbered in that order.

    Args:
        hidden: Widths of the hidden layers; (30, 15) is the paper's, (1024,) a wide alternative.
    """

    def __init__(self, hidden: Sequence[int] = (30, 15)) -> None:
        super().__init__()
        self.layers = mlp((4, *hidden, 2 * len(OPERATORS)))

    def forward(self, q_1: Gaussian, q_2: Gaussian, op: Tensor) -> Gaussian:
        """Return q_r over (B, D) for q_1, q_2 over (B, D) and operator numbers op (B,), int64."""
        pair = torch.stack((q_1.mean, q_2.mean, q_1.logvar, q_2.logvar), dim=-1)  # (B, D, 4)
        results = self.layers(pair).unflatten(-1, (len(OPERATORS), 2))  # (B, D, R, 2)
        mean, logvar = results[torch.arange(len(op), device=op.device), :, op].unbind(-1)
        return Gaussian(mean, bounded(logvar))


def operator_loss(q_x: Gaussian, q_r: Gaussian, direction: Direction = "forward") -> Tensor:
    """Return KL(q_x || q_r), or KL(q_r || q_x) for "reverse", summed over latents, mean over the batch.

    Args:
        q_x: Codes (B, D) of images that match the result of each recombination.
        q_r: What the operators made of the two inputs, over (B, D).
        direction: "forward" is the method, "reverse" the ablation SCAN_R.
    """
    return between(q_x, q_r, direction).sum(-1).mean()
