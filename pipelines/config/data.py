"""The data of a run, and how many of each go into its published lists."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, model_validator

from pipelines.config.published_data import PublishedData
from pipelines.config.sections import Section
from pipelines.config.values import (
    SIDES,
    AbsolutePath,
    Aliases,
    Bins,
    Colour,
    Integer,
    LargeCount,
    NonNegativeInt,
    PositiveInt,
    Size,
    Text,
)

MOST_BYTES = 2**36
"""Of rendered images, which stay in memory while a run works on them."""


class RoomsData(Section):
    """The rendered rooms."""

    kind: Literal["rooms"]
    size: Annotated[Integer, Field(ge=SIDES[0], le=SIDES[1])] = 32
    """The side in pixels."""
    images: LargeCount = 50_000
    """How many are rendered."""
    aliases: Aliases = Field(default_factory=dict)
    """Names of whole concepts: {dub: {shape: ice lolly, wall: white}}."""

    @model_validator(mode="after")
    def _check_memory(self) -> Self:
        need = self.images * 3 * self.size**2
        if need > MOST_BYTES:
            raise ValueError(
                f"{self.images:,} images of {self.size}x{self.size} pixels take {need / 2**30:,.0f} GiB, "
                f"at most {MOST_BYTES / 2**30:.0f} are held in memory"
            )
        return self


class NpzData(Section):
    """Images and factors in one .npz file (`vision.data.npz` has the format)."""

    kind: Literal["npz"]
    path: AbsolutePath | None = None
    """In a config file relative to its folder, after --set to that in which the command is given; the run's
    own config has the absolute path."""
    size: Size | None = None
    """What to average the images down to, cropped about their centre where the proportions differ; by default
    they stay as they are."""
    names: AbsolutePath | None = None
    """A JSON file with the names of factors and values, when it is not beside the .npz."""
    attributes: tuple[Text, ...] | None = None
    """Factors to use; by default all. None at all, [], is a set without words: it gives a visual model."""
    binary: tuple[Text, ...] = ()
    """Attributes that are present or absent, rather than one of several values."""
    bins: Bins = Field(default_factory=dict)
    """Factors of numbers that are cut at their quantiles, each with a number of values: {age: 4}."""
    obtain: Text = ""
    """Where to get the file; the error for a missing path says it."""
    aliases: Aliases = Field(default_factory=dict)
    """Names of whole concepts: {dub: {shape: ice lolly, wall: white}}."""


class FolderData(Section):
    """A folder of images with a table of attributes (`vision.data.folder` has the format)."""

    kind: Literal["folder"]
    path: AbsolutePath | None = None
    """In a config file relative to its folder, after --set to that in which the command is given; the run's
    own config has the absolute path."""
    table: Text | None = "attributes.csv"
    """Relative to `path`. null is a set without words, of all pictures in the folder: it gives a visual
    model."""
    size: Size | None = None
    """What to scale the images to, cropped about their centre where the proportions differ; by default all
    must have the size of the first."""
    resize: StrictBool = True
    """false refuses images of another `size` instead of scaling them."""
    attributes: tuple[Text, ...] | None = None
    """Columns to use; by default all."""
    binary: tuple[Text, ...] = ()
    """Attributes that are present or absent, rather than one of several values."""
    bins: Bins = Field(default_factory=dict)
    """Columns of numbers that are cut at their quantiles, each with a number of values: {age: 4}."""
    file_column: Text = "file"
    """The column with the names of the files."""
    allow_outside: StrictBool = False
    """Whether the table may name files outside `path`, by "..", an absolute path or a symbolic link."""
    background: Colour = "black"
    """What transparent pictures are laid over, by commands on the run too: the name of a colour or "#ff8800".
    `scan init` takes the one of black, white and gray that the fewest of their opaque pixels resemble."""
    obtain: Text = ""
    """Where to get the pictures; the error for a missing path says it."""
    aliases: Aliases = Field(default_factory=dict)
    """Names of whole concepts: {dub: {shape: ice lolly, wall: white}}."""


Data = Annotated[RoomsData | NpzData | FolderData | PublishedData, Field(discriminator="kind")]


class Splits(Section):
    """How many of each go into the published lists of `data.json`.

    A default that is more than the data allow is lowered to what they do; a number that is set is not.
    """

    held_out: NonNegativeInt = 300
    """Full combinations that no stage learns from, neither as an image nor as a symbol."""
    held_out_pairs: NonNegativeInt = 0
    """Pairs of values of two attributes that are never together, neither in an image nor in a symbol."""
    test_images: PositiveInt = 1000
    """Images of the other combinations that no stage trains on."""
    train_symbols: PositiveInt = 133
    """Concepts that are taught."""
    validation_symbols: NonNegativeInt = 200
    """Concepts to choose settings by; neither taught nor tested."""
    test_symbols: PositiveInt = 200
    """Concepts that are never taught."""
    test_operators: PositiveInt = 200
    """Examples of operators, whose results are test symbols."""
