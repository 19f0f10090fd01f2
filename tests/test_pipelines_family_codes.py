"""Each member of the encoder family by its kind: from the command line to images, resumed, and refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import scan
from pipelines import cli
from pipelines.config import Config
from pipelines.devices import Machine
from pipelines.stages import vision as stage
from pipelines.stages.methods import Seen, method_of
from pipelines.stages.objectives import likelihood_of
from pipelines.training.fitting import Method, fit
from vision import models
from vision.randomness import derive_seed
from vision.vae import VAE

QUIET = Machine(torch.device("cpu"), quiet=True)
OBJECTIVES: dict[str, dict[str, Any]] = {
    "info_gan": {"kind": "info_gan", "noise": 2, "categories": [3]},
    "info_wgan_gp": {"kind": "info_wgan_gp", "noise": 2, "categories": [3], "critic_steps": 2},
    "qlae": {"kind": "qlae", "values": 5},
}
"""By name of the test; each is a kind, with what keeps it small."""

RUN = """
name: tiny
data: {{kind: rooms, size: 16, images: 300}}
splits: {{held_out: 100, test_images: 30, train_symbols: 40, test_symbols: 12, test_operators: 12}}
vision:
  network: {{kind: convolutional, latents: 5, hidden: 16, widths: [8, 8]}}
  objective: {objective}
  training: {{steps: 6, batch: 16, lr: 1.0e-2, precision: fp32}}
symbols: {{steps: 6}}
operators: {{steps: 6, triples: 30, hidden: [8]}}
"""


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_member_is_grounded_from_the_command_line(name: str, tmp_path: Path) -> None:
    config, run = tmp_path / "tiny.yaml", tmp_path / "run"
    config.write_text(RUN.format(objective=OBJECTIVES[name]))
    words = ["run", str(config), "vision", "symbols", "operators", "--run-dir", str(run), "--device", "cpu"]
    assert cli.main([*words, "--quiet"]) == 0
    images = scan.load(run).sym2img("(wall: red) AND hat", 3, torch.Generator().manual_seed(5))
    assert images.shape == (3, 3, 16, 16)
    assert images.min() >= 0
    assert images.max() <= 1


class Killed(BaseException):
    """Stands for a process that ends here."""


def method(objective: dict[str, Any]) -> Method:
    """A method on images of noise, as the stage makes it."""
    vision = {
        "network": {"kind": "convolutional", "latents": 3, "hidden": 8, "widths": [4], "activation": "elu"},
        "objective": objective,
        "training": {"steps": 9, "batch": 8, "lr": 1e-2, "precision": "fp32", "checkpoint_seconds": 0},
    }
    config = Config(name="a", data={"kind": "rooms"}, vision=vision)  # type: ignore[arg-type]
    torch.manual_seed(derive_seed(0, "vision weights"))
    vae = models.build(stage.specification(config.vision, (3, 8, 8)))
    assert isinstance(vae, VAE)
    pixels = torch.randint(256, (20, 8, 8, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    seen = Seen(pixels, np.zeros((20, 1), dtype=np.int64), ("a",))
    return method_of(config, vae, seen, likelihood_of(config.vision, None))


def states(trained: Method) -> list[Tensor]:
    """All weights and all moments."""
    found = [value for module in trained.modules.values() for value in module.state_dict().values()]
    for optimiser in trained.optimisers.values():
        for moments in optimiser.state_dict()["state"].values():
            found += moments.values()
    return found


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_member_resumes_bit_for_bit(name: str, tmp_path: Path) -> None:
    training = Config(name="a", data={"kind": "rooms"}).vision.training.model_copy(  # type: ignore[arg-type]
        update={"steps": 9, "checkpoint_seconds": 0.0}
    )
    whole = method(OBJECTIVES[name])
    (tmp_path / "whole").mkdir()
    fit(whole, training, tmp_path / "whole", "vision", QUIET)
    (tmp_path / "killed").mkdir()
    for last in (2, 5):
        begun = method(OBJECTIVES[name])

        def update(step: int, begun: Method = begun, last: int = last) -> dict[str, Tensor]:
            if step == last:
                raise Killed
            return begun.update(step)

        with pytest.raises(Killed):
            fit(begun._replace(update=update), training, tmp_path / "killed", "vision", QUIET)
    resumed = method(OBJECTIVES[name])
    fit(resumed, training, tmp_path / "killed", "vision", QUIET)
    pairs = list(zip(states(resumed), states(whole), strict=True))
    assert len(pairs) > 10
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_member_changes_every_row_of_every_weight(name: str) -> None:
    """Adam moves whatever has a gradient; of the values of a grid those that a code is near."""
    trained = method(OBJECTIVES[name])
    before = {
        f"{module}.{key}": weight.detach().clone()
        for module, network in trained.modules.items()
        for key, weight in network.named_parameters()
    }
    for step in range(4):
        trained.update(step)
    for module, network in trained.modules.items():
        for key, weight in network.named_parameters():
            changed = (weight.detach() != before[f"{module}.{key}"]).flatten(1 if weight.ndim > 1 else 0)
            in_rows = changed.any(1) if weight.ndim > 1 and not key.endswith("values") else changed.any()
            assert in_rows.all(), f"{module}.{key}"


def test_neither_biases_nor_values_of_a_grid_decay() -> None:
    trained = method({"kind": "qlae", "weight_decay": 0.3})
    (network,), (adam,) = trained.modules.values(), trained.optimisers.values()
    decay = {id(weight): group["weight_decay"] for group in adam.param_groups for weight in group["params"]}
    found = {name: decay[id(weight)] for name, weight in network.named_parameters()}
    assert found["encoder.quantiser.values"] == 0
    assert found["encoder.code.weight"] == found["decoder.decoder.code.weight"] == 0.3
    assert all((decay == 0) == name.endswith(("bias", "values")) for name, decay in found.items())


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            {"objective": {"kind": "info_gan"}, "network": {"kind": "layered"}},
            "info_gan has an encoder of its",
        ),
        (
            {"objective": {"kind": "qlae"}, "network": {"kind": "layered"}},
            "must be convolutional, not layered",
        ),
        (
            {"objective": {"kind": "qlae"}, "network": {"kind": "convolutional", "precision_limit": 50}},
            "vision.network.precision_limit is null",
        ),
        ({"objective": {"kind": "info_gan", "categories": [3, 1]}}, "greater than or equal to 2"),
        (
            {"objective": {"kind": "info_wgan_gp"}, "penalties": {"jacobian_l1": 0.1}},
            "info_wgan_gp has no posterior to penalise: vision.penalties.jacobian_l1 must be 0",
        ),
        (
            {"objective": {"kind": "info_gan"}, "training": {"restarts": 2}},
            "no loss that compares restarts: vision.training.restarts must be 1",
        ),
        (
            {"penalties": {"latent_multiinformation": 0.1}, "training": {"batch": 1}},
            "vision.training.batch is at least 2, got 1",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_when_the_config_is_read(
    section: dict[str, Any], message: str
) -> None:
    if section.get("network") == {"kind": "layered"}:
        section = {**section, "likelihood": {"kind": "gaussian"}}
    with pytest.raises(ValueError, match=message):
        Config(name="a", data={"kind": "rooms"}, vision=section)  # type: ignore[arg-type]
