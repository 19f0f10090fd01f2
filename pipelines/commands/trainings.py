"""The networks of a config with their first weights, and how its stages train them.

Nothing is read from a run, and nothing is written.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import torch
from torch import nn

import scan.models
import vision.models
from pipelines.config import Config, Precision
from pipelines.config import Training as TrainingSettings
from pipelines.devices import place
from pipelines.errors import UsageError
from pipelines.runs.precision import Resolved
from pipelines.stages import dae, joint, judge, operators, symbols
from pipelines.stages import vision as vision_stage
from pipelines.stages.methods import Seen, method_of
from pipelines.stages.objectives import likelihood_of
from pipelines.training.fitting import NETWORK, Method, by_descent
from pipelines.training.restarts import total_steps
from scan.concept_model import ConceptModel
from scan.data import Data
from scan.grounded_scan import GroundedSCAN
from scan.grounding import SCAN, k_hot
from scan.judge import Judge
from scan.multimodal import MultimodalVAE
from scan.operators import Operators
from symbols import Concept
from vision.dae import DAE
from vision.data import batches
from vision.encoding import encode
from vision.randomness import generator
from vision.vae import VAE

M = TypeVar("M", bound=nn.Module)

IMAGES = 1000
"""To render, where the set is rendered."""
TRIPLES = 200


class Training(NamedTuple):
    """A network, and how a stage trains it."""

    stage: str
    method: Method
    settings: TrainingSettings
    steps: int
    """Of all restarts together."""
    precision: Resolved

    @property
    def module(self) -> nn.Module:
        """The network that the stage saves."""
        return self.method.modules[NETWORK]


class Bench(NamedTuple):
    """The networks of one config."""

    shape: tuple[int, int, int]
    """(C, H, W) of the images."""
    trainings: list[Training]
    model: ConceptModel | None
    """Of the same networks; None where the data have no words."""
    concept: Concept | None
    """One of those that are taught; None where the data have no words."""


def of_data(config: Config, data: Data, device: torch.device) -> Bench:
    """Build the networks of a config on data that are at hand; the data have words.

    Args:
        config: Whose weights and precision are resolved.
        data: What the networks learn from.
        device: Where they compute.
    """
    images, words = data.images, data.vocabulary
    torch.manual_seed(config.seed)
    together = None if config.joint is None else _multimodal(config, data, device)
    if together is None:
        vae = _vae(config, images.shape, device)
        spec = symbols.specification(config.symbols, words, vae.latents)
        naming = _built("symbols", scan.models.build, spec, SCAN, device)
    else:
        vae, naming = together.vision, together.symbols
    spec = operators.specification(config.operators)
    recombining = _built("operators", scan.models.build, spec, Operators, device)
    model = ConceptModel(GroundedSCAN(vae, naming), recombining, words).eval()
    trainings = [
        *_dae(config, data, device),
        _vision(config, data, vae, device) if together is None else _joint(config, data, together, device),
        *_on_codes(config, data, naming, recombining, vae, device),
        _judge(config, data, device),
    ]
    return Bench(images.shape, trainings, model, data.splits.train_symbols[0])


def without_words(config: Config, data: Data, device: torch.device) -> list[Training]:
    """How the networks of images are trained on data that have no words; arguments as `of_data`."""
    vae = _vae(config, data.images.shape, device)
    return [*_dae(config, data, device), _vision(config, data, vae, device)]


def _vae(config: Config, shape: tuple[int, int, int], device: torch.device) -> VAE:
    spec = vision_stage.specification(config.vision, shape)
    return _built("vision", vision.models.build, spec, VAE, device)


def _dae(config: Config, data: Data, device: torch.device) -> Iterator[Training]:
    settings = config.dae
    if settings is not None:
        spec = dae.specification(config, data.images.shape)
        module = _built("dae", vision.models.build, spec, DAE, device)
        pixels = batches.resident(data.images, data.train, device)
        method = by_descent(module, dae.loss_of(config, module, pixels), settings)
        yield Training("dae", method, settings, settings.steps, _resolved(settings.precision))


def _frozen_dae(config: Config, data: Data, device: torch.device) -> DAE | None:
    """The autoencoder in whose features images are compared; None where they are not."""
    if not vision_stage.needs_dae(config.vision):
        return None
    spec = dae.specification(config, data.images.shape)
    return _built("dae", vision.models.build, spec, DAE, device).eval().requires_grad_(False)


def _multimodal(config: Config, data: Data, device: torch.device) -> MultimodalVAE:
    spec = joint.specification(config, data.images.shape, data.vocabulary.size)
    return _built("joint", scan.models.build, spec, MultimodalVAE, device)


def _joint(config: Config, data: Data, model: MultimodalVAE, device: torch.device) -> Training:
    settings = joint.settings_of(config)
    likelihood = likelihood_of(config.vision, _frozen_dae(config, data, device))
    loss = joint.loss_of(config, model, data, symbols.examples_of(data, config), likelihood, device)
    precision = _resolved(config.vision.training.precision)
    method = joint.method_of(settings, model, loss)
    return Training("joint", method, settings, settings.steps, precision)


def _vision(config: Config, data: Data, vae: VAE, device: torch.device) -> Training:
    settings, training = config.vision, config.vision.training
    pixels = batches.resident(data.images, data.train, device)
    seen = Seen(pixels, data.images.factors[data.train], data.images.names)
    method = method_of(config, vae, seen, likelihood_of(settings, _frozen_dae(config, data, device)))
    return Training("vision", method, training, total_steps(training), _resolved(training.precision))


def _on_codes(
    config: Config, data: Data, naming: SCAN, recombining: Operators, vae: VAE, device: torch.device
) -> Iterator[Training]:
    """The trainings that see no pixel; a joint model has learned the words with the images."""
    pairs = symbols.examples_of(data, config)
    q_x = encode(vae, pairs.pixels, device)
    y = k_hot(data.vocabulary, data.splits.train_symbols, device)[pairs.concept]
    triples = operators.draw_triples(data, min(config.operators.triples, TRIPLES), config.seed)
    settings = config.symbols
    if config.joint is None:
        loss = symbols.loss_of(config, naming, data.vocabulary, y, q_x)
        method = by_descent(naming, loss, settings, settings.weight_decay)
        yield Training("symbols", method, settings, settings.steps, "fp32")
    loss = operators.loss_of(config, recombining, naming, data, triples, q_x)
    method = by_descent(recombining, loss, config.operators)
    yield Training("operators", method, config.operators, config.operators.steps, "fp32")


def _judge(config: Config, data: Data, device: torch.device) -> Training:
    settings = config.judge
    spec = judge.specification(settings, data.images.shape, data.vocabulary)
    module = _built("judge", scan.models.build, spec, Judge, device)
    seen = judge.training_images(data, min(settings.images, IMAGES), generator(config.seed, "judge images"))
    method = by_descent(module, judge.loss_of(config, module, seen, device), settings)
    return Training("judge", method, settings, settings.steps, _resolved(settings.precision))


def _built(
    stage: str,
    build: Callable[[Mapping[str, Any]], nn.Module],
    spec: Mapping[str, Any],
    kind: type[M],
    device: torch.device,
) -> M:
    try:
        module = build(spec)
    except ValueError as error:
        raise UsageError(f"{stage}: {error}") from error
    assert isinstance(module, kind)
    return place(module, device)


def _resolved(chosen: Precision) -> Resolved:
    assert chosen != "auto", "precision is resolved by now"
    return chosen
