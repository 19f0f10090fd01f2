"""The example of an encoder on one's own images does what it says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

FILE = Path(__file__).parent.parent / "examples" / "encoder_only.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("encoder_only", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def halves() -> Tensor:
    """Images with a bright left half, and as many with a bright right half."""
    x = torch.zeros(32, 1, 16, 16)
    x[::2, ..., :8] = 1
    x[1::2, ..., 8:] = 1
    return x


def test_it_is_as_short_as_it_says() -> None:
    assert len(FILE.read_text().splitlines()) <= 25


def test_an_encoder_learns_one_s_own_images_and_its_latents_are_traversed(example: ModuleType) -> None:
    torch.manual_seed(0)
    x = halves()
    vae = example.train(x, latents=3, beta=0.1, steps=150, batch=16)
    assert (vae(x) - x).abs().mean() < 0.1, "the mean image is off by 0.5"

    values = torch.tensor([-1.0, 0.0, 1.0])
    images = example.traverse(vae, x[0], values)
    assert images.shape == (3, 3, 1, 16, 16)
    z = vae.encode(x[:1]).mean.clone()
    z[0, 1] = 1.0
    assert torch.allclose(images[1, 2], vae.decode(z)[0], atol=1e-6)
