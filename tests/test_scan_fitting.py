"""SCAN and its operators from codes in memory: they find what the codes of a small world say."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import scan
from pipelines.config import Symbols
from scan import fitting
from scan.grounding import SCAN, attribute_blocks, k_hot, optimal_posterior, training_loss
from scan.operators import Operators, Recombinations, draw_triples, recombination_loss
from symbols import Attribute, Concept, ShortageError, Vocabulary
from vision.gaussian import Gaussian

WORDS = Vocabulary(
    (Attribute("wall", ("red", "green", "blue")), Attribute("shape", ("hat", "ball", "box"))),
)
FACTORS = np.random.default_rng(0).integers(3, size=(400, 3))
CODES = Gaussian(
    torch.tensor(1.2 * (FACTORS - 1) + 0.1 * np.random.default_rng(1).normal(size=FACTORS.shape)).float(),
    torch.full(FACTORS.shape, -4.6),
)
FULL = [WORDS.describe(row[:2]) for row in FACTORS]
NAMES = [
    Concept([concept.items()[number % 3]], WORDS.names) if number % 3 < 2 else concept
    for number, concept in enumerate(FULL)
]


@pytest.fixture(scope="module")
def named() -> SCAN:
    return scan.fit(CODES, NAMES, WORDS, steps=400, lr=0.1)


@pytest.fixture(scope="module")
def learned(named: SCAN) -> Operators:
    return scan.fit_operators(named, CODES, NAMES, WORDS, steps=300)


def model(named: SCAN, learned: Operators | None = None) -> scan.ConceptModel:
    class Vision:
        shape = (1, 1, 3)
        latents = 3

        def encode(self, x: Tensor) -> Gaussian:
            raise AssertionError

        def decode(self, z: Tensor) -> Tensor:
            return z[:, None, None].sigmoid()

    return scan.ConceptModel(scan.GroundedSCAN(Vision(), named), learned, WORDS)


def parameters(module: torch.nn.Module) -> Tensor:
    return torch.cat([parameter.flatten() for parameter in module.parameters()])


@pytest.mark.parametrize("value", range(3))
def test_a_symbol_alone_is_the_optimum_for_its_codes(named: SCAN, value: int) -> None:
    shown = torch.tensor(FACTORS[:, 1] == value)
    best = optimal_posterior(CODES[shown])
    q = model(named).ground(f"shape: {('hat', 'ball', 'box')[value]}")
    torch.testing.assert_close(q.mean[:, 1], best.mean[:, 1], atol=0.05, rtol=0)
    torch.testing.assert_close(q.std[:, 1], best.std[:, 1], atol=0.05, rtol=0)
    assert (q.mean[:, [0, 2]].abs() < 0.3).all()
    assert (q.std[:, [0, 2]] > 0.8).all()


def test_operators_lead_to_the_codes_of_their_results(named: SCAN, learned: Operators) -> None:
    concepts = model(named, learned)
    joined = concepts.ground("(wall: red) AND (shape: box)")
    torch.testing.assert_close(joined.mean, torch.tensor([[-1.2, 1.2, 0.0]]), atol=0.25, rtol=0)
    kept = concepts.ground("(wall: red, shape: box) IGNORE (shape: box)")
    torch.testing.assert_close(kept.mean, torch.tensor([[-1.2, 0.0, 0.0]]), atol=0.25, rtol=0)
    assert concepts.sym2img(joined, 2).shape == (2, 1, 1, 3)
    assert concepts.describe(joined).best() == (WORDS.concept({"wall": "red", "shape": "box"}),)


def test_concepts_and_k_hot_symbols_say_the_same() -> None:
    y = k_hot(WORDS, NAMES)
    for kind in ("experts", "mlp"):
        options: dict[str, Any] = {"encoder": kind, "steps": 3, "expert_penalty": 0.0}
        one = scan.fit(CODES, NAMES, WORDS, **options)
        for symbols in (y, y.bool(), y.numpy()):
            assert torch.equal(parameters(one), parameters(scan.fit(CODES, symbols, WORDS, **options)))


def test_a_seed_decides_all_and_the_global_state_is_left_alone(named: SCAN) -> None:
    state = torch.get_rng_state()
    for train in (
        lambda seed: scan.fit(CODES, NAMES, WORDS, encoder="mlp", steps=2, seed=seed),
        lambda seed: scan.fit_operators(named, CODES, NAMES, WORDS, steps=2, triples=60, seed=seed),
    ):
        assert torch.equal(parameters(train(0)), parameters(train(0)))
        assert not torch.equal(parameters(train(0)), parameters(train(1)))
    assert torch.equal(state, torch.get_rng_state())


def test_what_comes_out_is_frozen_and_the_codes_stay_as_they_are(named: SCAN) -> None:
    mean = CODES.mean.double().requires_grad_()
    fitted = scan.fit(Gaussian(mean, CODES.logvar.double()), NAMES, WORDS, steps=2)
    assert mean.grad is None
    for module in (fitted, scan.fit_operators(named, CODES, NAMES, WORDS, steps=2, triples=60)):
        assert not module.training
        assert not any(parameter.requires_grad for parameter in module.parameters())


def test_a_penalty_silences_experts_that_gain_little() -> None:
    few = slice(0, 30)
    free, paid = (
        scan.fit(CODES[few], NAMES[few], WORDS, steps=200, lr=0.05, expert_penalty=weight)
        for weight in (0.0, 4.0)
    )
    assert paid.encoder.experts.active_experts().sum() < 0.8 * free.encoder.experts.active_experts().sum()
    assert paid.encoder.experts.precision[:3, 2].max() < 0.5, "walls say nothing of the third latent"


def test_a_value_named_in_one_combination_alone_keeps_to_the_latents_of_its_attribute() -> None:
    """Latent 0 is the wall's and latent 1 the floor's; wall 0 is named with floor 0 alone, ten times."""
    values = tuple("abcdefgh")
    words = Vocabulary((Attribute("wall", values), Attribute("floor", values)))
    singles = [{name: value} for name in words.names for value in values][1:]
    named = [words.concept(one) for one in singles for _ in range(10)]
    named += [words.concept({"wall": "a", "floor": "a"})] * 10
    rng = np.random.default_rng(0)
    factors = np.array([words.factors(concept) for concept in named])
    drawn = np.where(factors < 0, rng.integers(8, size=factors.shape), factors)
    codes = torch.tensor(0.4 * (drawn - 3.5) + 0.05 * rng.normal(size=drawn.shape)).float()
    q_x = Gaussian(codes, torch.full(codes.shape, -4.6))
    free, paid = (
        scan.fit(q_x, named, words, steps=600, lr=0.05, expert_penalty=weight) for weight in (0.0, 10.0)
    )
    assert free.encoder.experts.precision[0, 1] > 0.5
    assert paid.encoder.experts.precision[0, 1] < 0.5
    assert paid.encoder.experts.precision[0, 0] > 10
    assert paid.encoder.experts.precision[8, 1] > 10


def test_pairs_are_learned_from_images_that_name_one_of_two_values() -> None:
    """The third latent is the product of the signs of two attributes, of which nearly all images name one."""
    values = ("low", "high")
    words = Vocabulary((Attribute("left", values), Attribute("right", values)))
    rng = np.random.default_rng(0)
    drawn = rng.integers(2, size=(400, 2))
    signs = 2.0 * drawn - 1
    codes = np.column_stack((signs, signs.prod(axis=1))) + 0.1 * rng.normal(size=(400, 3))
    named = [words.concept({words.names[n % 2]: values[row[n % 2]]}) for n, row in enumerate(drawn)]
    q_x = Gaussian(torch.tensor(codes).float(), torch.full(codes.shape, -4.6))
    both = k_hot(words, [words.describe(row) for row in ([0, 0], [0, 1], [1, 0], [1, 1])])
    plain, paired = (
        scan.fit(q_x, named, words, steps=600, lr=0.1, expert_penalty=1.0, **options).encode_symbol(both)
        for options in ({}, {"pair_penalty": 0.1, "completion": 0.9})
    )
    assert plain.std[:, 2].min() > 0.8
    assert paired.std[:, 2].max() < 0.3
    assert paired.mean[:, 2].tolist() == pytest.approx([1, -1, -1, 1], abs=0.2)


def test_a_penalty_of_zero_is_no_part_of_the_loss(named: SCAN) -> None:
    y, blocks = k_hot(WORDS, NAMES), attribute_blocks(WORDS)
    losses = [
        training_loss(
            named, y, CODES, penalty=penalty, attributes=blocks, generator=torch.Generator().manual_seed(0)
        )[0]
        for penalty in (0.0, 0.5)
    ]
    torch.testing.assert_close(losses[1] - losses[0], 0.5 * named.encoder.experts.penalty(blocks))


def test_every_code_of_a_result_is_drawn_equally_often_and_no_other() -> None:
    op, none = torch.tensor([0, 0]), Gaussian(torch.zeros(2000, 1), torch.zeros(2000, 1))
    examples = Recombinations(op, none, none, torch.tensor([0, 3]), torch.tensor([3, 7]), 21)
    codes = torch.arange(10.0)[:, None]
    seen: list[Tensor] = []

    def watch(q_1: Gaussian, q_2: Gaussian, op: Tensor) -> Gaussian:
        return none

    class Watched(Gaussian):
        def __getitem__(self, index: object) -> Gaussian:
            assert isinstance(index, Tensor)
            seen.append(index)
            return super().__getitem__(index)

    q_x = Watched(codes, torch.zeros(10, 1))
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        recombination_loss(watch, examples, torch.tensor([0, 1] * 1000), q_x, generator=generator)
    first, second = torch.cat(seen).view(-1, 2).unbind(1)
    assert first.bincount().tolist() == pytest.approx([20_000 / 3] * 3, rel=0.05)
    assert second.bincount()[:3].sum() == 0
    assert second.bincount()[3:].tolist() == pytest.approx([20_000 / 7] * 7, rel=0.06)


def test_triples_mention_nothing_held_out_and_are_as_many_as_there_are() -> None:
    hidden = WORDS.concept({"wall": "blue", "shape": "box"})
    results = [concept for concept in dict.fromkeys(NAMES) if concept != hidden]
    triples = draw_triples(WORDS, results, 10**6, 0, held_out=[hidden])
    assert len(triples) == len(set(triples)) < 10**6
    assert not any(hidden in triple[1:] for triple in triples)
    assert {triple.result for triple in triples} == set(results)


@pytest.mark.parametrize("fit", [scan.fit, lambda *given, **sizes: scan.fit_operators(None, *given, **sizes)])
def test_what_does_not_fit_together_is_refused(fit: Callable[..., object]) -> None:
    for symbols in (NAMES[:-1], k_hot(WORDS, NAMES[:-1])):
        with pytest.raises(ValueError, match="each of the 400 codes, got 399 symbols"):
            fit(CODES, symbols, WORDS)
    with pytest.raises(ValueError, match="greem"):
        fit(CODES[:1], [Concept({"wall": "greem"})], WORDS)
    with pytest.raises(ValueError, match=r"shape \(6,\), not \(5,\)"):
        fit(CODES, np.zeros((400, 5)), WORDS)
    with pytest.raises(ValueError, match="0 or 1"):
        fit(CODES, np.full((400, 6), 0.5), WORDS)
    with pytest.raises(ValueError, match=r"over \(N, D\), got a Gaussian over \(3,\)"):
        fit(CODES[0], NAMES[:1], WORDS)
    with pytest.raises(ValueError, match="batch is a positive integer, got 0"):
        fit(CODES, NAMES, WORDS, batch=0)
    with pytest.raises(ValueError, match="finite"):
        fit(Gaussian(CODES.mean / 0, CODES.logvar), NAMES, WORDS)


def test_a_penalty_needs_experts_and_operators_need_results(named: SCAN) -> None:
    with pytest.raises(ValueError, match="needs the encoder 'experts', not 'mlp'"):
        scan.fit(CODES, NAMES, WORDS, encoder="mlp", expert_penalty=1.0)
    with pytest.raises(ValueError, match="needs the encoder 'experts', not 'mlp'"):
        scan.fit(CODES, NAMES, WORDS, encoder="mlp", pair_penalty=0.0)
    with pytest.raises(ValueError, match=r"from 0.5 to below 1, got 1.0"):
        scan.fit(CODES, NAMES, WORDS, completion=1.0)
    with pytest.raises(ShortageError):
        scan.fit_operators(named, CODES, np.zeros((400, 6)), WORDS)


def test_codes_of_another_number_of_latents_than_the_model_s_are_refused(named: SCAN) -> None:
    more = Gaussian(torch.zeros(400, 4), torch.zeros(400, 4))
    with pytest.raises(ValueError, match=r"over \(N, 3\), the latents of the model, got \(N, 4\)"):
        scan.fit_operators(named, more, NAMES, WORDS, steps=1, triples=60)


@pytest.mark.parametrize(
    ("encoder", "given", "expected"),
    [
        ("experts", {"steps": 2}, [1e-2, 5e-3]),
        ("mlp", {"steps": 2}, [1e-4, 1e-4]),
        ("mlp", {"steps": 2, "lr": 0.5}, [0.5, 0.5]),
    ],
)
def test_each_encoder_brings_its_own_rate(
    encoder: Any, given: dict[str, Any], expected: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates, sizes = [], []

    class Watched(torch.optim.AdamW):
        def step(self, closure: Any = None) -> Any:
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    plain = fitting.batches.plain

    def watch(*arguments: Any) -> Tensor:
        sizes.append(arguments[3])
        return plain(*arguments)

    monkeypatch.setattr(torch.optim, "AdamW", Watched)
    monkeypatch.setattr(fitting.batches, "plain", watch)
    scan.fit(CODES, NAMES, WORDS, encoder=encoder, **given)
    assert rates == pytest.approx(expected)
    assert sizes == [{"experts": 64, "mlp": 16}[encoder]] * 2


def test_an_unknown_encoder_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"symbol encoder 'expert' .did you mean 'experts'"):
        scan.fit(CODES, NAMES, WORDS, encoder="expert")  # type: ignore[arg-type]


def test_the_defaults_are_those_of_the_config() -> None:
    for encoder, training in fitting.TRAININGS.items():
        settings = Symbols.model_validate({"encoder": encoder})
        assert training == (settings.steps, settings.batch, settings.lr, settings.decay)
