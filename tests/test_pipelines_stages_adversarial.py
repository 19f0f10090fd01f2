"""InfoGAN and InfoWGAN-GP in training: who learns from what, how often, and at which rate."""

import copy
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pipelines.config import Config, InfoGAN, InfoWGANGP
from pipelines.stages import vision as stage
from pipelines.stages.adversarial import adversarial
from pipelines.stages.image_batches import plain
from pipelines.training.fitting import NETWORK, Method
from vision import models
from vision.objectives import info_gan
from vision.randomness import derive_seed, step_generator
from vision.vae import VAE

GAN = {"kind": "info_gan", "noise": 2, "categories": [3]}
WGAN = {"kind": "info_wgan_gp", "noise": 2, "categories": [3], "critic_steps": 3, "critic_lr": 3e-3}


PIXELS = torch.randint(256, (20, 8, 8, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def config_of(objective: dict[str, object], **training: object) -> Config:
    vision = {
        "network": {"kind": "convolutional", "latents": 2, "hidden": 8, "widths": [4], "activation": "elu"},
        "objective": objective,
        "training": {"steps": 10, "batch": 8, "lr": 1e-2, "precision": "fp32", **training},
    }
    return Config(name="a", data={"kind": "rooms"}, vision=vision)  # type: ignore[arg-type]


def build(objective: dict[str, object], **training: object) -> tuple[VAE, Method, InfoGAN | InfoWGANGP]:
    config = config_of(objective, **training)
    torch.manual_seed(0)
    vae = models.build(stage.specification(config.vision, (3, 8, 8)))
    assert isinstance(vae, VAE)
    chosen = config.vision.objective
    assert isinstance(chosen, InfoGAN | InfoWGANGP)
    return vae, adversarial(config, vae, PIXELS, chosen), chosen


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


def information(vae: VAE, features: Tensor, z: Tensor) -> Tensor:
    """E[log Q(c|x)] + H(c) of two Gaussian codes and one of three values."""
    q = vae.encoder.q(features)
    mean, logvar = q.gaussian.mean, q.gaussian.logvar
    gaussian = torch.distributions.Normal(mean, (0.5 * logvar).exp()).log_prob(z[:, :2]).sum(1).mean()
    entropy = 2 * 0.5 * math.log(2 * math.pi * math.e)
    (values,) = vae.encoder.values(z)
    category = q.logits[0].log_softmax(1).gather(1, values[:, None]).mean()
    return gaussian + entropy + category + math.log(3)


@pytest.mark.parametrize("objective", [{**GAN, "information": 0.7}, {**WGAN, "information": 0.7}])
def test_a_step_by_hand(objective: dict[str, object]) -> None:
    """Losses, signs and weights of both steps, the noise of each, and the optimisers."""
    vae, method, _ = build(objective)
    by_hand, head = copy.deepcopy(vae), copy.deepcopy(method.modules["discriminator"])
    is_critic = objective["kind"] == "info_wgan_gp"
    betas, steps = ((0.5, 0.9), 3) if is_critic else ((0.5, 0.999), 1)
    others = [*by_hand.encoder.parameters(), *head.parameters()]
    own_rate = 3e-3 if is_critic else config_of(objective).vision.objective.discriminator_lr  # type: ignore[union-attr]
    of_others = torch.optim.Adam(others, lr=own_rate, betas=betas)
    of_generator = torch.optim.Adam(by_hand.decoder.parameters(), lr=1e-2, betas=betas)
    batch_at = plain(config_of(objective), PIXELS)

    def values(x: Tensor) -> Tensor:
        return head(by_hand.encoder.features(x))

    def noise(name: str, step: int) -> tuple[Tensor, torch.Generator]:
        source = step_generator(derive_seed(0, name), step, torch.device("cpu"))
        return torch.randn(8, vae.latents, generator=source), source

    for step in range(steps):
        z, source = noise("discriminator noise", step)
        real, fake = batch_at(step), by_hand.mean(by_hand.decoder(z)).detach()
        if is_critic:
            e = torch.rand(8, 1, 1, 1, generator=source)
            between = (e * real + (1 - e) * fake).requires_grad_()
            (gradient,) = torch.autograd.grad(values(between).sum(), between, create_graph=True)
            penalty = (gradient.flatten(1).norm(dim=1) - 1).square().mean()
            loss = values(fake).mean() - values(real).mean() + 10 * penalty
        else:
            loss = -functional.logsigmoid(values(real)).mean() - functional.logsigmoid(-values(fake)).mean()
        of_others.zero_grad()
        (loss - 0.7 * information(by_hand, by_hand.encoder.features(fake), z)).backward()
        of_others.step()
    z, _ = noise("vision noise", 0)
    fake = by_hand.mean(by_hand.decoder(z))
    loss = -values(fake).mean() if is_critic else -functional.logsigmoid(values(fake)).mean()
    of_generator.zero_grad()
    (loss - 0.7 * information(by_hand, by_hand.encoder.features(fake), z)).backward()
    of_generator.step()

    method.update(0)
    torch.testing.assert_close(vae.state_dict(), by_hand.state_dict(), atol=2e-4, rtol=1e-3)
    torch.testing.assert_close(
        method.modules["discriminator"].state_dict(), head.state_dict(), atol=2e-4, rtol=1e-3
    )
