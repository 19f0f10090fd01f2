"""The beta-VAE, with a perceptual reconstruction the beta-VAE_DAE, and with a capacity the AnnealedVAE.

    beta-VAE         E_q(z|x)[-log p(x|z)] + beta KL(q(z|x) || N(0, I))      Higgins et al. 2017
    beta-VAE_DAE     ||J(x_hat) - J(x)||_2^2 + beta KL(q(z|x) || N(0, I))    Higgins et al. 2018
    with capacity    ... + beta |KL(q(z|x) || N(0, I)) - C|                  Burgess et al. 2018

Beta 1 with a likelihood is the negative ELBO. Burgess's gamma is the beta here. With a capacity C that grows
while training this is the AnnealedVAE (CCI-VAE), with a constant one the BottleneckVAE (the example model of
disentanglement_lib); a KL below C is raised. The KL may be a weighted sum over the latents, in all forms.
"""

from __future__ import annotations

from torch import Tensor

from vision.objectives.forward import Loss, Pass


def beta_vae(
    passed: Pass,
    *,
    beta: float | Tensor,
    kl_weights: Tensor | None = None,
    capacity: float | Tensor | None = None,
) -> Loss:
    """The loss, with the terms `reconstruction` and `kl` (nats, the unweighted sum over the latents).

    Args:
        passed: The result of `forward`.
        beta: Weight of the KL, or with a capacity of the distance of the KL from it.
        kl_weights: Weight of each latent's KL, (D,); all 1 by default.
        capacity: C in nats, or None for no capacity.
    """
    kl = passed.kl.sum()
    weighted = kl if kl_weights is None else (kl_weights * passed.kl).sum()
    penalty = weighted if capacity is None else (weighted - capacity).abs()
    terms = {"reconstruction": passed.reconstruction.detach(), "kl": kl.detach()}
    return Loss(passed.reconstruction + beta * penalty, terms)


def normalised_beta(beta: float, latents: int, features: int) -> float:
    """beta * D / N, which is comparable across image sizes, latents and features.

    Args:
        beta: Weight of the KL.
        latents: D.
        features: N, the number of terms of the reconstruction: C * H * W for pixels.

    >>> round(normalised_beta(53, 32, 3 * 80 * 80), 3)
    0.088
    """
    return beta * latents / features
