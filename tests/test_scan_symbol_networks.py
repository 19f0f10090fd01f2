"""Symbol encoders: the product of experts against brute force, and their behaviour at the edges."""

import pytest
import torch
from torch import Tensor

from scan.symbol_networks import (
    Experts,
    ExpertSymbolDecoder,
    ExpertSymbolEncoder,
    MLPSymbolEncoder,
    SymbolDecoder,
)
from vision.gaussian import Gaussian, kl


def randomise(experts: Experts) -> None:
    with torch.no_grad():
        experts.mean.normal_()
        experts.growth.normal_(mean=3)


def random_experts(symbols: int = 5, latents: int = 3) -> ExpertSymbolEncoder:
    torch.manual_seed(0)
    encoder = ExpertSymbolEncoder(symbols, latents)
    randomise(encoder.experts)
    return encoder


def test_experts_multiply_with_the_prior() -> None:
    # Brute force: multiply the densities on a grid and take the moments of the normalised product.
    encoder = random_experts(symbols=4, latents=1)
    y = torch.tensor([[1.0, 0.0, 1.0, 1.0]])
    grid = torch.linspace(-8, 8, 20001, dtype=torch.float64)
    precision = encoder.experts.precision.double().detach().squeeze()
    log_density = -0.5 * grid**2
    for v in (0, 2, 3):
        log_density = log_density - 0.5 * precision[v] * (grid - encoder.experts.mean[v].item()) ** 2
    weight = torch.softmax(log_density, 0)
    mean = (weight * grid).sum()
    variance = (weight * (grid - mean) ** 2).sum()
    q_y = encoder(y)
    assert q_y.mean.item() == pytest.approx(mean.item(), abs=1e-5)
    assert q_y.variance.item() == pytest.approx(variance.item(), rel=1e-5)


def test_the_empty_concept_is_exactly_the_prior_and_symbols_start_near_it() -> None:
    encoder = ExpertSymbolEncoder(6, 4)
    empty = encoder(torch.zeros(1, 6))
    assert torch.equal(empty.mean, torch.zeros(1, 4))
    assert torch.equal(empty.logvar.abs(), torch.zeros(1, 4))
    start = encoder(torch.eye(6))
    torch.testing.assert_close(start.mean, torch.zeros(6, 4))
    assert (start.variance - 1).abs().max() < 0.06


def test_natural_parameters_are_linear_in_the_symbols() -> None:
    encoder = random_experts()
    a, b = torch.tensor([[1.0, 0, 0, 0, 0]]), torch.tensor([[0.0, 0, 1, 0, 1]])
    q_a, q_b, q_ab = encoder(a), encoder(b), encoder(a + b)
    torch.testing.assert_close(1 / q_ab.variance, 1 / q_a.variance + 1 / q_b.variance - 1)
    torch.testing.assert_close(q_ab.mean / q_ab.variance, q_a.mean / q_a.variance + q_b.mean / q_b.variance)


def test_experts_of_pairs_multiply_with_those_of_the_values() -> None:
    """Attributes of three and of two values; the fourth symbol is a binary attribute, without pairs."""
    encoder = ExpertSymbolEncoder(6, 3, attributes=[3, 1, 2])
    plain = ExpertSymbolEncoder(6, 3)
    assert plain.pairs is None
    assert [tuple(parameter.shape) for parameter in encoder.parameters()][2:] == [(6, 3), (6, 3)]
    randomise(encoder.experts)
    assert encoder.pairs is not None
    randomise(encoder.pairs)
    plain.experts.load_state_dict(encoder.experts.state_dict())
    alone = torch.tensor([[0.0, 1, 0, 1, 0, 0]])
    assert torch.equal(encoder(alone).mean, plain(alone).mean)
    y, pair = torch.tensor([[0.0, 1, 0, 1, 0, 1]]), 3  # (0, 4), (0, 5), (1, 4), (1, 5), ...
    q, base = encoder(y), plain(y)
    precision, mean = encoder.pairs.precision[pair], encoder.pairs.mean[pair]
    torch.testing.assert_close(1 / q.variance[0], 1 / base.variance[0] + precision)
    torch.testing.assert_close(
        q.mean[0] / q.variance[0], base.mean[0] / base.variance[0] + precision * mean, atol=1e-4, rtol=1e-4
    )


def test_two_attributes_pay_for_the_latents_that_their_pairs_specify() -> None:
    encoder = ExpertSymbolEncoder(6, 2, attributes=[2, 2, 2])
    assert encoder.pairs is not None
    with torch.no_grad():
        encoder.pairs.growth.fill_(-200.0)
        encoder.pairs.growth[:4, 1] = 200.0  # all pairs of the first two attributes, on one latent
    assert encoder.pair_penalty().item() == pytest.approx(4 * 4 / 6, abs=1e-2)
    assert ExpertSymbolEncoder(3, 2, attributes=[1, 2]).pair_penalty().item() == 0


def test_attributes_are_those_of_all_symbols() -> None:
    with pytest.raises(ValueError, match=r"attributes \[3, 2\] have not 6 symbols"):
        ExpertSymbolEncoder(6, 2, attributes=[3, 2])


