"""What a config may say of the published data sets."""

from pathlib import Path

import pytest

from pipelines.config import Config, config_files
from pipelines.errors import UsageError


def load(tmp_path: Path, data: str, *assignments: str) -> Config:
    file = tmp_path / "x.yaml"
    file.write_text(f"data: {data}\n")
    return config_files.load(file, assignments)


def test_values_that_are_numbers_are_names(tmp_path: Path) -> None:
    config = load(tmp_path, "{kind: dsprites, fixed: {scale: 0.5, orientation: 0}}", "data.fixed.shape=heart")
    assert config.data.fixed == {"scale": "0.5", "orientation": "0", "shape": "heart"}
    assert config.has_words
    again = config_files.load_text(config_files.dump(config), tmp_path / "again.yaml")
    assert again.data == config.data
    assert not load(tmp_path, "{kind: mnist, attributes: []}").has_words


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{kind: dsprites, size: 48}", "data.size: 48 is none of 64, 32, 16 or 8"),
        (
            "{kind: dsprites, variant: colour}",
            "data.variant: the text 'colour' is none of plain, color",
        ),
        ("{kind: dsprites, fixed: {shape: yes}}", "data.fixed.shape: expected text, got the boolean true"),
        ("{kind: dsprites, path: x}", "data.path: unknown key of kind dsprites, it is one of kind npz"),
        ("{kind: mnist, size: 64}", "data.size: 64 is none of 28 or 32"),
        ("{kind: shapes3d, size: 4}", "data.size: input should be greater than or equal to 8"),
        ("{kind: mpi3d, version: toy}", "data.version: the text 'toy' is none of full, complex, challenge"),
        ("{kind: cars3d, bins: {car: 1}}", "data.bins.car: input should be greater than or equal to 2"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, data: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, data)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
