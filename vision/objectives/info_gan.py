"""InfoGAN and InfoWGAN-GP: a generator G against a discriminator D or a critic f, with codes that Q can read.

    InfoGAN       D and Q    E[softplus(-D(x))] + E[softplus(D(x_hat))] - lambda L_I
                  G          E[softplus(-D(x_hat))] - lambda L_I               the non-saturating form
    InfoWGAN-GP   f and Q    E[f(x_hat)] - E[f(x)] + 10 E[(||grad f(x~)||_2 - 1)^2] - lambda L_I
                  G          -E[f(x_hat)] - lambda L_I

    L_I = E[log Q(c|x_hat)] + H(c) <= I(c; x_hat) ,    x~ = e x + (1 - e) x_hat ,    e ~ U(0, 1)

for z ~ N(0, I), x_hat = G(z), and c the codes in z (`vision.info_gan`). The bound is tight where Q is the
posterior of c; for a categorical code L_I <= H(c) = ln K whatever Q is. For Gaussian codes it has no such
bound, but Q's smallest variance is one: with a `precision_limit` P, L_I <= (1 + ln P) / 2 for each code.
A large L_I says that G shows the codes, not that they are factors of the images.

Sources: Chen et al., "InfoGAN", NIPS 2016, eq. 6; Gulrajani et al., "Improved Training of Wasserstein GANs",
NIPS 2017, eq. 3; Kim and Mnih, "Disentangling by Factorising", ICML 2018, appendix (InfoWGAN-GP).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vision.gaussian import Gaussian
from vision.networks import full_precision


class RealismHead(nn.Module):
    """The head of the discriminator or critic on the layers that it shares with Q: (B, units) to (B,).

    Args:
        units: Of the features.
        bias: Whether it has one; that of a critic has no gradient, since differences of values count.
    """

    def __init__(self, units: int, *, bias: bool = True) -> None:
        super().__init__()
        self.head = nn.Linear(units, 1, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        """Logits that an image is real, or the critic's values: (B,), in float32."""
        return full_precision(self.head, features).squeeze(1)


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-E[log D(x)] - E[log(1 - D(x_hat))] of logits (B,) of real and of generated images: a scalar."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """-E[log D(x_hat)], the non-saturating loss of the generator, of logits (B,): a scalar."""
    return F.softplus(-fake).mean()


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E[f(x_hat)] - E[f(x)] of values (B,): a scalar, minus the estimate of the Wasserstein distance."""
    return fake.mean() - real.mean()


def critic_generator_loss(fake: Tensor) -> Tensor:
    """-E[f(x_hat)], the loss of a critic's generator, of values (B,): a scalar."""
    return -fake.mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    generator: torch.Generator | None = None,
) -> Tensor:
    """E[(||grad f(x~)||_2 - 1)^2], the norm over all pixels of an image: a scalar with gradients, float32.

    Args:
        critic: f, from images to (B,).
        real: Images (B, C, H, W).
        fake: As many generated ones.
        generator: Source of the weights of the interpolation, on the device of the images.
    """
    with torch.autocast(real.device.type, enabled=False):
        e = torch.rand(len(real), 1, 1, 1, generator=generator, device=real.device, dtype=real.dtype)
        between = (e * real + (1 - e) * fake).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def gaussian_information(q: Gaussian, c: Tensor) -> Tensor:
    """L_I of codes c ~ N(0, I), summed over them, mean over the batch, in nats: a scalar.

        sum_k E[log Q(c_k|x)] + 1/2 ln(2 pi e)  =  sum_k 1/2 E[1 - ln s2_k - (c_k - mu_k)^2 / s2_k]

    Args:
        q: Q(c|x) over (B, D).
        c: The codes (B, D) that the images were generated from.
    """
    return 0.5 * (1 - q.logvar - (c - q.mean).square() * (-q.logvar).exp()).sum(1).mean()


def categorical_information(logits: Tensor, k: Tensor) -> Tensor:
    """L_I of a categorical code, uniform over K values, in nats: a scalar, at most ln K.

    Args:
        logits: Of Q(k|x), (B, K).
        k: The values (B,) that the images were generated from, integers.
    """
    return math.log(logits.shape[1]) - F.cross_entropy(logits, k)
