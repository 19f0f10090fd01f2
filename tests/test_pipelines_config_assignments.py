"""`--set`: in any order, none dropped, what a new kind makes invalid named."""

from itertools import permutations
from pathlib import Path

import pytest

from pipelines.config import Constant, ConvolutionalNetwork, Geometric, Linear, NpzData
from pipelines.config.config_files import find, load
from pipelines.errors import UsageError

ROOMS = find("rooms")


@pytest.mark.parametrize(
    "assignments",
    [
        ["data.path=x.npz", "data.kind=npz", "data.size=[16, 8]"],
        ["vision.training.steps=3000", "vision.objective.beta.kind=linear", "vision.objective.beta.start=3"],
        ["judge.steps=9", "judge={batch: 8}"],
        ["vision.objective.capacity.kind=constant", "vision.objective.capacity.value=3"],
        ["vision.network.kind=convolutional", "vision.network.latents=7", "vision.network.hidden=9"],
    ],
)
def test_the_order_means_nothing(assignments: list[str]) -> None:
    found = [load(ROOMS, order) for order in permutations(assignments)]
    assert all(config == found[0] for config in found)


def test_a_kind_that_is_set_already_resets_nothing(tmp_path: Path) -> None:
    as_it_is = load(ROOMS)
    for same in (
        "data.kind=rooms",
        "vision.network.kind=layered",
        "vision.likelihood.kind=gaussian",
        "vision.objective.kind=beta_vae",
        "vision.objective.beta.kind=geometric",
    ):
        assert load(ROOMS, [same]) == as_it_is
    bare = tmp_path / "bare.yaml"
    bare.write_text("name: bare\ndata: {kind: rooms}", encoding="utf-8")
    for same in (
        "vision.network.kind=layered",
        "vision.likelihood.kind=gaussian",
        "vision.objective.kind=beta_vae",
        "vision.objective.beta.kind=geometric",
    ):
        assert load(bare, [same]) == load(bare)


def test_the_papers_networks_bring_the_papers_settings_and_a_number_that_is_set_stays(tmp_path: Path) -> None:
    bare = tmp_path / "bare.yaml"
    bare.write_text("name: bare\ndata: {kind: rooms}", encoding="utf-8")
    found = load(bare, ["vision.network.kind=convolutional", "vision.training.steps=7"]).vision
    assert (found.likelihood.kind, found.objective.beta) == ("bernoulli", Constant(kind="constant", value=4))
    assert (found.training.steps, found.training.lr, found.training.restarts) == (7, 1e-4, 1)
    weights = found.penalties.weights()
    assert set(weights.values()) == {0.0}
    assert load(bare, ["vision.likelihood.kind=bernoulli"]).vision.network.kind == "convolutional"
    layered = load(bare, ["vision.network.components=14", "vision.penalties.jacobian_l1=0.2"]).vision
    own = load(bare).vision
    assert layered.network == own.network.model_copy(update={"components": 14})
    assert layered.penalties == own.penalties.model_copy(update={"jacobian_l1": 0.2})
    assert layered.training == own.training


def test_a_new_kind_keeps_what_it_shares_and_says_what_it_leaves_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    beta = load(ROOMS).vision.objective.beta
    assert isinstance(beta, Geometric)
    found = load(ROOMS, ["vision.objective.beta.kind=linear"]).vision.objective.beta
    assert found == Linear(kind="linear", start=beta.start, end=beta.end, until=beta.until)
    assert capsys.readouterr().err == ""
    constant = ["vision.objective.beta.value=2", "vision.objective.beta.kind=constant"]
    found = load(ROOMS, constant).vision.objective.beta
    assert found == Constant(kind="constant", value=2.0)
    stderr = capsys.readouterr().err
    left_out = ", ".join(f"vision.objective.beta.{key}" for key in ("start", "end", "until"))
    assert f"leaves out {left_out}, which" in stderr
    assert stderr.count("\n") == 1
    layered = load(ROOMS).vision.network
    network = load(ROOMS, ["vision.network.kind=convolutional"]).vision.network
    assert network == ConvolutionalNetwork(
        kind="convolutional", widths=layered.widths, precision_limit=layered.precision_limit
    )
    left_out = ", ".join(
        f"vision.network.{key}" for key in ("masks", "mask_latents", "mask_kl_weight", "components")
    )
    assert f"leaves out {left_out}, which" in capsys.readouterr().err
    data = load(ROOMS, ["data.kind=npz", "data.path=/x.npz"]).data
    assert data == NpzData(kind="npz", path="/x.npz")
    assert "leaves out data.size, data.images, data.aliases" in capsys.readouterr().err


