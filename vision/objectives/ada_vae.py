"""Ada-GVAE and Ada-ML-VAE: pairs of images that differ in few factors, which are not known.

    delta_k = KL(q(z_k|x_1) || q(z_k|x_2)) ,    tau = (min_k delta_k + max_k delta_k) / 2   of each pair
    shared  = latents with delta_k < tau, whose two posteriors are replaced by one average

    Ada-GVAE      the averages of the two means and of the two variances                  Hosoya 2019
    Ada-ML-VAE    the product of the two Gaussians, with twice its variance     Bouchacourt et al. 2018

and the loss is that of the beta-VAE on the averaged posteriors, over both images. Locatello et al.,
"Weakly-Supervised Disentanglement Without Compromises", ICML 2020; the KL is one-sided as in the authors'
code. The model is told that the two images of a pair share most factors; neither which, nor any value.

    q = vae.encoder(target)                              the first images of all pairs, then their partners
    passed = reconstruct(vae, ada_gvae(q), target, likelihood, generator)
    loss = beta_vae(passed, beta=4.0)
"""

from __future__ import annotations

import torch
from torch import Tensor

from vision.gaussian import Gaussian, kl


def ada_gvae(q: Gaussian) -> Gaussian:
    """The posteriors of pairs with their shared latents averaged, over (2 B, D).

    Args:
        q: Posteriors over (2 B, D): the first images of B pairs, then their partners in the same order.

    Raises:
        ValueError: For an odd number of posteriors.

    >>> one = Gaussian(torch.tensor([[0.0, 0.0]]), torch.zeros(1, 2))
    >>> other = Gaussian(torch.tensor([[1.0, 4.0]]), torch.zeros(1, 2))
    >>> ada_gvae(joined(one, other)).mean.tolist()
    [[0.5, 0.0], [0.5, 4.0]]
    """
    one, other = halves(q)
    variance = (one.variance + other.variance) / 2
    return _share(one, other, Gaussian((one.mean + other.mean) / 2, variance.log()))


def ada_ml_vae(q: Gaussian) -> Gaussian:
    """As `ada_gvae`, with the product of Gaussians in place of the average.

    Args:
        q: Posteriors over (2 B, D): the first images of B pairs, then their partners in the same order.

    Raises:
        ValueError: For an odd number of posteriors.
    """
    one, other = halves(q)
    variance = 2 * one.variance * other.variance / (one.variance + other.variance)
    mean = (one.mean / one.variance + other.mean / other.variance) * variance / 2
    return _share(one, other, Gaussian(mean, variance.log()))


def differs(one: Gaussian, other: Gaussian) -> Tensor:
    """Which latents are taken to differ within each pair, bool (B, D): those with delta at least tau.

    Args:
        one: Posteriors of the first images, over (B, D).
        other: Those of their partners.
    """
    delta = kl(one, other)
    least, most = delta.amin(1, keepdim=True), delta.amax(1, keepdim=True)
    return delta >= (least + most) / 2


def halves(q: Gaussian) -> tuple[Gaussian, Gaussian]:
    """The posteriors of the first images (B, D) and of their partners, from those of all (2 B, D).

    Raises:
        ValueError: For an odd number of posteriors.
    """
    n = len(q) // 2
    if 2 * n != len(q):
        raise ValueError(f"pairs are an even number of images, got {len(q)}")
    return q[:n], q[n:]


def joined(one: Gaussian, other: Gaussian) -> Gaussian:
    """The inverse of `halves`."""
    return Gaussian(torch.cat((one.mean, other.mean)), torch.cat((one.logvar, other.logvar)))


def _share(one: Gaussian, other: Gaussian, average: Gaussian) -> Gaussian:
    own = differs(one, other)
    parts = [
        Gaussian(torch.where(own, q.mean, average.mean), torch.where(own, q.logvar, average.logvar))
        for q in (one, other)
    ]
    return joined(*parts)
