"""Networks between k-hot symbols and latents: q(z_y|y) and p(y|z_y).

Two encoders give q(z_y|y) as a diagonal Gaussian on the axes of the visual latents:

- `MLPSymbolEncoder`, the paper's: one hidden layer of ReLU units.
- `ExpertSymbolEncoder`: every mentioned symbol v is a Gaussian expert N(m_v, 1/tau_v) on each latent, and the
  experts are multiplied with the prior N(0, 1):

      1/s^2 = 1 + sum_v y_v tau_v ,    mu = s^2 sum_v y_v tau_v m_v ,    tau_v >= 0.

  A symbol that is silent about a latent has tau_v = 0 there. The natural parameters are linear in y, so a
  combination never seen in training is the sum of parts that were.

Reference: Higgins et al., "SCAN: Learning Hierarchical Compositional Visual Concepts", ICLR 2018;
a prior among the experts: Vedantam et al., "Generative Models of Visually Grounded Imagination", ICLR 2018.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vision.gaussian import Gaussian

LOGVAR_LIMIT = 10.0


def bounded(logvar: Tensor, limit: float = LOGVAR_LIMIT) -> Tensor:
    """Squash log-variances smoothly into (-limit, limit), so that exp() can neither overflow nor vanish.

    Close to the identity around 0, and unlike a hard clamp it passes a gradient near the limit.
    """
    return limit * torch.tanh(logvar / limit)


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Return linear layers of the given sizes with ReLU between them: (..., sizes[0]) -> (..., sizes[-1])."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class MLPSymbolEncoder(nn.Module):
    """The paper's q(z_y|y): a multilayer perceptron from k-hot symbols to means and log-variances.

    Args:
        symbols: K, the width of y.
        latents: D, the number of latents of the visual model.
        hidden: Widths of the hidden layers; (100,) for DeepMind Lab, (500, 500) for CelebA in the paper.
    """

    def __init__(self, symbols: int, latents: int, hidden: Sequence[int] = (100,)) -> None:
        super().__init__()
        self.layers = mlp((symbols, *hidden, 2 * latents))

    def forward(self, y: Tensor) -> Gaussian:
        """Return q(z_y|y) over (B, D) for symbols y (B, K)."""
        mean, logvar = self.layers(y).chunk(2, dim=-1)
        return Gaussian(mean, bounded(logvar))


class ExpertSymbolEncoder(nn.Module):
    """q(z_y|y) as a product of the prior with one Gaussian expert per mentioned symbol.

    An empty y gives the prior exactly. All experts start with a precision of `precision`, hence every concept
    starts near the prior. A symbol of negative weight (the paper's traversals feed {-6, -3, 1, 2}) pulls
    towards the mirror image of its mean: y_v enters the mean, |y_v| the precision, which stays positive.

    Args:
        symbols: K, the width of y.
        latents: D, the number of latents of the visual model.
        precision: The precision tau with which every expert starts.
    """

    def __init__(self, symbols: int, latents: int, precision: float = 0.05) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(symbols, latents))
        # The logarithm, because useful precisions span from 0 to hundreds.
        self.log_precision = nn.Parameter(torch.full((symbols, latents), precision).log())

    def forward(self, y: Tensor) -> Gaussian:
        """Return q(z_y|y) over (B, D) for symbols y (B, K)."""
        precision = bounded(self.log_precision).exp()
        added = y.abs() @ precision
        return Gaussian((y @ (precision * self.mean)) / (1 + added), -added.log1p())


class SymbolDecoder(nn.Module):
    """p(y|z_y): a multilayer perceptron from latents to the logits of independent Bernoulli symbols.

    Args:
        latents: D, the number of latents of the visual model.
        symbols: K, the width of y.
        hidden: Widths of the hidden layers.
    """

    def __init__(self, latents: int, symbols: int, hidden: Sequence[int] = (100,)) -> None:
        super().__init__()
        self.layers = mlp((latents, *hidden, symbols))

    def forward(self, z: Tensor) -> Tensor:
        """Return the logits (B, K) of the symbols for latents z (B, D)."""
        return self.layers(z)
