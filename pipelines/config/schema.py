"""The configuration of a run: what may be set, of which type, with which default.

A YAML file (shipped by name, or a path) and `--set a.b=value` fill it in. Every key is checked, and so is
every type: PyYAML reads `1e-4` as text and `no` as a boolean, so a number may be written as text that spells
one, and nothing else is converted. Only the keys that differ from the defaults need to be written.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.config.values import (
    SIDES,
    Batch,
    Count,
    Few,
    Flag,
    Many,
    Natural,
    NonNegative,
    Place,
    Positive,
    Real,
    Seed,
    Size,
    Text,
    Units,
    Whole,
    Widths,
)

MOST_BYTES = 2**36
"""Of rendered images, which stay in memory while a run works on them."""


class Section(BaseModel):
    """A part of the configuration: immutable, no unknown keys, nothing converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


Aliases = dict[Text, dict[Text, Text]]


class RoomsData(Section):
    """The rendered rooms."""

    kind: Literal["rooms"]
    size: Annotated[Whole, Field(ge=SIDES[0], le=SIDES[1])] = 32
    images: Many = 50_000
    aliases: Aliases = Field(default_factory=dict)

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
    path: Place | None = None
    """Relative to the folder in which the command is given; the run's own config has the absolute path."""
    size: Size | None = None
    """What to average the images down to, cropped about their centre where the proportions differ; by default
    they stay as they are."""
    names: Place | None = None
    """A JSON file with the names of factors and values, when it is not beside the .npz."""
    binary: tuple[Text, ...] = ()
    """Attributes that are present or absent, rather than one of several values."""
    obtain: Text = ""
    """Where to get the file; the error for a missing path says it."""
    aliases: Aliases = Field(default_factory=dict)


class FolderData(Section):
    """A folder of images with a table of attributes (`vision.data.folder` has the format)."""

    kind: Literal["folder"]
    path: Place | None = None
    """Relative to the folder in which the command is given; the run's own config has the absolute path."""
    table: Text = "attributes.csv"
    """Relative to `path`."""
    size: Size | None = None
    """The size that all images must have, or with `resize` get; by default that of the first."""
    resize: Flag = False
    attributes: tuple[Text, ...] | None = None
    """Columns to use; by default all."""
    binary: tuple[Text, ...] = ()
    file_column: Text = "file"
    allow_outside: Flag = False
    """Whether the table may name files outside `path`, by "..", an absolute path or a symbolic link."""
    obtain: Text = ""
    aliases: Aliases = Field(default_factory=dict)


Data = Annotated[RoomsData | NpzData | FolderData, Field(discriminator="kind")]


class Splits(Section):
    """How many of each go into the published lists of `data.json`.

    A default that is more than the data allow is lowered to what they do; a number that is set is not.
    """

    held_out: Natural = 300
    """Full combinations that no stage learns from, neither as an image nor as a symbol."""
    held_out_pairs: Natural = 0
    """Pairs of values of two attributes that are never together, neither in an image nor in a symbol."""
    test_images: Count = 1000
    """Images of the other combinations that no stage trains on."""
    train_symbols: Count = 133
    validation_symbols: Natural = 200
    """Concepts to choose settings by; neither taught nor tested."""
    test_symbols: Count = 200
    test_operators: Count = 200


class Constant(Section):
    """The same value at every step."""

    kind: Literal["constant"]
    value: NonNegative


class Linear(Section):
    """A straight line from `start` to `end` over a share of the steps."""

    kind: Literal["linear"]
    start: NonNegative
    end: NonNegative
    until: Annotated[Real, Field(gt=0, le=1)] = 1.0
    """The share of the steps after which `end` is reached."""


class Geometric(Section):
    """From `start` to `end` by the same factor every step, over a share of the steps."""

    kind: Literal["geometric"]
    start: Positive
    end: Positive
    until: Annotated[Real, Field(gt=0, le=1)] = 1.0


Schedule = Annotated[Constant | Linear | Geometric, Field(discriminator="kind")]


class Learning(Section):
    """What every training has."""

    steps: Count
    batch: Batch
    lr: Positive
    decay: Literal["constant", "linear", "cosine"] = "constant"
    warmup: Natural = 0
    checkpoint_seconds: NonNegative = 15.0


Precision = Literal["auto", "bf16", "fp32"]
"""What the networks compute in; auto is bf16 where the device has its arithmetic, else fp32."""


class DAE(Learning):
    """The denoising autoencoder; its colour space is that of the vision model."""

    steps: Count = 200_000
    batch: Batch = 100
    lr: Positive = 1e-3
    code: Units = 100
    widths: Widths = (32, 32, 64, 64)
    bound: Literal["tanh", "linear"] = "linear"
    precision: Precision = "auto"


