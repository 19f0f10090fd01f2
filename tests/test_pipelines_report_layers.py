"""The sheet of components: each draws its colour where its mask is, and together they are the image."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pipelines.report.layers import DARK, LIGHT, layers
from scan.data import Data
from symbols import Attribute, Splits, Vocabulary
from vision import models
from vision.colour import CyclicHSV
from vision.data import ImageSet, to_bytes
from vision.vae import VAE

WORDS = Vocabulary((Attribute("a", ("x", "y")),))
SPEC = {"kind": "layered", "shape": (3, 8, 8), "mask_latents": 2, "components": 4, "widths": (8,)}


def data() -> Data:
    random = np.random.default_rng(0)
    images = torch.from_numpy(random.integers(256, size=(6, 3, 8, 8), dtype=np.uint8))
    factors = random.integers(2, size=(6, 1))
    return Data(ImageSet(images, factors, ("a",), (("x", "y"),)), WORDS, Splits((), np.arange(6), (), (), ()))


def model(**changes: object) -> VAE:
    """Its images differ, and its last component is not seen."""
    torch.manual_seed(0)
    vae = models.build({**SPEC, **changes})
    assert isinstance(vae, VAE)
    with torch.no_grad():
        vae.shift += torch.randn(vae.latents)
        vae.decoder.mask_bias[3] = -1e4  # type: ignore[index, operator]
    return vae


@pytest.mark.parametrize("colour", ["rgb", "hsv_cyclic"])
def test_components_together_are_the_reconstruction(colour: str) -> None:
    vae, found = model(colour=colour), data()
    sheet = layers(vae, found, np.array([4, 1]))
    assert sheet is not None
    assert isinstance(vae.colour, CyclicHSV) == (colour == "hsv_cyclic")
    assert sheet.rows == tuple(str(WORDS.describe(found.images.factors[row])) for row in (4, 1))
    assert sheet.parts == (2, 3)
    original, reconstruction, *parts = sheet.images.unbind(1)
    assert torch.equal(original, found.images.images[[4, 1]])
    q = vae.encode(original / 255).mean
    assert torch.equal(reconstruction, to_bytes(vae.decode(q)))
    if colour == "rgb":  # elsewhere a mixture is one of other numbers
        empty = squares()
        added = empty + sum(part / 255 - empty for part in parts)
        assert torch.allclose(added, reconstruction / 255, atol=4 / 255)


def squares() -> Tensor:
    """Two by two pixels of one grey, as in editors of images."""
    return torch.tensor([[LIGHT, DARK], [DARK, LIGHT]]).repeat(2, 2).kron(torch.ones(2, 2))


def test_components_stand_by_their_area_and_those_without_any_are_left_out() -> None:
    sheet = layers(model(), data(), np.arange(6))
    assert sheet is not None
    shown, area = sheet.about["components"], sheet.about["area"]
    assert sorted(shown) == [0, 1, 2]
    assert area == sorted(area, reverse=True)
    assert sum(area) == pytest.approx(1, abs=1e-3)
    assert sheet.columns[2:] == tuple(f"component {k}" for k in shown)


def test_a_component_that_is_not_seen_is_squares() -> None:
    vae = model()
    with torch.no_grad():
        vae.decoder.mask_bias[0, :, :4] = -1e4  # type: ignore[index, operator]
    sheet = layers(vae, data(), np.arange(2))
    assert sheet is not None
    first = sheet.images[:, 2 + sheet.about["components"].index(0)]
    assert torch.equal(first[:, :, :, :4], to_bytes(squares())[:, :4].expand(2, 3, 8, 4))


def test_other_models_have_no_components() -> None:
    assert layers(models.build({"kind": "mlp", "shape": (3, 8, 8)}), data(), np.arange(2)) is None
    assert layers(None, data(), np.arange(2)) is None
