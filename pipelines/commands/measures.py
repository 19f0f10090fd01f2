"""The measures of one run as `scan compare` tables them: those of its files, and more of its image encoder.

The evaluation of a run measures concepts and some disentanglement metrics. Measured here are what makes runs
with different likelihoods and objectives comparable: the squared error of reconstructions, the total
correlation of the codes, InfoMEC and the FactorVAE score.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pipelines.config import Config, config_files
from pipelines.errors import RunError
from pipelines.runs import datasets
from pipelines.runs.files import read_json
from pipelines.runs.folder import RunFolder, config_of
from pipelines.runs.metrics import jsonable
from pipelines.runs.models import load_vision
from vision.data import batches
from vision.disentanglement import BINS, encoded
from vision.metrics import MetricError, factor_vae_score_of_points, infomec, mig, takes_few_values
from vision.metrics.correlation import total_correlation_of
from vision.models import VisionModel
from vision.randomness import generator

POINTS = 2000
"""Images to score codes on."""
TEST_IMAGES = 2000
"""Images to reconstruct, at most."""
BATCH = 512
SPLITS = {
    "train": "train_symbols",
    "validation": "validation_symbols",
    "test": "test_symbols",
    "operators": "test_operators",
}

Measures = dict[str, float | None]
"""By the names of `pipelines.report.comparison.GROUPS`; None for what is not measured."""


def measures_of(run: RunFolder, device: torch.device) -> Measures:
    """Everything that a row is made of.

    Args:
        run: A run whose stage vision is finished; concepts are measured where its stage evaluate is.
        device: Where to compute.

    Raises:
        RunError: When a file or a model is missing or damaged.
    """
    config = config_files.load(config_of(run.path))
    vision = read_json(run.stage("vision") / "metrics.json")
    test = vision["test_images"] or vision["train"]
    seeing = ("vision",) if config.joint is None else ("joint", "vision")
    found: Measures = {
        "reconstruction_nats": test["reconstruction"],
        "kl": test["kl"],
        "active_latents": test["active_latents"],
        "latents": len(test["kl_per_latent"]),
        "vision_seconds": sum(read_json(run.stage(name) / "done.json")["seconds"] for name in seeing),
    }
    if config.has_words and (run.stage("evaluate") / "done.json").is_file():
        found |= _of_concepts(read_json(run.stage("evaluate") / "metrics.json"))
    found = {**_of_encoder(config, run, device), **found}
    return jsonable(found)


def _of_concepts(metrics: dict[str, Any]) -> Measures:
    """From the measures of the evaluation."""
    found: Measures = {}
    try:
        for short, name in SPLITS.items():
            split = metrics["splits"].get(name, {})
            found[f"accuracy_{short}"] = split.get("accuracy_top1")
            found[f"diversity_{short}"] = split.get("diversity_nats")
        found["held_out_strict"] = metrics["splits"].get("held_out", {}).get("accuracy_strict")
        found["img2sym"] = metrics["img2sym"]["accuracy"]
        found["seconds"] = metrics["seconds"]["total"]
        codes = metrics["disentanglement"]
        if "not_measured" not in codes:
            dci = codes["dci"]
            found |= {"mig": codes["mig"], "sap": codes["sap"]}
            found |= {f"dci_{part}": dci[part] for part in ("disentanglement", "completeness")}
            found["dci_informativeness"] = dci["informativeness_test"]
    except (KeyError, TypeError) as error:
        raise RunError(f"evaluate/metrics.json is damaged (no {error})") from None
    return found


@torch.no_grad()
def _of_encoder(config: Config, run: RunFolder, device: torch.device) -> Measures:
    """What needs the model: its reconstructions, and its codes of images with known factors."""
    data = datasets.load(config, run, quiet=True)
    model = load_vision(run, data, device)
    images = data.splits.test_images if len(data.splits.test_images) else data.train
    found = _of_images(model, batches.resident(data.images, images[:TEST_IMAGES], device))
    if not data.images.names:
        return found
    try:
        parts = encoded(model.encode, data.images, POINTS, config.seed, device).parts
    except MetricError:
        return found
    codes, factors = parts.codes, parts.factors
    rng = generator(config.seed, "FactorVAE votes")

    def infomec_of() -> Measures:
        scores = infomec(codes, factors, discrete=takes_few_values(codes), seed=parts.seed)
        return {name: getattr(scores, name) for name in ("infom", "infoe", "infoc")}

    scores: tuple[Callable[[], Measures], ...] = (
        lambda: {"mig": mig(codes, factors, bins=BINS)},  # that of the evaluation comes before it
        infomec_of,
        lambda: {"factor_vae": factor_vae_score_of_points(codes, factors, rng=rng).eval},
    )
    for score in scores:
        try:
            found |= score()
        except MetricError:  # of too few images, or a single factor
            continue
    return found


def _of_images(model: VisionModel, pixels: torch.Tensor) -> Measures:
    """The error of reconstructions from mean codes, pixels in [0, 1], and the total correlation of q(z).

    As a Gaussian, q(z) has the covariance Cov[mean] + diag(E[variance]): unlike that of the means alone, its
    total correlation does not depend on latents that hold nothing.
    """
    errors, means, variances = [], [], []
    for rows in torch.arange(len(pixels), device=pixels.device).split(BATCH):
        x = batches.take(pixels, rows)
        q = model.encode(x)
        errors.append((model.decode(q.mean) - x).square().mean(dim=(1, 2, 3)))
        means.append(q.mean)
        variances.append(q.variance)
    mean, variance = (torch.cat(part).double().cpu() for part in (means, variances))
    centred = mean - mean.mean(dim=0)
    covariance = centred.T @ centred / len(mean) + variance.mean(dim=0).diag()
    return {
        "rmse": torch.cat(errors).double().mean().sqrt().item(),
        "total_correlation": total_correlation_of(covariance.numpy()),
    }
