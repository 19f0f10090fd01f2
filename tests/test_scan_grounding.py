"""The grounding loss: equation 4 term by term, its closed-form optimum, and training that reaches it."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from scan.grounding import (
    SCAN,
    Direction,
    completed,
    directed_kl,
    grounding_loss,
    optimal_posterior,
    training_loss,
)
from scan.symbol_networks import ExpertSymbolDecoder, ExpertSymbolEncoder, MLPSymbolEncoder, SymbolDecoder
from vision.gaussian import Gaussian, kl, kl_from_prior

DIRECTIONS: tuple[Direction, ...] = ("forward", "reverse")


def make_scan(symbols: int, latents: int, kind: str = "mlp") -> SCAN:
    if kind == "mlp":
        return SCAN(MLPSymbolEncoder(symbols, latents), SymbolDecoder(latents, symbols))
    return SCAN(ExpertSymbolEncoder(symbols, latents), ExpertSymbolDecoder(latents, symbols))


def gaussian(mean: list[float], variance: list[float]) -> Gaussian:
    """N one-dimensional posteriors, (N, 1)."""
    return Gaussian(torch.tensor(mean).unsqueeze(1), torch.tensor(variance).log().unsqueeze(1))


@pytest.mark.parametrize(
    ("m", "v", "mean", "variance"),
    [(0.0, 1.0, 0.0, 1.0), (1.0, 0.01, 0.999, 0.0111), (0.5, 0.5, 0.475, 0.526), (0.0, 0.1, 0.0, 0.110)],
)
def test_closed_form_values_worked_out_by_hand(m: float, v: float, mean: float, variance: float) -> None:
    optimum = optimal_posterior(gaussian([m], [v]), beta=1.0, grounding=10.0)
    assert optimum.mean.item() == pytest.approx(mean, abs=1e-3)
    assert optimum.variance.item() == pytest.approx(variance, rel=5e-3)


def test_reverse_keeps_the_variance_of_one_image_and_forward_covers_the_examples() -> None:
    examples = gaussian([-1.5, -0.5, 0.5, 1.5], [0.05] * 4)
    assert optimal_posterior(examples, direction="reverse").variance.item() == pytest.approx(0.055, abs=5e-4)
    assert optimal_posterior(examples, direction="forward").variance.item() == pytest.approx(1.27, abs=5e-3)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(
    ("beta", "grounding"), [(1.0, 10.0), (10.0, 1.0), (2.0, 2.0), (0.01, 30.0), (0.0, 1.0)]
)
def test_closed_form_is_a_minimum(direction: Direction, beta: float, grounding: float) -> None:
    generator = torch.Generator().manual_seed(0)
    examples = Gaussian(
        torch.randn(20, 6, generator=generator, dtype=torch.float64),
        torch.randn(20, 6, generator=generator, dtype=torch.float64) - 2,
    )

    def objective(q_y: Gaussian) -> Tensor:
        rows = Gaussian(q_y.mean.expand(20, 6), q_y.logvar.expand(20, 6))
        pair = kl(examples, rows) if direction == "forward" else kl(rows, examples)
        return beta * kl_from_prior(rows).mean(0) + grounding * pair.mean(0)

    best = optimal_posterior(examples, beta=beta, grounding=grounding, direction=direction)
    lowest = objective(best)
    for step in (1e-3, -1e-3):
        assert (objective(Gaussian(best.mean + step, best.logvar)) > lowest).all()
        assert (objective(Gaussian(best.mean, best.logvar + step)) > lowest).all()


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("kind", ["mlp", "experts"])
def test_training_reaches_the_closed_form_within_two_percent(kind: str, direction: Direction) -> None:
    # Three symbols of 32 examples each; a symbol is specific on some of the latents and varies on the others.
    torch.manual_seed(0)
    symbols, latents, examples = 3, 4, 32
    centre = torch.tensor([[1.5, 0.3, -0.8, 0.6], [-1.0, 1.2, 0.4, -0.5], [0.5, -1.4, 1.0, 0.9]])
    spread = torch.tensor([[0.05, 0.5, 0.3, 0.7], [0.6, 0.1, 0.4, 0.3], [0.2, 0.4, 0.1, 0.5]])
    codes = centre.unsqueeze(1) + spread.unsqueeze(1) * torch.randn(symbols, examples, latents)
    q_x = Gaussian(codes.flatten(0, 1), torch.empty_like(codes).uniform_(-4, -2).flatten(0, 1))
    y = torch.eye(symbols).repeat_interleave(examples, 0)

    scan = make_scan(symbols, latents, kind)
    steps, lr = {"mlp": (400, 0.05), "experts": (600, 0.2)}[kind]
    optimiser = torch.optim.Adam(scan.encoder.parameters(), lr=lr, betas=(0.9, 0.99))
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        terms = grounding_loss(scan, y, q_x, beta=1.0, grounding=10.0, direction=direction)
        optimiser.zero_grad()
        (terms.loss - terms.reconstruction).backward()
        optimiser.step()
        decay.step()

    learned = scan.encode_symbol(torch.eye(symbols)).detach()
    for symbol in range(symbols):
        rows = slice(symbol * examples, (symbol + 1) * examples)
        optimum = optimal_posterior(Gaussian(q_x.mean[rows], q_x.logvar[rows]), direction=direction)
        torch.testing.assert_close(learned.mean[[symbol]], optimum.mean, rtol=0.02, atol=0.002)
        torch.testing.assert_close(learned.variance[[symbol]], optimum.variance, rtol=0.02, atol=0)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_loss_is_equation_4(direction: Direction) -> None:
    torch.manual_seed(1)
    scan, y = make_scan(5, 3), torch.randint(0, 2, (7, 5)).float()
    q_x = Gaussian(torch.randn(7, 3), torch.randn(7, 3))
    terms = grounding_loss(
        scan, y, q_x, beta=0.5, grounding=3.0, direction=direction, generator=torch.Generator().manual_seed(2)
    )

    q_y = scan.encode_symbol(y)
    p = torch.sigmoid(scan.decode_symbol(q_y.sample(torch.Generator().manual_seed(2))))
    likelihood = (y * p.log() + (1 - y) * (1 - p).log()).sum() / 7
    matched = kl(q_x, q_y) if direction == "forward" else kl(q_y, q_x)
    expected = -likelihood + 0.5 * kl_from_prior(q_y).sum() / 7 + 3.0 * matched.sum() / 7
    torch.testing.assert_close(terms.loss, expected)
    torch.testing.assert_close(terms.reconstruction, -likelihood)
    torch.testing.assert_close(terms.grounding, matched.sum() / 7)


@pytest.mark.parametrize("kind", ["mlp", "experts"])
def test_gradient_reaches_every_parameter_and_no_visual_code(kind: str) -> None:
    torch.manual_seed(0)
    scan, y = make_scan(4, 3, kind), torch.eye(4)
    q_x = Gaussian(torch.randn(4, 3), torch.randn(4, 3))
    grounding_loss(scan, y, q_x).loss.backward()
    for name, parameter in scan.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name
    assert q_x.mean.grad is None


def test_extreme_symbols_and_codes_stay_finite() -> None:
    # The failures seen in the wild: log of a saturated sigmoid, and exp of a runaway log-variance.
    scan = make_scan(4, 3)
    y = torch.tensor([[0.0, 1.0, 0.0, 1.0], [1e4, 0.0, 0.0, -1e4]])
    q_x = Gaussian(torch.full((2, 3), 1e3), torch.full((2, 3), -20.0))
    terms = grounding_loss(scan, y, q_x)
    terms.loss.backward()
    assert terms.loss.isfinite()
    for parameter in scan.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("kind", ["mlp", "experts"])
def test_the_symbol_decoder_learns_the_symbols_of_separable_concepts(kind: str) -> None:
    torch.manual_seed(0)
    scan, y = make_scan(4, 4, kind), torch.eye(4).repeat(8, 1)
    q_x = Gaussian(2 * y, torch.full((32, 4), -4.0))
    optimiser = torch.optim.Adam(scan.parameters(), lr=0.03)
    for _ in range(300):
        optimiser.zero_grad()
        grounding_loss(scan, y, q_x).loss.backward()
        optimiser.step()
    read = torch.sigmoid(scan.decode_symbol(2 * torch.eye(4)))
    assert F.l1_loss(read, torch.eye(4)) < 0.1


@pytest.mark.parametrize("shape", [(1, 3), (4, 1), (3,)])
def test_codes_of_other_rows_or_latents_are_refused_rather_than_broadcast(shape: tuple[int, ...]) -> None:
    q_x = Gaussian(torch.zeros(shape), torch.zeros(shape))
    with pytest.raises(ValueError, match=r"over the same \(B, D\)"):
        grounding_loss(make_scan(2, 3), torch.zeros(4, 2), q_x)


BLOCKS = torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 1]])
"""Attributes of three and of two values, and a binary one."""


class Reading(SCAN):
    """Reads logits off the latents, of which there are as many as symbols."""

    def __init__(self) -> None:
        super().__init__(torch.nn.Identity(), torch.nn.Identity())


def test_open_attributes_are_completed_where_the_image_is_read_with_confidence() -> None:
    y = torch.tensor([[0.0, 1, 0, 0, 0, 0]]).repeat(4000, 1)
    sure, unsure = torch.tensor([9.0, 0, 0, 0, 3, 9]), torch.tensor([9.0, 0, 0, 0, 2, 9])
    for logits, probability in ((sure, 0.953), (unsure, 0.881)):
        q_x = Gaussian(logits.repeat(4000, 1), torch.zeros(4000, 6))
        full = completed(Reading(), y, q_x, BLOCKS, 0.9, torch.Generator().manual_seed(0))
        assert torch.equal(full[:, [0, 1, 2, 3, 5]], y[:, [0, 1, 2, 3, 5]]), "named and binary ones stay"
        share = full[:, 4].mean().item()
        assert share == pytest.approx(0.5 if probability > 0.9 else 0, abs=0.03)
    nothing = completed(Reading(), y, Gaussian(-1e4 * torch.ones(4000, 6), y * 0), BLOCKS, 0.9)
    assert torch.equal(nothing, y)


def test_values_of_one_attribute_are_compared_however_far_below_another_s() -> None:
    y = torch.tensor([[1.0, 0, 0, 0, 0, 0]]).repeat(100, 1)
    q_x = Gaussian(torch.tensor([[0.0, -50, -50, -200, -120, 0]]).repeat(100, 1), torch.zeros(100, 6))
    full = completed(Reading(), y, q_x, BLOCKS, 0.9, seeded(0))
    assert full[:, 4].mean().item() == pytest.approx(0.5, abs=0.2)
    assert torch.equal(full[:, :4], y[:, :4])


def test_an_unknown_direction_is_refused_with_the_nearest() -> None:
    q = Gaussian(torch.zeros(2, 3), torch.zeros(2, 3))
    for wrong in ("Forward", "reversed"):
        for refused in (directed_kl, lambda q, _, direction: optimal_posterior(q, direction=direction)):
            with pytest.raises(ValueError, match=rf"unknown direction '{wrong}' .did you mean"):
                refused(q, q, wrong)  # type: ignore[arg-type]


def test_the_loss_takes_the_completed_symbols() -> None:
    torch.manual_seed(0)
    encoder = ExpertSymbolEncoder(6, 6, attributes=[3, 2, 1])
    with torch.no_grad():
        encoder.experts.growth.fill_(3.0)
        encoder.experts.mean.copy_(torch.eye(6))
    scan = SCAN(encoder, torch.nn.Identity())
    y, full = torch.tensor([[0.0, 1, 0, 0, 0, 0]]), torch.tensor([[0.0, 1, 0, 0, 1, 0]])
    q_x = Gaussian(torch.tensor([[0.0, 9, 0, 0, 9, 0]]), torch.zeros(1, 6))
    seed = next(n for n in range(20) if completed(scan, y, q_x, BLOCKS, 0.9, seeded(n)).sum() == 2)
    found = training_loss(scan, y, q_x, attributes=BLOCKS, completion=0.9, generator=seeded(seed))[0]
    noise = seeded(seed)
    torch.rand(1, 3, generator=noise)
    torch.testing.assert_close(found, grounding_loss(scan, full, q_x, generator=noise).loss)
    alone = training_loss(scan, y, q_x, attributes=BLOCKS, generator=seeded(seed))[0]
    torch.testing.assert_close(alone, grounding_loss(scan, y, q_x, generator=seeded(seed)).loss)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
