"""Concept models by name: a JSON-able specification in, a module with fresh weights out.

The counterpart of `vision.models` for what this package trains. A specification is what lies beside the
weights:

    {"kind": "scan", "symbols": 51, "latents": 32, "encoder": "mlp", "hidden": [100]}
    {"kind": "scan", "symbols": 51, "latents": 32, "encoder": "experts", "attributes": [16, 16, 16, 3]}
    {"kind": "operators", "hidden": [30, 15]}
    {"kind": "judge", "shape": [3, 64, 64], "sizes": [16, 16, 16, 3], "network": "strided"}
    {"kind": "multimodal", "vision": {...}, "symbols": {"symbols": 51, ...}, "hidden": [256]}
"""

import inspect
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from scan.grounding import SCAN
from scan.judge import Judge
from scan.multimodal import JointEncoder, MultimodalVAE
from scan.operators import Operators
from scan.symbol_networks import ExpertSymbolDecoder, ExpertSymbolEncoder, MLPSymbolEncoder, SymbolDecoder
from vision import models as vision_models
from vision.spelling import choose
from vision.vae import VAE
from vision.weights import LONGEST_REASON


def scan(
    symbols: int,
    latents: int,
    *,
    encoder: str = "mlp",
    decoder: str | None = None,
    hidden: Sequence[int] = (100,),
    attributes: Sequence[int] = (),
) -> SCAN:
    """Return SCAN with an encoder of `ENCODERS` and a decoder of `DECODERS`.

    The decoder is of the encoder's kind where it is not given. `hidden` are the widths of the perceptrons,
    `attributes` those of `ExpertSymbolEncoder`; perceptrons have no use for them.
    """
    decoder = encoder if decoder is None else decoder
    check_encoder(encoder)
    choose(DECODERS, decoder, "symbol decoder")
    chosen = ENCODERS[encoder](symbols, latents, hidden, attributes)
    return SCAN(chosen, DECODERS[decoder](latents, symbols, hidden))


def multimodal(
    vision: Mapping[str, Any], symbols: Mapping[str, Any], *, hidden: Sequence[int] = (256,)
) -> MultimodalVAE:
    """Return a model of images and symbols.

    Args:
        vision: The specification of its visual model, as `vision.models.build` takes it.
        symbols: That of its symbol networks: the arguments of `scan` but the latents, which are those of the
            visual model.
        hidden: Widths of the perceptron in the joint encoder.

    Raises:
        ValueError: For a specification that does not fit, with the reason.
    """
    visual, tower = vision_models.build(vision), vision_models.build(vision)
    if not isinstance(visual, VAE) or not isinstance(tower, VAE):
        raise ValueError(f"the vision of a multimodal model is a VAE, got kind {vision.get('kind')}")
    symbolic = build({"kind": "scan", **symbols, "latents": visual.latents})
    assert isinstance(symbolic, SCAN)
    return MultimodalVAE(visual, symbolic, JointEncoder(tower.encoder, symbols["symbols"], hidden))


ENCODERS: Mapping[str, Callable[[int, int, Sequence[int], Sequence[int]], nn.Module]] = {
    "mlp": lambda symbols, latents, hidden, attributes: MLPSymbolEncoder(symbols, latents, hidden),
    "experts": lambda symbols, latents, hidden, attributes: ExpertSymbolEncoder(symbols, latents, attributes),
}
DECODERS: Mapping[str, Callable[[int, int, Sequence[int]], nn.Module]] = {
    "mlp": SymbolDecoder,
    "experts": lambda latents, symbols, hidden: ExpertSymbolDecoder(latents, symbols),
}

KINDS: Mapping[str, Callable[..., nn.Module]] = {
    "scan": scan,
    "operators": Operators,
    "judge": Judge,
    "multimodal": multimodal,
}


def build(spec: Mapping[str, Any]) -> nn.Module:
    """Return the module that a specification describes.

    Raises:
        ValueError: for an unknown kind, encoder or decoder, with the nearest valid name, and for a key that
            is missing or unknown.
    """
    kind: Any = spec.get("kind")
    choose(KINDS, kind, "kind of model")
    arguments = {key: value for key, value in spec.items() if key != "kind"}
    try:
        inspect.signature(KINDS[kind]).bind(**arguments)
    except TypeError as error:
        reason = str(error)[:LONGEST_REASON]
        raise ValueError(f"the specification of a {kind} model does not fit: {reason}") from error
    for key, value in arguments.items():
        _check_sizes(key, value, kind)
    return KINDS[kind](**arguments)


def check_encoder(name: object) -> None:
    """Refuse what is not the name of a symbol encoder.

    Raises:
        ValueError: With the nearest valid name.
    """
    choose(ENCODERS, name, "symbol encoder")


def _check_sizes(key: str, value: Any, kind: str) -> None:
    """Raise ValueError where a size is not a positive integer, or a list not one of these."""
    sizes = value if isinstance(value, list | tuple) else [value]
    if key in ("encoder", "decoder", "network") or isinstance(value, Mapping):
        return
    if not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in sizes):
        raise ValueError(f"{key} of a {kind} model is made of positive integers, got {reprlib.repr(value)}")
