"""Vision models by name: a JSON-able specification in, a module out.

    build({"kind": "convolutional", "preset": "paper", "shape": [3, 64, 64], "latents": 10})

A specification names its kind and any argument of that kind's constructor below; a preset fills in what is
left open. `resolve` writes it out in full, which is what belongs beside the weights.
"""

from __future__ import annotations

import difflib
import inspect
import reprlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, Protocol

from torch import Tensor

from vision.colour import HSV, RGB, Colour, CyclicHSV
from vision.dae import DAE
from vision.gaussian import Gaussian
from vision.layered import AdditiveMasks, LayeredDecoder, LayeredEncoder
from vision.networks import WIDTHS, ConvDecoder, ConvEncoder, Decoder, Shape
from vision.vae import VAE


class VisionModel(Protocol):
    """What everything downstream may know of a vision model, whichever member of the family it is."""

    shape: Shape
    latents: int

    def encode(self, x: Tensor) -> Gaussian:
        """Images (B, C, H, W) in [0, 1] to a diagonal Gaussian over (B, latents)."""
        ...

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, latents) to images (B, C, H, W) in [0, 1]."""
        ...


SIZES = ("latents", "mask_latents", "components", "hidden", "code")
LISTS = ("shape", "widths")
"""Arguments that are a positive integer, and those that are a list of them."""

COLOURS: dict[str, Colour] = {"rgb": RGB(), "hsv": HSV(), "hsv_cyclic": CyclicHSV()}


def vae(
    shape: Sequence[int],
    *,
    latents: int = 32,
    widths: Sequence[int] = WIDTHS,
    hidden: int = 256,
    activation: str = "relu",
    colour: str = "rgb",
    precision_limit: float | None = None,
) -> VAE:
    """A convolutional VAE; the defaults are the paper's."""
    size: dict[str, Any] = {"widths": widths, "hidden": hidden, "activation": activation}
    return VAE(
        ConvEncoder(shape, latents, precision_limit=precision_limit, **size),
        ConvDecoder(shape, latents, **size),
        _choose(COLOURS, colour, "colour space"),
    )


def layered_vae(
    shape: Sequence[int],
    *,
    mask_latents: int = 12,
    components: int = 8,
    masks: str = "convolutional",
    widths: Sequence[int] = WIDTHS,
    hidden: int = 256,
    activation: str = "relu",
    colour: str = "rgb",
    precision_limit: float | None = None,
) -> VAE:
    """A VAE that paints in flat layers: the first `mask_latents` latents place them, the rest colour them."""
    size: dict[str, Any] = {"widths": widths, "hidden": hidden, "activation": activation}
    channels, height, width = shape
    placed = (components, height, width)
    kinds: dict[str, Callable[[], Decoder]] = {
        "convolutional": lambda: ConvDecoder(placed, mask_latents, **size),
        "additive": lambda: AdditiveMasks(placed, mask_latents),
    }
    decoder = LayeredDecoder(_choose(kinds, masks, "kind of masks")(), channels)
    encoder = ConvEncoder(shape, decoder.latents, precision_limit=precision_limit, **size)
    return VAE(
        LayeredEncoder(encoder, mask_latents),
        decoder,
        _choose(COLOURS, colour, "colour space"),
    )


def dae(
    shape: Sequence[int],
    *,
    code: int = 100,
    widths: Sequence[int] = WIDTHS,
    bound: Literal["tanh", "linear"] = "linear",
    activation: str = "elu",
    colour: str = "rgb",
) -> DAE:
    """A denoising autoencoder; the defaults are the paper's."""
    return DAE(
        shape,
        code,
        widths=widths,
        bound=bound,
        activation=activation,
        colour=_choose(COLOURS, colour, "colour space"),
    )


KINDS: dict[str, Callable[..., VAE | DAE]] = {
    "convolutional": vae,
    "layered": layered_vae,
    "dae": dae,
}

PAPER_VAE = {
    "latents": 32,
    "widths": [32, 32, 64, 64],
    "hidden": 256,
    "activation": "relu",
    "precision_limit": None,
}
PAPER_DAE = {"code": 100, "widths": [32, 32, 64, 64], "bound": "linear", "activation": "elu"}

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "convolutional": {
        "paper": PAPER_VAE,
        "paper-64": {**PAPER_VAE, "shape": [3, 64, 64]},
        "paper-80": {**PAPER_VAE, "shape": [3, 80, 80]},
    },
    "layered": {},
    "dae": {
        "paper": PAPER_DAE,
        "paper-64": {**PAPER_DAE, "shape": [3, 64, 64]},
        "paper-80": {**PAPER_DAE, "shape": [3, 80, 80]},
        "miyosuda": {**PAPER_DAE, "bound": "tanh"},
    },
}


def build(spec: Mapping[str, Any]) -> VAE | DAE:
    """The model that a specification describes, with fresh weights.

    Raises ValueError for an unknown kind, preset, key or choice, with the nearest valid spelling.
    """
    full = resolve(spec)
    return KINDS[full.pop("kind")](**full)


def resolve(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The specification with its preset and every default written out, JSON-able."""
    given = dict(spec)
    kind = given.pop("kind", None)
    constructor = _choose(KINDS, kind, "kind of model")
    parameters = inspect.signature(constructor).parameters
    preset = given.pop("preset", None)
    filled = {} if preset is None else _choose(PRESETS[kind], preset, f"preset of kind {kind}")
    for key in given:
        _choose(parameters, key, f"key of kind {kind}")
    defaults = {
        name: parameter.default
        for name, parameter in parameters.items()
        if parameter.default is not parameter.empty
    }
    full = {"kind": kind, **defaults, **filled, **given}
    if "shape" not in full:
        raise ValueError(f"the specification of kind {kind} needs a shape [C, H, W]")
    for key, value in full.items():
        _check_type(key, value, kind)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in full.items()}


def _check_type(key: str, value: Any, kind: str) -> None:
    """Raise ValueError where a size is not a positive integer, or a list not one of these."""
    if key in SIZES and not _is_count(value):
        raise ValueError(f"{key} of kind {kind} is a positive integer, got {reprlib.repr(value)}")
    if key in LISTS and not (isinstance(value, Sequence) and all(map(_is_count, value))):
        raise ValueError(f"{key} of kind {kind} is a list of positive integers, got {reprlib.repr(value)}")
    if key == "precision_limit" and not (value is None or isinstance(value, int | float)):
        raise ValueError(f"{key} of kind {kind} is a number or null, got {reprlib.repr(value)}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _choose(choices: Mapping[str, Any], name: Any, what: str) -> Any:
    if not isinstance(name, str) or name not in choices:
        raise ValueError(
            f"unknown {what} {reprlib.repr(name)}{_suggestion(name, choices)}: "
            f"choose from {', '.join(choices)}"
        )
    return choices[name]


def _suggestion(name: Any, choices: Collection[str]) -> str:
    close = difflib.get_close_matches(reprlib.repr(name).strip("'"), choices, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
