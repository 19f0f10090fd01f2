"""What of a visual model reaches the metrics: no latent at the prior, no factor that does not vary."""

from typing import Any

import numpy as np
import pytest
import torch

from vision import disentanglement
from vision.data import ImageSet
from vision.gaussian import Gaussian
from vision.metrics import modularity

CPU = torch.device("cpu")


def images(factors: np.ndarray) -> ImageSet:
    """Pictures that show nothing, whose factors are known."""
    pixels = torch.zeros(len(factors), 1, 4, 4, dtype=torch.uint8)
    names = tuple("abcdef"[: factors.shape[1]])
    values = tuple(tuple(str(value) for value in range(column.max() + 1)) for column in factors.T)
    return ImageSet(pixels, factors, names, values)


@pytest.fixture
def posterior(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two latents that hold a factor each, and four whose posterior is the prior but for a trembling mean."""

    def encode(encoder: Any, pixels: torch.Tensor, device: torch.device) -> Gaussian:
        noise = torch.randn(len(pixels), 6, generator=torch.Generator().manual_seed(len(pixels)))
        held = np.random.default_rng(0).permutation(900)
        factors = torch.as_tensor(FACTORS[held][: len(pixels)]).float()
        mean = torch.cat([factors[:, :2] + 0.1 * noise[:, :2], 0.02 * noise[:, 2:]], dim=1)
        logvar = torch.cat([torch.full((len(pixels), 2), -4.0), torch.zeros(len(pixels), 4)], dim=1)
        return Gaussian(mean, logvar)

    monkeypatch.setattr(disentanglement, "encode_with", encode)
    monkeypatch.setattr(disentanglement, "generator", lambda seed, what: np.random.default_rng(0))


FACTORS = np.stack([np.arange(900) % 3, np.arange(900) // 3 % 4], axis=1)


def test_latents_at_the_prior_are_found_by_their_kl(posterior: None) -> None:
    vae: Any = None
    found = disentanglement.encoded(vae, images(FACTORS), 600, 0, CPU)
    assert found.parts.active is not None
    assert found.parts.active.tolist() == [True] * 2 + [False] * 4
    measured, _ = disentanglement.disentanglement(vae, images(FACTORS), 0, CPU, points=600)
    codes, factors = found.parts.codes, found.parts.factors
    assert measured["latents_active"] == 2
    assert measured["modularity_active"] == pytest.approx(modularity(codes[:, :2], factors))
    assert measured["modularity_active"] > 0.95 > modularity(codes, factors, active_only=True)
    assert measured["perfect"]["modularity_active"] > 0.95


def test_a_factor_that_the_test_part_lacks_is_left_out(posterior: None) -> None:
    order = np.random.default_rng(0).permutation(900)
    rare = np.zeros((900, 1), dtype=np.int64)
    rare[order[:3]] = 1  # all three among the points to fit on
    found = disentanglement.encoded(None, images(np.hstack([FACTORS, rare])), 600, 0, CPU)  # type: ignore[arg-type]
    assert (found.names, found.left_out) == (("a", "b"), ("c",))


def test_images_without_two_factors_that_vary_are_said_to_be_unmeasured() -> None:
    shape = (1, 4, 4)

    def encoder(x: torch.Tensor) -> Gaussian:
        mean = torch.randn(len(x), 3, generator=torch.Generator().manual_seed(0))
        return Gaussian(mean, torch.full_like(mean, -4.0))

    pixels = torch.zeros(60, *shape, dtype=torch.uint8)
    factors = np.stack([np.arange(60) % 3, np.zeros(60, dtype=np.int64)], axis=1)
    images = ImageSet(pixels, factors, ("a", "b"), (("x", "y", "z"), ("only",)))
    metrics, matrices = disentanglement.disentanglement(encoder, images, 0, CPU)
    assert "at least 2 that vary" in metrics["not_measured"]
    assert matrices == {"not_measured": metrics["not_measured"]}
    both = ImageSet(
        pixels, factors + [[0, 1]] * (np.arange(60)[:, None] % 2), ("a", "b"), images.value_names[:1] * 2
    )
    measured, _ = disentanglement.disentanglement(encoder, both, 0, CPU)
    assert measured["dci"]["estimator"] == "gradient_boosting"
