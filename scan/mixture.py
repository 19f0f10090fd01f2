"""Mixtures of Gaussians with exclusions: what OR and NOT mean in latents.

An OR is the mixture of its K alternatives, each as likely as any other; NOT multiplies the density of an
alternative by an expert for "not e", for each concept e that is excluded:

    q(z) = 1/K sum_k q_k(z) a_k(z) / Z_k ,    a_k(z) = product over e of (1 - P(e|z))^w_e ,

with P(e|z) in [0, 1] the probability that z shows e, and w_e the weight of e. This is the product of experts
of a context and its negated parts, and rejection draws from it without approximation: a sample of q_k is kept
with probability a_k(z). How well it keeps to the set D(A) \\ D(B) is decided by how well P(e|z) reads.
Where next to nothing of q_k is left, rejection fails and says so.

`Mixture.moments` is the Gaussian of the same mean and variance in each latent, the minimum of
KL(q || Gaussian); the part that NOT needs is integrated over Sobol points. It covers what lies between the
alternatives as well, and what NOT cut out of the middle: sample the mixture where that matters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from scan.analytic_operators import specific
from vision.gaussian import Gaussian, kl, kl_from_prior

ROUNDS = 64
"""Batches of draws before a component counts as excluded as a whole."""
POINTS = 4096
"""Sobol points of an integral; a power of 2."""
LEAST_ACCEPTED = 1e-3
"""Share of a component that must be left for its moments to be computed."""

_NOTHING_LEFT = "next to nothing of the concept is left in the latents without what NOT excludes"

Reader = Callable[[Tensor], Tensor]
"""Latents (B, D) to the probability (B,) in [0, 1] that they show a concept."""


def odds_reader(q: Gaussian) -> Reader:
    """Return P(e|z) of a concept without a symbol decoder: q_e against the prior, at even odds.

    P(e|z) = q_e(z) / (q_e(z) + p(z)), over the latents that the concept specifies.

    Args:
        q: The concept, over (1, D).
    """
    counts = specific(q)

    def probability(z: Tensor) -> Tensor:
        log_odds = 0.5 * (z.square() - (z - q.mean).square() / q.variance - q.logvar)
        return (log_odds * counts).sum(-1).sigmoid()

    return probability


@dataclass(frozen=True, eq=False)
class Excluded:
    """A concept that NOT excludes: P(e|z), and its weight."""

    q: Gaussian
    """Over (1, D)."""
    probability: Reader
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Component:
    """One alternative: a Gaussian over (1, D) and what is excluded from it."""

    q: Gaussian
    excluded: tuple[Excluded, ...] = ()

    def acceptance(self, z: Tensor) -> Tensor:
        """Return a(z) in [0, 1], (B,), of latents z (B, D)."""
        kept = torch.ones(len(z), device=z.device)
        for one in self.excluded:
            kept = kept * (1 - one.probability(z)).clamp(0, 1) ** one.weight
        return kept

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Return n samples (n, D) of q(z) a(z) / Z, by rejection.

        Raises:
            ValueError: Where next to nothing is accepted.
        """
        if not self.excluded:
            return self._draw(n, generator)
        found: list[Tensor] = []
        missing = n
        for _ in range(ROUNDS):
            if missing <= 0:
                break
            z = self._draw(max(4 * n, 256), generator)
            u = torch.rand(len(z), generator=generator, device=z.device)
            found.append(z[u < self.acceptance(z)])
            missing -= len(found[-1])
        if missing > 0:
            raise ValueError(_NOTHING_LEFT)
        return torch.cat(found)[:n]

    def points(self) -> Tensor:
        """Return POINTS latents (POINTS, D) spread evenly over q: Sobol points through its quantiles."""
        engine = torch.quasirandom.SobolEngine(self.q.mean.shape[-1])
        engine.fast_forward(1)  # the first point is the corner 0, whose quantile is infinite
        u = engine.draw(POINTS).to(self.q.mean)
        return self.q.mean + self.q.std * torch.special.ndtri(u)

    def moments(self) -> Gaussian:
        """Return the Gaussian (1, D) with the mean and variance of q(z) a(z) / Z.

        Raises:
            ValueError: Where next to nothing is accepted.
        """
        if not self.excluded:
            return self.q
        z = self.points()
        weight = self.acceptance(z).unsqueeze(-1)
        if weight.mean() < LEAST_ACCEPTED:
            raise ValueError(_NOTHING_LEFT)
        mean = (weight * z).sum(0, keepdim=True) / weight.sum()
        variance = (weight * (z - mean).square()).sum(0, keepdim=True) / weight.sum()
        return Gaussian(mean, variance.log())

    def nearest(self, z: Tensor) -> Tensor:
        """Return latents (B, D) near z (B, D) that are accepted more often than not, where there are any.

        Only latents that the excluded concepts specify are replaced, by those of the nearest of `points`.
        """
        refused = self.acceptance(z) < 0.5
        if not refused.any():
            return z
        moved = torch.stack([specific(one.q)[0] for one in self.excluded]).any(0)
        points, z = self.points(), z.clone()
        z[refused] = torch.stack([self._nearest(row, torch.where(moved, points, row)) for row in z[refused]])
        return z

    def _nearest(self, z: Tensor, candidates: Tensor) -> Tensor:
        """The accepted one of candidates (M, D) that is nearest to z (D,), or the likeliest, (D,)."""
        accepted = self.acceptance(candidates)
        if accepted.amax() < 0.5:
            return candidates[accepted.argmax()]
        distance = (candidates - z).square().sum(-1).masked_fill(accepted < 0.5, torch.inf)
        return candidates[distance.argmin()]

    def log_ratio(self, q_x: Gaussian) -> Tensor:
        """Return E_{q_x}[log q(z) - log p(z)] + log a(E[z]) in nats, (B,), of codes q_x over (B, D)."""
        gain = (kl_from_prior(q_x) - kl(q_x, self.q)).sum(-1)
        return gain + self.acceptance(q_x.mean).log()

    def _draw(self, n: int, generator: torch.Generator | None) -> Tensor:
        return Gaussian(self.q.mean.expand(n, -1), self.q.logvar.expand(n, -1)).sample(generator)


