"""JointVAE: continuous latents and categories, each with a capacity of its own.

    E[-log p(x|z, c)] + gamma_z |KL_z - C_z| + gamma_c |KL_c - C_c|

    KL_z = KL(q(z|x) || N(0, I)) ,    KL_c = sum_i [ ln K_i + sum_v p_iv ln p_iv ]

where C_c is at most sum_i ln K_i, with c relaxed by the Gumbel-softmax, softmax((ln p + g) / temperature),
g = -ln(-ln u). With both gammas 1 and both capacities 0 it is the negative ELBO (of the relaxed c). Dupont,
"Learning Disentangled Joint Continuous and Discrete Representations", NeurIPS 2018; its code divides the loss
by the number of pixels, which does not change Adam's steps. The relaxation: Jang et al., "Categorical
Reparameterization with Gumbel-Softmax", ICLR 2017.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vision.gaussian import kl_from_prior
from vision.joint import JointDecoder, JointEncoder, embedded
from vision.objectives.forward import Loss, Pass, target_of
from vision.objectives.likelihoods import Likelihood
from vision.vae import VAE


def forward_joint(
    vae: VAE, x: Tensor, likelihood: Likelihood, temperature: float, generator: torch.Generator | None = None
) -> Pass:
    """`forward` with relaxed categories.

    The pass has D + sum K_i latents: z, then the relaxed c, and in `kl` the terms p (ln p + ln K) of each
    value, whose sum over a category is its KL.

    Args:
        vae: A model of `JointEncoder` and `JointDecoder`.
        x: RGB images (B, C, H, W) in [0, 1].
        likelihood: Compares the decoder's output with the images.
        temperature: Of the relaxation, positive.
        generator: Source of the noise in z and c, on the device of the model.

    Raises:
        ValueError: For a model of other networks, and as `forward`.
    """
    encoder, decoder = vae.encoder, vae.decoder
    if not (isinstance(encoder, JointEncoder) and isinstance(decoder, JointDecoder)):
        raise ValueError(
            f"JointVAE needs a joint encoder and decoder, got {type(encoder).__name__} and "
            f"{type(decoder).__name__}"
        )
    target = target_of(vae, x, likelihood)
    posterior = encoder.posterior(target)
    q, log_p = posterior
    z = q.sample(generator)
    c = gumbel_softmax(log_p, encoder.categories, temperature, generator)
    code = torch.cat((z, c), dim=1)
    output = decoder.of_code(code)
    kl = torch.cat((kl_from_prior(q), categorical_kl(log_p, encoder.categories)), dim=1).mean(0)
    return Pass(embedded(posterior), code, output, likelihood.cost(vae, output, target).mean(), kl)


def joint_vae(
    passed: Pass,
    categories: Sequence[int],
    *,
    gamma_continuous: float | Tensor,
    gamma_categorical: float | Tensor,
    capacity_continuous: float = 0.0,
    capacity_categorical: float = 0.0,
) -> Loss:
    """The loss, with the terms `reconstruction`, `kl_continuous`, `kl_categorical` and their sum `kl` (nats).

    Args:
        passed: The result of `forward_joint`.
        categories: K_i, the number of values of each category.
        gamma_continuous: Weight of the distance of KL_z from its capacity.
        gamma_categorical: Weight of the distance of KL_c from its capacity.
        capacity_continuous: C_z in nats.
        capacity_categorical: C_c in nats; at most sum_i ln K_i, which is all that categories can hold.
    """
    continuous = len(passed.kl) - sum(categories)
    kl_z, kl_c = passed.kl[:continuous].sum(), passed.kl[continuous:].sum()
    most = sum(math.log(values) for values in categories)
    value = (
        passed.reconstruction
        + gamma_continuous * (kl_z - capacity_continuous).abs()
        + gamma_categorical * (kl_c - min(capacity_categorical, most)).abs()
    )
    terms = {
        "reconstruction": passed.reconstruction,
        "kl": kl_z + kl_c,
        "kl_continuous": kl_z,
        "kl_categorical": kl_c,
    }
    return Loss(value, {name: term.detach() for name, term in terms.items()})


def categorical_kl(log_p: Tensor, categories: Sequence[int]) -> Tensor:
    """p (ln p + ln K) of every value, (B, sum K_i): over a category its sum is KL(Cat(p) || uniform) in nats.

    Args:
        log_p: Log-probabilities (B, sum K_i) of the values of all categories side by side.
        categories: K_i, the number of values of each category.

    >>> log_p = torch.tensor([[1.0, 1e-30, 0.5, 0.5]]).log()
    >>> [round(part.sum().item(), 4) + 0.0 for part in categorical_kl(log_p, [2, 2]).split([2, 2], dim=1)]
    [0.6931, 0.0]
    """
    log_k = torch.cat([log_p.new_full((values,), math.log(values)) for values in categories])
    return log_p.exp() * (log_p + log_k)


def gumbel_softmax(
    log_p: Tensor, categories: Sequence[int], temperature: float, generator: torch.Generator | None = None
) -> Tensor:
    """A relaxed sample of each category, (B, sum K_i): non-negative, of sum 1 over each category.

    Args:
        log_p: Log-probabilities (B, sum K_i) of the values of all categories side by side.
        categories: K_i, the number of values of each category.
        temperature: Positive; towards 0 samples become one-hot.
        generator: Source of the noise, on the device of `log_p`.

    Raises:
        ValueError: For a temperature that is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"the temperature of a Gumbel-softmax must be positive, got {temperature}")
    exponential = torch.empty_like(log_p).exponential_(generator=generator)
    gumbel = -exponential.clamp_min(torch.finfo(log_p.dtype).tiny).log()
    parts = ((log_p + gumbel) / temperature).split(list(categories), dim=1)
    return torch.cat([part.softmax(1) for part in parts], dim=1)
