"""Objectives, networks and settings of a training that do not go together."""

from pipelines.config.networks import JointNetwork, LayeredNetwork
from pipelines.config.objectives import DCIGN, JointVAE, Pairwise
from pipelines.config.vision import Vision


def check_objective(vision: Vision) -> None:
    """Refuse an objective that the rest of the section does not suit.

    Raises:
        ValueError: One line that names the settings.
    """
    objective, network, batch = vision.objective, vision.network, vision.training.batch
    if isinstance(objective, JointVAE) != isinstance(network, JointNetwork):
        raise ValueError(
            "vision.objective.kind joint_vae and vision.network.kind joint need each other, got "
            f"{objective.kind} and {network.kind}"
        )
    if isinstance(objective, JointVAE) and any(vision.penalties.model_dump().values()):
        raise ValueError(
            "vision.penalties are of Gaussian latents: vision.objective.kind joint_vae takes none"
        )
    if isinstance(objective, Pairwise) and batch % 2:
        raise ValueError(
            f"vision.objective.kind {objective.kind}: vision.training.batch is even, got {batch}"
        )
    if isinstance(objective, DCIGN):
        if batch < 2:
            raise ValueError("vision.objective.kind dc_ign: vision.training.batch is at least 2, got 1")
        if not isinstance(network, LayeredNetwork):
            check_groups(objective, network.latents)


def check_groups(objective: DCIGN, latents: int) -> None:
    """Refuse groups with latents that a network does not have.

    Args:
        objective: Of the config.
        latents: How many latents the network has.

    Raises:
        ValueError: One line that names the setting.
    """
    for name, group in objective.groups.items():
        if max(group) >= latents:
            raise ValueError(
                f"vision.objective.groups.{name}: there are latents 0 to {latents - 1}, got {max(group)}"
            )