def test_a_plain_number_can_be_set_into_as_the_schedule_that_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "my.yaml"
    text = "name: my\ndata: {kind: rooms}\nvision: {objective: {kind: beta_vae, beta: 5}}"
    path.write_text(text, encoding="utf-8")
    assert load(path, ["vision.objective.beta.kind=constant"]) == load(path)
    beta = [f"vision.objective.beta.{setting}" for setting in ("kind=linear", "start=1", "end=2")]
    assert load(path, beta).vision.objective.beta == Linear(kind="linear", start=1.0, end=2.0)
    assert "leaves out vision.objective.beta.value, which" in capsys.readouterr().err


def test_a_section_that_is_absent_or_null_can_be_set_into(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(
        "name: my\ndata: {kind: rooms}\ndae: null\nvision: {objective: {kind: beta_vae, capacity: ~}}",
        encoding="utf-8",
    )
    found = load(path, ["dae.steps=7", "symbols.steps=8", "vision.objective.beta.value=3"])
    assert found.dae is not None
    assert (found.dae.steps, found.symbols.steps) == (7, 8)
    assert found.vision.objective.beta == Constant(kind="constant", value=3.0)


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (
            ["data.images=500", "data.kind=npz"],
            "images: unknown key of kind npz, it is one of kind rooms",
        ),
        (
            [
                "vision.objective.beta.start=3",
                "vision.objective.beta.kind=constant",
                "vision.objective.beta.value=1",
            ],
            "beta.start: unknown key of kind constant",
        ),
        (["seed=1", "seed=2"], "contradict each other: give one of them"),
        (["dae.steps=7", "dae=null"], "--set dae=null and --set dae.steps=7 contradict each other"),
        (["vision={training: {steps: 40}}", "vision.training.steps=50"], "contradict each other"),
        (["vision.objective.beta=1", "vision.objective.beta.start=2"], "contradict each other"),
    ],
)
def test_what_cannot_be_meant_together_is_refused(assignments: list[str], message: str) -> None:
    for order in permutations(assignments):
        with pytest.raises(UsageError) as caught:
            load(ROOMS, order)
        assert message in str(caught.value)


def test_one_setting_given_twice_alike_is_no_contradiction() -> None:
    assert load(ROOMS, ["seed=3", "seed=3"]).seed == 3


def test_the_file_is_not_changed_where_aliases_share_a_section(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    text = "name: my\ndata: {kind: rooms}\nvision: {training: &v {steps: 5}}\ndae: {<<: *v}\njudge: *v"
    path.write_text(text, encoding="utf-8")
    found = load(path, ["vision.training.steps=9"])
    assert found.dae is not None
    assert (found.vision.training.steps, found.dae.steps, found.judge.steps) == (9, 5, 5)


def test_another_network_leaves_out_penalties_of_a_layered_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plain = ["vision.network.kind=convolutional", "vision.likelihood.kind=bernoulli"]
    for kind in ("rooms-mini", "rooms-beta"):  # which of them has such a penalty
        penalties = load(find(kind), plain).vision.penalties
        assert (penalties.cross_covariance, penalties.mask_entropy) == (0, 0)
        named = "leaves out vision.penalties.mask_entropy, which the config file has for another kind"
        assert (named in capsys.readouterr().err) == (kind == "rooms-mini")
    whole = "vision.network={kind: convolutional}"
    assert load(find("rooms-mini"), [whole, plain[1]]).vision.penalties.mask_entropy == 0
    own = ["vision.penalties={cross_covariance: 2, jacobian_l1: 0.5}", *plain]
    assert load(find("rooms"), plain).vision.penalties.jacobian_l1 == 0.1
    with pytest.raises(UsageError, match="cross_covariance is between"):
        load(find("rooms"), own)  # what is set is not left out
    with pytest.raises(UsageError, match="mask_entropy is of the masks"):
        load(find("rooms"), [*plain, "vision.penalties.mask_entropy=1"])
    assert load(find("rooms-mini"), ["vision.network.kind=layered"]).vision.penalties.mask_entropy > 0
