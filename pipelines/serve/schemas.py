"""Requests and answers of the endpoints; OpenAPI is made from them.

A picture is the base64 of a file in any format that `vision.data.pictures` reads, with or without
"data:...;base64," before it. Images in answers are the base64 of PNG files, as large as the model makes them.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LONGEST_EXPRESSION = 4000
MOST_SAMPLES = 64
MOST_EXAMPLES = 64
"""Pictures that a concept is taught from, at most."""
LARGEST_SEED = 2**53 - 1
"""The largest integer that every JSON reader keeps."""
LARGEST_LATENT = 10.0

Expression = Annotated[
    str,
    Field(max_length=LONGEST_EXPRESSION, examples=["wall: red, shape: hat"], description="a concept"),
]
Picture = Annotated[str, Field(min_length=1, description="base64 of a picture file")]
Png = Annotated[str, Field(description="base64 of a PNG file")]
Latent = Annotated[float, Field(ge=-LARGEST_LATENT, le=LARGEST_LATENT, allow_inf_nan=False)]


class Request(BaseModel):
    """A body without unknown keys."""

    model_config = ConfigDict(extra="forbid")


class ExpressionRequest(Request):
    """An expression to read, or to walk the hierarchy from."""

    expression: Expression


class Sym2imgRequest(Request):
    """An expression to imagine."""

    expression: Expression
    n: int = Field(16, ge=1, le=MOST_SAMPLES, description="number of images")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="other seeds give other images")
    complete: bool = Field(
        False, description="draw a value for each attribute of several that is left open, in each image"
    )
    mean: bool = Field(False, description="the mean of the latents in place of samples")


class PictureRequest(Request):
    """A picture to describe."""

    image: Picture


class EditRequest(Request):
    """A picture, and what should be true of it."""

    image: Picture
    expression: Expression


class DecodeRequest(Request):
    """Latents to decode, all D of the model."""

    latents: list[Latent] = Field(max_length=10_000)


class TeachRequest(Request):
    """A name, and pictures of what it means."""

    name: str = Field(max_length=200)
    images: list[Picture] = Field(min_length=1, max_length=MOST_EXAMPLES)


class Failure(BaseModel):
    """Why a request was refused."""

    error: str
    """One line."""
    start: int | None = None
    """Of an expression: where the wrong part begins, in characters from 0."""
    end: int | None = None
    """Where it ends, exclusively."""


class ConceptAnswer(BaseModel):
    """What an expression means."""

    concept: str
    """As text; "anything" is the empty concept."""
    items: dict[str, str]
    """Attribute -> value; empty where it stands for no single concept (OR, NOT, taught words)."""
    plain: bool
    """Whether the expression is a concept without an operator."""


class Sym2imgAnswer(ConceptAnswer):
    """Images of a concept."""

    seed: int
    images: list[Png]
    completions: list[dict[str, str]]
    """Of each image what it is of, attribute -> value, where that was asked for; else empty."""


class Reading(BaseModel):
    """A picture as the model sees and describes it."""

    image: Png
    """As the model takes it, or made it."""
    reconstruction: Png
    """What its latents decode to."""
    note: str
    """What had to be done to the picture; empty where nothing."""
    description: dict[str, str]
    """Attribute -> its most likely value; a binary attribute only where it is present."""
    probabilities: dict[str, dict[str, float]]
    """Attribute -> value -> probability."""
    concepts: dict[str, float]
    """Named and taught concepts whose probability is at least 1/2."""
    latents: list[float]


class Move(BaseModel):
    """An attribute whose most likely value an edit changed."""

    attribute: str
    before: str
    """Of a binary attribute "yes" or "no"."""
    after: str
    moved: float
    """Total variation in [0, 1] between the probabilities of its values before and after."""
    asked: bool
    """Whether the expression names it."""


class EditAnswer(Reading):
    """The changed picture, and what changed."""

    changes: list[Move]
    reached: bool | None
    """Whether it is described as the expression says; null for taught words."""


class Neighbour(BaseModel):
    """A concept one step away in the hierarchy."""

    concept: str
    attribute: str
    """The attribute that is added or left out."""
    value: str
    image: Png | None
    """None where there are too many to show."""


class HierarchyAnswer(ConceptAnswer):
    """A concept, those above it with one attribute less, and those below it with one more."""

    images: list[Png]
    parents: list[Neighbour]
    children: list[Neighbour]


class LatentInfo(BaseModel):
    """A latent of the visual model that is in use."""

    index: int
    nats: float
    """Its mean KL from the prior over test images."""


class AttributeInfo(BaseModel):
    """An attribute of the vocabulary."""

    name: str
    values: list[str]
    binary: bool


class ModelAnswer(BaseModel):
    """What the model knows."""

    name: str
    shape: list[int]
    """(C, H, W)."""
    attributes: list[AttributeInfo]
    aliases: dict[str, str]
    """Concepts with a name, from the data set."""
    taught: dict[str, str]
    """Concepts taught after training, and what they mean in one line."""
    operators: bool
    """Whether AND, IN COMMON and IGNORE can be used."""
    latents: list[LatentInfo]
    """Those in use, the most informative first."""
    latent_count: int


class TeachAnswer(BaseModel):
    """What a taught concept came to mean."""

    name: str
    meaning: str
    """In one line."""
    nats: float
    """Its KL from the prior."""
    latents: list[LatentInfo]
    """Those that it specifies, with their KL from the prior, the largest first."""
    nearest: dict[str, float]
    """Known words -> KL(concept || word) in nats, the nearest first."""
    kept: bool
    """Whether it is kept with the run; otherwise it is known until the server ends."""
    note: str
    """Why it is not kept; empty where it is."""
    images: list[Png]
