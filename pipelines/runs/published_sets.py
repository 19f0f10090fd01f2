"""From a section of the config to a published data set."""

import numpy as np

from pipelines.config import published_data as sections
from pipelines.config.published_data import KnownFactors, KnownFactorsFromFiles, PublishedData
from pipelines.errors import UsageError
from vision.data import ImageSet, cars3d, celeba, dsprites, mnist, mpi3d, shapes3d, smallnorb
from vision.data.selection import Selection

OBTAIN = {
    "mnist": mnist.OBTAIN,
    "mnist_a": mnist.OBTAIN,
    "shapes3d": shapes3d.OBTAIN,
    "mpi3d": mpi3d.OBTAIN,
    "cars3d": cars3d.OBTAIN,
    "smallnorb": smallnorb.OBTAIN,
    "celeba": celeba.OBTAIN,
}
"""What a path should lead to, by kind, and where that is published."""


def load(data: PublishedData, rng: np.random.Generator) -> ImageSet:
    """Render or read the images.

    Args:
        data: What is asked for.
        rng: Source of which images are taken, and of what is random in rendered ones.

    Raises:
        UsageError: When a path is needed and not given.
        DataError: When files are missing or not usable, or a factor or value does not exist.
    """
    chosen = selection(data)
    match data:
        case sections.DSpritesData():
            return dsprites.dsprites(rng, chosen, size=data.size, variant=data.variant, palette=data.palette)
        case sections.MNISTData():
            return mnist.mnist(_path(data), rng, chosen, size=data.size, part=data.part)
        case sections.MNISTAData():
            return mnist.mnist_a(
                _path(data), rng, chosen, size=data.size, part=data.part, binarised=data.binarised
            )
        case sections.Shapes3DData():
            return shapes3d.shapes3d(_path(data), rng, chosen, size=data.size)
        case sections.MPI3DData():
            return mpi3d.mpi3d(_path(data), rng, chosen, version=data.version, size=data.size)
        case sections.Cars3DData():
            return cars3d.cars3d(_path(data), rng, chosen, size=data.size)
        case sections.SmallNORBData():
            return smallnorb.smallnorb(_path(data), rng, chosen, size=data.size, part=data.part)
        case sections.CelebAData():
            return celeba.celeba(_path(data), rng, chosen, size=data.size)


def selection(data: KnownFactors) -> Selection:
    """What the section takes of a set."""
    joint = () if data.joint is None else data.joint.factors
    ratio = 1.0 if data.joint is None else data.joint.ratio
    return Selection(data.images, data.attributes, data.bins, data.fixed, joint, ratio)


def _path(data: KnownFactorsFromFiles) -> str:
    if data.path is None:
        kind = str(data.model_dump()["kind"])
        raise UsageError(f"{kind} is read from files: --set data.path=PATH, of {OBTAIN[kind]}")
    return data.path
