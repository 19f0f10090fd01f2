import json

import pytest
import torch

from vision.colour import CyclicHSV
from vision.models import PRESETS, build, resolve


def shapes(module):
    return {name: tuple(weight.shape) for name, weight in module.state_dict().items()}


@pytest.mark.parametrize("side", [64, 80])
def test_the_papers_models(side):
    vae = build({"kind": "convolutional", "preset": f"paper-{side}"})
    assert (vae.shape, vae.latents) == ((3, side, side), 32)
    assert vae.encoder.convolutions.features == 64 * (side // 16) ** 2
    dae = build({"kind": "dae", "preset": f"paper-{side}"})
    assert (dae.shape, dae.code, dae.bound) == ((3, side, side), 100, "linear")
    assert build({"kind": "dae", "preset": "miyosuda", "shape": [3, side, side]}).bound == "tanh"


def test_what_is_given_goes_before_the_preset():
    vae = build(
        {"kind": "convolutional", "preset": "paper-64", "latents": 6, "shape": [3, 32, 48], "widths": [8, 8]}
    )
    assert (vae.shape, vae.latents) == ((3, 32, 48), 6)
    assert vae.decode(torch.zeros(1, 6)).shape == (1, 3, 32, 48)


@pytest.mark.parametrize(("kind", "preset"), [(kind, name) for kind in PRESETS for name in PRESETS[kind]])
def test_a_resolved_specification_survives_json_and_builds_the_same_model(kind, preset):
    spec = {"kind": kind, "preset": preset, "shape": (3, 32, 32), "colour": "hsv_cyclic"}
    full = resolve(spec)
    assert "preset" not in full
    assert resolve(json.loads(json.dumps(full))) == full
    assert shapes(build(full)) == shapes(build(spec))
    assert build(full).colour == CyclicHSV()


def test_defaults_are_the_papers():
    bare = {"shape": [3, 64, 64], "colour": "rgb"}
    for kind in ("convolutional", "dae"):
        assert resolve({"kind": kind, **bare}) == {"kind": kind, **PRESETS[kind]["paper-64"], "colour": "rgb"}


def test_resolving_changes_neither_the_specification_nor_the_preset():
    spec = {"kind": "convolutional", "preset": "paper-64", "latents": 3}
    build(spec)
    assert spec == {"kind": "convolutional", "preset": "paper-64", "latents": 3}
    assert PRESETS["convolutional"]["paper-64"]["latents"] == 32


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"kind": "convolutional", "shape": [3, 64, 64], "latent": 5},
            "unknown key of kind convolutional 'latent' .*'latents'",
        ),
        ({"kind": "dae", "shape": [3, 64, 64], "latents": 5}, "unknown key of kind dae 'latents'"),
        (
            {"kind": "gan", "shape": [3, 64, 64]},
            "unknown kind of model 'gan': choose from convolutional, layered",
        ),
        ({"shape": [3, 64, 64]}, "unknown kind of model None"),
        (
            {"kind": "convolutional", "preset": "paper64"},
            "unknown preset of kind convolutional 'paper64' .*'paper-64'",
        ),
        ({"kind": "convolutional", "preset": "paper"}, r"kind convolutional needs a shape \[C, H, W\]"),
        (
            {"kind": "convolutional", "shape": [3, 64, 64], "colour": "hvs"},
            "unknown colour space 'hvs' .*'hsv'",
        ),
        ({"kind": "convolutional", "shape": [1, 64, 64], "colour": "hsv"}, "HSV needs 3 channels"),
    ],
)
def test_what_is_wrong_is_named(spec, message):
    with pytest.raises(ValueError, match=message):
        build(spec)
