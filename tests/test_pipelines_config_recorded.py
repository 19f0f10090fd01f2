"""A setting that a record lacks has been added since: it stands for its default, and for nothing else."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.config import Config, config_files
from pipelines.config.recorded import NOT_AS_BEFORE, completed, flat
from pipelines.runs.files import write_bytes
from pipelines.runs.folder import RunFolder

ROOMS = {"name": "a", "data": {"kind": "rooms"}}


def config_of(**sections: Any) -> Config:
    return Config.model_validate({**ROOMS, **sections})


def settings(config: Config) -> dict[str, Any]:
    return flat(config.model_dump(mode="json"))


def without(config: Config, *keys: str) -> dict[str, Any]:
    """The record of a version that had all settings but some."""
    found = settings(config)
    for key in keys:
        del found[key]
    return found


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"judge": {"steps": 7}, "symbols": {"encoder": "mlp"}},
        {"vision": {"network": {"kind": "convolutional"}}, "dae": {"steps": 5}},
    ],
)
def test_each_key_with_a_default_may_be_missing(sections: dict[str, Any]) -> None:
    config = config_of(**sections)
    now = settings(config)
    for key in ("judge.network", "symbols.pair_penalty", "symbols.steps", "vision.training.warmup", "seed"):
        before = without(config, key)
        assert before != now
        assert completed(before, now, config) == now
    several = without(config, "judge.network", "symbols.completion", "vision.penalties.cross_covariance")
    assert completed(several, now, config) == now


def test_the_default_is_that_beside_the_other_settings() -> None:
    papers = config_of(vision={"network": {"kind": "convolutional"}, "penalties": {"jacobian_l1": 0.5}})
    key = "vision.penalties.off_diagonal_covariance"
    assert completed(without(papers, key), settings(papers), papers)[key] == 0
    layered = config_of()
    assert completed(without(layered, key), settings(layered), layered)[key] == 4


def test_another_value_than_the_default_is_a_change() -> None:
    config = config_of(judge={"network": "pooled"}, symbols={"pair_penalty": 0.1})
    before = completed(without(config, "judge.network", "symbols.pair_penalty"), settings(config), config)
    assert (before["judge.network"], before["symbols.pair_penalty"]) == ("strided", None)


def test_a_section_that_is_none_by_default_is_not_its_defaults() -> None:
    config = config_of(dae={})
    before = {key: value for key, value in settings(config).items() if not key.startswith("dae.")}
    assert not any(key.startswith("dae.") for key in completed(before, settings(config), config))


def test_what_has_no_default_stays_a_change() -> None:
    config = config_of()
    now = {**settings(config), "dae/model.safetensors": "abc", "data.images.sha256": "def"}
    assert completed(settings(config), now, config) == settings(config)
    before = without(config, "data.kind")
    assert completed(before, now, config) == before


def test_a_default_that_is_not_as_before_stays_a_change() -> None:
    """Experts learned with `joint.lr` before they had a learning rate of their own."""
    config = config_of(joint={"kind": "trelbo"})
    before = without(config, "joint.expert_lr")
    assert completed(before, settings(config), config) == before
    assert set(NOT_AS_BEFORE) <= settings(config).keys()


def test_masks_had_no_penalty_before_there_was_one() -> None:
    """A change for the defaults, and not for a config that leaves it out; records are read as they were."""
    key = "vision.penalties.mask_entropy"
    rooms = config_files.load(config_files.find("rooms-full"))
    for config in (config_of(), rooms):
        before = without(config, key, f"{key}_until")
        assert completed(before, settings(config), config)[key] == 0
    assert settings(config_of())[key] == "auto"
    assert completed(without(rooms, key, f"{key}_until"), settings(rooms), rooms) == settings(rooms)
    written = config_of().model_dump(mode="json")
    del written["vision"]["penalties"]["mask_entropy"]
    del written["vision"]["penalties"]["mask_entropy_until"]
    assert Config.model_validate(written).vision.penalties.mask_entropy == 0
    written["vision"]["penalties"]["mask_entropy_until"] = 0.4
    assert Config.model_validate(written).vision.penalties.mask_entropy == "auto"


def test_a_key_that_was_removed_is_a_change() -> None:
    config = config_of()
    before = {**without(config, "judge.network"), "judge.old": 1}
    assert completed(before, settings(config), config) == {**settings(config), "judge.old": 1}


def test_a_stage_under_way_goes_on_with_a_key_that_was_added(tmp_path: Path) -> None:
    config = config_files.load(config_files.find("rooms-mini"))
    now = {key: value for key, value in settings(config).items() if key.startswith("judge.")}
    before = {key: value for key, value in now.items() if key != "judge.network"}
    other = config.model_copy(update={"judge": config.judge.model_copy(update={"network": "pooled"})})
    with RunFolder(tmp_path) as run:
        run.begin("judge", before, config)
        state = run.stage("judge") / "state"
        write_bytes(state, b"half-way")
        assert run.status("judge", now, config).kind == "partial"
        run.begin("judge", now, config)
        assert state.read_bytes() == b"half-way"
        pooled = {**now, "judge.network": "pooled"}
        assert run.status("judge", pooled, other) == ("changed", "judge.network strided -> pooled")
        run.begin("judge", pooled, other)
        assert not state.exists()
