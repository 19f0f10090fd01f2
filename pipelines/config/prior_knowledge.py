"""What a visual model knows of its data beside the images, in a few words, for tables of first stages."""

from pipelines.config.joint import Joint
from pipelines.config.networks import JointNetwork
from pipelines.config.objectives import DCIGN, AdaGVAE, AdaMLVAE, InfoGAN, InfoWGANGP, SlowVAE
from pipelines.config.vision import Vision

NOTHING = "nothing"
WORDS = "the words of the training pairs"
CATEGORIES = "how many values each category has"
OF_NETWORKS = {"layered": "images are flat layers of one colour each"}
"""By kind; the other networks suit any images."""


def prior_knowledge(vision: Vision, joint: Joint | None = None) -> str:
    """What the network and the objective of a config assume of the images, or know of their factors.

    Args:
        vision: The section.
        joint: That of a model that learns images and words together, instead of `vision.objective`.

    >>> plain = {"network": {"kind": "study"}, "likelihood": {"kind": "bernoulli"}}
    >>> prior_knowledge(Vision.model_validate(plain))
    'nothing'
    """
    of_network = OF_NETWORKS.get(vision.network.kind)
    of_objective = _of_objective(vision) if joint is None else WORDS
    return "; ".join(part for part in (of_network, of_objective) if part) or NOTHING


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
