"""The FactorVAE: a discriminator estimates the total correlation of the codes, which the encoder lowers.

    VAE              reconstruction + KL(q(z|x) || N(0, I)) + gamma TC(z)
    TC(z)            E_q(z)[log D_0(z) - log D_1(z)] ,    an estimate of KL(q(z) || prod_j q(z_j))
    discriminator    -1/2 (E_q(z)[log D_0(z)] + E[log D_1(permute(z'))])

D_0 and D_1 are the probabilities of a softmax over two logits: that z is a sample of q(z), and that it is one
of prod_j q(z_j). A sample of the latter is made from the codes z' of a second batch of images: each latent is
permuted over the batch, independently of the others. The VAE learns with the discriminator held fixed, the
discriminator from codes without gradients:

    tc = total_correlation(discriminator, passed.z)
    loss = beta_vae(passed, beta=1.0).plus("total_correlation", gamma, tc)
    loss_of_discriminator = discrimination(discriminator, passed.z, permuted(z_of_other_images))

Kim and Mnih, "Disentangling by Factorising", ICML 2018, eq. 2 and algorithms 1 and 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from vision.networks import full_precision
from vision.objectives.forward import Loss

SLOPE = 0.2
"""Of the leaky rectified linear units for negative inputs."""


class Discriminator(nn.Module):
    """Codes (B, latents) to two logits (B, 2): of q(z), and of the product of its marginals.

    The layers that read codes and give logits compute in float32 also under autocast.

    Args:
        latents: D.
        hidden: Units of each hidden layer; 1000 in the paper.
        layers: How many there are, at least 1; 6 in the paper.

    Raises:
        ValueError: For no hidden layer.
    """

    def __init__(self, latents: int, hidden: int = 1000, layers: int = 6) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"a discriminator has at least one hidden layer, got {layers}")
        self.code = nn.Linear(latents, hidden)
        inner: list[nn.Module] = [nn.LeakyReLU(SLOPE)]
        for _ in range(layers - 1):
            inner += [nn.Linear(hidden, hidden), nn.LeakyReLU(SLOPE)]
        self.hidden = nn.Sequential(*inner)
        self.logits = nn.Linear(hidden, 2)

    def forward(self, z: Tensor) -> Tensor:
        """Logits (B, 2) of codes (B, latents)."""
        return full_precision(self.logits, self.hidden(full_precision(self.code, z)))


def total_correlation(discriminator: Discriminator, z: Tensor) -> Tensor:
    """An estimate of the total correlation of codes (B, D) in nats: a scalar; its gradient reaches z alone.

    It may be negative, and falls short of the truth where codes are easily told from permuted ones.
    """
    weights = {name: weight.detach() for name, weight in discriminator.named_parameters()}
    return log_ratio(functional_call(discriminator, weights, (z,)))


def log_ratio(logits: Tensor) -> Tensor:
    """The mean of log D_0 - log D_1 over logits (B, 2): a scalar."""
    return (logits[:, 0] - logits[:, 1]).mean()


def discrimination(discriminator: Discriminator, z: Tensor, z_permuted: Tensor) -> Loss:
    """The loss of the discriminator; no gradient reaches the codes.

    Args:
        discriminator: The discriminator.
        z: Codes (B, D).
        z_permuted: Codes (B, D) of other images, as `permuted` gives them.
    """
    joint, product = discriminator(z.detach()), discriminator(z_permuted.detach())
    return Loss(cross_entropy(joint, product), {})


def cross_entropy(joint: Tensor, product: Tensor) -> Tensor:
    """The cross-entropy of the two classes in nats: a scalar, log 2 for a discriminator that cannot tell.

    Args:
        joint: Logits (B, 2) of codes.
        product: Logits (B, 2) of permuted codes.
    """
    of_joint = functional.log_softmax(joint, dim=1)[:, 0].mean()
    of_product = functional.log_softmax(product, dim=1)[:, 1].mean()
    return -0.5 * (of_joint + of_product)


def permuted(z: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Codes (B, D) with every latent permuted over the batch, independently of the other latents.

    Args:
        z: Codes (B, D).
        generator: Source of the permutations, on the device of z.
    """
    order = torch.rand(z.shape, generator=generator, device=z.device).argsort(dim=0)
    return z.gather(0, order)
