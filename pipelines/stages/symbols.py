"""Name: SCAN, grounded in the codes of a few images of each training concept.

The visual model is frozen, so every needed image is encoded once; no pixel is touched in the loop.
"""

from typing import Any

import torch
from torch import Tensor

from pipelines.config import Config
from pipelines.config import Symbols as Settings
from pipelines.devices import Machine
from pipelines.errors import RunError
from pipelines.runs import datasets
from pipelines.runs.files import write_json
from pipelines.runs.folder import RunFolder, StageResult
from pipelines.runs.models import load, load_vision
from pipelines.training.fitting import by_descent, fit, save_half, save_model
from pipelines.training.updates import StepLoss
from scan import models
from scan.data import Data
from scan.evaluation import specificity
from scan.examples import Examples, draw_examples, listing
from scan.grounding import SCAN, attribute_blocks, expert_penalty, k_hot, training_loss
from scan.multimodal import MultimodalVAE
from scan.run_format import MODEL
from symbols import Vocabulary
from vision import weights
from vision.data import batches
from vision.encoding import encode
from vision.gaussian import Gaussian
from vision.randomness import derive_seed, generator, step_generator


def run(config: Config, run: RunFolder, machine: Machine) -> StageResult:
    """Ground the training concepts in the codes of their examples; with a joint model, take its half."""
    if config.joint is not None:
        return _of_joint(config, run, machine)
    settings, device = config.symbols, machine.device
    data = datasets.load(config, run, quiet=machine.quiet)
    vae = load_vision(run, data, device)
    pairs = examples_of(data, config)
    q_x = encode(vae, pairs.pixels, device)
    y = k_hot(data.vocabulary, data.splits.train_symbols, device)[pairs.concept]
    spec = specification(settings, data.vocabulary, vae.latents)
    torch.manual_seed(derive_seed(config.seed, "symbols weights"))
    scan = models.build(spec)
    assert isinstance(scan, SCAN)
    scan.to(device)
    loss = loss_of(config, scan, data.vocabulary, y, q_x)
    method = by_descent(scan, loss, settings, settings.weight_decay)
    trained = fit(method, settings, run.stage("symbols"), "symbols", machine)
    write_json(run.stage("symbols") / "examples.json", listing(data, pairs))
    with torch.no_grad():
        grounded = specificity(scan.encode_symbol(k_hot(data.vocabulary, data.splits.train_symbols, device)))
    metrics = {**trained.last, **grounded, "pairs": len(y)}
    result = save_model(scan, spec, metrics, trained, run, "symbols", machine)
    return result._replace(files=(*result.files, "examples.json"))


def _of_joint(config: Config, run: RunFolder, machine: Machine) -> StageResult:
    """The symbol networks of the joint model."""
    data = datasets.load(config, run, quiet=machine.quiet)
    joint = load(run, "joint", MultimodalVAE, machine.device)
    y = k_hot(data.vocabulary, data.splits.train_symbols, machine.device)
    own = weights.load(run.stage("joint") / MODEL)[1]["symbols"]
    spec = {"kind": "scan", **own, "latents": joint.latents}
    assert config.joint is not None, "it is the half of a joint model"
    metrics = {"objective": config.joint.kind, **specificity(joint.encode_symbol(y))}
    return save_half(joint.symbols, spec, metrics, run, "symbols", machine)


def specification(settings: Settings, vocabulary: Vocabulary, latents: int) -> dict[str, Any]:
    """What rebuilds the model, written beside its weights.

    Args:
        settings: The section `symbols`.
        vocabulary: Of K symbols.
        latents: D, of the visual model.
    """
    spec = {
        "kind": "scan",
        "symbols": vocabulary.size,
        "latents": latents,
        "encoder": settings.encoder,
        "hidden": list(settings.hidden),
    }
    return spec if settings.pair_penalty is None else {**spec, "attributes": list(vocabulary.sizes)}


def loss_of(config: Config, scan: SCAN, vocabulary: Vocabulary, y: Tensor, q_x: Gaussian) -> StepLoss:
    """What each step minimises: pairs of symbols y (M, K) and codes q_x (M, D).

    Args:
        config: Weights, sizes and the seed.
        scan: The symbol network in training.
        vocabulary: Of K symbols.
        y: Symbols (M, K).
        q_x: Codes of an image of each, over (M, D).
    """
    settings, device = config.symbols, y.device
    batch_seed = derive_seed(config.seed, "symbols batches")
    noise_seed = derive_seed(config.seed, "symbols noise")
    penalty = expert_penalty(settings.expert_penalty, settings.grounding, len(y), settings.steps)
    pairs = expert_penalty(settings.pair_penalty or 0.0, settings.grounding, len(y), settings.steps)
    attributes = attribute_blocks(vocabulary, device)

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        pair = batches.plain(batch_seed, step, len(y), settings.batch, device)
        return training_loss(
            scan,
            y[pair],
            q_x[pair],
            penalty=penalty(step),
            pair_penalty=pairs(step),
            completion=settings.completion,
            attributes=attributes,
            beta=settings.beta,
            grounding=settings.grounding,
            direction=settings.direction,
            generator=step_generator(noise_seed, step, device),
        )

    return loss


def examples_of(data: Data, config: Config) -> Examples:
    """The training pairs of a run, the same for every stage that learns from them.

    Raises:
        RunError: For a concept without any training image.
    """
    try:
        return draw_examples(data, config.symbols.examples, generator(config.seed, "examples"))
    except ValueError as error:
        raise RunError(f"symbols: {error}") from error
