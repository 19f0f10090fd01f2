"""A sweep file and the runs that it stands for."""

from pathlib import Path

import pytest

from pipelines.config.yaml_reader import read
from pipelines.jobs import sweep_file, sweep_runs


@pytest.mark.parametrize(
    "value", [True, None, "no", "1e-4", "a: b", "", "x, y", "{", "~", ["1", {"kind": "beta_vae"}], "#", "é"]
)
def test_a_setting_is_read_back_as_the_same_value(value: object) -> None:
    assert read(sweep_file.flow(value)) == value


def test_the_examples_of_the_documentation_are_sweeps(tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent / "docs" / "sweeps.md").read_text()
    whole, *others = [block.partition("```")[0] for block in text.split("```yaml")[1:]]
    (tmp_path / "betas.yaml").write_text(whole)
    plans = sweep_runs.planned_all(sweep_file.load(tmp_path / "betas.yaml"), tmp_path)
    assert sum(len(plan.jobs) for plan in plans) == 18
    for block in others:
        (tmp_path / "other.yaml").write_text(f"base: rooms-paper\n{block}".replace("mask_latents", "latents"))
        assert sweep_runs.planned_all(sweep_file.load(tmp_path / "other.yaml"), tmp_path)
    assert len(others) == 2


@pytest.mark.parametrize(
    ("named", "made"),
    [
        ("[vision]", ("vision",)),
        ("[symbols]", ("vision", "symbols")),
        ("[judge, operators]", ("vision", "symbols", "operators", "judge")),
        ("[]", ()),
    ],
)
def test_the_stages_of_a_sweep_come_with_what_they_build_on(
    tmp_path: Path, named: str, made: tuple[str, ...]
) -> None:
    (tmp_path / "some.yaml").write_text(f"base: rooms-mini\nstages: {named}\nlist: [{{symbols.steps: 5}}]")
    (plan,) = sweep_runs.planned_all(sweep_file.load(tmp_path / "some.yaml"), tmp_path)
    assert [job.stages for job in plan.jobs] == [made]


def test_labels_of_different_settings_differ() -> None:
    settings = [{"a": "x y"}, {"a": "x_y"}, {"a": "x/y"}, {"a": "z" * 200}, {"a": "z" * 201}, {}]
    labels = [sweep_runs.label_of(setting) for setting in settings]
    assert len(set(labels)) == len(settings)
    assert all("/" not in label and len(label) <= sweep_runs.LONGEST_LABEL for label in labels)
