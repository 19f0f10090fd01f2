"""Every objective of the encoder family carries the whole pipeline, by its kind in the config."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_set import write_npz
from torch import Tensor, nn

from pipelines import cli
from pipelines.config import Config
from pipelines.stages import vision as stage
from pipelines.stages.methods import Seen, method_of
from pipelines.training.fitting import Method
from scan.loading import load_model
from vision import models, objectives
from vision.data import batches
from vision.objectives import Discriminator
from vision.randomness import derive_seed, step_generator
from vision.vae import VAE

STEPS = 6
CONFIG = """
name: tiny
data: {kind: npz, path: SET}
splits: {held_out: 4, test_images: 20, train_symbols: 12, validation_symbols: 0, test_symbols: 6,
         test_operators: 6}
vision:
  network: {kind: convolutional, latents: 4, hidden: 16, widths: [8, 8]}
  objective: OBJECTIVE
  training: {steps: STEPS, batch: 16, lr: 1.0e-2, precision: fp32, checkpoint_seconds: 0}
symbols: {steps: 4, batch: 8}
operators: {steps: 4, triples: 20, hidden: [4]}
judge: {steps: 4, batch: 16, warmup: 1, images: 60, precision: fp32}
evaluate: {images_per_symbol: 2, diversity_images: 4}
"""

SMALL = "discriminator: {hidden: 8, layers: 2}"
KINDS = {
    "annealed_vae": "{kind: annealed_vae}",
    "bottleneck_vae": "{kind: bottleneck_vae}",
    "factor_vae": f"{{kind: factor_vae, {SMALL}}}",
    "beta_tcvae": "{kind: beta_tcvae}",
    "beta_tcvae mss": "{kind: beta_tcvae, estimator: mss}",
    "dip_vae_i": "{kind: dip_vae_i}",
    "dip_vae_ii": "{kind: dip_vae_ii}",
}
TERMS = {
    "factor_vae": {"total_correlation", "discriminator"},
    "beta_tcvae": {"mutual_information", "total_correlation", "dimension_wise_kl"},
    "dip_vae_i": {"dip_off_diagonal", "dip_diagonal"},
    "dip_vae_ii": {"dip_off_diagonal", "dip_diagonal"},
}
"""Terms of the log, besides those of the VAE."""


def run(folder: Path, objective: str, *more: str) -> int:
    config = folder / "tiny.yaml"
    images = write_npz(folder / "set.npz", size=8)
    config.write_text(
        CONFIG.replace("OBJECTIVE", objective).replace("SET", str(images)).replace("STEPS", str(STEPS)),
        encoding="utf-8",
    )
    return cli.main(
        ["run", str(config), *more, "--run-dir", str(folder / "run"), "--device", "cpu", "--quiet"]
    )


def log_of(folder: Path) -> list[dict[str, float]]:
    """The lines of the vision stage's log, without times."""
    lines = (folder / "run" / "vision" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [{name: x for name, x in json.loads(line).items() if name != "seconds"} for line in lines]


@pytest.mark.parametrize("kind", KINDS)
def test_words_are_grounded_and_recombined_in_the_latents_of_a_member(kind: str, tmp_path: Path) -> None:
    assert run(tmp_path, KINDS[kind], "vision", "symbols", "operators") == 0
    terms = log_of(tmp_path)[-1].keys() - {"step", "lr"}
    assert terms == {"loss", "reconstruction", "kl"} | TERMS.get(kind.split()[0], set())
    picture = tmp_path / "imagined.png"
    assert cli.main(["sym2img", str(tmp_path / "run"), "a: a1 AND b: b2", "-n", "2", "-o", str(picture)]) == 0
    assert picture.is_file()


def test_every_initialisation_begins_with_the_bias_that_is_asked_for(tmp_path: Path) -> None:
    started = ("output_bias=mean", "lr=1e-9", "restarts=2", "restart_steps=2")
    options = [word for one in started for word in ("--set", f"vision.training.{one}")]
    assert run(tmp_path, "{kind: beta_vae}", "vision", *options) == 0
    bias = load_model(tmp_path / "run" / "vision", VAE).decoder.output_layer().bias
    assert bias[1:].abs().max() < 0.03, "green and blue are noise around 0.5"


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_member_carries_the_whole_pipeline(kind: str, tmp_path: Path) -> None:
    assert run(tmp_path, KINDS[kind]) == 0
    assert (tmp_path / "run" / "report.html").is_file()
    metrics = json.loads((tmp_path / "run" / "evaluate" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["disentanglement"]


class Killed(BaseException):
    """Stands for a process that ends here."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_training_ends_with_the_same_bits(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    assert run(whole, KINDS[kind], "vision") == 0

    def ends(*arguments: Any) -> Method:
        method = method_of(*arguments)

        def update(step: int) -> dict[str, Tensor]:
            terms = method.update(step)
            if step == STEPS // 2:
                raise Killed  # after the weights changed and before the state was saved
            return terms

        return method._replace(update=update)

    with monkeypatch.context() as patched:
        patched.setattr(stage, "method_of", ends)
        with pytest.raises(Killed):
            run(killed, KINDS[kind], "vision")
    assert run(killed, KINDS[kind], "vision") == 0
    assert log_of(killed) == log_of(whole)
    one, other = (folder / "run" / "vision" / "model.safetensors" for folder in (whole, killed))
    assert one.read_bytes() == other.read_bytes()


def factor_vae(gamma: float = 10.0) -> tuple[VAE, Method, Tensor]:
    """A FactorVAE with its method, and the images that it learns from."""
    vision = {
        "network": {"kind": "convolutional", "latents": 4, "hidden": 16, "widths": [8, 8]},
        "objective": {"kind": "factor_vae", "gamma": gamma, "discriminator": {"hidden": 8, "layers": 2}},
        "training": {"steps": 10, "batch": 16, "lr": 1e-2, "precision": "fp32"},
    }
    config = Config(name="a", data={"kind": "rooms"}, vision=vision)  # type: ignore[arg-type]
    torch.manual_seed(0)
    vae = models.build(stage.specification(config.vision, (3, 8, 8)))
    assert isinstance(vae, VAE)
    pixels = torch.randint(256, (40, 8, 8, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    seen = Seen(pixels, np.zeros((40, 1), dtype=np.int64))
    return vae, method_of(config, vae, seen, objectives.Bernoulli()), pixels


def gradients(module: nn.Module) -> list[Tensor]:
    return [weight.grad.clone() for weight in module.parameters() if weight.grad is not None]


def test_the_step_of_the_discriminator_leaves_the_gradient_of_the_vae_bit_for_bit() -> None:
    vae, method, _ = factor_vae()
    alone, without, _ = factor_vae()
    without.optimisers["discriminator"].step = lambda *_: None  # type: ignore[method-assign, assignment]
    before = [weight.clone() for weight in method.modules["discriminator"].parameters()]
    method.update(0)
    without.update(0)
    found, expected = gradients(vae), gradients(alone)
    assert len(found) == len(list(vae.parameters()))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    after = method.modules["discriminator"].parameters()
    assert all(not torch.equal(one, other) for one, other in zip(before, after, strict=True))
    method.update(1)
    without.update(1)
    assert not torch.equal(gradients(vae)[0], gradients(alone)[0]), "the second step sees the first"


def test_the_two_steps_of_the_factor_vae_by_hand() -> None:
    """Kim and Mnih 2018, algorithm 2: z of the VAE's own pass, and permuted codes of a second batch."""
    _, method, pixels = factor_vae()
    by_hand, other_method, _ = factor_vae()
    critic = other_method.modules["discriminator"]
    assert isinstance(critic, Discriminator)
    terms = method.update(0)

    def batch(name: str) -> Tensor:
        return batches.take(pixels, batches.plain(derive_seed(0, f"{name} batches"), 0, 40, 16))

    def noise(name: str) -> torch.Generator:
        return step_generator(derive_seed(0, f"{name} noise"), 0, torch.device("cpu"))

    assert not torch.equal(batch("vision"), batch("vision discriminator"))
    passed = objectives.forward(by_hand, batch("vision"), objectives.Bernoulli(), noise("vision"))
    correlation = objectives.total_correlation(critic, passed.z)
    loss = passed.reconstruction + passed.kl.sum() + 10 * correlation
    assert torch.allclose(terms["loss"], loss)
    assert torch.allclose(terms["total_correlation"], correlation)
    adam = other_method.optimisers["model"]
    loss.backward()
    adam.param_groups[0]["lr"] = 1e-2
    adam.step()
    generator = noise("vision discriminator")
    z = by_hand.encoder(batch("vision discriminator")).sample(generator)
    second = objectives.discrimination(critic, passed.z, objectives.permuted(z, generator)).value
    assert torch.allclose(terms["discriminator"], second)
    second.backward()
    for one, other in zip(gradients(method.modules["discriminator"]), gradients(critic), strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    assert method.optimisers["discriminator"].param_groups[0]["betas"] == (0.5, 0.9)
    assert method.optimisers["discriminator"].param_groups[0]["lr"] == 1e-4


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (
            "{kind: factor_vae, gamma: -1}",
            "vision.objective.gamma: input should be greater than or equal to 0",
        ),
        ("{kind: beta_tcvae, estimator: msw}", "the text 'msw' is none of mws, mss; did you mean mws?"),
        ("{kind: annealed_vae, target: 3}", "vision.objective.target: unknown key"),
        ("{kind: dip_vae_iii}", "vision.objective: kind 'dip_vae_iii' is none of beta_vae, "),
    ],
)
def test_a_setting_that_a_member_does_not_have_is_refused(
    objective: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, objective) == 2
    stderr = capsys.readouterr().err
    assert message in stderr
    assert stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("kind", "batch", "message"),
    [
        ("dip_vae_i", 1, "vision.objective.kind dip_vae_i compares the images of a batch"),
        (
            "beta_tcvae mss",
            1000,
            "vision.training.batch: 1000 is more than the 171 images, of which stratified",
        ),
    ],
)
def test_batches_that_a_member_cannot_use_are_refused(
    kind: str, batch: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, KINDS[kind], "--set", f"vision.training.batch={batch}") == 2
    stderr = capsys.readouterr().err
    assert message in stderr
    assert stderr.count("\n") == 1
