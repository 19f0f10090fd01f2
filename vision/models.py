"""Vision models by name: a JSON-able specification in, a module out.

    build({"kind": "convolutional", "shape": [3, 64, 64], "latents": 10})

A specification has the name of a kind and arguments of that kind's constructor below. `resolve` adds the
defaults; the result is what is saved beside the weights.
"""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from torch import Tensor

from vision.broadcast import broadcast_vae
from vision.colour import COLOURS
from vision.dae import DAE
from vision.gaussian import Gaussian
from vision.info_gan import info_gan
from vision.interfaces import Decoder, Shape
from vision.joint import JointDecoder, JointEncoder
from vision.layered import AdditiveMasks, LayeredDecoder, LayeredEncoder
from vision.networks import WIDTHS, ConvDecoder, ConvEncoder
from vision.published_networks import burgess_vae, mlp_vae, study_vae
from vision.quantised import quantised
from vision.spelling import choose
from vision.vae import VAE


class VisionModel(Protocol):
    """Interface of the encoder family; symbols, operators and evaluation use nothing else of a model."""

    shape: Shape
    latents: int

    def encode(self, x: Tensor) -> Gaussian:
        """Images (B, C, H, W) in [0, 1] to a diagonal Gaussian over (B, latents)."""
        ...

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, latents) to images (B, C, H, W) in [0, 1]."""
        ...


SIZES = ("latents", "mask_latents", "components", "hidden", "code", "values", "channels", "layers")
LISTS = ("shape", "widths", "categories")
"""Arguments that are a positive integer, and those that are a list of them."""


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
    """A convolutional VAE; the defaults are those of the SCAN paper.

    Args:
        shape: (C, H, W) of the images.
        latents: D.
        widths: Channels after each halving convolution, from the image inwards.
        hidden: Units of the fully connected layer.
        activation: "relu", "elu", "leaky_relu" or "tanh".
        colour: The networks' colour space: "rgb", "hsv" or "hsv_cyclic".
        precision_limit: Above 1: no posterior variance falls below its inverse. None for no limit.

    Raises:
        ValueError: For an unknown activation or colour space, or sizes that do not fit together.
    """
    size: dict[str, Any] = {"widths": widths, "hidden": hidden, "activation": activation}
    return VAE(
        ConvEncoder(shape, latents, precision_limit=precision_limit, **size),
        ConvDecoder(shape, latents, **size),
        choose(COLOURS, colour, "colour space"),
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
    """A VAE whose decoder composes flat components through masks (`vision.layered`).

    Args:
        shape: (C, H, W) of the images.
        mask_latents: The number of latents of the masks; C further ones for each component are its colour.
        components: L, the number of components.
        masks: "convolutional", or "additive" for masks without interactions between their latents.
        widths: Channels after each halving convolution, from the image inwards.
        hidden: Units of the fully connected layers.
        activation: "relu", "elu", "leaky_relu" or "tanh".
        colour: The networks' colour space: "rgb", "hsv" or "hsv_cyclic".
        precision_limit: Above 1: no posterior variance of a mask latent falls below its inverse. None for no
            limit.

    Raises:
        ValueError: For an unknown choice, or sizes that do not fit together.
    """
    size: dict[str, Any] = {"widths": widths, "hidden": hidden, "activation": activation}
    channels, height, width = shape
    of_masks = (components, height, width)
    kinds: dict[str, Callable[[], Decoder]] = {
        "convolutional": lambda: ConvDecoder(of_masks, mask_latents, **size),
        "additive": lambda: AdditiveMasks(of_masks, mask_latents),
    }
    decoder = LayeredDecoder(choose(kinds, masks, "kind of masks")(), channels)
    encoder = ConvEncoder(shape, decoder.latents, precision_limit=precision_limit, **size)
    return VAE(
        LayeredEncoder(encoder, mask_latents),
        decoder,
        choose(COLOURS, colour, "colour space"),
    )


def joint_vae(
    shape: Sequence[int],
    *,
    latents: int = 10,
    categories: Sequence[int] = (10,),
    widths: Sequence[int] = WIDTHS,
    hidden: int = 256,
    activation: str = "relu",
    colour: str = "rgb",
    precision_limit: float | None = None,
) -> VAE:
    """A VAE with categories beside continuous latents (`vision.joint`).

    Args:
        shape: (C, H, W) of the images.
        latents: D, the continuous ones; each value of each category adds one.
        categories: The number of values of each category, 2 at least.
        widths: Channels after each halving convolution, from the image inwards.
        hidden: Units of the fully connected layer.
        activation: "relu", "elu", "leaky_relu" or "tanh".
        colour: The networks' colour space: "rgb", "hsv" or "hsv_cyclic".
        precision_limit: Above 1: no variance of a continuous latent falls below its inverse. None for
            no limit.

    Raises:
        ValueError: For an unknown activation or colour space, or sizes that do not fit together.
    """
    size: dict[str, Any] = {"widths": widths, "hidden": hidden, "activation": activation}
    encoder = JointEncoder(shape, latents, categories, precision_limit=precision_limit, **size)
    decoder = ConvDecoder(shape, encoder.latents, **size)
    return VAE(encoder, JointDecoder(decoder, categories), choose(COLOURS, colour, "colour space"))


def dae(
    shape: Sequence[int],
    *,
    code: int = 100,
    widths: Sequence[int] = WIDTHS,
    bound: Literal["tanh", "linear"] = "linear",
    activation: str = "elu",
    colour: str = "rgb",
) -> DAE:
    """A denoising autoencoder; the defaults are those of the SCAN paper.

    Args:
        shape: (C, H, W) of the images.
        code: Units of the bottleneck.
        widths: Channels after each halving convolution, from the image inwards.
        bound: "tanh" limits the code to (-1, 1), "linear" does not.
        activation: "relu", "elu", "leaky_relu" or "tanh".
        colour: The networks' colour space: "rgb", "hsv" or "hsv_cyclic".

    Raises:
        ValueError: For an unknown choice, or sizes that do not fit together.
    """
    return DAE(
        shape,
        code,
        widths=widths,
        bound=bound,
        activation=activation,
        colour=choose(COLOURS, colour, "colour space"),
    )


KINDS: dict[str, Callable[..., VAE | DAE]] = {
    "convolutional": vae,
    "layered": layered_vae,
    "dae": dae,
    "joint": joint_vae,
    "study": study_vae,
    "burgess": burgess_vae,
    "mlp": mlp_vae,
    "broadcast": broadcast_vae,
    "info_gan": info_gan,
    "quantised": quantised,
}


def build(spec: Mapping[str, Any]) -> VAE | DAE:
    """The model that a specification describes, with fresh weights from torch's global generator.

    Args:
        spec: {"kind": a key of KINDS, "shape": [C, H, W]}, and further arguments of the constructor of that
            kind; "restorer": the specification of the autoencoder of kind "dae" that restores its images.

    Raises:
        ValueError: For an unknown kind, key or choice, with the nearest valid spelling; for a value of
            another type; for sizes that do not fit together.
    """
    full = resolve(spec)
    restorer = full.pop("restorer", None)
    model = KINDS[full.pop("kind")](**full)
    if restorer is not None:
        model.restorer = build(restorer)
    return model


def resolve(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The specification with every default filled in, JSON-able.

    Args:
        spec: As for `build`.

    Raises:
        ValueError: For an unknown kind or key, with the nearest valid spelling, and for a value of another
            type.
    """
    given = dict(spec)
    kind, restorer = given.pop("kind", None), given.pop("restorer", None)
    constructor = choose(KINDS, kind, "kind of model")
    parameters = inspect.signature(constructor).parameters
    for key in given:
        choose(parameters, key, f"key of kind {kind}")
    if "shape" not in given:
        raise ValueError(f"the specification of kind {kind} needs a shape [C, H, W]")
    full = {"kind": kind}
    for key, parameter in parameters.items():
        value = given.get(key, parameter.default)
        _check_type(key, value, kind)
        full[key] = list(value) if isinstance(value, tuple) else value
    if restorer is not None:
        if kind == "dae" or not isinstance(restorer, Mapping) or restorer.get("kind") != "dae":
            raise ValueError("the restorer of a model that is no dae is the specification of one of kind dae")
        full["restorer"] = resolve(restorer)
    return full


def _check_type(key: str, value: Any, kind: str) -> None:
    """Raise ValueError for a size that is no positive integer, or another value that is no number."""
    if key in SIZES and not _is_count(value):
        raise ValueError(f"{key} of kind {kind} is a positive integer, got {reprlib.repr(value)}")
    if key in LISTS and not (isinstance(value, Sequence) and all(map(_is_count, value))):
        raise ValueError(f"{key} of kind {kind} is a list of positive integers, got {reprlib.repr(value)}")
    if key == "noise" and not (_is_count(value) or value == 0):
        raise ValueError(f"{key} of kind {kind} is an integer of at least 0, got {reprlib.repr(value)}")
    if key == "precision_limit" and not (value is None or isinstance(value, int | float)):
        raise ValueError(f"{key} of kind {kind} is a number or null, got {reprlib.repr(value)}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
