"""Methods whose batches are drawn by factors: pairs of images, and batches in which one group varies.

Factors serve to draw the batches and for nothing else; the objectives (`vision.objectives.ada_vae`,
`slow_vae`, `dc_ign`) say what the model is told by that.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from pipelines.config import DCIGN, AdaGVAE, AdaMLVAE, Config, SlowVAE
from pipelines.config.misfits import check_groups
from pipelines.config.objectives import REST, PairObjective
from pipelines.errors import UsageError, nearest, shortened
from vision import objectives
from vision.data.batches import FactorGroups, Pairs
from vision.data.contexts import NoPartnersError
from vision.gaussian import Gaussian
from vision.objectives import Likelihood, Pass
from vision.vae import VAE


def check(config: Config, factors: np.ndarray, names: Sequence[str], latents: int) -> None:
    """Refuse data from which the objective's batches cannot be drawn.

    Args:
        config: Of the run.
        factors: Of the images that are trained on, integers (N, K).
        names: Of the factors.
        latents: How many the network has.

    Raises:
        UsageError: One line that names the setting.
    """
    objective = config.vision.objective
    if isinstance(objective, SlowVAE) and objective.pairs == "frames":
        return
    if isinstance(objective, PairObjective):
        pairs_of(objective, factors, names)
    elif isinstance(objective, DCIGN):
        groups_of(objective, factors, names, latents)


def pairs_of(objective: PairObjective, factors: np.ndarray, names: Sequence[str]) -> Pairs:
    """The pairs that an objective asks for.

    Args:
        objective: How the images of a pair differ.
        factors: Integers (N, K).
        names: Of the factors.

    Raises:
        UsageError: One line that names the setting.
    """
    key = "vision.objective.factors"
    columns = None if objective.factors is None else [_column(one, names, key) for one in objective.factors]
    if not names:
        raise UsageError(
            f"vision.objective: {objective.kind} draws pairs by factors, and these data have none"
        )
    try:
        return Pairs(factors, objective.differing, columns)
    except NoPartnersError as error:
        raise UsageError(f"vision.objective: {_alone(error, names)}: name others in {key}") from error
    except ValueError as error:
        have = shortened(", ".join(names))
        raise UsageError(f"vision.objective.differing: {error} (the data have {have})") from error


def groups_of(objective: DCIGN, factors: np.ndarray, names: Sequence[str], latents: int) -> FactorGroups:
    """The batches that DC-IGN asks for: a group for each factor that it names, and the rest as the last.

    Args:
        objective: Groups and their ratio.
        factors: Integers (N, K).
        names: Of the factors.
        latents: How many the network has.

    Raises:
        UsageError: One line that names the setting.
    """
    key = "vision.objective.groups"
    if not names:
        raise UsageError(f"{key}: dc_ign draws batches by factors, and these data have none")
    named = [_column(name, names, key) for name in objective.ordered]
    try:
        check_groups(objective, latents)
    except ValueError as error:
        raise UsageError(str(error)) from error
    rest = [column for column in range(len(names)) if column not in named]
    free = latents - sum(len(group) for group in objective.groups.values())
    if rest and not free:
        raise UsageError(f"{key}: no latent is left for {_list(rest, names)}")
    if free and not rest:
        raise UsageError(
            f"{key}: no factor is left for the {free} other latents: leave one out, or name all latents"
        )
    if REST in objective.ratio and not rest:
        raise UsageError(f"vision.objective.ratio.{REST}: the groups have all factors")
    groups = [[column] for column in named] + ([rest] if rest else [])
    ratio = [objective.ratio.get(name, 1.0) for name in (*objective.ordered, REST)]
    try:
        return FactorGroups(factors, groups, ratio[: len(groups)])
    except NoPartnersError as error:
        raise UsageError(f"{key}: {_alone(error, names)}") from error


def active_latents(objective: DCIGN, latents: int, groups: int) -> Tensor:
    """Which latents may vary in the batches of each group, bool (groups, latents).

    Args:
        objective: The groups; all other latents are in the last.
        latents: How many the network has.
        groups: How many groups the batches have, with or without the rest.
    """
    active = torch.zeros(groups, latents, dtype=torch.bool)
    for number, group in enumerate(objective.ordered.values()):
        active[number, list(group)] = True
    if groups > len(objective.groups):
        active[-1] = ~active.any(0)
    return active


def forward_pairs(
    objective: AdaGVAE | AdaMLVAE | SlowVAE, vae: VAE, likelihood: Likelihood
) -> Callable[[Tensor, torch.Generator], Pass]:
    """(images (2 B, C, H, W), noise) -> the pass of B pairs: all first images, then their partners."""
    shared: Callable[[Gaussian], Gaussian]
    match objective:
        case AdaGVAE():
            shared = objectives.ada_gvae
        case AdaMLVAE():
            shared = objectives.ada_ml_vae
        case SlowVAE():
            shared = _unchanged

    def forward(x: Tensor, generator: torch.Generator) -> Pass:
        target = objectives.target_of(vae, x, likelihood)
        return objectives.reconstruct(vae, shared(vae.encoder(target)), target, likelihood, generator)

    return forward


def _unchanged(q: Gaussian) -> Gaussian:
    return q


def _column(name: str, names: Sequence[str], key: str) -> int:
    if name not in names:
        have = f"the data have {shortened(', '.join(names))}" if names else "the data have none"
        raise UsageError(f"{key}: no factor {name!r}{nearest(name, names)} ({have})")
    return list(names).index(name)


def _list(columns: Sequence[int], names: Sequence[str]) -> str:
    return shortened(", ".join(names[column] for column in columns))


def _alone(error: NoPartnersError, names: Sequence[str]) -> str:
    return f"no two training images differ in exactly {_list(error.changed, names)}"
