"""The learned operators: shape of the module, and training that ends at the exact set operators."""

import pytest
import torch
from torch import Tensor

from scan import analytic_operators
from scan.operators import Operators, operator_loss
from symbols import OPERATORS
from vision.gaussian import Gaussian, kl

VALUES = 6
NARROW = -4.0  # log-variance of a specific latent
ATTRIBUTES = 5  # one latent each, and one more that carries nothing


def levels() -> Tensor:
    """Latent positions of the values, of unit variance as under the prior."""
    grid = torch.linspace(-1, 1, VALUES)
    return grid / grid.std(correction=0)


def grounded(factors: Tensor) -> Gaussian:
    """q(z_y|y) of concepts (B, ATTRIBUTES) of value indices, -1 where open: narrow, or the prior."""
    chosen = factors >= 0
    mean = torch.where(chosen, levels()[factors.clamp(min=0)], 0.0)
    return Gaussian(mean, torch.where(chosen, NARROW, 0.0))


def triples(n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Random (left, right, result, op) on integer concepts, as the set operators define them."""
    full = torch.randint(VALUES, (n, ATTRIBUTES))
    op = torch.randint(3, (n,))
    side = torch.rand(n, ATTRIBUTES)
    one, two = side < 0.35, side > 0.65
    disjoint = torch.stack(
        (torch.where(one, full, -1), torch.where(two, full, -1), torch.where(one | two, full, -1))
    )
    other = torch.where(torch.rand(n, ATTRIBUTES) < 0.5, full, torch.randint(VALUES, (n, ATTRIBUTES)))
    left = torch.where(torch.rand(n, ATTRIBUTES) < 0.7, full, -1)
    right = torch.where(torch.rand(n, ATTRIBUTES) < 0.7, other, -1)
    overlap = torch.stack((left, right, torch.where(left == right, left, -1)))
    dropped = torch.where(torch.rand(n, ATTRIBUTES) < 0.5, left, -1)
    difference = torch.stack((left, dropped, torch.where(dropped >= 0, -1, left)))
    left, right, result = torch.stack((disjoint, overlap, difference))[op, :, torch.arange(n)].unbind(1)
    return left, right, result, op


def seen(result: Tensor) -> Gaussian:
    """q(z_x|x) of random images that match the concepts: open attributes take any value."""
    factors = torch.where(result >= 0, result, torch.randint(VALUES, result.shape))
    noise = torch.exp(torch.tensor(NARROW)) / 2
    return Gaussian(
        levels()[factors] + noise.sqrt() * torch.randn(factors.shape), noise.log().expand(factors.shape)
    )


@pytest.fixture(scope="module")
def trained() -> Operators:
    torch.manual_seed(0)
    operators = Operators(hidden=(30, 15))
    steps = 1500
    optimiser = torch.optim.Adam(operators.parameters(), lr=1e-2)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        left, right, result, op = triples(128)
        optimiser.zero_grad()
        operator_loss(seen(result), operators(grounded(left), grounded(right), op)).backward()
        optimiser.step()
        decay.step()
    return operators


@pytest.mark.parametrize("op", range(3))
def test_training_on_images_of_the_result_ends_at_the_set_operators(trained: Operators, op: int) -> None:
    torch.manual_seed(1)
    left, right, result, ops = triples(3000)
    chosen = ops == op
    q_1, q_2, target = grounded(left[chosen]), grounded(right[chosen]), grounded(result[chosen])
    with torch.no_grad():
        learned = trained(q_1, q_2, ops[chosen])
    reference = analytic_operators.OPERATORS[OPERATORS[op]](q_1, q_2)
    torch.testing.assert_close(reference.mean, target.mean)
    specific = result[chosen] >= 0
    step = levels()[1] - levels()[0]
    assert (learned.mean - reference.mean)[specific].abs().max() < step / 2
    assert kl(reference, learned).mean() < 0.1
    # Specific latents stay specific and open ones are released, hardly ever the other way round.
    assert ((learned.logvar < -1.5) == specific).float().mean() > 0.99


def test_weights_are_shared_over_latents_and_the_code_selects_the_operator() -> None:
    torch.manual_seed(0)
    operators = Operators()
    q_1, q_2 = Gaussian(torch.randn(2, 7), torch.randn(2, 7)), Gaussian(torch.randn(2, 7), torch.randn(2, 7))
    op, order = torch.tensor([0, 2]), torch.randperm(7)
    q_r = operators(q_1, q_2, op)
    permuted = operators(q_1[:, order], q_2[:, order], op)
    torch.testing.assert_close(permuted.mean, q_r.mean[:, order])
    torch.testing.assert_close(permuted.logvar, q_r.logvar[:, order])
    for i in range(2):
        alone = operators(q_1[[i]], q_2[[i]], op[[i]])
        torch.testing.assert_close(alone.mean, q_r.mean[[i]])
        torch.testing.assert_close(alone.logvar, q_r.logvar[[i]])
    assert not torch.allclose(operators(q_1, q_2, torch.tensor([1, 2])).mean[0], q_r.mean[0])


def test_gradient_of_one_operator_leaves_the_outputs_of_the_others_alone() -> None:
    operators = Operators()
    q = Gaussian(torch.randn(4, 3), torch.randn(4, 3))
    operator_loss(q, operators(q, q, torch.ones(4, dtype=torch.int64))).backward()
    last = list(operators.parameters())[-1].grad
    assert last is not None
    assert last.reshape(3, 2).abs().sum(1).gt(0).tolist() == [False, True, False]


def test_loss_is_the_kl_in_the_direction_asked_for() -> None:
    torch.manual_seed(0)
    q_x, q_r = (Gaussian(torch.randn(5, 4), torch.randn(5, 4)) for _ in range(2))
    torch.testing.assert_close(operator_loss(q_x, q_r), kl(q_x, q_r).sum() / 5)
    torch.testing.assert_close(operator_loss(q_x, q_r, "reverse"), kl(q_r, q_x).sum() / 5)


@pytest.mark.parametrize(("hidden", "weights"), [((30, 15), 4 * 30 + 30 * 15 + 15 * 6), ((1024,), 10 * 1024)])
def test_sizes_are_the_paper_s(hidden: tuple[int, ...], weights: int) -> None:
    assert sum(p.numel() for p in Operators(hidden).parameters() if p.ndim == 2) == weights
