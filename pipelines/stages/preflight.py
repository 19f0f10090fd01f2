"""What config and data decide together, checked before the first step of any training.

The networks are built without memory, as the stages will build them, so that whatever they refuse (a colour
space for other channels, more halving layers than the images have pixels for), and what they would take in
memory, is said at once. Nothing is pushed through them: on torch's "meta" device the first convolution costs
seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import nn

import scan.models
import vision.models
from pipelines.config import (
    DCIGN,
    TRAININGS,
    BroadcastNetwork,
    BurgessNetwork,
    Config,
    ConvolutionalNetwork,
    JointNetwork,
    LayeredNetwork,
    MLPNetwork,
    PairObjective,
    StudyNetwork,
)
from pipelines.errors import RunError, UsageError, shortened
from pipelines.runs import datasets
from pipelines.runs.folder import RunFolder
from pipelines.runs.plan import plan
from pipelines.stages import dae, factor_batches, joint, judge, operators, own_models
from pipelines.stages.graph import is_own, predecessors
from pipelines.stages.symbols import specification as scan_specification
from pipelines.stages.vision import specification
from scan.judge import LARGE
from scan.judge import WIDTHS as JUDGE_WIDTHS
from symbols import Vocabulary
from vision import weights
from vision.published_networks import STUDY_WIDTHS, burgess_widths
from vision.vae import VAE

BYTES_A_WEIGHT = 16
"""A weight, its gradient and the two moments of Adam."""
BYTES_AN_OUTPUT = 8
"""An output of a layer and its gradient."""
MOST_BYTES = 2**36
"""Of what one network takes in training."""

Shape = tuple[int, int, int]


class Network(NamedTuple):
    """The network of a stage."""

    build: Callable[[], nn.Module]
    outputs: int
    """Numbers that its layers put out for one example, those of a few units left out."""
    sizes: str
    """Dotted key of what decides how large it is, and other keys of that section."""


def check(config: Config, record: Mapping[str, Any], run: RunFolder, names: Sequence[str] = ()) -> None:
    """Refuse a config that its data do not suit, and models of the user's own that do not suit either.

    Args:
        record: The content of data.json.
        names: The stages that are asked for; all where none is named. These and those that they build on are
            checked.

    Raises:
        UsageError: One line that names the setting, what was expected, and what would work.
        RunError: For a model of the user's own that cannot be loaded, or was made for other data.
    """
    channels, height, width = record["shape"]
    shape = channels, height, width
    try:
        words = Vocabulary.from_dict(record["vocabulary"])
    except ValueError as error:
        raise RunError(f"{run.path / 'data.json'} is damaged ({shortened(str(error))})") from error
    asked = {*names, *predecessors(names, config)} if names else set(plan(config))
    own = [name for name in plan(config) if name in asked and is_own(run, name)]
    planned = [name for name in NETWORKS if name in asked and name not in own and name in plan(config)]
    for stage in planned:
        if stage in ("dae", "joint", "vision"):
            _check_images(stage, config, shape)
    latents = _latents(config, shape) if "vision" in planned else 0
    if "vision" in planned:
        _check_factors(config, record, latents)
    latents = own_models.check(config, shape, words, run, own, latents)
    for stage in (name for name in planned if config.training(name) is not None):
        _check_network(stage, config, NETWORKS[stage](config, shape, words, latents))


def _check_images(stage: str, config: Config, shape: Shape) -> None:
    """Refuse settings of a stage that images of other proportions would suit, with one that suits these."""
    channels, height, width = shape
    network = config.vision.network
    key, widths = "dae.widths", None
    if stage == "dae":
        widths = None if config.dae is None else config.dae.widths
    elif isinstance(network, ConvolutionalNetwork | LayeredNetwork | BroadcastNetwork | JointNetwork):
        key, widths = "vision.network.widths", network.widths
    most = min(height, width).bit_length() - 1
    if widths is not None and not 1 <= len(widths) <= most:
        some = ", ".join(map(str, widths[:most])) or "32"
        larger = f", or data.size of at least {2 ** len(widths)}" if widths else ""
        raise UsageError(
            f"{key}: each of the {len(widths)} halves the images, and {height}x{width} pixels allow "
            f"1 to {most}: e.g. --set {key}=[{some}]{larger}"
        )
    colour = network.colour
    if colour != "rgb" and channels != 3:
        raise UsageError(
            f"vision.network.colour: {colour} needs images with 3 channels, these have {channels}: "
            "--set vision.network.colour=rgb"
        )


def _check_factors(config: Config, record: Mapping[str, Any], latents: int) -> None:
    """Refuse an objective whose batches cannot be drawn from the factors of the training images."""
    if not isinstance(config.vision.objective, PairObjective | DCIGN):
        return
    data = datasets.recorded(record, datasets.images(config))
    factor_batches.check(config, data.images.factors[data.train], data.images.names, latents)


def _dae(config: Config, shape: Shape, words: Vocabulary, latents: int) -> Network:
    assert config.dae is not None, "there is no such stage without its section"
    spec = dae.specification(config, shape)
    return Network(
        lambda: vision.models.build(spec), 2 * _outputs(shape, config.dae.widths), "dae.widths or code"
    )


def _vision(config: Config, shape: Shape, words: Vocabulary, latents: int) -> Network:
    network = config.vision.network
    spec = specification(config.vision, shape)
    sizes = "vision.network.latents"
    match network:
        case ConvolutionalNetwork() | JointNetwork():
            outputs = 2 * _outputs(shape, network.widths)
            sizes = "vision.network.widths, hidden or latents"
        case LayeredNetwork():
            outputs = 2 * _outputs(shape, network.widths) + network.components * shape[1] * shape[2]
            sizes = "vision.network.widths, hidden or latents"
        case StudyNetwork():
            outputs = 2 * _outputs(shape, STUDY_WIDTHS)
        case BurgessNetwork():
            outputs = 2 * _outputs(shape, burgess_widths(shape))
        case BroadcastNetwork():
            decoded = network.channels * network.layers * shape[1] * shape[2]
            outputs = _outputs(shape, network.widths) + decoded
            sizes = "vision.network.channels, layers, widths or latents"
        case MLPNetwork():
            outputs = 2 * _outputs(shape, ())
            sizes = "vision.network.hidden or latents"
    return Network(lambda: vision.models.build(spec), outputs, sizes)


def _joint(config: Config, shape: Shape, words: Vocabulary, latents: int) -> Network:
    spec, alone = joint.specification(config, shape, words.size), _vision(config, shape, words, latents)
    passes = 4 if joint.settings_of(config).unlabelled else 3
    return Network(lambda: scan.models.build(spec), passes * alone.outputs, alone.sizes)


def _symbols(config: Config, shape: Shape, words: Vocabulary, latents: int) -> Network:
    spec = scan_specification(config.symbols, words, latents)
    return Network(lambda: scan.models.build(spec), words.size * latents, "symbols.hidden")


def _operators(config: Config, shape: Shape, words: Vocabulary, latents: int) -> Network:
    spec = operators.specification(config.operators)
    return Network(
        lambda: scan.models.build(spec), latents * sum(config.operators.hidden), "operators.hidden"
    )


def _judge(config: Config, shape: Shape, words: Vocabulary, latents: int) -> Network:
    spec = judge.specification(config.judge, shape, words)
    network = config.judge.network
    count = _pooled if network == "pooled" else _outputs
    return Network(lambda: scan.models.build(spec), count(shape, JUDGE_WIDTHS[network]), "judge.batch")


def _outputs(shape: Shape, widths: Sequence[int]) -> int:
    """Of an image and of the halving layers that follow."""
    channels, height, width = shape
    return sum(n * (height >> i) * (width >> i) for i, n in enumerate((channels, *widths)))


def _pooled(shape: Shape, widths: Sequence[int]) -> int:
    """Of an image and the pairs of layers of a pooled judge, each before the halving that follows."""
    channels, height, width = shape
    outputs = channels * height * width
    if max(height, width) > LARGE:
        height, width = height // 2, width // 2
        outputs += widths[0] * height * width
    return outputs + 2 * sum(n * (height >> i) * (width >> i) for i, n in enumerate(widths))


NETWORKS = {
    "dae": _dae,
    "joint": _joint,
    "vision": _vision,
    "symbols": _symbols,
    "operators": _operators,
    "judge": _judge,
}


def _latents(config: Config, shape: Shape) -> int:
    """Of the visual model that the config describes."""
    planned = _built("vision", lambda: vision.models.build(specification(config.vision, shape)))
    assert isinstance(planned, VAE), "the config has no other kinds"
    return planned.latents


def _built(stage: str, build: Callable[[], nn.Module]) -> nn.Module:
    """The network of a stage, without memory; UsageError where it and the data do not fit."""
    try:
        return weights.without_memory(build)
    except ValueError as error:
        raise UsageError(f"{stage}: its network and the data do not fit ({shortened(str(error))})") from error


def _check_network(stage: str, config: Config, network: Network) -> None:
    module = _built(stage, network.build)
    training = config.training(stage)
    assert training is not None, "a stage without a section is not planned"
    for_weights = BYTES_A_WEIGHT * sum(parameter.numel() for parameter in module.parameters())
    for_batch = BYTES_AN_OUTPUT * network.outputs * training.batch
    if for_weights + for_batch > MOST_BYTES:
        key = network.sizes if for_weights > for_batch else f"{TRAININGS[stage]}.batch"
        raise UsageError(
            f"{stage}: the network takes {(for_weights + for_batch) / 2**30:,.0f} GiB in training, at most "
            f"{MOST_BYTES / 2**30:.0f} are allowed: lower {key}"
        )