class Vision(Learning):
    """The beta-VAE, or with a DAE and reconstruction "perceptual" the beta-VAE_DAE."""

    steps: Count = 10_000
    batch: Batch = 100
    lr: Positive = 1e-4
    kind: Literal["vae", "layered_vae"] = "vae"
    """The paper's networks, or a decoder that paints flat layers through masks (`vision.layered`)."""
    latents: Few | None = None
    """By default 32; a layered VAE has `where` and one for each channel of each layer."""
    where: Few = 12
    """Of a layered VAE: how many latents place the layers; the others colour them."""
    where_weight: Positive = 1.0
    """Of a layered VAE: what a nat of these costs, in nats of the others."""
    layers: Few = 8
    """Of a layered VAE."""
    masks: Literal["convolutional", "additive"] = "convolutional"
    """Of a layered VAE: whether the latents that place layers act together, or each adds what it has to."""
    widths: Widths = (32, 32, 64, 64)
    hidden: Units = 256
    activation: Literal["relu", "elu"] = "relu"
    colour: Literal["rgb", "hsv", "hsv_cyclic"] = "rgb"
    precision_limit: Annotated[Real, Field(gt=1)] | None = None
    """The most that a posterior may be sharper than the prior, as a ratio of variances; null for no limit."""
    reconstruction: Literal["bernoulli", "gaussian", "perceptual"] = "bernoulli"
    scale: Positive = 0.1
    """Standard deviation of a pixel under the Gaussian likelihood."""
    layer: Literal["pixels", "bottleneck", "dae_logits"] = "dae_logits"
    """Where the perceptual reconstruction compares."""
    beta: Schedule = Constant(kind="constant", value=4.0)
    capacity: Schedule | None = None
    """Nats to release; beta then weighs |KL - capacity|."""
    sparsity: NonNegative = 0.0
    """Weight of `vision.penalties.spread`, which gives every latent as few pixels as possible."""
    decorrelation: NonNegative = 0.0
    """Weight of `vision.penalties.covariance`, which keeps latents from saying the same thing twice."""
    independence: NonNegative = 0.0
    """Of a layered VAE: weight of `vision.penalties.dependence` between its two groups of latents."""
    precision: Precision = "auto"
    starts: Few = 1
    """Initialisations to try (`pipelines.training.starts`)."""
    start_steps: Count = 400
    """After how many steps the better half of them goes on; then it is twice as many, and so on."""

    @model_validator(mode="after")
    def _check_starts(self) -> Self:
        if self.starts > 1 and self.start_steps > self.steps:
            raise ValueError(f"start_steps {self.start_steps} are more than steps {self.steps}")
        return self


PAPERS_MLP: dict[str, Any] = {"steps": 60_000, "batch": 16, "lr": 1e-4, "decay": "constant"}
"""What `symbols.encoder: mlp` learns with by default: lr and batch as in SCAN's public ports, steps until it
no longer gains."""


class Symbols(Learning):
    """SCAN. The defaults of steps, batch, lr and decay are those of the encoder, here of experts."""

    steps: Count = 4_000
    batch: Batch = 64
    lr: Positive = 1e-2
    decay: Literal["constant", "linear", "cosine"] = "cosine"
    weight_decay: NonNegative = 0.0
    encoder: Literal["experts", "mlp"] = "experts"
    opinion: NonNegative = 0.0
    """Of experts: what it costs a symbol to have an opinion on a latent, in nats over all training pairs. The
    price rises from 0 over the first half of the steps."""
    hidden: Widths = (100,)
    examples: Few = 10
    """Images of each training concept."""
    beta: NonNegative = 1.0
    grounding: Positive = 10.0
    direction: Literal["forward", "reverse"] = "forward"

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("encoder") == "mlp":
            return {**PAPERS_MLP, **given}
        return given


class Operators(Learning):
    """The recombination operators, trained on SCAN's own pairs."""

    steps: Count = 2_000
    batch: Batch = 256
    lr: Positive = 5e-3
    decay: Literal["constant", "linear", "cosine"] = "cosine"
    hidden: Widths = (64, 64)
    triples: Many = 4_000
    """How many (operator, left, right, result) to learn from."""
    direction: Literal["forward", "reverse"] = "forward"


class Judge(Learning):
    """The classifier that reads imagined images."""

    steps: Count = 3_000
    batch: Batch = 64
    lr: Positive = 3e-3
    decay: Literal["constant", "linear", "cosine"] = "cosine"
    warmup: Natural = 60
    images: Many = 20_000
    """Fresh images to learn from, where the set can be rendered; else it learns from the training images."""
    precision: Precision = "auto"


class Evaluate(Section):
    """The sizes of the evaluation; how many symbols a split has is in `splits`."""

    images_per_symbol: Many = 64
    """Images of each concept, for accuracy."""
    diversity_images: Many = 200
    """Images of each concept that leaves attributes open, for diversity; never fewer than the above."""


class Config(Section):
    """A run."""

    name: Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    seed: Seed = 0
    data: Data
    splits: Splits = Splits()
    dae: DAE | None = None
    vision: Vision = Vision()
    symbols: Symbols = Symbols()
    operators: Operators = Operators()
    judge: Judge = Judge()
    evaluate: Evaluate = Evaluate()

    @model_validator(mode="after")
    def _check_choices(self) -> Self:
        vision = self.vision
        if vision.reconstruction == "perceptual" and vision.layer != "pixels" and self.dae is None:
            raise ValueError(f"vision.layer {vision.layer} is a layer of a DAE: add a section dae")
        if vision.kind == "layered_vae" and vision.latents is not None:
            raise ValueError("vision.latents of a layered_vae follow from where and layers: leave it out")
        if self.symbols.encoder != "experts" and self.symbols.opinion:
            raise ValueError("symbols.opinion is a price for experts: it needs symbols.encoder experts")
        if vision.kind != "layered_vae" and vision.independence:
            raise ValueError("vision.independence is between the two groups of latents of a layered_vae")
        if vision.independence and vision.batch < 4:
            raise ValueError("vision.independence compares the halves of a batch: vision.batch at least 4")
        if vision.kind == "layered_vae" and vision.reconstruction == "bernoulli":
            raise ValueError("a layered_vae puts out no logits: vision.reconstruction must not be bernoulli")
        return self
