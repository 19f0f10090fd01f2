"""What experiments on SCAN start from: the visual model and the judge of each seed, as runs of a config.

They are ordinary run folders, OUT/visual-models/NAME-SEED, of which the stages vision and judge alone are
made; all experiments with the same OUT share them. The images of concepts are rendered when they are asked
for: a run's own tens of thousands are not needed to name what is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipelines.config import Config, RoomsData, config_files
from pipelines.devices import Machine
from pipelines.errors import RunError
from pipelines.experiments import Asked
from pipelines.experiments.parts import part
from pipelines.jobs import Job, Local
from pipelines.runs import datasets, precision
from pipelines.runs.files import fingerprint, read_json, sha256
from pipelines.runs.folder import RunFolder
from pipelines.runs.models import load_judge, load_vision
from scan.data import Data
from scan.judge import Judge
from scan.run_format import MODEL
from symbols import Concept, Splits, Unseen, Vocabulary
from vision.data import ImageSet
from vision.encoding import encode
from vision.gaussian import Gaussian
from vision.models import VisionModel

CONFIG = "rooms"
"""Of the visual models, a shipped config or a path."""
STAGES = ("vision", "judge")


class VisualModel(NamedTuple):
    """A visual model and a judge of one seed, and the words for what they see."""

    seed: int
    config: Config
    images: ImageSet
    """One image, of a set that renders any others."""
    vocabulary: Vocabulary
    splits: Splits
    """Without test images."""
    vision: VisionModel
    judge: Judge
    device: torch.device
    digest: str
    """Of the weights of both."""

    @property
    def unseen(self) -> Unseen:
        """What nothing may be trained on."""
        return Unseen(self.vocabulary, self.splits.held_out, self.splits.held_out_pairs)

    def pictures(self, concepts: Sequence[Concept], each: int, rng: np.random.Generator) -> ImageSet:
        """Render `each` images of every concept, its open attributes uniform, none of an unseen combination.

        A concept that is itself held out is rendered as it is, for tests.

        Args:
            concepts: S concepts.
            each: Images of each, one after the other.
            rng: Source of the open attributes and of the nuisances.
        """
        asked = np.stack([self.vocabulary.factors(concept) for concept in concepts]).repeat(each, axis=0)
        factors = np.where(asked < 0, self.images.sample_factors(len(asked), rng), asked)
        is_open = (asked < 0).any(axis=1)
        while (refused := is_open & ~self._allowed(factors)).any():
            again = self.images.sample_factors(int(refused.sum()), rng)
            factors[refused] = np.where(asked[refused] < 0, again, asked[refused])
        return self.rendered(factors, rng)

    def rendered(self, factors: np.ndarray, rng: np.random.Generator) -> ImageSet:
        """Images of given factors (N, A), nuisances drawn from `rng`."""
        assert self.images.render is not None, "check_rendered refuses stored sets"
        pixels = self.images.render(factors, rng)
        return ImageSet(
            pixels, factors, self.images.names, self.images.value_names, render=self.images.render
        )

    def codes(self, images: Tensor) -> Gaussian:
        """q(z|x) over (N, D) of images uint8 (N, C, H, W)."""
        return encode(self.vision, images, self.device)

    def _allowed(self, factors: np.ndarray) -> np.ndarray:
        splits = self.splits
        return Data(self.images, self.vocabulary, splits).may_be_learned_from(factors)


def visual_models(asked: Asked, machine: Machine) -> Iterator[VisualModel]:
    """Make the visual models and judges of all seeds, as far as they are not there, and load one by one.

    Args:
        asked: Seeds, folder, and steps of each training for a trial.
        machine: Where to compute.

    Raises:
        RunError: When a run failed, with its log.
        UsageError: When the config cannot be read.
    """
    bring([job_of(asked, seed) for seed in asked.seeds], asked, machine)
    for seed in asked.seeds:
        yield loaded(job_of(asked, seed).folder, machine.device)


def measured(
    asked: Asked,
    machine: Machine,
    settings: Mapping[str, Any],
    measure: Callable[[VisualModel, int | None], Mapping[str, Any]],
    line_of: Callable[[str, Any], str],
) -> Iterator[tuple[VisualModel, dict[str, Any]]]:
    """Each seed's visual model, and what is measured of it: once, kept as a part, and said as it comes.

    Args:
        asked: Seeds, folder, and steps for a trial.
        machine: Where to compute.
        settings: JSON-able; what the result depends on beside the model and the steps.
        measure: (model, steps for a trial or None) -> JSON-able.
        line_of: (seed, result) -> a line.
    """
    for model in visual_models(asked, machine):
        settings_of_part = {**settings, "steps": asked.steps, "vision": model.digest}
        one = part(asked.folder, f"seed-{model.seed}", settings_of_part, partial(measure, model, asked.steps))
        machine.say(line_of(str(model.seed), one))
        yield model, one


def job_of(asked: Asked, seed: int) -> Job:
    """The run with the visual model and the judge of a seed."""
    assignments = [f"seed={seed}"]
    if asked.steps is not None:
        assignments += trial(CONFIG, ("vision.training", "judge"), asked.steps)
    folder = asked.folder.parent / "visual-models" / f"{Path(CONFIG).stem}-{seed}"
    return Job(CONFIG, tuple(assignments), folder, STAGES)


def trial(config: str, sections: Sequence[str], steps: int) -> list[str]:
    """Assignments for a trial of a config: few steps in each training, and no longer restarts.

    Args:
        config: A shipped config, or a path.
        sections: Of the trainings.
        steps: Of each.
    """
    training = config_files.load(config_files.find(config), quiet=True).vision.training
    shorter = [f"vision.training.restart_steps={steps}"] if training.restart_steps > steps else []
    return [*(f"{section}.steps={steps}" for section in sections), *shorter]


def bring(jobs: Sequence[Job], asked: Asked, machine: Machine) -> None:
    """Bring runs up to date by the engine that is asked for; what is there already starts no process.

    Raises:
        RunError: When one or more failed; the others were brought to their end.
    """
    failed: list[str] = []

    def done(job: Job, why: str) -> None:
        machine.say(f"{job.folder.name}: {why or 'made'}")
        if why:
            failed.append(f"{job.folder}: {why} ({job.log})")

    finished = [job for job in jobs if _is_current(job, machine)]
    todo = [job for job in jobs if job not in finished]
    if todo:
        machine.say(f"{len(todo)} of {len(jobs)} runs are to be made")
        engine = asked.engine or Local(at_once=None, device=machine.device.type)
        engine.run(todo, done, finished)
    if failed:
        raise RunError(f"{len(failed)} of {len(jobs)} runs failed: {failed[0]}")


def _is_current(job: Job, machine: Machine) -> bool:
    """Whether all stages of a run are made, with the settings that are asked for."""
    config, path = job.resolved(), job.folder / "config.yaml"
    if not path.is_file() or not job.is_finished(config):
        return False
    return config_files.dump(precision.settle(config, machine, job.folder)) == path.read_text("utf-8")


def loaded(folder: Path, device: torch.device) -> VisualModel:
    """The visual model of a run folder whose stages vision and judge are made.

    Args:
        folder: Of the run.
        device: Where to compute.

    Raises:
        RunError: When a model is missing or damaged.
    """
    run = RunFolder(folder)
    config = config_files.load(folder / "config.yaml")
    assert isinstance(config.data, RoomsData), "experiments on concepts render their images"
    content = read_json(folder / "data.json")
    one = datasets.images(config.model_copy(update={"data": config.data.model_copy(update={"images": 1})}))
    data = datasets.recorded(content | {"splits": {**content["splits"], "test_images": []}}, one)
    vision, judge = load_vision(run, data, device), load_judge(run, data, device)
    digest = fingerprint({stage: sha256(run.stage(stage) / MODEL) for stage in STAGES})
    return VisualModel(config.seed, config, one, data.vocabulary, data.splits, vision, judge, device, digest)
