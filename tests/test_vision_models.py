import json

import pytest
import torch

from vision.colour import CyclicHSV
from vision.models import KINDS, build, resolve


def shapes(module):
    return {name: tuple(weight.shape) for name, weight in module.state_dict().items()}


@pytest.mark.parametrize("side", [64, 80])
def test_defaults_are_the_papers(side):
    vae = build({"kind": "convolutional", "shape": [3, side, side]})
    assert (vae.shape, vae.latents) == ((3, side, side), 32)
    assert vae.encoder.convolutions.features == 64 * (side // 16) ** 2
    assert vae.encoder.min_logvar is None
    dae = build({"kind": "dae", "shape": [3, side, side]})
    assert (dae.shape, dae.code, dae.bound) == ((3, side, side), 100, "linear")
    full = resolve({"kind": "convolutional", "shape": [3, side, side]})
    assert (full["widths"], full["hidden"], full["activation"]) == ([32, 32, 64, 64], 256, "relu")


def test_what_is_given_goes_before_the_defaults():
    vae = build({"kind": "convolutional", "latents": 6, "shape": [3, 32, 48], "widths": [8, 8]})
    assert (vae.shape, vae.latents) == ((3, 32, 48), 6)
    assert vae.decode(torch.zeros(1, 6)).shape == (1, 3, 32, 48)


@pytest.mark.parametrize("kind", KINDS)
def test_a_resolved_specification_survives_json_and_builds_the_same_model(kind):
    spec = {"kind": kind, "shape": (3, 32, 32), "colour": "hsv_cyclic"}
    full = resolve(spec)
    assert spec == {"kind": kind, "shape": (3, 32, 32), "colour": "hsv_cyclic"}
    assert resolve(json.loads(json.dumps(full))) == full
    assert shapes(build(full)) == shapes(build(spec))
    assert build(full).colour == CyclicHSV()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"kind": "convolutional", "shape": [3, 64, 64], "latent": 5},
            "unknown key of kind convolutional 'latent' .*'latents'",
        ),
        ({"kind": "dae", "shape": [3, 64, 64], "latents": 5}, "unknown key of kind dae 'latents'"),
        ({"kind": "layered", "shape": [3, 64, 64], "where": 5}, "unknown key of kind layered 'where'"),
        (
            {"kind": "gan", "shape": [3, 64, 64]},
            "unknown kind of model 'gan': choose from convolutional, layered",
        ),
        ({"shape": [3, 64, 64]}, "unknown kind of model None"),
        ({"kind": "convolutional"}, r"kind convolutional needs a shape \[C, H, W\]"),
        (
            {"kind": "convolutional", "shape": [3, 64, 64], "colour": "hvs"},
            "unknown colour space 'hvs' .*'hsv'",
        ),
        ({"kind": "convolutional", "shape": [1, 64, 64], "colour": "hsv"}, "HSV needs 3 channels"),
        ({"kind": "convolutional", "shape": [3, 64, 64], "activation": "rleu"}, "activation 'rleu' .*'relu'"),
        ({"kind": "convolutional", "shape": [3, 64, 64], "activation": ["elu"]}, "unknown activation"),
        ({"kind": "dae", "shape": [3, 64, 64], "bound": "tan"}, "unknown bound of the code 'tan' .*'tanh'"),
        *(
            (
                {"kind": "info_gan", "shape": [3, 64, 64], "noise": noise},
                "noise of kind info_gan is an integer",
            )
            for noise in ("3", 2.5, -1, True)
        ),
    ],
)
def test_what_is_wrong_is_named(spec, message):
    with pytest.raises(ValueError, match=message):
        build(spec)


def test_a_restorer_is_part_of_the_specification_and_the_last_of_what_makes_an_image():
    plain = resolve({"kind": "convolutional", "shape": [3, 8, 8], "latents": 4, "widths": [4], "hidden": 8})
    autoencoder = {"kind": "dae", "shape": [3, 8, 8], "widths": [4], "code": 8}
    spec = json.loads(json.dumps(resolve({**plain, "restorer": autoencoder})))
    model, alone = build(spec), build(plain)
    assert model.restorer is not None
    assert alone.restorer is None
    alone.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("restorer")})
    z = torch.randn(5, 4)
    assert torch.equal(model.decode(z), model.restorer.denoise(alone.decode(z)))
    assert not torch.allclose(model.decode(z), alone.decode(z), atol=1e-3)
    for wrong in (
        {**autoencoder, "restorer": autoencoder},
        {**plain, "restorer": plain},
        {**plain, "restorer": 3},
    ):
        with pytest.raises(ValueError, match="restorer"):
            resolve(wrong)
