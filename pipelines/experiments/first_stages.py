"""Small visual models of dSprites for experiments that train many, by any objective of the config.

They are trained as the stage `vision` trains (the same networks, objectives, batches and loop, and they
resume), without a run folder of their own. Scores are of fresh images of all combinations of factors. Models
that several experiments need are trained once, in OUT/first-stages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from pipelines.config import Config
from pipelines.devices import Machine, place
from pipelines.experiments import Asked
from pipelines.experiments.parts import part
from pipelines.runs import datasets
from pipelines.runs.files import fingerprint
from pipelines.stages.methods import Seen, method_of
from pipelines.stages.objectives import likelihood_of
from pipelines.stages.vision import specification
from pipelines.training.fitting import fit
from vision import models, objectives
from vision.data import ImageSet, batches, to_unit
from vision.disentanglement import encoded
from vision.encoding import encode
from vision.gaussian import ACTIVE, kl_from_prior
from vision.metrics import MetricError, beta_vae_score, dci, factor_vae_score_of_points, mig, sap
from vision.metrics.dci import Estimator
from vision.randomness import derive_seed, generator, step_generator
from vision.vae import VAE

SPRITES: Mapping[str, Any] = {
    "kind": "dsprites",
    "size": 16,
    "images": 20_000,
    "fixed": {"shape": "ellipse", "orientation": "0"},
    "bins": {"x": 8, "y": 8},
}
"""The upright ellipses of dSprites at 16x16: scale, x and y. With all shapes and angles, or with fully
connected networks, models that train for a minute hardly separate anything (DCI 0.05 to 0.1). The 32
positions are cut into 8 values, within which they vary."""
NETWORK: Mapping[str, Any] = {"kind": "convolutional", "widths": [16, 32], "hidden": 128}
LIKELIHOOD: Mapping[str, Any] = {"kind": "gaussian", "scale": 0.1}
"""Narrow: by cross-entropy, 256 pixels and beta 1 leave one latent active."""
TRAINING: Mapping[str, Any] = {"batch": 64, "lr": 2e-3, "warmup": 200, "precision": "fp32"}
"""Without the warm-up many models reconstruct the mean image alone for hundreds of steps."""
STEPS = 1000
"""Of a training, where an experiment does not say otherwise."""
DISCRIMINATOR: Mapping[str, Any] = {"hidden": 128, "layers": 3, "lr": 1e-3}
"""Of FactorVAE, where the paper has 6 layers of 1000 units."""
FACTOR_VAE: Mapping[str, Any] = {"kind": "factor_vae", "gamma": 10.0, "discriminator": DISCRIMINATOR}
POINTS = 3000
"""That scores are fitted on; half as many to test."""
FOREST_POINTS = 1000
"""Points of DCI's trees, which are slow."""
BETA_VOTES, BETA_BATCH = 400, 32


class FirstStage(NamedTuple):
    """A trained visual model."""

    config: Config
    vae: VAE
    images: ImageSet
    """What it was trained on."""
    device: torch.device


def config_of(
    objective: Mapping[str, Any], seed: int, steps: int, *, latents: int = 10, **sections: Mapping[str, Any]
) -> Config:
    """The config of a small visual model.

    Args:
        objective: The section `vision.objective`.
        seed: Of weights, images and noise.
        steps: Of the training.
        latents: D.
        sections: `data`, `network` and `training`, each added to the defaults of this module; a network or
            data of another kind replaces them.
    """
    network, data = sections.get("network", {}), sections.get("data", {})
    return Config.model_validate(
        {
            "name": "experiment",
            "seed": seed,
            "data": {**({} if "kind" in data else SPRITES), **data},
            "vision": {
                "network": {**({} if "kind" in network else NETWORK), **network, "latents": latents},
                "likelihood": dict(LIKELIHOOD),
                "objective": dict(objective),
                "training": {**TRAINING, "steps": steps, **sections.get("training", {})},
            },
        }
    )


def trained(
    config: Config,
    folder: Path,
    machine: Machine,
    *,
    until: int | None = None,
    keep: Callable[[ImageSet], np.ndarray] | None = None,
) -> FirstStage:
    """Train a visual model, or go on with it.

    Args:
        config: As `config_of` gives it.
        folder: Of its state and log.
        machine: Where to train.
        until: Stop after so many steps of the training; by default at its end.
        keep: Which images it is trained on, booleans (N,); by default all.
    """
    images, settings = datasets.images(config), config.vision
    images = images if keep is None else images.subset(keep(images))
    pixels = batches.resident(images, np.arange(len(images)), machine.device)
    likelihood = likelihood_of(settings, None)
    torch.manual_seed(derive_seed(config.seed, "vision weights"))
    vae = models.build(specification(settings, images.shape))
    assert isinstance(vae, VAE)
    method = method_of(
        config, place(vae, machine.device), Seen(pixels, images.factors, images.names), likelihood
    )
    fit(method, settings.training, folder, "vision", machine._replace(quiet=True), until=until)
    vae.eval()
    return FirstStage(config, vae, images, machine.device)