@dataclass(frozen=True, eq=False)
class Mixture:
    """K components, each as likely as any other.

    Args:
        components: At least one.
    """

    components: Sequence[Component]

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Return n samples (n, D).

        Args:
            n: How many.
            generator: Source of the draws, on the device of the components.

        Raises:
            ValueError: Where next to nothing of a component is accepted.
        """
        if len(self.components) == 1:
            return self.components[0].sample(n, generator)
        device = self.components[0].q.mean.device
        chosen = torch.randint(len(self.components), (n,), generator=generator, device=device)
        z = torch.empty(n, self.components[0].q.mean.shape[-1], device=device)
        for number, component in enumerate(self.components):
            rows = chosen == number
            if rows.any():
                z[rows] = component.sample(int(rows.sum()), generator)
        return z

    def means(self) -> Tensor:
        """Return the mean of each component, (K, D)."""
        return torch.cat([component.moments().mean for component in self.components])

    def moments(self) -> Gaussian:
        """Return the Gaussian (1, D) with the mean and variance of the mixture.

        Raises:
            ValueError: As `sample`.
        """
        if len(self.components) == 1:
            return self.components[0].moments()
        parts = [component.moments() for component in self.components]
        means = torch.cat([part.mean for part in parts])
        within = torch.cat([part.variance for part in parts]).mean(0, keepdim=True)
        return Gaussian(
            means.mean(0, keepdim=True), (within + means.var(0, keepdim=True, correction=0)).log()
        )

    def means_in_turn(self, n: int) -> Tensor:
        """Return n codes (n, D): `means`, from the first again where n is more than K."""
        means = self.means()
        return means[torch.arange(n, device=means.device) % len(means)]

    def log_ratios(self, q_x: Gaussian) -> Tensor:
        """Return the log-ratio of each component to the prior in nats, (B, K), for codes q_x over (B, D)."""
        return torch.stack([component.log_ratio(q_x) for component in self.components], -1)

    def scores(self, q_x: Gaussian) -> Tensor:
        """Return the largest of `log_ratios` in nats, (B,); 0 of codes that say nothing of the concept.

        Of a component without exclusions it is the expected log-ratio under q(z|x),

            E_{q(z|x)}[log q(z|concept) - log p(z)] = KL(q(z|x) || p) - KL(q(z|x) || q(z|concept)) ,

        to which exclusions add the log-probability that NOT leaves the image.
        """
        return self.log_ratios(q_x).amax(-1)
