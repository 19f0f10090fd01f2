"""Concept models by name: a JSON-able specification in, a module with fresh weights out.

The counterpart of `vision.models` for what this package trains. A specification is what lies beside the
weights:

    {"kind": "scan", "symbols": 51, "latents": 32, "encoder": "mlp", "hidden": [100]}
    {"kind": "operators", "hidden": [30, 15]}
    {"kind": "judge", "shape": [3, 64, 64], "sizes": [16, 16, 16, 3]}
"""

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from scan.grounding import SCAN
from scan.judge import Judge
from scan.operators import Operators
from scan.symbol_networks import ExpertSymbolDecoder, ExpertSymbolEncoder, MLPSymbolEncoder, SymbolDecoder


def scan(
    symbols: int,
    latents: int,
    *,
    encoder: str = "mlp",
    decoder: str | None = None,
    hidden: Sequence[int] = (100,),
) -> SCAN:
    """Return SCAN with an encoder of `ENCODERS` and a decoder of `DECODERS`.

    The decoder is of the encoder's kind where it is not given. `hidden` are the widths of the perceptrons.
    """
    decoder = encoder if decoder is None else decoder
    if encoder not in ENCODERS:
        raise ValueError(f"unknown symbol encoder {encoder!r}{_nearest(encoder, ENCODERS)}")
    if decoder not in DECODERS:
        raise ValueError(f"unknown symbol decoder {decoder!r}{_nearest(decoder, DECODERS)}")
    return SCAN(ENCODERS[encoder](symbols, latents, hidden), DECODERS[decoder](latents, symbols, hidden))


ENCODERS: Mapping[str, Callable[[int, int, Sequence[int]], nn.Module]] = {
    "mlp": MLPSymbolEncoder,
    "experts": lambda symbols, latents, hidden: ExpertSymbolEncoder(symbols, latents),
}
DECODERS: Mapping[str, Callable[[int, int, Sequence[int]], nn.Module]] = {
    "mlp": SymbolDecoder,
    "experts": lambda latents, symbols, hidden: ExpertSymbolDecoder(latents, symbols),
}

KINDS: Mapping[str, Callable[..., nn.Module]] = {"scan": scan, "operators": Operators, "judge": Judge}


def build(spec: Mapping[str, Any]) -> nn.Module:
    """Return the module that a specification describes.

    Raises:
        ValueError: for an unknown kind, encoder or decoder, with the nearest valid name, and for a key that
            is missing or unknown.
    """
    kind = str(spec.get("kind"))
    if kind not in KINDS:
        raise ValueError(f"unknown kind of model {kind!r}{_nearest(kind, KINDS)}")
    arguments = {key: value for key, value in spec.items() if key != "kind"}
    try:
        inspect.signature(KINDS[kind]).bind(**arguments)
    except TypeError as error:
        raise ValueError(f"the specification of a {kind} model does not fit: {error}") from error
    return KINDS[kind](**arguments)


def _nearest(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f": expected one of {', '.join(known)}"
