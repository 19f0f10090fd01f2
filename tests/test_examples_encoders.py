"""The configs of the comparison of first stages: each is read, and they are all of the family."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from pipelines.commands.cells import cells_of
from pipelines.config import config_files
from pipelines.config.objectives import DCIGN, Objective
from pipelines.stages.factor_batches import groups_of
from vision.data.rooms import rooms

FOLDER = Path(__file__).parents[1] / "examples" / "encoders"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_is_read_and_has_the_name_of_its_file(path: Path) -> None:
    assert config_files.load(path, []).name == path.stem


def test_the_config_of_mnist_a_is_read() -> None:
    found = config_files.load(FOLDER.parent / "mnist-a.yaml", [])
    assert (found.name, found.vision.likelihood.kind) == ("mnist-a", "bernoulli")


def test_they_are_the_whole_family_on_the_same_data(tmp_path: Path) -> None:
    cells = cells_of([str(path) for path in sorted(FOLDER.glob("*.yaml"))], (0,), (), tmp_path)
    kinds = {
        get_args(section.model_fields["kind"].annotation)[0] for section in get_args(get_args(Objective)[0])
    }
    assert {cell.config.vision.objective.kind for cell in cells} == kinds


def test_the_groups_of_dc_ign_divide_the_factors_of_its_data() -> None:
    config = config_files.load(FOLDER / "dc-ign.yaml", [])
    images = rooms(400, size=config.data.size, rng=np.random.default_rng(0))
    assert isinstance(config.vision.objective, DCIGN)
    groups_of(config.vision.objective, images.factors, images.names, config.vision.network.latents)
