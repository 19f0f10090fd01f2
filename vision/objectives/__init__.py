"""The objectives of the vision models: one file per method, its equation on top.

All losses are **summed over pixels (or features) and over latents and averaged over the batch**, without a
factor 1/2 in an L2 and without division by the number of pixels. In these units a published beta is the beta
here, and `normalised_beta` makes betas of different image sizes and features comparable.

A training step passes the batch through the model once, an objective computes the loss from the result, and
penalties are added to it:

    passed = forward(vae, x, likelihood, generator)         Pass(q, z, output, reconstruction, kl)
    loss = beta_vae(passed, beta=4.0)                       Loss(value, terms)
    loss = loss.plus("jacobian_l1", 0.1, jacobian_l1(vae, passed, generator))
    loss.value.backward()

The networks may run in bfloat16; every loss term is computed in float32. Schedules of weights are functions
of the step (`vision.schedules`), evaluated by the caller.
"""

from vision.objectives.ada_vae import ada_gvae, ada_ml_vae
from vision.objectives.beta_tcvae import beta_tcvae
from vision.objectives.beta_vae import beta_vae, normalised_beta
from vision.objectives.dc_ign import clamped, invariance
from vision.objectives.denoising import denoising
from vision.objectives.dip_vae import dip_vae_i, dip_vae_ii
from vision.objectives.factor_vae import Discriminator, discrimination, permuted, total_correlation
from vision.objectives.forward import Loss, Pass, forward, reconstruct, target_of
from vision.objectives.interactions import latent_multiinformation, normalised_hessian
from vision.objectives.joint_vae import categorical_kl, forward_joint, joint_vae
from vision.objectives.likelihoods import Bernoulli, Likelihood, Normal, Perceptual
from vision.objectives.penalties import (
    cross_covariance,
    jacobian_l1,
    mask_entropy,
    off_diagonal_covariance,
)
from vision.objectives.qlae import qlae, quantised_forward
from vision.objectives.slow_vae import laplace_cross_entropy, slow_vae

__all__ = [
    "Bernoulli",
    "Discriminator",
    "Likelihood",
    "Loss",
    "Normal",
    "Pass",
    "Perceptual",
    "ada_gvae",
    "ada_ml_vae",
    "beta_tcvae",
    "beta_vae",
    "categorical_kl",
    "clamped",
    "cross_covariance",
    "denoising",
    "dip_vae_i",
    "dip_vae_ii",
    "discrimination",
    "forward",
    "forward_joint",
    "invariance",
    "jacobian_l1",
    "joint_vae",
    "laplace_cross_entropy",
    "latent_multiinformation",
    "mask_entropy",
    "normalised_beta",
    "normalised_hessian",
    "off_diagonal_covariance",
    "permuted",
    "qlae",
    "quantised_forward",
    "reconstruct",
    "slow_vae",
    "target_of",
    "total_correlation",
]
