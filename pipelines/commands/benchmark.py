"""What the trainings of a config cost on this machine, measured on the code that the stages train with.

The networks have their first weights, and learn from a few images of the config's data set: neither changes
the time of a step. Nothing is read from a run, and nothing is written.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import torch
from torch import nn

import scan.models
import vision.models
from pipelines.commands.speed import flop, timed
from pipelines.config import Config, Precision, RoomsData, Splits
from pipelines.config import Training as TrainingSettings
from pipelines.devices import place
from pipelines.errors import UsageError
from pipelines.runs import datasets, image_weights, splits
from pipelines.runs.precision import Resolved
from pipelines.stages import dae, joint, judge, operators, symbols
from pipelines.stages import vision as vision_stage
from pipelines.stages.methods import Seen, method_of
from pipelines.stages.objectives import likelihood_of
from pipelines.training import budget
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
SYM2IMG_BATCH = 64
"""Images of one symbol at once."""
EVALUATED = 2.5
"""What an image of the evaluation costs, relative to one of `sym2img`: it is also read by the judge and by
`img2sym`."""


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


class Cost(NamedTuple):
    """What a training costs: the units are in the names."""

    stage: str
    parameters: int
    precision: Resolved
    batch: int
    gflop_per_step: float
    gflop_per_second: float
    ratio_to_matrix_product: float
    milliseconds_per_step: float
    """The median of `measured_steps`: loss, gradient and optimiser."""
    measured_steps: int
    steps: int
    estimated_seconds: float
    """`steps` times the duration of one; what comes before and after them is not in it."""


class Latency(NamedTuple):
    """How long a symbol takes to become images, from the text of a concept on."""

    one_image_milliseconds: float
    batch_images: int
    batch_milliseconds: float


class Bench(NamedTuple):
    """The networks of one config."""

    shape: tuple[int, int, int]
    """(C, H, W) of the images."""
    concept: Concept
    """One of those that are taught."""
    trainings: list[Training]
    model: ConceptModel
    """Of the same networks."""


def few_images(config: Config) -> Config:
    """The config with as much of its data as the measurement needs, and lists that it certainly allows."""
    data = config.data
    if isinstance(data, RoomsData):
        data = data.model_copy(update={"images": min(data.images, IMAGES)})
    return config.model_copy(update={"data": data, "splits": Splits()})


def prepare(config: Config, device: torch.device) -> Bench:
    """Build the networks of a config whose precision is resolved, and what they learn from.

    Raises:
        UsageError: When the data cannot be loaded, are too few for any run, or do not suit the networks.
    """
    config = few_images(config)
    images = datasets.images(config)
    config = image_weights.of_images(config, images)
    words = datasets.vocabulary(config, images)
    data = Data(images, words, splits.draw(config, images, words))
    return of_data(config, data, device)


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
        spec = symbols.specification(config.symbols, words.size, vae.latents)
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
    return Bench(images.shape, data.splits.train_symbols[0], trainings, model)


def cost(training: Training, device: torch.device, rates: Mapping[Resolved, float], seconds: float) -> Cost:
    """Measure a training for about `seconds`; its network learns meanwhile.

    Args:
        rates: The floating-point operations a second of a matrix product, by precision.
    """
    training.module.train()
    steps = itertools.count()

    def step() -> None:
        training.method.update(next(steps))

    operations = flop(step)
    duration, measured = timed(step, device, seconds)
    achieved = operations / duration
    return Cost(
        stage=training.stage,
        parameters=sum(parameter.numel() for parameter in training.module.parameters()),
        precision=training.precision,
        batch=training.settings.batch,
        gflop_per_step=operations / 1e9,
        gflop_per_second=achieved / 1e9,
        ratio_to_matrix_product=achieved / rates[training.precision],
        milliseconds_per_step=1e3 * duration,
        measured_steps=measured,
        steps=training.steps,
        estimated_seconds=training.steps * duration,
    )


def costs(
    config: Config,
    data: Data,
    device: torch.device,
    seconds: float,
    clock: Callable[[], float] | None = None,
) -> budget.Costs:
    """Measure the first steps of each training of a config, and an image of the evaluation.

    Args:
        config: Whose weights and precision are resolved.
        data: Of the run.
        device: Where it computes.
        seconds: For each training, about.
        clock: Gives the time in seconds; `time.perf_counter` by default.
    """
    if not config.has_words:
        vae = _vae(config, data.images.shape, device)
        trainings = [*_dae(config, data, device), _vision(config, data, vae, device)]
        return budget.Costs({one.stage: _step_seconds(one, device, seconds, clock) for one in trainings})
    bench = of_data(config, data, device)
    step = {one.stage: _step_seconds(one, device, seconds, clock) for one in bench.trainings}
    text, noise = str(bench.concept), torch.Generator(device).manual_seed(0)
    many = timed(lambda: bench.model.sym2img(text, SYM2IMG_BATCH, noise), device, seconds, clock)
    return budget.Costs(step, EVALUATED * many.seconds / SYM2IMG_BATCH)


def _step_seconds(
    training: Training, device: torch.device, seconds: float, clock: Callable[[], float] | None
) -> float:
    """The median duration of a step; its network learns meanwhile."""
    training.module.train()
    steps = itertools.count()
    return timed(lambda: training.method.update(next(steps)), device, seconds, clock).seconds


def latency(model: ConceptModel, concept: Concept, device: torch.device, seconds: float) -> Latency:
    """How long `ConceptModel.sym2img` takes for the text of a concept, for one image and for many."""
    text, noise = str(concept), torch.Generator(device).manual_seed(0)
    one = timed(lambda: model.sym2img(text, 1, noise), device, seconds / 2)
    many = timed(lambda: model.sym2img(text, SYM2IMG_BATCH, noise), device, seconds / 2)
    return Latency(1e3 * one.seconds, SYM2IMG_BATCH, 1e3 * many.seconds)


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
    settings, likelihood = (
        joint.settings_of(config),
        likelihood_of(config.vision, _frozen_dae(config, data, device)),
    )
    loss = joint.loss_of(config, model, data, symbols.examples_of(data, config), likelihood, device)
    precision = _resolved(config.vision.training.precision)
    return Training("joint", by_descent(model, loss, settings), settings, settings.steps, precision)


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
    module = _built("judge", scan.models.build, judge.specification(data), Judge, device)
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
