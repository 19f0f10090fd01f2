"""Objectives, networks and settings of a training that do not go together."""

from pipelines.config.concepts import Symbols
from pipelines.config.data import Data, RoomsData
from pipelines.config.joint import Joint, TrELBO
from pipelines.config.networks import ConvolutionalNetwork, JointNetwork, LayeredNetwork
from pipelines.config.objectives import (
    DCIGN,
    QLAE,
    BetaVAE,
    InfoGAN,
    InfoWGANGP,
    JointVAE,
    PairObjective,
    SlowVAE,
)
from pipelines.config.vision import Vision


def check_objective(vision: Vision, data: Data) -> None:
    """Refuse an objective that the rest of the section, or the kind of the data, does not suit.

    Args:
        vision: The section.
        data: The data of the run.

    Raises:
        ValueError: One line that names the settings.
    """
    objective, network, batch = vision.objective, vision.network, vision.training.batch
    if isinstance(objective, JointVAE) != isinstance(network, JointNetwork):
        raise ValueError(
            "vision.objective.kind joint_vae and vision.network.kind joint need each other, got "
            f"{objective.kind} and {network.kind}"
        )
    if isinstance(objective, JointVAE) and any(vision.penalties.weights().values()):
        raise ValueError(
            "vision.penalties are of Gaussian latents: vision.objective.kind joint_vae takes none"
        )
    if isinstance(objective, PairObjective) and batch % 2:
        raise ValueError(
            f"vision.objective.kind {objective.kind}: vision.training.batch is even, got {batch}"
        )
    if isinstance(objective, SlowVAE) and objective.pairs == "frames" and not isinstance(data, RoomsData):
        raise ValueError(f"vision.objective.pairs frames are rendered: data.kind is rooms, got {data.kind}")
    if isinstance(objective, DCIGN):
        if batch < 2:
            raise ValueError("vision.objective.kind dc_ign: vision.training.batch is at least 2, got 1")
        if not isinstance(network, LayeredNetwork):
            check_groups(objective, network.latents)
    if isinstance(objective, InfoGAN | InfoWGANGP | QLAE) and not isinstance(network, ConvolutionalNetwork):
        raise ValueError(
            f"vision.objective.kind {objective.kind} has an encoder of its own: vision.network.kind must be "
            f"convolutional, not {network.kind}"
        )
    if isinstance(objective, InfoGAN | InfoWGANGP):
        check_adversarial(objective, vision)
    if isinstance(objective, QLAE) and network.precision_limit is not None:
        raise ValueError(
            "vision.objective.kind qlae has the variances of its grid: vision.network.precision_limit is null"
        )
    if vision.training.output_bias == "mean" and isinstance(network, LayeredNetwork):
        raise ValueError(
            "vision.training.output_bias mean is a bias of logits, and vision.network.kind layered has none: "
            "it must be random"
        )
    if vision.penalties.latent_multiinformation and batch < 2:
        raise ValueError(
            "vision.penalties.latent_multiinformation: vision.training.batch is at least 2, got 1"
        )


def check_adversarial(objective: InfoGAN | InfoWGANGP, vision: Vision) -> None:
    """Refuse settings for which a generator and its discriminator have no use.

    Raises:
        ValueError: One line that names the setting.
    """
    for name, weight in vision.penalties.weights().items():
        if weight:
            raise ValueError(
                f"vision.objective.kind {objective.kind} has no posterior to penalise: "
                f"vision.penalties.{name} must be 0"
            )
    if vision.training.restarts > 1:
        raise ValueError(
            f"vision.objective.kind {objective.kind} has no loss that compares restarts: "
            "vision.training.restarts must be 1"
        )


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


def check_joint(joint: Joint, vision: Vision, symbols: Symbols, has_words: bool) -> None:
    """Refuse settings that a model of images and symbols has no use for.

    Args:
        joint: The section.
        vision: The section vision, whose networks it trains.
        symbols: The section symbols, whose networks it trains.
        has_words: Whether the data have attributes.

    Raises:
        ValueError: One line that names the settings.
    """
    if not has_words:
        raise ValueError(f"joint.kind {joint.kind} learns words, and the data have no attributes")
    if not isinstance(vision.objective, BetaVAE):
        raise ValueError(
            f"joint.kind {joint.kind} is an objective of its own: leave out vision.objective.kind "
            f"{vision.objective.kind}"
        )
    if isinstance(joint, TrELBO) and symbols.encoder != "experts":
        raise ValueError(
            "joint.kind trelbo is a product of experts: symbols.encoder must be experts, not "
            f"{symbols.encoder}"
        )
