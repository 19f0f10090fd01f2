"""What a first stage is told beside its images."""

import pytest

from pipelines.config import JMVAE, Vision
from pipelines.config.prior_knowledge import prior_knowledge

CONVOLUTIONAL = {"kind": "convolutional"}


@pytest.mark.parametrize(
    ("network", "objective", "expected"),
    [
        (CONVOLUTIONAL, {"kind": "beta_vae"}, "nothing"),
        (CONVOLUTIONAL, {"kind": "qlae"}, "nothing"),
        (CONVOLUTIONAL, {"kind": "ada_gvae"}, "which images differ in few factors"),
        (CONVOLUTIONAL, {"kind": "slow_vae"}, "which images differ in few factors"),
        (CONVOLUTIONAL, {"kind": "slow_vae", "pairs": "frames"}, "which images are neighbouring frames"),
        (CONVOLUTIONAL, {"kind": "dc_ign", "groups": {"x": [0]}}, "which group of factors varies in a batch"),
        (CONVOLUTIONAL, {"kind": "info_gan"}, "nothing"),
        (CONVOLUTIONAL, {"kind": "info_gan", "categories": [3]}, "how many values each category has"),
        ({"kind": "joint"}, {"kind": "joint_vae"}, "how many values each category has"),
        (
            {"kind": "layered"},
            {"kind": "ada_ml_vae"},
            "images are flat layers of one colour each; which images differ in few factors",
        ),
    ],
)
def test_it_is_what_network_and_objective_know(network: dict, objective: dict, expected: str) -> None:
    likelihood = {"kind": "gaussian", "scale": 0.1}
    vision = Vision.model_validate({"network": network, "likelihood": likelihood, "objective": objective})
    assert prior_knowledge(vision) == expected


def test_a_joint_model_is_told_words() -> None:
    vision = Vision.model_validate({"network": {"kind": "layered"}})
    expected = "images are flat layers of one colour each; the words of the training pairs"
    assert prior_knowledge(vision, JMVAE(kind="jmvae")) == expected
