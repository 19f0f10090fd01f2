"""The vision stage: which objective the settings ask for, and at which weight each penalty is in it."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pipelines.config import Config
from pipelines.stages import methods
from pipelines.stages import objectives as objective_stage
from pipelines.stages import vision as stage
from vision import models, objectives
from vision.gaussian import Gaussian
from vision.vae import VAE

MASK_LATENTS = 3
LAYERED = {"kind": "layered", "mask_latents": MASK_LATENTS, "components": 2, "widths": [8], "hidden": 16}
NAMES = ("jacobian_l1", "off_diagonal_covariance", "cross_covariance", "mask_entropy")
NO_PENALTIES = dict.fromkeys(NAMES, 0.0)
TRAINING = {"steps": 10, "batch": 16, "precision": "fp32"}


def build(
    network: dict[str, object] | None = None, *, penalties: dict[str, float] | None = None, **sections: object
) -> tuple[Config, VAE]:
    vision = {
        "network": network if "kind" in (network or {}) else {**LAYERED, **(network or {})},
        "likelihood": {"kind": "gaussian", "scale": 0.1},
        "training": TRAINING,
        **sections,
        "penalties": {**NO_PENALTIES, **(penalties or {})},
    }
    config = Config(name="a", data={"kind": "rooms"}, vision=vision)  # type: ignore[arg-type]
    torch.manual_seed(0)
    vae = models.build(stage.specification(config.vision, (3, 16, 16)))
    assert isinstance(vae, VAE)
    return config, vae


def terms(step: int = 0, **penalties: float) -> dict[str, Tensor]:
    config, vae = build(penalties=penalties)
    random = torch.Generator().manual_seed(1)
    pixels = torch.randint(256, (20, 16, 16, 3), dtype=torch.uint8, generator=random)
    value, found = methods.loss_of(config, vae, pixels, objective_stage.likelihood_of(config.vision, None))(
        step
    )
    assert torch.equal(value, found["loss"])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_penalty_is_in_the_loss_at_its_weight_and_in_the_log_without_it(name: str) -> None:
    plain, weighted = terms(), terms(**{name: 50.0})
    assert plain.keys() == {"loss", "reconstruction", "kl"}
    assert weighted.keys() == plain.keys() | {name}
    assert torch.equal(weighted["reconstruction"], plain["reconstruction"])
    assert torch.allclose(weighted["loss"] - plain["loss"], 50 * weighted[name], atol=1e-2)


def test_first_images_have_the_mean_colour_of_the_data_where_that_is_asked_for() -> None:
    random = torch.Generator().manual_seed(1)
    pixels = torch.randint(8, 25, (20, 16, 16, 3), dtype=torch.uint8, generator=random)
    pixels[..., 1] += 200
    means = {}
    for output_bias in ("random", "mean"):
        training = {**TRAINING, "output_bias": output_bias}
        config, vae = build({"kind": "convolutional", "widths": [8], "hidden": 16}, training=training)
        stage.initialised(vae, config.vision.training, pixels)
        means[output_bias] = vae.decode(torch.randn(8, vae.latents)).mean((0, 2, 3))
    assert (means["random"] - 0.5).abs().max() < 0.1
    torch.testing.assert_close(means["mean"], pixels.flatten(0, 2).float().mean(0) / 255, atol=0.02, rtol=0)


def test_penalties_are_of_the_means_and_of_the_two_groups_of_latents() -> None:
    config, vae = build(penalties={"off_diagonal_covariance": 1.0, "cross_covariance": 1.0})
    x = torch.rand(16, 3, 16, 16)
    passed = objectives.forward(vae, x, objectives.Normal())
    mean, penalties = vae.encode(x).mean, objective_stage.penalties_of(config.vision, vae)
    found = {name: penalty(passed, torch.Generator()) for name, (_, penalty) in penalties.items()}
    assert list(found) == ["off_diagonal_covariance", "cross_covariance"]
    assert torch.allclose(found["off_diagonal_covariance"], objectives.off_diagonal_covariance(mean))
    groups = mean[:, :MASK_LATENTS], mean[:, MASK_LATENTS:]
    assert torch.allclose(found["cross_covariance"], objectives.cross_covariance(*groups))


def test_beta_and_capacity_follow_their_schedules_and_the_mask_latents_their_weight() -> None:
    line = {"kind": "linear", "start": 0.0, "end": 10.0}
    objective = {"kind": "beta_vae", "beta": line, "capacity": {**line, "end": 5.0}}
    config, vae = build({"mask_kl_weight": 3.0}, objective=objective)
    passed = objectives.forward(vae, torch.rand(16, 3, 16, 16), objectives.Normal())
    chosen = objective_stage.objective_of(config.vision, vae, torch.device("cpu"), 20)
    kl = 3 * passed.kl[:MASK_LATENTS].sum() + passed.kl[MASK_LATENTS:].sum()
    for step in (0, 4, 10):
        expected = passed.reconstruction + step * (kl - step / 2).abs()
        assert torch.allclose(chosen.loss(passed, step).value, expected)
    assert chosen.beta == 10


def test_a_plain_number_is_the_weight_at_every_step() -> None:
    config, vae = build({"mask_kl_weight": 1.0}, objective={"kind": "beta_vae", "beta": 3})
    passed = objectives.forward(vae, torch.rand(16, 3, 16, 16), objectives.Normal())
    chosen = objective_stage.objective_of(config.vision, vae, torch.device("cpu"), 20)
    for step in (0, 10):
        expected = passed.reconstruction + 3 * passed.kl.sum()
        assert torch.allclose(chosen.loss(passed, step).value, expected)


def test_a_hessian_penalty_of_every_fourth_step_has_four_times_its_weight() -> None:
    plain = terms(step=4)
    always = terms(step=4, hessian=50.0)
    fourth = [terms(step=step, hessian=50.0, hessian_every=4) for step in range(5)]
    assert ["hessian" in found for found in fourth] == [True, False, False, False, True]
    assert torch.equal(fourth[4]["hessian"], 4 * always["hessian"])
    assert torch.allclose(fourth[4]["loss"] - plain["loss"], 200 * always["hessian"], rtol=1e-3)
    assert always["hessian"] > 0


def test_the_weight_of_mask_entropy_falls_to_0_and_then_it_is_not_computed() -> None:
    found = {
        step: (terms(step), terms(step, mask_entropy=50.0, mask_entropy_until=0.5)) for step in (0, 3, 5)
    }
    for step, weight in ((0, 50.0), (3, 20.0)):
        plain, weighted = found[step]
        expected = plain["loss"] + weight * weighted["mask_entropy"]
        assert torch.allclose(weighted["loss"], expected, atol=1e-2)
    assert "mask_entropy" not in found[5][1]
    assert torch.equal(found[5][1]["loss"], found[5][0]["loss"])


def test_the_hessian_of_a_quantised_decoder_is_taken_between_its_values() -> None:
    network = {"kind": "convolutional", "activation": "elu", "widths": [8], "hidden": 16}
    config, vae = build(network, objective={"kind": "qlae"}, penalties={"hessian": 1.0})
    vae.encoder.code.weight.data *= 20  # so that codes have several values
    passed = objectives.quantised_forward(vae, torch.rand(16, 3, 16, 16), objectives.Normal())
    _, penalty = objective_stage.penalties_of(config.vision, vae)["hessian"]
    value = passed.q.mean.detach().requires_grad_()
    expected = objectives.normalised_hessian(vae.decoder.decoder, value, torch.Generator().manual_seed(2))
    found = penalty(passed, torch.Generator().manual_seed(2))
    assert torch.allclose(found, expected, rtol=1e-3)
    assert found > 0


def test_batches_of_groups_keep_to_the_interval_of_a_penalty() -> None:
    network = {"kind": "convolutional", "latents": 3, "widths": [8], "hidden": 16}
    penalties = {"hessian": 50.0, "hessian_every": 4}
    config, vae = build(network, objective={"kind": "dc_ign", "groups": {"a": [0]}}, penalties=penalties)
    factors = np.array([(a, b) for a in range(4) for b in range(5)])
    pixels = torch.randint(256, (20, 16, 16, 3), dtype=torch.uint8)
    seen = methods.Seen(pixels, factors, ("a", "b"))
    update = methods.method_of(config, vae, seen, objectives.Normal()).update
    assert ["hessian" in update(step) for step in range(5)] == [True, False, False, False, True]


def test_codes_of_a_grid_are_decorrelated_before_they_are_quantised() -> None:
    network = {"kind": "convolutional", "widths": [8], "hidden": 16}
    config, vae = build(network, objective={"kind": "qlae"}, penalties={"off_diagonal_covariance": 1.0})
    passed = objectives.quantised_forward(vae, torch.rand(16, 3, 16, 16), objectives.Normal())
    _, penalty = objective_stage.penalties_of(config.vision, vae)["off_diagonal_covariance"]
    penalty(passed, torch.Generator()).backward()
    assert vae.encoder.code.weight.grad.abs().sum() > 0  # type: ignore[union-attr]
    assert vae.encoder.quantiser.values.grad is None  # type: ignore[union-attr]


def test_cross_covariance_of_pairs_compares_halves_that_share_no_pair() -> None:
    """Mask and colour latents are independent, but the images of a pair share all of them but one."""
    config, vae = build(objective={"kind": "ada_gvae"}, penalties={"cross_covariance": 1.0})
    _, penalty = objective_stage.penalties_of(config.vision, vae)["cross_covariance"]
    passed = objectives.forward(vae, torch.rand(2, 3, 16, 16), objectives.Normal())
    seeded = torch.Generator().manual_seed(0)
    values = []
    for _ in range(2000):
        first = torch.randn(16, vae.latents, generator=seeded)
        second = first.clone()
        second[:, 0] = torch.randn(16, generator=seeded)
        mean = torch.cat((first, second))
        passed = passed._replace(q=Gaussian(mean, torch.zeros_like(mean)))
        values.append(penalty(passed, seeded))
    found = torch.stack(values)
    assert abs(found.mean()) < 4 * found.std() / 2000**0.5


@pytest.mark.parametrize("estimator", ["mws", "mss"])
def test_beta_tcvae_is_told_how_many_images_there_are(estimator: str) -> None:
    config, vae = build(objective={"kind": "beta_tcvae", "beta": 4, "estimator": estimator})
    passed = objectives.forward(vae, torch.rand(16, 3, 16, 16), objectives.Normal())
    weights = objective_stage.kl_weights_of(config.vision, vae, torch.device("cpu"))
    chosen = objective_stage.objective_of(config.vision, vae, torch.device("cpu"), 500)
    expected = objectives.beta_tcvae(passed, 500, beta=4, estimator=estimator, kl_weights=weights)  # type: ignore[arg-type]
    assert torch.equal(chosen.loss(passed, 10).value, expected.value)
