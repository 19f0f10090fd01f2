"""The experiments of `scan experiment`: what the papers claim, measured, each with a verdict of its own.

An experiment is one module here, of its name with `_` for `-`, with `run(asked, machine) -> Outcome`. It is
imported when it runs, so that the list costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pipelines.errors import UsageError

if TYPE_CHECKING:
    from pipelines.devices import Machine
    from pipelines.jobs import Engine


Option = Literal["data", "full", "engine"]
"""Fields of `Asked` that few experiments read."""


class Experiment(NamedTuple):
    """An entry of the list."""

    asks: str
    """What is claimed or asked, in one sentence without a full stop."""
    source: str
    """Who claims it: paper and section; "" where it is a question of ours."""
    minutes: int
    """On two CPU cores, with the seeds that are made by default."""
    seeds: tuple[int, ...] = (0,)
    """Made by default."""
    takes: tuple[Option, ...] = ()
    """What it reads of `Asked` beside the seeds, the folder and the steps."""


EXPERIMENTS = {
    "capacity": Experiment(
        "in which order a decoder encodes the factors of dSprites as the capacity of its code grows",
        "Burgess et al. 2018, 4.2",
        5,
    ),
    "metric-failure": Experiment(
        "whether the BetaVAE score is 100 % with a factor missing, where the FactorVAE score is not",
        "Kim and Mnih 2018, 4",
        1,
        (0, 1, 2),
    ),
    "total-correlation": Experiment(
        "whether FactorVAE's discriminator underestimates the total correlation of known Gaussians",
        "Kim and Mnih 2018, 5",
        2,
        (0, 1, 2),
    ),
    "controllable-factors": Experiment(
        "whether policies and features that control each other find the two axes of a moving square",
        "Thomas et al. 2017",
        1,
        (0, 1, 2),
    ),
    "rotation-planes": Experiment(
        "whether pairs of shifted signals teach the planes of the Fourier transform",
        "Cohen and Welling 2014",
        1,
        (0, 1, 2),
    ),
    "info-wgan": Experiment(
        "whether InfoWGAN-GP scores below FactorVAE on dSprites at every information weight",
        "Kim and Mnih 2018, 5",
        6,
        (0, 1),
    ),
    "training-steps": Experiment(
        "whether a FactorVAE that is trained for longer disentangles better",
        "NeurIPS 2019 disentanglement challenge, winner's report, table 2",
        5,
        (0, 1, 2),
    ),
    "latents": Experiment(
        "whether FactorVAE score and DCI rise with the number of latents, and SAP and MIG fall",
        "NeurIPS 2019 disentanglement challenge, winner's report, table 3",
        3,
        (0, 1, 2),
    ),
    "beta-map": Experiment(
        "whether the BetaVAE score is best at an intermediate beta",
        "Higgins et al. 2017 (beta-VAE)",
        3,
        (0, 1),
    ),
    "reconstruction": Experiment(
        "whether FactorVAE scores higher than beta-VAE at the same reconstruction",
        "Kim and Mnih 2018, 5",
        3,
        (0, 1, 2),
    ),
    "correlated-factors": Experiment(
        "whether beta-TCVAE keeps its advantage over beta-VAE when two factors are correlated",
        "Chen et al. 2018, 5",
        3,
        (0, 1, 2),
    ),
    "transfer": Experiment(
        "whether a classifier on disentangled codes works in a domain that was never seen",
        "Higgins et al. 2017 (DARLA)",
        15,
        (0, 1, 2, 3, 4),
    ),
    "causal-graph": Experiment(
        "whether CausalVAE finds the graph of two causes and an effect without being told",
        "Yang et al. 2021",
        2,
        (0, 1, 2),
    ),
    "ablation": Experiment(
        "where SCAN's accuracy comes from: one part changed at a time, on the same codes",
        "Higgins et al. 2018 (SCAN), 5",
        55,
        (0, 1, 2, 3, 4),
        takes=("engine",),
    ),
    "rivals": Experiment(
        "SCAN against SCAN_R, SCAN_U, JMVAE and TrELBO, in accuracy and diversity",
        "Higgins et al. 2018 (SCAN), 5",
        55,
        (0, 1, 2, 3, 4),
        takes=("full", "engine"),
    ),
    "mode-coverage": Experiment(
        "whether the forward KL makes a symbol cover its images, and the reverse one does not",
        "Higgins et al. 2018 (SCAN), 4 and 5 (SCAN_R)",
        25,
        (0, 1, 2),
        takes=("engine",),
    ),
    "curriculum": Experiment(
        "how {cyan wall} becomes abstract over 15 images in 3 sets of 5",
        "Higgins et al. 2018 (SCAN), 5 (concept evolution)",
        25,
        (0, 1, 2),
        takes=("engine",),
    ),
    "hierarchy": Experiment(
        "whether the images of a concept contain those of the concepts below it",
        "Higgins et al. 2018 (SCAN), 3",
        25,
        (0, 1, 2),
        takes=("engine",),
    ),
    "synonyms": Experiment(
        "whether a word taught by images alone becomes a synonym: dub = {ice lolly, white wall}",
        "Higgins et al. 2018 (SCAN), 5",
        25,
        (0, 1, 2),
        takes=("engine",),
    ),
    "celeba": Experiment(
        "whether faces follow the weight of an attribute, from -6 to 2 (needs --data)",
        "Higgins et al. 2018 (SCAN), 5",
        55,
        (0,),
        takes=("data", "full", "engine"),
    ),
    "mnist-a": Experiment(
        "whether JMVAE and TrELBO reach their authors' three C's on MNIST-A (needs --data)",
        "Vedantam et al. 2018, 5",
        15,
        (0,),
        takes=("data", "full"),
    ),
}
"""All of them by name, in the order in which they are listed."""

Verdict = Literal["reproduced", "refuted", "undecided"]
"""Undecided: seeds disagree, or what was measured is within the noise, or too little was trained to tell."""


class Asked(NamedTuple):
    """How an experiment is to be made."""

    seeds: tuple[int, ...]
    folder: Path
    """Its own, for runs and for results of parts (`pipelines.experiments.parts`), from which it resumes."""
    steps: int | None = None
    """Of each training, for a trial; None for as many as the verdict needs."""
    full: bool = False
    """As large as the source made it, for a GPU."""
    data: Path | None = None
    """Where a data set lies that does not come with this project, for the experiments that need one."""
    engine: Engine | None = None
    """For its runs; by default this machine, as many at a time as its cores hold."""


class Outcome(NamedTuple):
    """What an experiment found."""

    lines: tuple[str, ...]
    """For the terminal: a table or a few lines, and then the verdict with its numbers."""
    verdict: Verdict
    measures: Mapping[str, Any]
    """JSON-able."""
    figures: Mapping[str, bytes]
    """PNG files by the ends of their names."""


def run(name: str, asked: Asked, machine: Machine) -> Outcome:
    """Make an experiment of `EXPERIMENTS`.

    Raises:
        UsageError: Where a data set is missing or not usable.
    """
    from vision.data import DataError  # not for the list

    module = import_module(f"pipelines.experiments.{name.replace('-', '_')}")
    try:
        outcome: Outcome = module.run(asked, machine)
    except DataError as error:
        raise UsageError(str(error)) from error
    return outcome
