"""What the vision models minimise: one file per method, its equation on top.

One reduction everywhere: **sum over pixels (or features) and over latents, mean over the batch**. No 1/2 in
front of an L2, no division by the number of pixels. In these units a published beta is the beta here, and
`normalised_beta` makes betas of different image sizes and layers comparable.

A training step passes the batch through the model once, and an objective turns what came out into a loss, to
which penalties are added:

    passed = forward(vae, x, likelihood, generator)         Pass(q, z, output, reconstruction, kl)
    loss = beta_vae(passed, beta=4.0)                       Loss(value, terms)
    loss = loss.plus("jacobian_l1", 0.1, jacobian_l1(vae, passed, generator))
    loss.value.backward()

The networks may run in bfloat16; every loss term is computed in float32. Schedules of weights are functions
of the step (`vision.schedules`), evaluated by the caller.
"""

from vision.objectives.beta_vae import beta_vae, normalised_beta
from vision.objectives.denoising import denoising
from vision.objectives.forward import Loss, Pass, forward
from vision.objectives.likelihoods import Bernoulli, Likelihood, Normal, Perceptual
from vision.objectives.penalties import cross_covariance, jacobian_l1, off_diagonal_covariance

__all__ = [
    "Bernoulli",
    "Likelihood",
    "Loss",
    "Normal",
    "Pass",
    "Perceptual",
    "beta_vae",
    "cross_covariance",
    "denoising",
    "forward",
    "jacobian_l1",
    "normalised_beta",
    "off_diagonal_covariance",
]
