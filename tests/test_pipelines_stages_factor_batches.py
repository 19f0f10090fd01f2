"""Batches by factors in the vision stage: what each method is told, and that DC-IGN finds its factors."""

from pathlib import Path

import moving_shapes
import numpy as np
import pytest
import torch

from pipelines import cli
from pipelines.config import DCIGN, AdaGVAE, Config
from pipelines.errors import UsageError
from pipelines.stages import factor_batches, methods
from pipelines.stages.objectives import likelihood_of
from pipelines.stages.vision import specification
from scan.run_format import MODEL
from vision import models, weights
from vision.data import batches, load_npz
from vision.data.rooms import rooms
from vision.encoding import encode
from vision.objectives import Pass
from vision.vae import VAE

NAMES = ("a", "b", "c")
FACTORS = np.stack(np.meshgrid(range(3), range(2), range(4), indexing="ij"), -1).reshape(-1, 3)


def groups(**settings: object) -> DCIGN:
    return DCIGN(kind="dc_ign", **settings)  # type: ignore[arg-type]


def trained(objective: dict[str, object]) -> tuple[VAE, methods.Method]:
    vision = {
        "network": {"kind": "convolutional", "latents": 5, "hidden": 8, "widths": [4]},
        "objective": objective,
        "training": {"steps": 4, "batch": 8, "precision": "fp32"},
    }
    config = Config(name="a", data={"kind": "rooms"}, vision=vision)  # type: ignore[arg-type]
    torch.manual_seed(0)
    vae = models.build(specification(config.vision, (1, 8, 8)))
    assert isinstance(vae, VAE)
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (24, 8, 8, 1), dtype=np.uint8))
    seen = methods.Seen(pixels, FACTORS, NAMES)
    return vae, methods.method_of(config, vae, seen, likelihood_of(config.vision, None))


def test_the_groups_partition_the_latents_in_whatever_order_they_are_written() -> None:
    for written in ({"c": [4], "a": [1, 0]}, {"a": [0, 1], "c": [4]}):
        objective = groups(groups=written, ratio={"rest": 10})
        drawn = factor_batches.groups_of(objective, FACTORS, NAMES, 6)
        assert [contexts.changed for contexts in drawn.contexts] == [(0,), (2,), (1,)]
        assert np.allclose(drawn.shares, np.array([1, 1, 10]) / 12)
        active = factor_batches.active_latents(objective, 6, 3)
        assert torch.equal(active.sum(0), torch.ones(6, dtype=torch.long))
        assert [row.nonzero().flatten().tolist() for row in active] == [[0, 1], [4], [2, 3, 5]]


def test_without_a_rest_every_factor_has_its_latents() -> None:
    objective = groups(groups={"a": [0], "b": [1], "c": [2]})
    drawn = factor_batches.groups_of(objective, FACTORS, NAMES, 3)
    assert len(drawn.contexts) == 3
    assert torch.equal(factor_batches.active_latents(objective, 3, 3), torch.eye(3, dtype=torch.bool))


def test_factors_that_never_change_alone_are_named() -> None:
    tied = np.stack((FACTORS[:, 0], FACTORS[:, 0], FACTORS[:, 2]), 1)
    with pytest.raises(UsageError, match=r"groups: no two training images differ in exactly b$"):
        factor_batches.groups_of(groups(groups={"b": [0]}), tied, NAMES, 4)
    pairs = AdaGVAE(kind="ada_gvae", differing=2)
    with pytest.raises(
        UsageError, match=r"differ in exactly a, c: name others in vision\.objective\.factors"
    ):
        factor_batches.pairs_of(pairs, tied, NAMES)


def test_a_step_of_dc_ign_moves_only_the_active_latents_by_the_images() -> None:
    """With no strength, the rows of clamped latents in the encoder's last layer have no gradient."""
    vae, method = trained({"kind": "dc_ign", "groups": {"a": [0], "c": [1]}, "invariance_strength": 0})
    drawn = batches.FactorGroups(FACTORS, [[0], [2], [1]])
    active = {0: [0], 1: [1], 2: [2, 3, 4]}
    seen = set()
    seed = methods.derive_seed(0, "vision groups")
    for step in range(12):
        group = drawn(seed, step, 8).group
        seen.add(group)
        method.update(step)
        gradient = vae.encoder.code.weight.grad  # type: ignore[attr-defined,union-attr]
        moved = gradient.abs().sum(1).reshape(2, 5) > 0
        assert moved.all(0).nonzero().flatten().tolist() == active[group]
        assert moved.any(0).nonzero().flatten().tolist() == active[group]
    assert seen == {0, 1, 2}


