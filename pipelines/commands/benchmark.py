"""What the trainings of a config cost on this machine, measured on the code that the stages train with.

The networks have their first weights, and learn from a few images of the config's data set: neither changes
the time of a step. Nothing is read from a run, and nothing is written.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

from pipelines.commands.speed import flop, timed
from pipelines.commands.trainings import IMAGES, Bench, Training, of_data, without_words
from pipelines.config import Config, RoomsData, Splits
from pipelines.runs import datasets, image_weights, splits
from pipelines.runs.precision import Resolved
from pipelines.training import budget
from scan.concept_model import ConceptModel
from scan.data import Data
from symbols import Concept

SYM2IMG_BATCH = 64
"""Images of one symbol at once."""
EVALUATED = 2.5
"""What an image of the evaluation costs, relative to one of `sym2img`: it is also read by the judge and by
`img2sym`."""


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
    if not config.has_words:
        return Bench(images.shape, without_words(config, data, device), None, None)
    return of_data(config, data, device)


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
        trainings = without_words(config, data, device)
        return budget.Costs({one.stage: _step_seconds(one, device, seconds, clock) for one in trainings})
    bench = of_data(config, data, device)
    step = {one.stage: _step_seconds(one, device, seconds, clock) for one in bench.trainings}
    model, text, noise = bench.model, str(bench.concept), torch.Generator(device).manual_seed(0)
    assert model is not None, "the data have words"
    many = timed(lambda: model.sym2img(text, SYM2IMG_BATCH, noise), device, seconds, clock)
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
