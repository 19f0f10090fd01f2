"""What a visual model is told beside its images, in a few words: for tables that compare first stages."""

from pipelines.config.networks import JointNetwork
from pipelines.config.objectives import DCIGN, AdaGVAE, AdaMLVAE, InfoGAN, InfoWGANGP, SlowVAE
from pipelines.config.vision import Vision

NOTHING = "nothing"
CATEGORIES = "how many values each category has"
OF_NETWORKS = {"layered": "images are flat layers of one colour each"}
"""By kind; the other networks suit any images."""


def told(vision: Vision) -> str:
    """What the network and the objective of a config assume of the images, or know of their factors.

    >>> told(Vision.model_validate({"network": {"kind": "study"}, "likelihood": {"kind": "bernoulli"}}))
    'nothing'
    """
    of_network = OF_NETWORKS.get(vision.network.kind)
    return "; ".join(part for part in (of_network, _of_objective(vision)) if part) or NOTHING


def _of_objective(vision: Vision) -> str | None:
    match vision.objective:
        case SlowVAE(pairs="frames"):
            return "which images are neighbouring frames"
        case AdaGVAE() | AdaMLVAE() | SlowVAE():
            return "which images differ in few factors"
        case DCIGN():
            return "which group of factors varies in a batch"
        case InfoGAN() | InfoWGANGP() as gan if gan.categories:
            return CATEGORIES
    return CATEGORIES if isinstance(vision.network, JointNetwork) else None