def test_a_step_of_dc_ign_brings_the_clamped_latents_together() -> None:
    """The strength has a gradient at their means, which are not those that the decoder sees."""
    groups = {"kind": "dc_ign", "groups": {"a": [0], "c": [1]}}
    gradients = []
    for strength in (0, 5):
        vae, method = trained({**groups, "invariance_strength": strength})
        terms = method.update(0)
        gradients.append(vae.encoder.code.weight.grad.clone())  # type: ignore[attr-defined,union-attr]
    assert terms["invariance"] > 0
    moved = (gradients[1] - gradients[0]).abs().sum(1).reshape(2, 5) > 0
    drawn = batches.FactorGroups(FACTORS, [[0], [2], [1]])
    active = drawn(methods.derive_seed(0, "vision groups"), 0, 8).group
    clamped = [k for k in range(5) if k not in {0: [0], 1: [1], 2: [2, 3, 4]}[active]]
    assert moved[0].nonzero().flatten().tolist() == clamped
    assert not moved[1].any()  # of log-variances


@pytest.mark.parametrize("kind", ["ada_gvae", "ada_ml_vae", "slow_vae"])
def test_the_images_of_a_pair_stand_half_a_batch_apart(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Pass] = []
    made = methods.objectives.reconstruct

    def recorded(vae, q, target, *rest) -> Pass:
        seen.append(made(vae, q, target, *rest))
        return seen[-1]

    monkeypatch.setattr(methods.objectives, "reconstruct", recorded)
    _, method = trained({"kind": kind, "differing": 1})
    method.update(0)
    mean = seen[0].q.mean
    shared = mean[:4] == mean[4:]
    assert mean.shape == (8, 5)
    assert shared.any(1).all() == (kind != "slow_vae")
    assert not shared.all(1).any()


def test_frames_are_pairs_of_the_rooms_that_are_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    made = methods.objectives.target_of

    def recorded(vae, x, likelihood) -> torch.Tensor:
        seen.append(x)
        return made(vae, x, likelihood)

    monkeypatch.setattr(methods.objectives, "target_of", recorded)
    vision = {
        "network": {"kind": "convolutional", "latents": 5, "hidden": 8, "widths": [4]},
        "objective": {"kind": "slow_vae", "pairs": "frames"},
        "training": {"steps": 4, "batch": 12, "precision": "fp32"},
    }
    config = Config(name="a", data={"kind": "rooms"}, vision=vision)  # type: ignore[arg-type]
    vae = models.build(specification(config.vision, (3, 16, 16)))
    assert isinstance(vae, VAE)
    shown = rooms(20, size=16, rng=np.random.default_rng(0))
    pixels = batches.resident(shown, np.arange(20), torch.device("cpu"))
    likelihood = likelihood_of(config.vision, None)
    method = methods.method_of(config, vae, methods.Seen(pixels, shown.factors, shown.names), likelihood)
    terms = method.update(0)
    assert terms["transition"] > 0
    one, following = seen[0].chunk(2)
    assert one.shape == (6, 3, 16, 16)
    near = (one - following).abs().mean((1, 2, 3))
    assert (near > 0).all()
    assert near.mean() < (one - following.roll(1, 0)).abs().mean() / 3


@pytest.mark.slow
def test_dc_ign_finds_x_and_y_where_a_vae_does_not(tmp_path: Path) -> None:
    data, config, run = (tmp_path / name for name in ("shapes.npz", "shapes.yaml", "run"))
    moving_shapes.write(data)
    config.write_text(
        "data: {kind: npz, path: shapes.npz}\n"
        "splits: {held_out: 10, test_images: 100}\n"
        "vision:\n"
        "  network: {kind: convolutional, latents: 10, hidden: 128, widths: [32, 32, 64]}\n"
        "  objective: {kind: dc_ign, groups: {x: [0], y: [1], scale: [2]}}\n"
        "  training: {steps: 4000, batch: 20, lr: 1.0e-3, precision: fp32}\n"
    )
    assert cli.main(["run", str(config), "vision", "--run-dir", str(run), "--device", "cpu", "--quiet"]) == 0
    vae, _ = weights.rebuild(run / "vision" / MODEL, models.build)
    assert isinstance(vae, VAE)
    images = load_npz(data)
    means = encode(vae, images.images, torch.device("cpu")).mean.numpy()
    positions = images.factors[:, [images.names.index("x"), images.names.index("y")]]
    rho = np.abs(np.corrcoef(ranks(means[:, :2]).T, ranks(positions).T)[:2, 2:])
    assert rho.diagonal().min() >= 0.9
    assert np.fliplr(rho).diagonal().max() <= 0.3


def ranks(columns: np.ndarray) -> np.ndarray:
    """Of the values of each column (N, K), ties at the middle of theirs."""
    found = []
    for column in columns.T:
        _, index, counts = np.unique(column, return_inverse=True, return_counts=True)
        found.append((np.cumsum(counts) - (counts - 1) / 2)[index])
    return np.stack(found, 1)
