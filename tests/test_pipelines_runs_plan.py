"""The stages of a run follow from its config."""

from importlib import import_module
from operator import attrgetter

import pytest

from pipelines.config import Config
from pipelines.runs.plan import STAGES, plan, shown


def config(**sections: object) -> Config:
    return Config.model_validate({"name": "a", "data": {"kind": "rooms"}, **sections})


def test_without_its_section_there_is_no_dae_and_nothing_reads_it() -> None:
    without, with_dae = plan(config()), plan(config(dae={}))
    assert list(with_dae) == ["dae", *without]
    assert without["vision"].reads == ()
    assert with_dae["vision"].reads == ("dae",)
    assert {name for name, stage in with_dae.items() if "dae" in (*stage.reads, *stage.shows)} == {
        "vision",
        "report",
    }


@pytest.mark.parametrize("sections", [{}, {"dae": {}}, {"dae": {}, "joint": {"kind": "jmvae"}}])
def test_a_stage_reads_and_shows_earlier_stages_of_the_same_run(sections: dict[str, object]) -> None:
    stages = plan(config(**sections))
    for place, stage in enumerate(stages.values()):
        assert {*stage.reads, *stage.shows} <= {*list(stages)[:place]}
    assert tuple(shown(config(**sections))) == stages["report"].shows == tuple(stages)[:-1]


def test_every_setting_is_one_of_the_config_and_every_stage_a_module() -> None:
    asked = config(dae={}, joint={"kind": "jmvae"})
    for name, stage in plan(asked).items():
        assert callable(import_module(f"pipelines.stages.{name}").run)
        for key in stage.settings:
            attrgetter(key)(asked)  # raises AttributeError for an unknown key
    assert list(plan(asked)) == list(STAGES)
