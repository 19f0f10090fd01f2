"""Networks between k-hot symbols and latents: q(z_y|y) and p(y|z_y).

Two of each. The multilayer perceptrons are the paper's: one hidden layer of ReLU units. The experts give
every symbol v a Gaussian N(m_v, 1/tau_v) on each latent, with a precision tau_v >= 0 that is near 0 on
latents that the symbol does not specify:

- `ExpertSymbolEncoder` multiplies the experts of the mentioned symbols with the prior N(0, 1),

      1/s^2 = 1 + sum_v y_v tau_v ,    mu = s^2 sum_v y_v tau_v m_v .

  The natural parameters are linear in y, so a combination never seen in training is the sum of parts that
  were. The expert penalty (`Experts.penalty`) removes the precision on latents in which the few images of a
  concept agree by chance. It is one for each attribute and latent, since the values of an attribute differ in
  the same latents. With `attributes` there is an expert for each pair of values of two attributes as well,
  y_vw = min(y_v, y_w) in the sums above: what a value looks like may then depend on the other.
- `ExpertSymbolDecoder` is Bayes' rule for Gaussian experts, with a bias b_v:

      logit p(y_v = 1|z) = b_v - 1/2 sum_k tau_vk (z_k - m_vk)^2 .

  The logit of a symbol depends on its own experts alone, so the decoder cannot memorise combinations.

The decoder has experts of its own: the gradient of log p(y|z_y) would otherwise move those of the
encoder away from the images.

References: Higgins et al., "SCAN: Learning Hierarchical Compositional Visual Concepts", ICLR 2018, section
4; products with a prior expert: Vedantam et al., "Generative Models of Visually Grounded Imagination", ICLR
2018.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vision.gaussian import Gaussian, bounded

LOGVAR_LIMIT = 10.0
"""Of the log-variances of symbols and of recombined concepts."""
PAIR_PRECISION = 0.005
"""Precision with which experts of pairs start; of the 15 pairs in a concept of six values some may be new."""
HALF_ACTIVE = 0.5
"""Precision tau, relative to the prior's of 1, at which an expert counts as half active."""
HALF_COST = 2.0
"""Active experts of an attribute on a latent at which it pays half of the most that it can pay there."""


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
        return Gaussian(mean, bounded(logvar, LOGVAR_LIMIT))


class SymbolDecoder(nn.Module):
    """The paper's p(y|z_y): a multilayer perceptron from latents to the logits of independent symbols.

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


class Experts(nn.Module):
    """A Gaussian expert for each of K symbols on each of D latents, at first N(0, 1/precision).

    Both parameters start at 0, which is also where weight decay leads: to experts of low precision.

    Args:
        symbols: K.
        latents: D.
        precision: The precision tau with which every expert starts.
    """

    def __init__(self, symbols: int, latents: int, precision: float = 0.05) -> None:
        super().__init__()
        self.start = precision
        self.mean = nn.Parameter(torch.zeros(symbols, latents))
        # The logarithm of the growth, because useful precisions span from 0 to thousands.
        self.growth = nn.Parameter(torch.zeros(symbols, latents))

    @property
    def precision(self) -> Tensor:
        """tau (K, D), positive, at most 8,000 times the prior's for the default initial precision."""
        return self.start * bounded(self.growth, 12.0).exp()

    def active_experts(self) -> Tensor:
        """Return how active each expert is, tau / (tau + 1/2), over (K, D) and within 0..1."""
        precision = self.precision
        return precision / (precision + HALF_ACTIVE)

    def penalty(self, attributes: Tensor) -> Tensor:
        """Return the cost of the latents that each attribute specifies, a scalar:

            sum_ak n_a S_ak / (S_ak + 2) ,    S_ak = sum over the values v of a of tau_vk / (tau_vk + 1/2) .

        A latent that all n_a values of an attribute specify costs about 1 per value, one that a single value
        specifies n_a / 3: where two values are only ever named together, such as a wall's and a
        floor's, neither takes over the latents of the other. A group penalty, as of Yuan and Lin, "Model
        Selection and Estimation in Regression with Grouped Variables", 2006, with a bounded cost per group.
        The gradient is largest at small precisions and would stop experts from growing, hence the weight
        rises during training (`scan.grounding.expert_penalty`).

        Args:
            attributes: Which symbols are values of which attribute, 0 or 1, over (A, K).
        """
        active = attributes @ self.active_experts()
        return (attributes.sum(1, keepdim=True) * active / (active + HALF_COST)).sum()


