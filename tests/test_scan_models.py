"""Specifications: what lies beside the weights rebuilds the module exactly, and misspelt keys are refused."""

import json
from typing import Any

import pytest

from scan import models
from scan.grounding import SCAN
from scan.symbol_networks import ExpertSymbolDecoder, ExpertSymbolEncoder, MLPSymbolEncoder, SymbolDecoder


def shapes(module: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "scan", "symbols": 7, "latents": 3, "encoder": "experts"},
        {"kind": "scan", "symbols": 7, "latents": 3, "encoder": "experts", "decoder": "mlp", "hidden": [20]},
        {"kind": "scan", "symbols": 7, "latents": 3, "encoder": "mlp", "hidden": [20, 10]},
        {"kind": "scan", "symbols": 7, "latents": 3, "encoder": "experts", "attributes": [3, 4]},
        {"kind": "operators", "hidden": [30, 15]},
        {"kind": "judge", "shape": [3, 16, 16], "sizes": [4, 2], "widths": [8, 8], "hidden": 12},
    ],
)
def test_a_specification_survives_json_and_fixes_every_shape(spec: dict[str, Any]) -> None:
    built, again = models.build(spec), models.build(json.loads(json.dumps(spec)))
    assert shapes(built) == shapes(again)
    for key in set(spec) - {"kind", "encoder", "decoder"} - ({"symbols"} if "attributes" in spec else set()):
        if key == "attributes":
            changed = {**spec, key: [2, 5]}
            assert shapes(models.build(changed)) != shapes(built)
            continue
        changed = {**spec, key: [9] if isinstance(spec[key], list) and key == "hidden" else _more(spec[key])}
        assert shapes(models.build(changed)) != shapes(built), key


def _more(value: Any) -> Any:
    return [_more(v) for v in value] if isinstance(value, list) else value * 2


def test_encoders_and_decoders_are_chosen_by_name() -> None:
    spec = {"kind": "scan", "symbols": 4, "latents": 2}
    kinds = {"mlp": (MLPSymbolEncoder, SymbolDecoder), "experts": (ExpertSymbolEncoder, ExpertSymbolDecoder)}
    for name, other in (("mlp", "experts"), ("experts", "mlp")):
        scan = models.build({**spec, "encoder": name})
        assert isinstance(scan, SCAN)
        assert (type(scan.encoder), type(scan.decoder)) == kinds[name]
        scan = models.build({**spec, "encoder": name, "decoder": other})
        assert isinstance(scan, SCAN)
        assert (type(scan.encoder), type(scan.decoder)) == (kinds[name][0], kinds[other][1])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "operator"}, "'operator' .did you mean 'operators'"),
        ({}, "unknown kind"),
        ({"kind": "scan", "symbols": 4}, "scan model does not fit.*latents"),
        ({"kind": "scan", "symbols": 4, "latents": 2, "hiden": [3]}, "hiden"),
        ({"kind": "scan", "symbols": 4, "latents": 2, "encoder": "expert"}, "did you mean 'experts'"),
        (
            {"kind": "scan", "symbols": 4, "latents": 2, "decoder": "mpl"},
            "decoder 'mpl' .did you mean 'mlp'",
        ),
    ],
)
def test_wrong_specifications_are_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        models.build(spec)
