"""Images: data sets and renderers, networks, the encoder family, its objectives and its metrics.

Nothing here knows a word; what a factor is called belongs to `symbols`, what its name means to `scan`.
"""

from vision.dae import DAE
from vision.gaussian import Gaussian, kl, kl_from_prior, standard_normal
from vision.models import VisionModel, build
from vision.networks import ConvDecoder, ConvEncoder
from vision.vae import VAE

__all__ = [
    "DAE",
    "VAE",
    "ConvDecoder",
    "ConvEncoder",
    "Gaussian",
    "VisionModel",
    "build",
    "kl",
    "kl_from_prior",
    "standard_normal",
]