def scored(
    asked: Asked,
    name: str,
    config: Config,
    machine: Machine,
    *,
    beta_vae: bool = False,
    estimator: Estimator = "gradient_boosting",
) -> dict[str, Any]:
    """The scores of a model: trained and measured once for all experiments.

    Args:
        asked: The folder.
        name: Of the model in this experiment, for the progress.
        config: Of the model.
        machine: Where to train.
        beta_vae: As `scores`.
        estimator: As `scores`.
    """
    settings = {"config": config.model_dump(mode="json"), "beta_vae": beta_vae, "dci": estimator}
    shared = asked._replace(folder=asked.folder.parent / "first-stages")
    kind = f"{config.vision.objective.kind}-{config.seed}"

    def compute() -> dict[str, Any]:
        stage = trained(config, folder_of(shared, kind, config), machine)
        return scores(stage, beta_vae=beta_vae, estimator=estimator)

    found = part(shared.folder, f"{kind}-{fingerprint(settings)[:8]}", settings, compute)
    shown = ", ".join(f"{key} {value:.3f}" for key, value in found.items())
    machine.say(f"{asked.folder.name}: {name}: {shown}")
    return found


def folder_of(asked: Asked, name: str, config: Config) -> Path:
    """Where a model is trained; another one where its config is another."""
    return asked.folder / "trainings" / f"{name}-{fingerprint(config.model_dump(mode='json'))[:8]}"


def scores(
    stage: FirstStage, *, beta_vae: bool = False, estimator: Estimator = "gradient_boosting"
) -> dict[str, float]:
    """Scores of the mean codes of fresh images with uniform, independent factors.

    Args:
        stage: The model.
        beta_vae: Whether the BetaVAE score is among them, which draws images of its own.
        estimator: The learner of DCI.

    Returns:
        `factor_vae`, `mig`, `sap`, `dci` (disentanglement), `reconstruction` and `kl` in nats, `active`
        latents, and `beta_vae` if asked for. Scores of a code that encodes nothing are 0.
    """
    seed = stage.config.seed
    images = independent(stage.config)
    found = encoded(stage.vae.encode, images, POINTS, seed, stage.device)
    codes, factors, codes_test, factors_test, *_ = found.parts
    measured = {
        "factor_vae": factor_vae_score_of_points(codes, factors, rng=generator(seed, "votes")).eval,
        **_nats(stage, images.sample(POINTS // 2, generator(seed, "reconstructed"))),
        "active": float((found.kl > ACTIVE).sum()),
    }
    try:
        few = FOREST_POINTS if estimator == "gradient_boosting" else len(codes)
        measured |= {
            "mig": mig(codes, factors),
            "sap": sap(codes, factors, codes_test, factors_test, continuous=True),
            "dci": dci(
                codes[:few], factors[:few], codes_test, factors_test, estimator=estimator
            ).disentanglement,
        }
    except MetricError:  # no latent varies
        measured |= {"mig": 0.0, "sap": 0.0, "dci": 0.0}
    if beta_vae:
        measured["beta_vae"] = _beta_vae(stage, images)
    return measured


def independent(config: Config) -> ImageSet:
    """A set of one image that renders those of any combination of the config's factors."""
    data = config.data.model_copy(update={"images": 1, "joint": None})
    return datasets.images(config.model_copy(update={"data": data}))


@torch.no_grad()
def _nats(stage: FirstStage, images: ImageSet) -> dict[str, float]:
    """The reconstruction term and the KL of an image, in nats."""
    x = to_unit(images.images).to(stage.device)
    likelihood = likelihood_of(stage.config.vision, None)
    passed = objectives.forward(stage.vae, x, likelihood, step_generator(0, 0, stage.device))
    kl = kl_from_prior(stage.vae.encode(x)).sum(1).mean()
    return {"reconstruction": passed.reconstruction.item(), "kl": kl.item()}


def _beta_vae(stage: FirstStage, images: ImageSet) -> float:
    rng = generator(stage.config.seed, "pairs")

    def codes(factors: np.ndarray) -> np.ndarray:
        assert images.render is not None, "dSprites are rendered"
        return encode(stage.vae, images.render(factors, rng), stage.device).mean.cpu().numpy()

    count = {"num_train": BETA_VOTES, "num_eval": BETA_VOTES, "batch": BETA_BATCH}
    return beta_vae_score(codes, images.sizes, rng=rng, **count).eval
