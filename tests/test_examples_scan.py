"""The example of SCAN on one's own codes does what it says."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

FILE = Path(__file__).parent.parent / "examples" / "scan_on_codes.py"


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """The names that the script defines."""
    return runpy.run_path(str(FILE))


def test_a_concept_that_was_never_named_lies_at_the_mean_codes_of_its_values(made: dict[str, Any]) -> None:
    factors, codes, y = torch.tensor(made["factors"]), made["codes"], torch.tensor(made["y"])
    assert not (y[:, 2] * y[:, 5]).any(), "no image is named a blue box"
    blue, box = codes[factors[:, 0] == 2, 0].mean(), codes[factors[:, 1] == 2, 1].mean()
    q = made["model"].ground("wall: blue, shape: box")
    torch.testing.assert_close(q.mean[0, :2], torch.stack((blue, box)).float(), atol=0.1, rtol=0)
    assert (q.std[0, :2] < 0.3).all()
    assert q.std[0, 2] > 0.8, "the latent without a word stays open"


def test_the_operators_and_the_decoder_agree_with_it(made: dict[str, Any]) -> None:
    model = made["model"]
    joined = model.ground("(wall: blue) AND (shape: box)")
    torch.testing.assert_close(joined.mean[0, :2], torch.tensor([1.2, 1.2]), atol=0.3, rtol=0)
    assert model.describe(joined).best() == (made["blue_box"],)
    image = model.sym2img(joined, 1, mean=True)
    torch.testing.assert_close(image, joined.mean[:, None, None].sigmoid())
