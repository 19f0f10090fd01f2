"""Penalties on what latents do together: in the decoder, and in the codes of a batch. Scalars, in float32.

    normalised_hessian          E Var_v[D(v)], v Rademacher  /  E Var_v[D(v)], v ~ N(0, I)
                                = sum_{i != j} (s_i s_j H_ij)^2 / sum_ij (s_i s_j H_ij)^2
    latent_multiinformation     E[log q(z) - sum_k log q(z_k)]

H is the Hessian of an output of the decoder, s_i the standard deviation of latent i over the batch.

Sources: Hsu et al., "Tripod: Three Complementary Inductive Biases for Disentangled Representation Learning",
ICML 2024; Peebles et al., "The Hessian Penalty: A Weak Prior for Unsupervised Disentanglement", ECCV 2020.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vision.interfaces import Decoder

DRAWS = 2
STEP = 0.1
"""Of the finite differences, in standard deviations of the latents."""
ROUNDING = 16
"""Second differences of fewer units in the last place of the output are rounding."""
LEAST = 1e-10
"""Of a standard deviation."""


def normalised_hessian(decoder: Decoder, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The share of the decoder's second derivatives that is mixed: a scalar, in expectation in [0, 1].

        D(v) = (f(z + h) - 2 f(z) + f(z - h)) / STEP^2 ,    h = STEP s v

    for `DRAWS` draws of v for each image. The variance of v'Hv is 2 sum_{i != j} H_ij^2 for v of signs, and
    2 sum_ij H_ij^2 for normal v: 0 for an output that is a sum of functions of one latent each, 1 for a
    product of two latents, and about 0 for a linear output, whose second differences are rounding. It does
    not depend on the scale of the output, nor on that of a latent.

    The paper takes the ratio for each image and for the activations of each layer; here it is that of the
    outputs, and of the means over the batch, which has less noise for two draws. It costs 9 passes of the
    decoder.

    Args:
        decoder: f, from (B, D) to outputs (B, C, H, W).
        z: Codes (B, D).
        generator: Source of the draws, on the device of the codes.
    """
    with torch.autocast(z.device.type, enabled=False):
        z = z.float() if z.dtype == torch.bfloat16 else z
        shape = (2 * DRAWS, *z.shape)
        normal = torch.randn(shape, generator=generator, device=z.device, dtype=z.dtype)
        v = torch.cat((normal[:DRAWS].sign(), normal[DRAWS:]))
        h = STEP * z.detach().std(0, correction=0).clamp(min=LEAST) * v
        points = torch.cat((z.unsqueeze(0), z + h, z - h))
        f = decoder(points.flatten(0, 1)).unflatten(0, points.shape[:2])
        plus, minus = f[1:].chunk(2)
        second = (plus - 2 * f[0] + minus) / STEP**2
        mixed, total = (draws.var(0).mean() for draws in second.chunk(2))
    rounding = (ROUNDING * torch.finfo(f.dtype).eps / STEP**2) ** 2 * f.detach().square().mean()
    return mixed / total.maximum(rounding + torch.finfo(f.dtype).tiny)


def latent_multiinformation(z: Tensor) -> Tensor:
    """KLM: how far the codes are from independent, by kernel densities on the batch, in nats: a scalar.

    The kernels of q(z) are normal with the deviations s_k (4 / (D + 2))^(1 / (D + 4)) B^(-1 / (D + 4))
    (Silverman's rule), those of q(z_k) with s_k itself, as in the paper's code. It is an estimate whose value
    says little, and whose gradient moves codes apart in the ways that are unlikely under independence.

    Args:
        z: Codes (B, D), B at least 2.

    Raises:
        ValueError: For a smaller batch, which has no density.
    """
    if len(z) < 2:
        raise ValueError(f"latent_multiinformation needs a batch of at least 2 images, got {len(z)}")
    size, latents = z.shape
    z = z.float() if z.dtype == torch.bfloat16 else z
    scaled = z / z.std(0, correction=0).clamp(min=LEAST)
    square = (scaled.unsqueeze(1) - scaled.unsqueeze(0)).square()
    silverman = ((4 / (latents + 2)) / size) ** (1 / (latents + 4))
    joint = -0.5 * square.sum(2) / silverman**2 - latents * math.log(silverman)
    one_by_one = -0.5 * square
    each = one_by_one.logsumexp(1).sum(1) - latents * math.log(size)
    return (joint.logsumexp(1) - math.log(size) - each).mean()
