"""docs/rivals.md: its commands are configs of the methods that they name."""

import re
import shlex
from pathlib import Path

from pipelines.config import JMVAE, Config, TrELBO, config_files

PAGE = Path(__file__).parent.parent / "docs" / "rivals.md"
CONVOLUTIONAL = ("vision.network.kind=convolutional", "vision.likelihood.kind=bernoulli")


def configs() -> dict[str, Config]:
    """The config of each command in the table, by the first word of the method."""
    found = {}
    for method, command in re.findall(
        r"^\| ([^|]+) \| `scan run ([^`]+)` \|$", PAGE.read_text("utf-8"), re.M
    ):
        preset, *flags = shlex.split(command)
        found[method] = config_files.load(config_files.find(preset), flags[1::2])
        assert set(flags[::2]) <= {"--set"}
    return found


def test_each_command_is_a_config_of_its_method() -> None:
    of = configs()
    scan, reverse = of.pop("SCAN"), of.pop("SCAN_R: both grounding KLs reversed")
    assert scan.joint is None
    assert reverse.symbols.direction == reverse.operators.direction == "reverse"
    assert reverse.vision == scan.vision
    kinds = {method: None if config.joint is None else config.joint.kind for method, config in of.items()}
    for method, kind in kinds.items():
        expected = {"SCAN_U": None, "JMVAE": "jmvae", "TrELBO": "trelbo"}
        assert kind == expected[re.split(r"\W", method)[0]], method
    assert len(kinds) == 5


def test_both_joint_models_take_the_paper_s_networks() -> None:
    page = PAGE.read_text("utf-8")
    assert all(f"--set {setting}" in page for setting in CONVOLUTIONAL)
    for kind, section in (("jmvae", JMVAE), ("trelbo", TrELBO)):
        settings = (f"joint.kind={kind}", "joint.unlabelled=true", *CONVOLUTIONAL)
        config = config_files.load(config_files.find("rooms"), settings)
        assert isinstance(config.joint, section)
        assert config.vision.network.kind == "convolutional"