class ExpertSymbolEncoder(nn.Module):
    """q(z_y|y) as a product of the prior with one Gaussian expert per mentioned symbol, or pair of symbols.

    An empty y gives the prior exactly. A symbol of negative weight (the paper's traversals feed {-6, -3, 1,
    2}) pulls towards the mirror image of its mean: y_v enters the mean, |y_v| the precision, which stays
    positive. It takes no part in pairs.

    Args:
        symbols: K, the width of y.
        latents: D, the number of latents of the visual model.
        attributes: The number of values of each attribute, in the order of the symbols; where it is given,
            P pairs of values of two attributes that have several have an expert each.

    Raises:
        ValueError: For attributes whose values are not K in number.
    """

    left: Tensor
    right: Tensor
    pair_blocks: Tensor

    def __init__(self, symbols: int, latents: int, attributes: Sequence[int] = ()) -> None:
        super().__init__()
        if attributes and sum(attributes) != symbols:
            raise ValueError(f"attributes {list(attributes)} have not {symbols} symbols in all")
        self.experts = Experts(symbols, latents)
        left, right, blocks = value_pairs(attributes)
        self.pairs = Experts(len(left), latents, PAIR_PRECISION) if len(left) else None
        self.register_buffer("left", left, persistent=False)
        self.register_buffer("right", right, persistent=False)
        self.register_buffer("pair_blocks", blocks, persistent=False)

    def forward(self, y: Tensor) -> Gaussian:
        """Return q(z_y|y) over (B, D) for symbols y (B, K)."""
        precision = self.experts.precision
        added = y.abs() @ precision
        weighted_mean = y @ (precision * self.experts.mean)
        if self.pairs is not None:
            both = torch.minimum(y[:, self.left], y[:, self.right]).clamp(min=0)  # (B, P)
            precision = self.pairs.precision
            added = added + both @ precision
            weighted_mean = weighted_mean + both @ (precision * self.pairs.mean)
        return Gaussian(weighted_mean / (1 + added), -added.log1p())

    def pair_penalty(self) -> Tensor:
        """Return `Experts.penalty` of the experts of pairs, a scalar; two attributes are a group."""
        return self.pair_blocks.new_zeros(()) if self.pairs is None else self.pairs.penalty(self.pair_blocks)


def value_pairs(attributes: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the P pairs of values of two attributes that have at least two values each.

    Args:
        attributes: The number of values of each attribute, in the order of the symbols.

    Returns:
        The symbol of lower and that of higher number of each pair, (P,) int64, and which pairs are of which
        two attributes, 0 or 1 over (G, P), float32.

    >>> left, right, blocks = value_pairs([2, 1, 2])
    >>> left.tolist(), right.tolist(), blocks.tolist()
    ([0, 0, 1, 1], [3, 4, 3, 4], [[1.0, 1.0, 1.0, 1.0]])
    """
    ends = list(itertools.accumulate(attributes))
    several = [range(end - size, end) for size, end in zip(attributes, ends, strict=True) if size > 1]
    groups = [list(itertools.product(*two)) for two in itertools.combinations(several, 2)]
    pairs = torch.tensor([pair for group in groups for pair in group], dtype=torch.long).reshape(-1, 2)
    blocks = torch.zeros(len(groups), len(pairs))
    first = 0
    for number, group in enumerate(groups):
        blocks[number, first : first + len(group)] = 1
        first += len(group)
    return pairs[:, 0], pairs[:, 1], blocks


class ExpertSymbolDecoder(nn.Module):
    """p(y|z_y) by Bayes' rule for Gaussian experts: logits that are quadratic in the latents.

    Args:
        latents: D, the number of latents of the visual model.
        symbols: K, the width of y.
    """

    def __init__(self, latents: int, symbols: int) -> None:
        super().__init__()
        self.experts = Experts(symbols, latents)
        self.bias = nn.Parameter(torch.zeros(symbols))

    def forward(self, z: Tensor) -> Tensor:
        """Return the logits (B, K) of the symbols for latents z (B, D)."""
        distance = (z.unsqueeze(-2) - self.experts.mean).square()  # (B, K, D)
        return self.bias - 0.5 * (self.experts.precision * distance).sum(-1)
