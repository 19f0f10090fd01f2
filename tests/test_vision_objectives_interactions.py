"""The normalised Hessian penalty and KLM, on decoders and codes whose values are known."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from vision.interfaces import Decoder
from vision.objectives import latent_multiinformation, normalised_hessian

Function = Callable[[Tensor], Tensor]


class Formula(Decoder):
    """One pixel, a function of two latents."""

    shape, latents = (1, 1, 1), 2

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, z: Tensor) -> Tensor:
        return self.function(z)[:, None, None, None]


def codes(n: int = 4000, latents: int = 2) -> Tensor:
    return torch.randn(n, latents, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def penalty(function: Function, z: Tensor | None = None) -> float:
    z = codes() if z is None else z
    return normalised_hessian(Formula(function), z, torch.Generator().manual_seed(1)).item()


def additive(z: Tensor) -> Tensor:
    return z[:, 0].square() - 3 * z[:, 1].sin()


def product(z: Tensor) -> Tensor:
    return z[:, 0] * z[:, 1]


def test_the_hessian_penalty_is_nothing_for_an_additive_decoder() -> None:
    assert penalty(additive) < 1e-10


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bias", [0.0, 5.0])
def test_the_hessian_penalty_of_a_linear_decoder_is_not_its_rounding(dtype: torch.dtype, bias: float) -> None:
    assert penalty(lambda z: z[:, 0] - 2 * z[:, 1] + bias, codes().to(dtype)) < 0.02


def test_the_hessian_penalty_is_one_for_a_product() -> None:
    """H has only mixed terms: Var[v'Hv] is 4 s_1^2 s_2^2 for signs and for normal draws."""
    assert penalty(product) == pytest.approx(1, abs=0.1)


def test_the_hessian_penalty_is_the_mixed_share_of_the_squared_second_derivatives() -> None:
    """f = z_1^2 + z_2^2 + 2 z_1 z_2 has H = 2 everywhere: a half of it is mixed."""
    z = codes()
    z = z / z.std(0, correction=0)
    assert penalty(lambda z: z.sum(1).square(), z) == pytest.approx(0.5, abs=0.05)


def test_the_hessian_penalty_does_not_depend_on_scales() -> None:
    def mixed(z: Tensor) -> Tensor:
        return additive(z) + 0.5 * product(z)

    plain = penalty(mixed)
    assert 0.01 < plain < 0.9
    assert penalty(lambda z: 1000 * mixed(z)) == pytest.approx(plain, rel=1e-6)
    units = torch.tensor([100.0, 0.01], dtype=torch.float64)
    assert penalty(lambda z: mixed(z / units), codes() * units) == pytest.approx(plain, rel=1e-6)


def test_the_hessian_penalty_is_taken_in_full_precision_and_moves_the_decoder() -> None:
    weight = torch.tensor([1.0, 1.0], requires_grad=True)
    decoder = Formula(lambda z: weight[0] * additive(z) + weight[1] * product(z))
    value = normalised_hessian(decoder, codes().float(), torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        found = normalised_hessian(decoder, codes().float(), torch.Generator().manual_seed(1))
    assert torch.equal(found, value)
    value.backward()
    assert weight.grad is not None
    assert weight.grad[0] < 0 < weight.grad[1], "less of the product, more of the sum"


def test_multiinformation_is_that_of_its_kernels() -> None:
    """Against densities written out, point by point."""
    z = codes(7, 3)
    size, latents = z.shape
    spread = z.std(0, correction=0)
    rule = (4 / (latents + 2)) ** (1 / (latents + 4)) * size ** (-1 / (latents + 4))
    total = 0.0
    for i in range(size):
        one_by_one = torch.distributions.Normal(z[i], spread).log_prob(z).exp().mean(0).log().sum()
        joint = torch.distributions.Normal(z[i], rule * spread).log_prob(z).sum(1).exp().mean().log()
        total += (joint - one_by_one).item() / size
    assert latent_multiinformation(z).item() == pytest.approx(total, rel=1e-10)
    assert latent_multiinformation(z * torch.tensor([1e3, 1.0, 1e-3])).item() == pytest.approx(
        total, rel=1e-6
    )


def test_multiinformation_rises_with_dependence() -> None:
    z = codes(500)
    tied = torch.stack((z[:, 0], z[:, 0] + 0.1 * z[:, 1]), 1)
    curved = torch.stack((z[:, 0], z[:, 0].square() + 0.1 * z[:, 1]), 1)
    least = latent_multiinformation(z).item()
    assert latent_multiinformation(tied).item() > least + 0.5
    assert latent_multiinformation(curved).item() > least + 0.3


def test_multiinformation_has_a_finite_gradient_also_where_a_latent_is_constant() -> None:
    z = codes(9, 3)
    z[:, 1] = 0.7
    z.requires_grad_()
    latent_multiinformation(z).backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()
    assert math.isfinite(latent_multiinformation(z).item())
    with pytest.raises(ValueError, match="at least 2 images, got 1"):
        latent_multiinformation(codes(1))
