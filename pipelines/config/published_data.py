"""Data sets of the literature, each with known factors: rendered, or read from the files of their authors."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool

from pipelines.config.sections import Section
from pipelines.config.values import (
    SIDES,
    AbsolutePath,
    Aliases,
    Bins,
    FiniteFloat,
    Integer,
    LargeCount,
    Text,
    Word,
    integer,
)

Side = Annotated[Integer, Field(ge=SIDES[0], le=SIDES[1])]
HalvedSide = Annotated[Literal[64, 32, 16, 8], BeforeValidator(integer)]
DigitSide = Annotated[Literal[28, 32], BeforeValidator(integer)]


class Joint(Section):
    """A joint distribution of factors that is not uniform (`vision.data.joint`)."""

    factors: Annotated[tuple[Text, ...], Field(min_length=2)]
    """Those that depend on each other; the others are uniform."""
    ratio: Annotated[FiniteFloat, Field(ge=1, le=1e6)] = 4.0
    """How many times as likely the most likely combination is as the least likely."""


class KnownFactors(Section):
    """What is taken of a set with known factors."""

    images: LargeCount | None = 50_000
    """At most so many, drawn with the seed; null for all."""
    attributes: tuple[Text, ...] | None = None
    """Factors to use as attributes; by default all. None at all, [], is a set without words: it gives a
    visual model."""
    bins: Bins = Field(default_factory=dict)
    """Factors whose values are cut, in their order, into so many bins: {x: 3}."""
    fixed: dict[Text, Word] = Field(default_factory=dict)
    """The only value of a factor, which is then no attribute: {shape: heart}."""
    joint: Joint | None = None
    """Factors that depend on each other; null for none. Images are then drawn with replacement."""
    aliases: Aliases = Field(default_factory=dict)
    """Names of whole concepts: {dub: {shape: heart, colour: white}}."""


class KnownFactorsFromFiles(KnownFactors):
    """What is taken of a set with known factors whose files the user has."""

    path: AbsolutePath | None = None
    """In a config file relative to its folder, after --set to that in which the command is given; the run's
    own config has the absolute path."""


class DSpritesData(KnownFactors):
    """dSprites, rendered: shape, scale, orientation, x, y (`vision.data.dsprites`)."""

    kind: Literal["dsprites"]
    size: HalvedSide = 64
    """The side in pixels; those of less than 64 are averages."""
    variant: Literal["plain", "color", "noisy"] = "plain"
    """White on black; in a random colour (Color-dSprites); or white on noise (Noisy-dSprites)."""
    palette: tuple[Text, ...] = ()
    """Names of colours of the rooms, for variant color: they are then the attribute colour."""


class MNISTData(KnownFactorsFromFiles):
    """MNIST: digit (`vision.data.mnist`). Its single attribute gives no words to recombine: attributes []."""

    kind: Literal["mnist"]
    size: DigitSide = 32
    """28, or 32 with a black border."""
    part: Literal["train", "test", "all"] = "train"
    """Which of its images."""


class MNISTAData(KnownFactorsFromFiles):
    """MNIST-A, made from the files of MNIST: digit, scale, orientation, location (`vision.data.mnist`)."""

    kind: Literal["mnist_a"]
    size: Side = 64
    """The side in pixels; those of another than 64 are averages."""
    part: Literal["train", "test", "all"] = "train"
    """Whose digits."""
    binarised: StrictBool = True
    """Whether the images of 64x64 pixels are black and white, as published."""


class Shapes3DData(KnownFactorsFromFiles):
    """3D Shapes from its HDF5 file: floor, wall, object, scale, shape, orientation
    (`vision.data.shapes3d`)."""

    kind: Literal["shapes3d"]
    size: Side = 64
    """The side in pixels; those of another than 64 are averages."""


class MPI3DData(KnownFactorsFromFiles):
    """MPI3D from an .npz file: colour, shape, size, camera, background, horizontal, vertical
    (`vision.data.mpi3d`)."""

    kind: Literal["mpi3d"]
    size: Side = 64
    """The side in pixels; those of another than 64 are averages."""
    version: Literal["full", "complex", "challenge"] = "full"
    """Which factors the file has: full is toy, realistic or real, complex is real_complex, challenge is that
    of NeurIPS 2019."""


class Cars3DData(KnownFactorsFromFiles):
    """Cars3D from its folder of .mat files: car, elevation, azimuth (`vision.data.cars3d`)."""

    kind: Literal["cars3d"]
    size: Side = 64
    """The side in pixels; those of another than 128 are averages."""


class SmallNORBData(KnownFactorsFromFiles):
    """smallNORB from its binary matrices: category, elevation, azimuth, lighting, and instance
    (`vision.data.smallnorb`)."""

    kind: Literal["smallnorb"]
    size: Side = 64
    """The side in pixels; those of another than 96 are averages."""
    part: Literal["train", "test", "all"] = "all"
    """Which of its images; training and test have other instances."""


class CelebAData(KnownFactorsFromFiles):
    """CelebA from its folder: 40 attributes, present or absent (`vision.data.celeba`)."""

    kind: Literal["celeba"]
    size: Side = 64
    """The side in pixels, of the middle of a picture."""


PublishedData = (
    DSpritesData | MNISTData | MNISTAData | Shapes3DData | MPI3DData | Cars3DData | SmallNORBData | CelebAData
)
