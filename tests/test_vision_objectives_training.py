"""What each member of the encoder family is for, on small rooms: slow, about a minute in all."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from pipelines.config import Config
from pipelines.stages import vision as stage
from pipelines.stages.methods import Seen, method_of
from pipelines.stages.objectives import likelihood_of
from vision import models
from vision.data import batches
from vision.data.rooms import rooms
from vision.encoding import encode
from vision.metrics import gaussian_total_correlation
from vision.objectives.dip_vae import covariance_of_codes, covariance_of_means
from vision.vae import VAE

pytestmark = pytest.mark.slow
STEPS, SIZE = 1000, 16
CPU = torch.device("cpu")


class Trained(NamedTuple):
    reconstruction: float
    """Squared distance of pixels, summed over an image."""
    kl: float
    total_correlation: float
    """Of a Gaussian fitted to samples of q(z|x), in nats."""
    of_means: Tensor
    of_codes: Tensor
    """The covariances of means and of codes, minus the identity, (D, D)."""
    nats: list[float]
    """The KL of the batch of each step."""


def train(**objective: Any) -> Trained:
    vision = {
        "network": {"kind": "convolutional", "latents": 6, "hidden": 64, "widths": [8, 16, 16]},
        "likelihood": {"kind": "gaussian", "scale": 0.2},
        "objective": objective,
        "training": {"steps": STEPS, "batch": 64, "lr": 2e-3, "precision": "fp32"},
    }
    config = Config(name="a", data={"kind": "rooms"}, vision=vision)  # type: ignore[arg-type]
    image_set = rooms(3000, size=SIZE, rng=np.random.default_rng(0))
    torch.manual_seed(0)
    vae = models.build(stage.specification(config.vision, image_set.shape))
    assert isinstance(vae, VAE)
    pixels = batches.resident(image_set, np.arange(2000), CPU)
    method = method_of(
        config, vae, Seen(pixels, image_set.factors[:2000]), likelihood_of(config.vision, None)
    )
    nats = [method.update(step)["kl"].item() for step in range(STEPS)]
    images = image_set.images[2000:]
    q = encode(vae.eval(), images, CPU)
    z = q.sample(torch.Generator().manual_seed(1))
    with torch.no_grad():
        distance = (vae.decode(z) - images / 255).square().sum((1, 2, 3)).mean()
    kl = 0.5 * (q.mean.square() + q.variance - q.logvar - 1).sum(1).mean()
    identity = torch.eye(vae.latents)
    return Trained(
        distance.item(),
        kl.item(),
        gaussian_total_correlation(z.numpy()),
        covariance_of_means(q) - identity,
        covariance_of_codes(q) - identity,
        nats,
    )


@pytest.fixture(scope="module")
def plain() -> Trained:
    """The VAE that the others are compared with."""
    return train(kind="beta_vae", beta=1)


def test_the_factor_vae_lowers_the_total_correlation_at_the_same_reconstruction(plain: Trained) -> None:
    discriminator = {"hidden": 128, "layers": 3, "lr": 1e-3}
    found = train(kind="factor_vae", gamma=10, discriminator=discriminator)
    assert found.total_correlation < 0.2 * plain.total_correlation
    assert found.reconstruction < 1.1 * plain.reconstruction


def test_the_beta_tcvae_lowers_the_total_correlation_at_a_similar_reconstruction(plain: Trained) -> None:
    found = train(kind="beta_tcvae", beta=3)
    assert found.total_correlation < 0.3 * plain.total_correlation
    assert found.reconstruction < 1.1 * plain.reconstruction


def test_the_dip_vaes_bring_their_covariance_towards_the_identity(plain: Trained) -> None:
    first = train(kind="dip_vae_i", off_diagonal=20, diagonal=20)
    assert first.of_means.norm() < 0.3 * plain.of_means.norm()
    second = train(kind="dip_vae_ii", off_diagonal=20, diagonal=20)
    assert second.of_codes.norm() < 0.3 * plain.of_codes.norm()
    assert second.of_means.norm() > 0.8 * plain.of_means.norm(), "the means alone need not have unit variance"


def test_the_kl_of_the_annealed_vae_tracks_its_capacity() -> None:
    capacity_schedule = {"kind": "linear", "start": 0, "end": 10, "until": 0.6}
    found = train(kind="annealed_vae", gamma=100, capacity=capacity_schedule)
    for start in range(200, STEPS, 100):  # from 2.5 nats on
        capacity = np.mean([min(10.0, 10 * step / (0.6 * STEPS)) for step in range(start, start + 100)])
        assert np.mean(found.nats[start : start + 100]) == pytest.approx(capacity, rel=0.1)
    assert found.kl == pytest.approx(10, rel=0.1)


def test_the_kl_of_the_bottleneck_vae_is_its_capacity(plain: Trained) -> None:
    for capacity in (6.0, 16.0):  # below and above that of the VAE
        found = train(kind="bottleneck_vae", gamma=100, capacity=capacity)
        assert found.kl == pytest.approx(capacity, rel=0.1)
        assert abs(plain.kl - capacity) > 0.15 * capacity
