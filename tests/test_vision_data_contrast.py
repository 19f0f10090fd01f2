"""The units that weights are taken in: how much images vary, and what the means of classes explain of it."""

import numpy as np
import pytest
import torch

from vision.data.contrast import class_mean_nats, jacobian_l1_weight, likelihood_scale, total_variance
from vision.data.rooms import rooms


def noise(n: int = 3000, size: int = 4) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (n, 3, size, size), dtype=np.uint8))


def test_the_total_variance_is_that_of_numpy_also_over_parts() -> None:
    images = noise()
    expected = (images.numpy() / 255).var(axis=0).sum()
    assert total_variance(images) == pytest.approx(expected, rel=1e-6)
    assert total_variance(images[:1]) == 0


def test_rendered_rooms_keep_the_weights_that_were_chosen_on_them() -> None:
    variance = total_variance(rooms(1500, size=32, rng=np.random.default_rng(0)).images)
    assert variance == pytest.approx(280, rel=0.03)
    assert likelihood_scale(variance) == pytest.approx(0.2236, rel=0.02)
    assert jacobian_l1_weight(variance, 32 * 32) == pytest.approx(0.1, rel=0.02)


def test_weights_keep_their_proportion_to_the_nats_of_the_images() -> None:
    """At half of the contrast, and with each pixel made four, as many nats and the same share of the
    penalty."""
    for variance, pixels, l1 in ((280.0, 1024, 1.0), (70.0, 1024, 0.5), (1120.0, 4096, 4.0)):
        assert variance / (2 * likelihood_scale(variance) ** 2) == pytest.approx(2800, rel=1e-3)
        assert jacobian_l1_weight(variance, pixels) * l1 == pytest.approx(0.1)


def test_images_that_are_all_alike_have_a_positive_scale() -> None:
    assert likelihood_scale(0.0) > 0
    assert np.isfinite(jacobian_l1_weight(0.0, 64))


def test_class_means_explain_all_of_two_images_and_nothing_of_noise() -> None:
    images = torch.zeros((4, 1, 2, 2), dtype=torch.uint8)
    images[2:] = 255
    by_brightness, by_nothing = np.array([5, 5, 9, 9]), np.array([0, 1, 0, 1])
    # every pixel is half of its range from the mean: 4 * 0.25 / (2 * 0.01)
    assert class_mean_nats(images, by_brightness, 0.1) == pytest.approx(50)
    assert class_mean_nats(images, by_nothing, 0.1) == pytest.approx(0)


def test_classes_of_other_sizes_count_by_their_images() -> None:
    images = noise(2500)
    labels = np.random.default_rng(1).choice(3, 2500, p=[0.7, 0.2, 0.1])
    x = images.numpy() / 255
    means = np.stack([x[labels == label].mean(axis=0) for label in range(3)])
    expected = ((means[labels] - x.mean(axis=0)) ** 2).sum(axis=(1, 2, 3)).mean() / (2 * 0.3**2)
    assert class_mean_nats(images, labels, 0.3) == pytest.approx(expected, rel=1e-6)
