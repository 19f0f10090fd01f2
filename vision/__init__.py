"""Images: data sets and renderers, networks, the encoder family, its objectives and its metrics.

Vocabularies and symbols are in `symbols`, models that relate them to images in `scan`.

Names are imported when they are first used, so that `from vision.metrics import dci` imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vision import data, metrics, models, objectives
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
    "data",
    "kl",
    "kl_from_prior",
    "metrics",
    "models",
    "objectives",
    "standard_normal",
]

_MODULES = {
    "DAE": "vision.dae",
    "VAE": "vision.vae",
    "ConvDecoder": "vision.networks",
    "ConvEncoder": "vision.networks",
    "Gaussian": "vision.gaussian",
    "VisionModel": "vision.models",
    "build": "vision.models",
    "kl": "vision.gaussian",
    "kl_from_prior": "vision.gaussian",
    "standard_normal": "vision.gaussian",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    if name in __all__:
        return import_module(f"vision.{name}")
    raise AttributeError(f"module 'vision' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
