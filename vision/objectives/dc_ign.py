"""DC-IGN: batches in which the factors of one group vary, and only that group's latents may.

With a batch in which the factors of group t vary, a_k = 1 for the latents of t (active) and 0 for all others
(clamped), and the mean over the batch written mu_bar:

    mu_c = a mu + (1 - a) mu_bar ,    logvar_c = a logvar + (1 - a) logvar_bar       mu_bar is detached
    loss = E[-log p(x|z)] + beta sum_k a_k KL_k + strength / 2 sum_k (1 - a_k) (mu_k - mu_bar_k)^2

so that the encoder's gradient at a clamped mean is exactly strength (mu - mu_bar) / B, in place of that of
the loss: Kulkarni et al., "Deep Convolutional Inverse Graphics Network", NeurIPS 2015, section 3.2, where it
is put in by hand with 1/100 for the strength. The released code clamps to the first image of a batch and
returns the gradient with the sign that drives clamped latents apart; here it is the mean, and they come
together. Samples z of clamped latents still have independent noise. The model is told which group varies in a
batch, and so which latents stand for which factor; no values.

    passed = reconstruct(vae, clamped(q, active), target, likelihood, generator)
    loss = beta_vae(passed, beta=1.0, kl_weights=active.float())
    loss = loss.plus("invariance", strength, invariance(q, active))
"""

from __future__ import annotations

import torch
from torch import Tensor

from vision.gaussian import Gaussian


def clamped(q: Gaussian, active: Tensor) -> Gaussian:
    """q with the means and log-variances of clamped latents replaced by those of the batch, over (B, D).

    No gradient passes through what is replaced.

    Args:
        q: Posteriors of a batch, over (B, D).
        active: bool (D,): the latents that may vary in this batch.
    """
    mean, logvar = (part.detach().mean(0, keepdim=True) for part in (q.mean, q.logvar))
    return Gaussian(torch.where(active, q.mean, mean), torch.where(active, q.logvar, logvar))


def invariance(q: Gaussian, active: Tensor) -> Tensor:
    """1/2 sum_k (mu_k - mu_bar_k)^2 over the clamped latents, mean over the batch: a scalar, at least 0.

    Its gradient at a clamped mean is (mu - mu_bar) / B, and 0 at an active one.

    Args:
        q: Posteriors of a batch as the encoder gives them, over (B, D).
        active: bool (D,): the latents that may vary in this batch.
    """
    distance = (q.mean - q.mean.detach().mean(0)).square() * ~active
    return 0.5 * distance.sum(1).mean()
