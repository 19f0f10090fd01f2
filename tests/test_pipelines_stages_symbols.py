"""The stage that names: what its loss adds to SCAN's."""

import pytest
import torch

from pipelines.config import Config
from pipelines.stages import symbols
from scan import models
from scan.grounding import SCAN, attribute_blocks
from symbols import Attribute, Vocabulary
from vision.gaussian import Gaussian

PAIRS, WORDS, LATENTS = 12, 6, 3


def excess(expert_penalty: float, step: int) -> tuple[float, float]:
    """What the loss of a step has beyond equation 4 (beta 1, grounding 10), and the experts' penalty."""
    config = Config.model_validate(
        {
            "name": "a",
            "data": {"kind": "rooms"},
            "symbols": {"steps": 20, "batch": PAIRS, "expert_penalty": expert_penalty},
        }
    )
    torch.manual_seed(0)
    scan = models.build({"kind": "scan", "symbols": WORDS, "latents": LATENTS, "encoder": "experts"})
    assert isinstance(scan, SCAN)
    with torch.no_grad():
        scan.encoder.experts.growth.normal_(mean=2)
    q_x = Gaussian(torch.randn(PAIRS, LATENTS), torch.zeros(PAIRS, LATENTS))
    y = torch.eye(WORDS).repeat(PAIRS // WORDS, 1)
    words = Vocabulary((Attribute("wall", ("a", "b", "c", "d")), Attribute("floor", ("e", "f"))))
    value, terms = symbols.loss_of(config, scan, words, y, q_x)(step)
    assert torch.equal(value, terms["loss"])
    rest = value - (terms["reconstruction"] + terms["kl"] + 10 * terms["grounding"])
    return rest.item(), scan.encoder.experts.penalty(attribute_blocks(words)).item()


@pytest.mark.parametrize(("step", "share"), [(0, 0.0), (5, 0.5), (10, 1.0), (19, 1.0)])
def test_the_penalty_is_in_nats_over_all_pairs_and_rises_to_the_middle(step: int, share: float) -> None:
    found, penalty = excess(3.0, step)
    assert found == pytest.approx(share * 10 * 3.0 / PAIRS * penalty, abs=1e-4)
    assert excess(0.0, step)[0] == pytest.approx(0, abs=1e-4)
