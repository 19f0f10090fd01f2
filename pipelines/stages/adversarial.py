"""InfoGAN and InfoWGAN-GP in training: a discriminator or critic beside the vision model, in turn.

The encoder, which is Q and the layers that it shares, is trained with the discriminator by one optimiser, the
decoder, which is the generator, by another. Both losses have the information term. All of it is in the
checkpoint: the vision model, the discriminator's head and both optimisers.
"""

import torch
from torch import Tensor, nn

from pipelines.config import Config, InfoGAN, InfoWGANGP
from pipelines.devices import autocast, place
from pipelines.stages.image_batches import plain
from pipelines.training import schedules
from pipelines.training.fitting import NETWORK, Method
from pipelines.training.updates import alternate, descend, repeat
from vision.info_gan import InfoEncoder
from vision.objectives import info_gan
from vision.randomness import derive_seed, step_generator
from vision.vae import VAE

DISCRIMINATOR = "discriminator"
BETAS = {"info_gan": (0.5, 0.999), "info_wgan_gp": (0.5, 0.9)}
"""Of Adam, from Chen et al. 2016 and Gulrajani et al. 2017."""

Terms = dict[str, Tensor]


def adversarial(config: Config, vae: VAE, pixels: Tensor, chosen: InfoGAN | InfoWGANGP) -> Method:
    """The method of InfoGAN or InfoWGAN-GP.

    Args:
        config: The section `vision`, and the seed.
        vae: The model in training, of kind info_gan.
        pixels: Images uint8 (N, H, W, C), as `batches.resident` returns them.
        chosen: The section of the objective.
    """
    training, device, encoder = config.vision.training, pixels.device, vae.encoder
    assert isinstance(encoder, InfoEncoder), "the specification of the objective is of kind info_gan"
    torch.manual_seed(derive_seed(config.seed, "discriminator weights"))
    head = place(info_gan.RealismHead(encoder.units, bias=isinstance(chosen, InfoGAN)), device)
    optimisers = {
        NETWORK: _adam(vae.decoder, chosen),
        DISCRIMINATOR: _adam(nn.ModuleList((encoder, head)), chosen),
    }
    batch_at = plain(config, pixels)
    noise_seed, own_seed = (
        derive_seed(config.seed, name) for name in ("vision noise", "discriminator noise")
    )

    def code(generator: torch.Generator) -> Tensor:
        return torch.randn(training.batch, vae.latents, generator=generator, device=device)

    def of_discriminator(step: int) -> tuple[Tensor, Terms]:
        generator = step_generator(own_seed, step, device)
        with autocast(device, training.precision):
            z = code(generator)
            with torch.no_grad():
                fake = vae.mean(vae.decoder(z))
            real, features = vae.colour.encode(batch_at(step)), encoder.features(fake)
            values = head(encoder.features(real)), head(features)
            information, _ = _information(encoder, features, z)
            if isinstance(chosen, InfoGAN):
                value = info_gan.discriminator_loss(*values)
                terms = {"discriminator": value}
            else:
                distance = info_gan.critic_loss(*values)
                penalty = info_gan.gradient_penalty(
                    lambda x: head(encoder.features(x)), real, fake, generator
                )
                value = distance + chosen.gradient_penalty * penalty
                terms = {"distance": -distance, "gradient_penalty": penalty}
        return value - chosen.information * information, terms

    def of_generator(step: int) -> tuple[Tensor, Terms]:
        with autocast(device, training.precision):
            z = code(step_generator(noise_seed, step, device))
            features = encoder.features(vae.mean(vae.decoder(z)))
            fake = head(features)
            is_logit = isinstance(chosen, InfoGAN)
            value = info_gan.generator_loss(fake) if is_logit else info_gan.critic_generator_loss(fake)
            information, terms = _information(encoder, features, z)
        loss = value - chosen.information * information
        return loss, {"loss": loss, "generator": value, **terms}

    rate = schedules.learning_rate(training)
    own_rate, steps = _of_discriminator(chosen)
    share = own_rate / training.lr
    # Its rate is that of the step of the training, of which it takes several.
    discriminator = descend(
        optimisers[DISCRIMINATOR], of_discriminator, lambda number: share * rate(number // steps)
    )
    generator = descend(optimisers[NETWORK], of_generator, rate)
    update = alternate(repeat(discriminator, steps), generator)
    return Method({NETWORK: vae, DISCRIMINATOR: head}, optimisers, update)


def _information(encoder: InfoEncoder, features: Tensor, z: Tensor) -> tuple[Tensor, Terms]:
    """L_I in nats of all the codes in z (B, latents), and of each kind by name."""
    q = encoder.q(features)
    value = info_gan.gaussian_information(q.gaussian, z[:, : encoder.codes])
    terms = {"information": value}
    pairs = zip(q.logits, encoder.values(z), strict=True)
    each = [info_gan.categorical_information(logits, values) for logits, values in pairs]
    if each:
        terms["categorical_information"] = torch.stack(each).sum()
        value = value + terms["categorical_information"]
    return value, terms


def _of_discriminator(chosen: InfoGAN | InfoWGANGP) -> tuple[float, int]:
    """Learning rate and steps of the discriminator or critic."""
    if isinstance(chosen, InfoGAN):
        return chosen.discriminator_lr, chosen.discriminator_steps
    return chosen.critic_lr, chosen.critic_steps


def _adam(module: nn.Module, chosen: InfoGAN | InfoWGANGP) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), betas=BETAS[chosen.kind], fused=True)
