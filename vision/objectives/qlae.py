"""QLAE, the quantised-latent autoencoder: reconstruction from values of a grid (`vision.quantised`).

    E[-log p(x|q(z))] + N ( w_q mean_k (sg(z_k) - q_k(z))^2 + w_c mean_k (z_k - sg(q_k(z)))^2 ) ,    z = e(x)

sg stops the gradient: the first square moves the values of the grid towards the codes (`quantisation`), the
second the codes towards the values (`commitment`). N is the number of pixels times channels: this is the
paper's loss times N, since its reconstruction is a mean over pixels, with its weights (0.01, 0.01).

The paper's code also clips the norm of the gradient, to 1; here it is not clipped.

Source: Hsu et al., "Disentanglement via Latent Quantization", NeurIPS 2023, section 3.
"""

from __future__ import annotations

import math

from torch import Tensor

from vision.gaussian import kl_from_prior
from vision.objectives.forward import Loss, Pass, target_of
from vision.objectives.likelihoods import Likelihood
from vision.quantised import QuantisedEncoder
from vision.vae import VAE


def quantised_forward(vae: VAE, x: Tensor, likelihood: Likelihood) -> Pass:
    """As `vision.objectives.forward`, without noise: z is the continuous code, the mean of q its value.

    Args:
        vae: A model with a `QuantisedEncoder`.
        x: RGB images (B, C, H, W) in [0, 1].
        likelihood: Compares the decoder's output with the images.

    Raises:
        ValueError: When the likelihood does not suit the decoder, or the images not the encoder.
    """
    assert isinstance(vae.encoder, QuantisedEncoder), "only a quantised encoder has a continuous code"
    target = target_of(vae, x, likelihood)
    z = vae.encoder.continuous(target)
    q = vae.encoder.posterior(z)
    output = vae.decoder(z)
    return Pass(q, z, output, likelihood.cost(vae, output, target).mean(), kl_from_prior(q).mean(0))


def qlae(passed: Pass, *, quantisation: float, commitment: float) -> Loss:
    """The loss, with the terms `reconstruction`, `quantisation` and `commitment` (means over the latents).

    Args:
        passed: The result of `quantised_forward`.
        quantisation: w_q, the weight with which values move towards codes.
        commitment: w_c, the weight with which codes move towards values.
    """
    z, value = passed.z, passed.q.mean
    towards_codes = (z.detach() - value).square().mean()
    towards_values = (z - value.detach()).square().mean()
    pixels = math.prod(passed.output.shape[1:])
    terms = {
        "reconstruction": passed.reconstruction.detach(),
        "quantisation": towards_codes.detach(),
        "commitment": towards_values.detach(),
    }
    regular = quantisation * towards_codes + commitment * towards_values
    return Loss(passed.reconstruction + pixels * regular, terms)
