"""Models that the user put into a run, compared with its data before anything is trained."""

from collections.abc import Sequence

from torch import nn

from pipelines.config import Config
from pipelines.errors import RunError
from pipelines.runs.folder import RunFolder
from scan.grounding import SCAN
from scan.judge import Judge
from scan.loading import open_model
from scan.multimodal import MultimodalVAE
from scan.operators import Operators
from scan.run_format import MODEL
from symbols import Vocabulary
from vision import weights
from vision.colour import COLOURS
from vision.dae import DAE
from vision.vae import VAE

Shape = tuple[int, int, int]

KINDS: dict[str, type[nn.Module]] = {
    "dae": DAE,
    "joint": MultimodalVAE,
    "vision": VAE,
    "symbols": SCAN,
    "operators": Operators,
    "judge": Judge,
}
"""What the model of a stage is."""


def check(
    config: Config, shape: Shape, words: Vocabulary, run: RunFolder, stages: Sequence[str], latents: int
) -> int:
    """Load the user's own models of some stages; returns the latents of the visual model.

    Args:
        shape: (C, H, W) of the images.
        latents: Of the visual model, where it is not among these.

    Raises:
        RunError: For a model that cannot be loaded, or was made for other images, words or latents.
    """
    models = {name: open_model(run.stage(name) / MODEL, KINDS[name]) for name in stages if name in KINDS}
    visual = models.get("vision")
    if isinstance(visual, VAE):
        latents = visual.latents
    for name, model in models.items():
        spec = weights.load(run.stage(name) / MODEL)[1]
        match model:
            case VAE():
                _same(run, name, "images", model.shape, shape)
            case DAE():
                colour = COLOURS[config.vision.network.colour]
                if isinstance(visual, VAE):
                    colour = visual.colour
                _same(run, name, "images", model.shape, shape)
                _same(run, name, "the colour space", model.colour, colour)
            case SCAN():
                _same(run, name, "symbols", spec["symbols"], words.size)
                _same(run, name, "latents", spec["latents"], latents)
            case MultimodalVAE():
                _same(run, name, "images", model.vision.shape, shape)
                _same(run, name, "symbols", spec["symbols"]["symbols"], words.size)
            case Judge():
                _same(run, name, "images", tuple(spec["shape"]), shape)
                _same(run, name, "numbers of values", model.sizes, words.factor_sizes)
    return latents


def _same(run: RunFolder, stage: str, what: str, found: object, expected: object) -> None:
    if found != expected:
        path = run.stage(stage) / MODEL
        raise RunError(f"{path}: made for {what}: {found}, this run has {expected}")
