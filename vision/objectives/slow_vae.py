r"""SlowVAE: pairs of neighbouring images, between which each latent mostly stays and sometimes jumps.

    2 E_q[-log p(x|z)] + beta KL(q(z|x) || N(0, I)) + gamma [ CE(q(z|x), Laplace(mu', 1 / rate)) - H(q(z|x)) ]

Each term is the mean over all images, and mu' the posterior mean of the image's partner, so that the pair
is taken in both directions. With m = mu - mu' and the standard deviation sigma of q, for each latent

    CE = -ln(rate / 2) + rate [ sigma sqrt(2 / pi) exp(-m^2 / (2 sigma^2)) + m (2 Phi(m / sigma) - 1) ] .

The variance of the partner's posterior is left out, as in the authors' code. With gamma 0 and beta 2 it is
twice the negative ELBO. Klindt et al., "Towards Nonlinear Disentanglement in Natural Data with Temporal
Sparse Coding", ICLR 2021 (beta 1, gamma 10, rate 6). Their code adds the cross-entropies of both directions
and subtracts the mean entropy once: its gamma weighs CE twice as much against H.
The model is told that the two images of a pair are neighbours: of a moving camera, or by factors that most
pairs share; no value.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vision.gaussian import Gaussian
from vision.objectives.ada_vae import halves
from vision.objectives.beta_vae import beta_vae
from vision.objectives.forward import Loss, Pass


def slow_vae(
    passed: Pass,
    *,
    beta: float | Tensor = 1.0,
    gamma: float = 10.0,
    rate: float = 6.0,
    kl_weights: Tensor | None = None,
) -> Loss:
    """The loss, with the terms `reconstruction`, `kl` (nats) and `transition` (nats), means over images.

    Args:
        passed: Of 2 B images: the first of B pairs, then their partners in the same order.
        beta: Weight of the KL from the prior.
        gamma: Weight of the transition term.
        rate: Of the Laplace distribution of a latent's change, positive; the mean size of a change is its
            inverse.
        kl_weights: Weight of each latent's KL, (D,); all 1 by default.

    Raises:
        ValueError: For an odd number of images, and a rate that is not positive.
    """
    transition = transition_kl(passed.q, rate)
    loss = beta_vae(passed, beta=beta, kl_weights=kl_weights)
    twice = Loss(loss.value + passed.reconstruction, loss.terms)
    return twice.plus("transition", gamma, transition)


def transition_kl(q: Gaussian, rate: float) -> Tensor:
    """KL(q(z|x) || Laplace(mu', 1 / rate)), summed over latents and averaged over both directions: a scalar.

    Args:
        q: Posteriors over (2 B, D): the first images of B pairs, then their partners in the same order.
        rate: Of the Laplace distribution, positive.

    Raises:
        ValueError: For an odd number of posteriors, and a rate that is not positive.
    """
    one, other = halves(q)
    m = torch.cat((one.mean - other.mean, other.mean - one.mean))
    entropy = 0.5 * (q.logvar + math.log(2 * math.pi * math.e))
    return (laplace_cross_entropy(m, q.std, rate) - entropy).sum(1).mean()


def laplace_cross_entropy(m: Tensor, sigma: Tensor, rate: float) -> Tensor:
    """E[-log Laplace(v; 0, 1 / rate)] for v ~ N(m, sigma^2), in nats, element by element.

    Args:
        m: Means, of any shape.
        sigma: Standard deviations, of the same shape.
        rate: Positive.

    Raises:
        ValueError: For a rate that is not positive.

    >>> round(laplace_cross_entropy(torch.tensor(0.0), torch.tensor(1.0), 2.0).item(), 4)  # 2 sqrt(2 / pi)
    1.5958
    """
    if not rate > 0:
        raise ValueError(f"the rate of a Laplace distribution must be positive, got {rate}")
    ratio = m / sigma
    absolute = sigma * math.sqrt(2 / math.pi) * torch.exp(-ratio.square() / 2)
    absolute = absolute + m * torch.erf(ratio / math.sqrt(2))
    return rate * absolute - math.log(rate / 2)
