"""Descriptions: normalisation within blocks, what is listed and what holds, and Bernoulli samples."""

import json
import math

import pytest
import torch

from scan.description import Description, symbol_scores
from symbols import Attribute, Concept, Vocabulary

WORDS = Vocabulary(
    (
        Attribute("wall", ("red", "white", "blue")),
        Attribute("smiling", binary=True),
        Attribute("shape", ("hat", "ice lolly")),
    ),
    aliases={"dub": Concept({"shape": "ice lolly", "wall": "white"})},
)


def described(*rows: list[float]) -> Description:
    """From probabilities in the order of the symbols: log p is a logit that the softmax maps back to p."""
    p = torch.tensor(rows)
    logits = p.log()
    logits[:, 3] = torch.logit(p[:, 3])
    return Description(WORDS, logits)


TWO = described([0.1, 0.7, 0.2, 0.4, 0.3, 0.7], [0.9, 0.06, 0.04, 0.8, 0.55, 0.45])


def names(predictions: tuple) -> list[str]:
    return [one.name for one in predictions]


def test_blocks_are_softmax_and_binary_attributes_sigmoid() -> None:
    p = TWO.probabilities
    torch.testing.assert_close(p["wall"], torch.tensor([[0.1, 0.7, 0.2], [0.9, 0.06, 0.04]]))
    torch.testing.assert_close(p["smiling"], torch.tensor([[0.6, 0.4], [0.2, 0.8]]))
    for values in p.values():
        torch.testing.assert_close(values.sum(-1), torch.ones(2))


def test_best_is_one_value_per_block_and_what_is_more_likely_present_than_not() -> None:
    assert TWO.best() == (
        WORDS.concept({"wall": "white", "shape": "ice lolly"}),
        WORDS.concept({"wall": "red", "smiling": "yes", "shape": "hat"}),
    )


def test_listed_symbols_reach_the_threshold_in_order() -> None:
    first, second = TWO.symbols(0.5)
    assert names(first) == ["wall: white", "shape: ice lolly"]
    assert names(second) == ["wall: red", "smiling", "shape: hat"]
    assert [prediction.probability for prediction in second] == pytest.approx([0.9, 0.8, 0.55])
    assert names(TWO.symbols(0.35)[0]) == ["wall: white", "shape: ice lolly", "smiling"]
    assert TWO.symbols(0.95) == ((), ())


def test_aliases_hold_exactly_where_all_their_values_do() -> None:
    first, second = TWO.concepts()
    assert names(first) == ["wall: white", "shape: ice lolly", "dub"]
    assert "dub" not in names(second)
    assert first[-1].probability == pytest.approx(0.7)
    assert first[-1].concept == WORDS.aliases["dub"]


def test_a_given_list_of_concepts_is_searched_instead_and_named_by_alias() -> None:
    asked = [
        WORDS.concept({"shape": "ice lolly", "wall": "white"}),
        WORDS.concept({"wall": "red", "smiling": "yes"}),
        WORDS.concept({"wall": "blue"}),
    ]
    first, second = TWO.concepts(asked)
    assert names(first) == ["dub"]
    assert names(second) == ["wall: red, smiling: yes"]
    assert second[0].probability == pytest.approx(0.8)
    assert names(TWO.concepts(asked, threshold=0.2)[0]) == ["dub", "wall: blue"]
    assert TWO.concepts([]) == ((), ())


def test_samples_follow_the_decoder_s_own_bernoulli_probabilities() -> None:
    logits = torch.tensor([[0.0, 2.0, -2.0, 1.0, -40.0, 40.0]])
    generator = torch.Generator().manual_seed(0)
    y = Description(WORDS, logits).samples(20_000, generator)
    assert y.shape == (1, 20_000, 6)
    torch.testing.assert_close(y.float().mean(1), logits.sigmoid(), atol=0.015, rtol=0)
    again = Description(WORDS, logits).samples(20_000, torch.Generator().manual_seed(0))
    assert torch.equal(y, again)


def test_one_image_of_many_is_a_description_too() -> None:
    assert len(TWO) == 2
    assert TWO[1].best() == TWO.best()[1:]
    assert TWO[-1].best() == TWO.best()[1:]
    assert [d.best()[0] for d in TWO] == list(TWO.best())
    with pytest.raises(IndexError, match="image 2 of 2"):
        TWO[2]


def test_records_are_json_and_the_text_is_a_line_per_image() -> None:
    records = json.loads(json.dumps(TWO.to_dicts()))
    assert records[0]["description"] == {"wall": "white", "shape": "ice lolly"}
    assert records[0]["concepts"]["dub"] == pytest.approx(0.7)
    assert records[1]["probabilities"]["wall"]["red"] == pytest.approx(0.9)
    assert str(TWO).splitlines()[0] == "wall: white (0.70), shape: ice lolly (0.70)"


def test_extreme_logits_give_probabilities_not_nan() -> None:
    p = Description(WORDS, torch.full((1, 6), 1e4)).symbol_probabilities
    torch.testing.assert_close(p[0], torch.tensor([1 / 3, 1 / 3, 1 / 3, 1.0, 0.5, 0.5]))
    assert not any(math.isnan(v) for v in p.flatten().tolist())


def test_logits_of_another_vocabulary_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(N, 6\)"):
        Description(WORDS, torch.zeros(2, 5))


def test_sampled_symbols_are_scored_by_exact_match_precision_and_recall() -> None:
    truth = torch.tensor([[True, False, True, False], [False, True, False, False]])
    right = truth.unsqueeze(1)
    extra = right | torch.tensor([False, False, False, True])
    fewer = right & torch.tensor([True, True, False, False])
    assert symbol_scores(right, truth) == (1, 1, 1)
    assert symbol_scores(extra, truth) == pytest.approx((0, 3 / 5, 1))
    assert symbol_scores(fewer, truth) == pytest.approx((0.5, 1, 2 / 3))
    assert symbol_scores(torch.cat((right, extra, fewer), 1), truth) == pytest.approx((0.5, 8 / 10, 8 / 9))
    nothing = torch.zeros(1, 1, 4, dtype=torch.bool)
    assert math.isnan(symbol_scores(nothing, truth[:1]).precision)
    assert math.isnan(symbol_scores(right[:1], nothing[0]).recall)
