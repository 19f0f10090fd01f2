"""Penalties on the latents, each a scalar in float32; `Loss.plus` adds it to a loss by name and weight.

    jacobian_l1               sum_k E||x_hat(z, z_k exchanged) - x_hat(z)||_1    after Rhodes and Lee 2021
    off_diagonal_covariance   sum_{i != j} Cov[mu]_ij^2                          Kumar et al. 2018, DIP-VAE-I
    cross_covariance          sum_ij Cov[f_i(mu_1), g_j(mu_2)]^2                 between two groups of latents
    mask_entropy              sum_p H[m_1(p), ..., m_L(p)]                       of a layered decoder

x_hat is the mean of p(x|z), mu that of q(z|x); f and g are moments up to the second; m_l(p) is the mask of
component l at pixel p.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vision.layered import LayeredDecoder
from vision.objectives.forward import Pass
from vision.vae import VAE

USED = 0.05
"""Nats of KL above which a latent counts as used by `jacobian_l1`."""


def jacobian_l1(vae: VAE, passed: Pass, generator: torch.Generator | None = None) -> Tensor:
    """The L1 change of the image when a used latent changes, summed over these: a scalar, mean over images.

        sum_k E || x_hat(z with z_k exchanged) - x_hat(z) ||_1

    where z_k is exchanged for that of a random image of the batch. A rotation of two latents leaves the
    likelihood and the KL nearly unchanged, but each latent then changes the pixels of both, which
    increases the L1 norm and not an L2 norm. So the penalty separates factors of similar variance in
    different parts of the image, which the beta-VAE alone cannot separate. One latent per image is drawn,
    among those with KL above `USED` nats, and a quarter of the batch is used. After the L1 norm of the
    decoder's Jacobian of Rhodes and Lee, "Local Disentanglement in Variational Auto-Encoders Using
    Jacobian L1 Regularization", NeurIPS 2021, with a finite step.

    Args:
        vae: The model that `passed` went through; a quarter of the batch is decoded once more.
        passed: The result of `forward`.
        generator: Source of the latents and images that are drawn, on the device of the model.
    """
    z, output = passed.z, passed.output
    n, device = max(1, len(z) // 4), z.device
    used = (passed.kl.detach() > USED).float()
    which = torch.multinomial(used + 1e-6, n, replacement=True, generator=generator)
    other = torch.randint(len(z), (n,), generator=generator, device=device)
    rows = torch.arange(n, device=device)
    exchanged = z[:n].index_put((rows, which), z[other, which])
    change = (vae.mean(vae.decoder(exchanged)) - vae.mean(output[:n])).abs()
    return change.sum() / n * used.sum()


def off_diagonal_covariance(mean: Tensor) -> Tensor:
    """sum_{i != j} Cov[mu]_ij^2 over a batch of posterior means (B, D): a scalar, 0 where none correlate.

    The off-diagonal term of DIP-VAE-I with its biased (1/B) covariance: Kumar et al., "Variational Inference
    of Disentangled Latent Concepts from Unlabeled Observations", ICLR 2018, eq. 6.
    """
    square = (_scatter(mean, mean) / len(mean)).square()
    return square.sum() - square.diagonal().sum()


def cross_covariance(one: Tensor, other: Tensor) -> Tensor:
    """Squared covariances of moments up to the second between two groups of latents: a scalar.

        sum_ij Cov[f_i(one), g_j(other)]^2 ,    f: all monomials of degree 1 and 2,    g: z_j and z_j^2

    Its expectation is 0 where they are independent. A latent whose effect depends on another latent may be
    uncorrelated with it, but then its variance depends on it, which the second moments show. The square of
    each covariance is the product of its estimates from the two halves of the batch, which has no bias,
    unlike the square of one estimate; so the value may be negative. A finite-dimensional relative of HSIC:
    Gretton et al., "Measuring Statistical Dependence with Hilbert-Schmidt Norms", ALT 2005.

    Args:
        one: Posterior means (B, D_1), B at least 4.
        other: Posterior means (B, D_2) of the same images.

    Raises:
        ValueError: For a smaller batch, whose halves have no covariance, and for a group without latents.
    """
    if len(one) < 4:
        raise ValueError(f"cross_covariance needs a batch of at least 4 images, got {len(one)}")
    if not (one.shape[1] and other.shape[1]):
        raise ValueError(
            f"cross_covariance needs two groups of latents, got {one.shape[1]} and {other.shape[1]} latents"
        )
    i, j = torch.triu_indices(one.shape[1], one.shape[1], device=one.device)
    f = torch.cat((one, one[:, i] * one[:, j]), dim=1)
    g = torch.cat((other, other.square()), dim=1)
    half = len(one) // 2
    rest = len(one) - half
    return (_scatter(f[:half], g[:half]) * _scatter(f[half:], g[half:])).sum() / ((half - 1) * (rest - 1))


def mask_entropy(decoder: LayeredDecoder, passed: Pass) -> Tensor:
    """How far the masks are from hard ones: the entropy of the components at a pixel, in nats, summed over
    the pixels; a scalar in [0, H W ln L], mean over a quarter of the batch.

    A pixel that shows a mixture of components has a colour that depends on the colours of all of them, so
    that the colour of one part may be divided between two components without any loss of likelihood. Where
    each pixel shows one component, the colour of a part is that of its component.

    Args:
        decoder: Composes images through masks.
        passed: The result of `forward` with it; the masks of a quarter of the batch are computed once more.
    """
    logits = decoder.logits(passed.z[: max(1, len(passed.z) // 4), : decoder.masks.latents])
    entropy = logits.logsumexp(dim=1) - (logits.softmax(dim=1) * logits).sum(dim=1)
    return entropy.flatten(1).sum(dim=1).mean()


def _scatter(f: Tensor, g: Tensor) -> Tensor:
    """Sums of products (F, G) of centred features (B, F) and (B, G), in float32 also under autocast."""
    with torch.autocast(f.device.type, enabled=False):
        return (f - f.mean(0)).T @ (g - g.mean(0))
