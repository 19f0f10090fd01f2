"""Members of pairs, groups and categories: the pipeline by their kind, a training that goes on, misfits."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from tiny_set import write_npz

import scan
from pipelines import cli
from pipelines.config import Config, config_files
from pipelines.devices import Machine
from pipelines.errors import UsageError
from pipelines.runs import datasets
from pipelines.runs.files import read_json
from pipelines.stages.methods import Seen, method_of
from pipelines.stages.objectives import likelihood_of
from pipelines.stages.vision import specification
from pipelines.training.fitting import Method, fit
from vision import models
from vision.data import batches
from vision.vae import VAE

CONFIG = """
name: tiny
data: {kind: npz, path: SET}
splits: {held_out: 4, test_images: 20, train_symbols: 12, validation_symbols: 0, test_symbols: 6,
         test_operators: 6}
vision:
  network: {kind: convolutional, latents: 5, hidden: 16, widths: [8, 8]}
  training: {steps: 12, batch: 16, lr: 1.0e-2, precision: fp32}
symbols: {steps: 6, batch: 16}
operators: {steps: 6, batch: 16, hidden: [8], triples: 30}
judge: {steps: 4, batch: 8, warmup: 1, images: 60}
evaluate: {images_per_symbol: 2, diversity_images: 4}
"""
JOINT = "{kind: joint, latents: 4, categories: [3, 2], hidden: 16, widths: [8, 8]}"
FAMILY = {
    "ada_gvae": {"objective": "{kind: ada_gvae, differing: 1}"},
    "ada_ml_vae": {"objective": "{kind: ada_ml_vae, beta: 2}"},
    "slow_vae": {"objective": "{kind: slow_vae, factors: [a, b]}"},
    "dc_ign": {"objective": "{kind: dc_ign, groups: {a: [0], b: [3, 1]}, ratio: {rest: 3}}"},
    "joint_vae": {"network": JOINT, "objective": "{kind: joint_vae}"},
}
"""Settings of the section vision for each kind."""


def assignments(kind: str) -> list[str]:
    return [f"vision.{key}={value}" for key, value in FAMILY[kind].items()]


def written(folder: Path) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(CONFIG.replace("SET", str(write_npz(folder / "set.npz"))), encoding="utf-8")
    return path


def run(folder: Path, *more: str) -> int:
    words = ["run", str(written(folder)), "--run-dir", str(folder / "run"), "--device", "cpu", "--quiet"]
    return cli.main([*words, *more])


def settings(kind: str) -> list[str]:
    return [word for one in assignments(kind) for word in ("--set", one)]


@pytest.mark.parametrize("kind", FAMILY)
def test_words_are_grounded_in_a_member_by_its_kind(kind: str, tmp_path: Path) -> None:
    assert run(tmp_path, "vision", "symbols", "operators", *settings(kind)) == 0
    metrics = read_json(tmp_path / "run" / "vision" / "metrics.json")
    assert metrics["kl_trained"] > 0
    assert len(metrics["train"]["kl_per_latent"]) == (9 if kind == "joint_vae" else 5)
    images = scan.load(tmp_path / "run").sym2img("(a: a1) AND b: b2", 3)
    assert images.shape == (3, 3, 8, 8)
    assert 0 <= images.min() < images.max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAMILY)
def test_a_member_carries_the_whole_pipeline(kind: str, tmp_path: Path) -> None:
    assert run(tmp_path, *settings(kind)) == 0
    assert (tmp_path / "run" / "report.html").is_file()
    splits = read_json(tmp_path / "run" / "evaluate" / "metrics.json")["splits"]
    assert 0 <= splits["train_symbols"]["accuracy_top1"] <= 1


@pytest.mark.parametrize("kind", FAMILY)
def test_a_training_that_was_stopped_goes_on_to_the_same_bits(kind: str, tmp_path: Path) -> None:
    config = config_files.load(written(tmp_path), assignments(kind))
    image_set = datasets.images(config)
    seen = Seen(
        batches.resident(image_set, torch.arange(len(image_set)).numpy(), torch.device("cpu")),
        image_set.factors,
        image_set.names,
    )
    here = Machine(torch.device("cpu"), quiet=True)

    def new(seed: int) -> tuple[VAE, Method]:
        torch.manual_seed(seed)
        vae = models.build(specification(config.vision, image_set.shape))
        assert isinstance(vae, VAE)
        return vae, method_of(config, vae, seen, likelihood_of(config.vision, None))

    training = config.vision.training
    whole, method = new(0)
    fit(method, training, tmp_path / "whole", "vision", here)
    _, method = new(0)
    fit(method, training, tmp_path / "parts", "vision", here, until=5)
    resumed, method = new(1)
    fit(method, training, tmp_path / "parts", "vision", here)
    for (name, one), other in zip(whole.named_parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other), name
    first, _ = new(0)
    assert not torch.equal(first.encoder.code.weight, whole.encoder.code.weight)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("vision", "message"),
    [
        ({"objective": {"kind": "joint_vae"}}, "joint_vae and vision.network.kind joint need each other"),
        ({"network": {"kind": "joint"}}, "need each other, got beta_vae and joint"),
        (
            {
                "network": {"kind": "joint"},
                "objective": {"kind": "joint_vae"},
                "penalties": {"jacobian_l1": 0.1},
            },
            "penalties are of Gaussian latents: vision.objective.kind joint_vae takes none",
        ),
        (
            {"objective": {"kind": "ada_gvae"}, "training": {"batch": 7}},
            "ada_gvae: vision.training.batch is even, got 7",
        ),
        (
            {"objective": {"kind": "dc_ign", "groups": {"x": [0, 32]}}},
            "vision.objective.groups.x: there are latents 0 to 31, got 32",
        ),
        (
            {"objective": {"kind": "dc_ign", "groups": {"x": [0], "y": [1, 0]}}},
            "latent 0 is in the groups x and y",
        ),
        (
            {"objective": {"kind": "dc_ign", "groups": {"x": [0]}, "ratio": {"y": 2}}},
            "ratio: no group 'y', there are x, rest",
        ),
        ({"training": {"output_bias": "mean"}}, "vision.network.kind layered has none: it must be random"),
        ({"objective": {"kind": "dc_ign", "groups": {"rest": [0]}}}, "rest stands for all other factors"),
        (
            {"objective": {"kind": "slow_vae", "pairs": "frames", "differing": 1}},
            "pairs frames takes neither differing nor factors",
        ),
    ],
)
def test_an_objective_that_does_not_fit_is_refused_when_the_config_is_read(
    vision: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Config(name="a", data={"kind": "rooms"}, vision=vision)  # type: ignore[arg-type]
    (error,) = caught.value.errors()
    assert message in error["msg"]
    assert "\n" not in error["msg"]


def test_frames_are_of_rooms(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is rooms, got npz"):
        config_files.load(written(tmp_path), ["vision.objective={kind: slow_vae, pairs: frames}"])


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (
            "{kind: ada_gvae, differing: 4}",
            "pairs can differ in 1 to 3 factors, got 4 (the data",
        ),
        (
            "{kind: slow_vae, factors: [a, hue]}",
            "vision.objective.factors: no factor 'hue' (the data",
        ),
        (
            "{kind: slow_vae, factors: [a]}",
            "how many factors differ can be drawn where 2 at least may",
        ),
        (
            "{kind: dc_ign, groups: {x: [0]}}",
            "objective.groups: no factor 'x' (the data have a, b, c)",
        ),
        ("{kind: dc_ign, groups: {a: [0, 1, 2, 3, 4]}}", "groups: no latent is left for b, c"),
        ("{kind: dc_ign, groups: {a: [0], b: [1], c: [2]}}", "no factor is left for the 2 other latents"),
        (
            "{kind: dc_ign, groups: {a: [0], b: [1], c: [2, 3, 4]}, ratio: {rest: 10}}",
            "vision.objective.ratio.rest: the groups have all factors",
        ),
    ],
)
def test_factors_that_the_data_do_not_have_are_refused_when_the_run_starts(
    objective: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--set", f"vision.objective={objective}") == 2
    stderr = capsys.readouterr().err
    assert stderr.count("\n") == 1
    assert message in stderr
    assert not (tmp_path / "run" / "data.json").exists()


@pytest.mark.parametrize("kind", ["ada_ml_vae", "dc_ign"])
def test_data_without_factors_have_no_pairs_and_no_groups(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, *settings(kind), "--set", "data.attributes=[]") == 2
    stderr = capsys.readouterr().err
    assert stderr.count("\n") == 1
    assert "by factors, and these data have none" in stderr
