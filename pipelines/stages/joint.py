"""Images and words learned together, by JMVAE or the triple ELBO, instead of SCAN on a visual model.

The pairs are those that SCAN would see; with `joint.unlabelled` the visual half also learns from all training
images. The stages vision and symbols then take their halves from the model of this one, so that everything
after them is the same for all models of the contract (`scan.joint_model`).
"""

from typing import Any

import torch
from torch import Tensor

from pipelines.config import JMVAE, Config, Joint
from pipelines.devices import Machine, autocast, place
from pipelines.runs import datasets
from pipelines.runs.files import write_json
from pipelines.runs.folder import RunFolder, StageResult
from pipelines.stages import symbols, vision
from pipelines.stages.objectives import likelihood_of
from pipelines.training import schedules
from pipelines.training.fitting import NETWORK, Method, fit, save_model
from pipelines.training.updates import StepLoss, descend
from scan import models
from scan.data import Data
from scan.examples import Examples, listing
from scan.grounding import attribute_blocks, k_hot
from scan.jmvae import jmvae
from scan.multimodal import MultimodalVAE
from scan.symbol_networks import Experts
from scan.trelbo import trelbo
from vision import objectives
from vision.data import batches
from vision.objectives import Likelihood, Loss
from vision.randomness import derive_seed, step_generator


def run(config: Config, run: RunFolder, machine: Machine) -> StageResult:
    """Train on the pairs of the training concepts."""
    settings, device = settings_of(config), machine.device
    data = datasets.load(config, run, quiet=machine.quiet)
    spec = specification(config, data.images.shape, data.vocabulary.size)
    torch.manual_seed(derive_seed(config.seed, "joint weights"))
    model = models.build(spec)
    assert isinstance(model, MultimodalVAE)
    pairs = symbols.examples_of(data, config)
    vision.initialised(model.vision, config.vision.training, pairs.pixels.permute(0, 2, 3, 1))
    place(model, device)
    likelihood = likelihood_of(config.vision, vision.dae_of(config.vision, run, device))
    method = method_of(settings, model, loss_of(config, model, data, pairs, likelihood, device))
    trained = fit(method, settings, run.stage("joint"), "joint", machine)
    write_json(run.stage("joint") / "examples.json", listing(data, pairs))
    metrics = {
        **trained.last,
        "pairs": len(pairs.concept),
        "unlabelled_images": len(data.train) if settings.unlabelled else 0,
        "precision": config.vision.training.precision,
    }
    result = save_model(model, spec, metrics, trained, run, "joint", machine)
    return result._replace(files=(*result.files, "examples.json"))


def settings_of(config: Config) -> Joint:
    """The section of this stage."""
    assert config.joint is not None, "there is no such stage without its section"
    return config.joint


def specification(config: Config, shape: tuple[int, int, int], words: int) -> dict[str, Any]:
    """What rebuilds the model, written beside its weights.

    Args:
        config: Its sections vision, symbols and joint.
        shape: (C, H, W) of the images.
        words: K, the number of symbols.
    """
    naming = config.symbols
    return {
        "kind": "multimodal",
        "vision": vision.specification(config.vision, shape),
        "symbols": {"symbols": words, "encoder": naming.encoder, "hidden": list(naming.hidden)},
        "hidden": list(settings_of(config).hidden),
    }


def method_of(settings: Joint, model: MultimodalVAE, loss: StepLoss) -> Method:
    """The method that minimises a loss of the model by Adam, experts by a learning rate of their own.

    Args:
        settings: Both learning rates and their schedule.
        model: On its device.
        loss: Step -> (scalar to minimise, named scalars for the log).
    """
    experts = [
        weight for part in model.modules() if isinstance(part, Experts) for weight in part.parameters()
    ]
    of_experts = {id(weight) for weight in experts}
    others = [weight for weight in model.parameters() if id(weight) not in of_experts]
    groups: list[dict[str, Any]] = [{"params": others}]
    if experts:
        groups.append({"params": experts, "relative_lr": settings.expert_lr / settings.lr})
    adam = torch.optim.Adam(groups, fused=True)
    return Method({NETWORK: model}, {NETWORK: adam}, descend(adam, loss, schedules.learning_rate(settings)))


def loss_of(
    config: Config,
    model: MultimodalVAE,
    data: Data,
    pairs: Examples,
    likelihood: Likelihood,
    device: torch.device,
) -> StepLoss:
    """What each step minimises.

    Args:
        config: Weights, sizes and the seed.
        model: In training.
        data: The vocabulary, and the images that are learned from without words.
        pairs: The images that are learned from with words.
        likelihood: Of an image given a code.
        device: Where the model is.
    """
    settings, precision = settings_of(config), config.vision.training.precision
    pixels = pairs.pixels.permute(0, 2, 3, 1).contiguous().to(device)
    y = k_hot(data.vocabulary, data.splits.train_symbols, device)[pairs.concept]
    attributes = attribute_blocks(data.vocabulary, device)
    unlabelled = batches.resident(data.images, data.train, device) if settings.unlabelled else None
    seeds = {name: derive_seed(config.seed, f"joint {name}") for name in ("batches", "images", "noise")}

    def of_pairs(x: Tensor, y: Tensor, generator: torch.Generator) -> Loss:
        weight = settings.symbol_weight
        if isinstance(settings, JMVAE):
            alpha = settings.alpha
            return jmvae(model, x, y, likelihood, alpha=alpha, symbol_weight=weight, generator=generator)
        return trelbo(
            model,
            x,
            y,
            likelihood,
            attributes,
            symbol_weight=weight,
            symbol_weight_alone=settings.symbol_weight_alone,
            generator=generator,
        )

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        rows = batches.plain(seeds["batches"], step, len(y), settings.batch, device)
        generator = step_generator(seeds["noise"], step, device)
        with autocast(device, precision):
            found = of_pairs(batches.take(pixels, rows), y[rows], generator)
            if unlabelled is not None:
                rows = batches.plain(seeds["images"], step, len(unlabelled), settings.batch, device)
                x = batches.take(unlabelled, rows)
                elbo = objectives.beta_vae(
                    objectives.forward(model.vision, x, likelihood, generator), beta=1.0
                )
                found = found.plus("unlabelled", 1.0, elbo.value)
        return found.value, {"loss": found.value, **found.terms}

    return loss
