"""Models that were trained in the features of a denoising autoencoder give images that went through it."""

import json
from pathlib import Path

import pytest
import torch
from tiny_set import write_npz

from pipelines import cli
from pipelines.runs.folder import RunFolder
from pipelines.runs.models import load
from vision.dae import DAE
from vision.vae import VAE

CONFIG = """
data: {kind: npz, path: set.npz}
splits: {held_out: 5, test_images: 20, train_symbols: 20,
         test_symbols: 10, validation_symbols: 10, test_operators: 10}
dae: {steps: 3, batch: 8, code: 8, widths: [8, 8]}
vision:
  network: {kind: convolutional, latents: 4, hidden: 16, widths: [8, 8]}
  likelihood: {kind: perceptual, features: FEATURES}
  training: {steps: 3, batch: 8}
"""


@pytest.mark.parametrize(
    ("features", "joint"),
    [("dae_logits", False), ("bottleneck", False), ("dae_logits", True), ("pixels", False)],
)
def test_images_are_those_of_the_autoencoder(features: str, joint: bool, tmp_path: Path) -> None:
    write_npz(tmp_path / "set.npz", size=16)
    config, run = tmp_path / "a.yaml", tmp_path / "run"
    config.write_text(
        CONFIG.replace("FEATURES", features) + "joint: {kind: jmvae, steps: 2, batch: 8}\n" * joint
    )
    stages = ["dae", *(["joint"] if joint else []), "vision"]
    words = ["run", str(config), *stages, "--run-dir", str(run), "--device", "cpu", "--quiet"]
    assert cli.main(words) == 0
    vae = load(RunFolder(run), "vision", VAE, torch.device("cpu"))
    metrics = json.loads((run / "vision" / "metrics.json").read_text())
    assert metrics["restored"] == (vae.restorer is not None) == (features != "pixels")
    z = torch.randn(3, vae.latents)
    seen, vae.restorer = vae.decode(z), None
    plain = vae.decode(z)
    if features != "pixels":
        plain = load(RunFolder(run), "dae", DAE, torch.device("cpu")).denoise(plain)
    assert torch.equal(seen, plain)