def test_negative_symbols_mirror_the_mean_and_keep_the_variance() -> None:
    encoder = random_experts()
    y = torch.tensor([[0.0, 6.0, 0, 0, 0]])
    positive, negative = encoder(y), encoder(-y)
    torch.testing.assert_close(negative.mean, -positive.mean)
    torch.testing.assert_close(negative.variance, positive.variance)


def test_hidden_sizes_make_the_paper_s_networks() -> None:
    encoder, decoder = MLPSymbolEncoder(51, 32), SymbolDecoder(32, 51)
    assert [tuple(p.shape) for p in encoder.parameters()] == [(100, 51), (100,), (64, 100), (64,)]
    assert [tuple(p.shape) for p in decoder.parameters()] == [(100, 32), (100,), (51, 100), (51,)]
    celeba = MLPSymbolEncoder(40, 32, hidden=(500, 500))
    assert [tuple(p.shape) for p in celeba.parameters()][::2] == [(500, 40), (500, 500), (64, 500)]
    assert encoder(torch.zeros(3, 51)).mean.shape == (3, 32)


def test_the_expert_decoder_is_bayes_rule_for_the_experts() -> None:
    # The odds of a symbol given z are those of q(z|y) / p(z), up to a constant that the bias holds.
    encoder, decoder = random_experts(2, 3), ExpertSymbolDecoder(3, 2)
    decoder.experts.load_state_dict(encoder.experts.state_dict())
    q_y, prior = encoder(torch.eye(2)), torch.distributions.Normal(0.0, 1.0)

    def log_odds(z: Tensor) -> Tensor:
        expert = torch.distributions.Normal(q_y.mean, q_y.std)
        return (expert.log_prob(z.unsqueeze(1)) - prior.log_prob(z).unsqueeze(1)).sum(-1)

    z, origin = torch.randn(50, 3), torch.zeros(1, 3)
    torch.testing.assert_close(
        decoder(z) - decoder(origin), log_odds(z) - log_odds(origin), rtol=1e-4, atol=1e-4
    )


def test_an_untrained_expert_decoder_hardly_prefers_any_symbol_and_reads_none_from_another() -> None:
    decoder = ExpertSymbolDecoder(3, 4)
    z = torch.randn(20, 3)
    assert torch.equal(decoder(z).amax(-1), decoder(z).amin(-1))
    randomise(decoder.experts)
    before = decoder(z)
    with torch.no_grad():
        decoder.experts.mean[2] += 1
    changed = (decoder(z) - before).abs().sum(0) > 0
    assert changed.tolist() == [False, False, True, False]


def test_precisions_are_positive_and_bounded_whatever_the_parameters() -> None:
    experts = Experts(1, 4)
    with torch.no_grad():
        experts.growth.copy_(torch.tensor([[-1e6, 0.0, 5.0, 1e6]]))
    precision = experts.precision[0]
    assert (precision > 0).all()
    assert precision.isfinite().all()
    assert precision[1].item() == pytest.approx(0.05)
    assert precision[3] > 5000


def test_attributes_pay_for_latents_rather_than_values() -> None:
    """Three values of an attribute on one latent cost 3 * 3/5, each on its own latent 3 * 1/3 three times."""
    experts, attributes = Experts(4, 3), torch.tensor([[1.0, 1, 1, 0], [0, 0, 0, 1]])
    with torch.no_grad():
        experts.growth.fill_(-200.0)
        assert experts.active_experts().max().item() == pytest.approx(0, abs=1e-3)
        assert experts.penalty(attributes).item() == pytest.approx(0, abs=1e-3)
        experts.growth[:3, 1] = 200.0
        assert experts.active_experts().sum().item() == pytest.approx(3, abs=1e-2)
        assert experts.penalty(attributes).item() == pytest.approx(9 / 5, abs=1e-2)
        experts.growth[:3] = torch.where(torch.eye(3).bool(), 200.0, -200.0)
        assert experts.penalty(attributes).item() == pytest.approx(3, abs=1e-2)
        experts.growth.fill_(-200.0)
        experts.growth[3, 0] = 200.0
    assert experts.penalty(attributes).item() == pytest.approx(1 / 3, abs=1e-2)


@pytest.mark.parametrize("penalty", [0.0, 4.0])
def test_with_a_penalty_experts_are_active_on_informative_latents_alone(penalty: float) -> None:
    """Of each of 8 symbols there are 10 codes: latent 0 determines the symbol, latent 1 is noise."""
    torch.manual_seed(0)
    y = torch.eye(8).repeat_interleave(10, 0)
    z = torch.stack((torch.linspace(-1.5, 1.5, 8).repeat_interleave(10), torch.randn(80)), 1)
    q_x = Gaussian(z, torch.full((80, 2), -4.0))
    encoder = ExpertSymbolEncoder(8, 2)
    optimiser = torch.optim.Adam(encoder.parameters(), lr=0.05)
    for step in range(500):
        weight = penalty * min(1.0, step / 250)
        loss = kl(q_x, encoder(y)).sum(1).mean() + weight / len(y) * encoder.experts.penalty(torch.ones(1, 8))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    informative, noise = encoder.experts.precision.detach().T
    assert (informative > 50).all()
    active = (noise / (noise + 0.5)).sum()
    assert active < 1 if penalty else active > 2
    assert encoder(torch.eye(8)).mean[:, 0].detach() == pytest.approx(torch.linspace(-1.5, 1.5, 8), abs=0.1)
