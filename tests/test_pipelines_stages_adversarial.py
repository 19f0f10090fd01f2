"""InfoGAN and InfoWGAN-GP in training: who learns from what, how often, and at which rate."""

import math

import pytest
import torch
from torch import Tensor

from pipelines.config import Config, InfoGAN, InfoWGANGP
from pipelines.stages import vision as stage
from pipelines.stages.adversarial import adversarial
from pipelines.training.fitting import NETWORK, Method
from vision import models
from vision.objectives import info_gan
from vision.vae import VAE

GAN = {"kind": "info_gan", "noise": 2, "categories": [3]}
WGAN = {"kind": "info_wgan_gp", "noise": 2, "categories": [3], "critic_steps": 3, "critic_lr": 3e-3}


def build(objective: dict[str, object], **training: object) -> tuple[VAE, Method, InfoGAN | InfoWGANGP]:
    vision = {
        "network": {"kind": "convolutional", "latents": 2, "hidden": 8, "widths": [4], "activation": "elu"},
        "objective": objective,
        "training": {"steps": 10, "batch": 8, "lr": 1e-2, "precision": "fp32", **training},
    }
    config = Config(name="a", data={"kind": "rooms"}, vision=vision)  # type: ignore[arg-type]
    torch.manual_seed(0)
    vae = models.build(stage.specification(config.vision, (3, 8, 8)))
    assert isinstance(vae, VAE)
    pixels = torch.randint(256, (20, 8, 8, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    chosen = config.vision.objective
    assert isinstance(chosen, InfoGAN | InfoWGANGP)
    return vae, adversarial(config, vae, pixels, chosen), chosen


@pytest.mark.parametrize("objective", [GAN, WGAN])
def test_the_generator_and_the_others_have_an_optimiser_each(objective: dict[str, object]) -> None:
    vae, method, _ = build(objective)
    held = {
        name: {id(weight) for group in optimiser.param_groups for weight in group["params"]}
        for name, optimiser in method.optimisers.items()
    }
    generator = {id(weight) for weight in vae.decoder.parameters()}
    others = {
        id(weight) for part in (vae.encoder, method.modules["discriminator"]) for weight in part.parameters()
    }
    assert held == {NETWORK: generator, "discriminator": others}
    assert not generator & others


def test_the_critic_takes_its_steps_at_its_rate_of_the_step_of_the_training() -> None:
    _, method, _ = build(WGAN, decay="linear")
    for step in (0, 5):
        method.update(step)
        rates = [optimiser.param_groups[0]["lr"] for optimiser in method.optimisers.values()]
        assert rates == pytest.approx([1e-2 * (1 - step / 10), 3e-3 * (1 - step / 10)])
    steps = [int(next(iter(one.state.values()))["step"]) for one in method.optimisers.values()]
    assert steps == [2, 6]


@pytest.mark.parametrize("objective", [GAN, WGAN])
def test_the_log_has_information_below_its_bounds(objective: dict[str, object]) -> None:
    _, method, _ = build(objective)
    for step in range(3):
        terms = method.update(step)
        assert terms["categorical_information"] <= math.log(3) + 1e-6
        assert {"loss", "generator", "information"} <= terms.keys()
    _, without, _ = build({**objective, "categories": []})
    assert "categorical_information" not in without.update(0)


@pytest.mark.parametrize("objective", [GAN, WGAN])
def test_without_information_q_alone_does_not_learn(objective: dict[str, object]) -> None:
    """The heads of Q get a gradient from L_I only: the penalty and the discriminator leave them alone."""
    for weight, learns in ((0.0, False), (1.0, True)):
        vae, method, _ = build({**objective, "information": weight})
        heads: list[Tensor] = [vae.encoder.encoder.code.weight, vae.encoder.category.weight]
        shared = vae.encoder.encoder.hidden[0].weight
        before = [head.detach().clone() for head in (*heads, shared)]
        method.update(0)
        changed = [not torch.equal(*pair) for pair in zip((*heads, shared), before, strict=True)]
        assert changed == [learns, learns, True]


def test_the_penalty_of_the_critic_has_no_gradient_to_q() -> None:
    vae, method, _ = build(WGAN)
    head = method.modules["discriminator"]
    real, fake = torch.rand(8, 3, 8, 8), torch.rand(8, 3, 8, 8)
    penalty = info_gan.gradient_penalty(lambda x: head(vae.encoder.features(x)), real, fake)
    of_q = [vae.encoder.encoder.code.weight, vae.encoder.category.weight]
    of_critic = [head.head.weight, vae.encoder.encoder.hidden[0].weight]
    found = torch.autograd.grad(penalty, [*of_q, *of_critic], allow_unused=True)
    assert found[:2] == (None, None)
    assert all(gradient.abs().sum() > 0 for gradient in found[2:])
