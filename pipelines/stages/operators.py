"""Recombine: learn AND, IN COMMON and IGNORE from images of their results.

The results are the concepts that symbols were grounded with, and their images are those of the same training
pairs: no label is needed that grounding did not need. The operators share their weights over latents, so that
they generalise to results without training images. The concept model is frozen: the codes of these images,
and the codes q(z|y) of both inputs of every triple, are computed before the loop.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.config import Config
from pipelines.config import Operators as Settings
from pipelines.devices import Machine
from pipelines.errors import RunError
from pipelines.runs import datasets
from pipelines.runs.folder import RunFolder, StageResult
from pipelines.runs.models import load_concept_model
from pipelines.stages.symbols import examples_of
from pipelines.training.fitting import by_descent, fit, save_model
from pipelines.training.updates import StepLoss
from scan import models
from scan.data import Data
from scan.joint_model import SymbolModel
from scan.operators import draw_triples as triples_reaching
from scan.operators import recombination_loss, recombinations
from symbols import OPERATORS, ShortageError, Triple
from vision.data import batches
from vision.encoding import encode_with
from vision.gaussian import Gaussian
from vision.randomness import derive_seed, step_generator


def run(config: Config, run: RunFolder, machine: Machine) -> StageResult:
    """Train on triples whose results are taught concepts, each with one of its images."""
    settings, device = config.operators, machine.device
    data = datasets.load(config, run, quiet=machine.quiet)
    model = load_concept_model(run, data, device, operators=False)
    triples = draw_triples(data, settings.triples, config.seed)
    pairs = examples_of(data, config)
    q_x = encode_with(model.encode_image, pairs.pixels, device)
    spec = specification(settings)
    torch.manual_seed(derive_seed(config.seed, "operators weights"))
    operators = models.build(spec).to(device)
    method = by_descent(operators, loss_of(config, operators, model, data, triples, q_x), settings)
    trained = fit(method, settings, run.stage("operators"), "operators", machine)
    shares = {name: sum(triple.op == name for triple in triples) for name in OPERATORS}
    metrics = {**trained.last, "triples": shares, "images": len(pairs.pixels)}
    return save_model(operators, spec, metrics, trained, run, "operators", machine)


def specification(settings: Settings) -> dict[str, Any]:
    """What rebuilds the model, written beside its weights."""
    return {"kind": "operators", "hidden": list(settings.hidden)}


def loss_of(
    config: Config,
    operators: nn.Module,
    model: SymbolModel,
    data: Data,
    triples: Sequence[Triple],
    q_x: Gaussian,
) -> StepLoss:
    """Return the loss of each step.

    Args:
        config: Sizes, weights and the seed.
        operators: The operators in training.
        model: The concept model, which encodes the inputs of the triples.
        data: The vocabulary, and the concepts that are the results.
        triples: Operator, two inputs and a result each.
        q_x: Codes of the images of the training pairs, concept by concept.
    """
    settings, device = config.operators, q_x.mean.device
    results = data.splits.train_symbols
    counts = [config.symbols.examples] * len(results)
    examples = recombinations(model, data.vocabulary, triples, results, counts, device)
    batch_seed = derive_seed(config.seed, "operators batches")
    noise_seed = derive_seed(config.seed, "operators noise")

    def loss(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        rows = batches.plain(batch_seed, step, len(triples), settings.batch, device)
        value = recombination_loss(
            operators, examples, rows, q_x, settings.direction, step_generator(noise_seed, step, device)
        )
        return value, {"loss": value}

    return loss


def draw_triples(data: Data, n: int, seed: int) -> tuple[Triple, ...]:
    """Draw n distinct triples that reach taught concepts, or as many as there are.

    Args:
        data: The training concepts are the results.
        n: How many are asked for.
        seed: Of the run.

    Raises:
        RunError: When there are none.
    """
    results, derived = data.splits.train_symbols, derive_seed(seed, "operator triples")
    try:
        return triples_reaching(data.vocabulary, results, n, derived, held_out=data.unseen)
    except ShortageError as shortage:
        raise RunError("operators: no triple reaches a taught concept") from shortage
