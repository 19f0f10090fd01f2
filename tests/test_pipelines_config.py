"""The config: every key and every type is checked, and an error is one line that says where and what else."""

from pathlib import Path

import pytest

from pipelines.config import Constant, Geometric, LayeredNetwork, NpzData
from pipelines.config.assignments import sections_at
from pipelines.config.config_files import dump, find, load, shipped_names
from pipelines.config.renamed import RENAMED
from pipelines.errors import UsageError

BASE = """
name: base
seed: 0
data: {kind: rooms, aliases: {dub: {shape: ice lolly, wall: white}}}
vision: {objective: {kind: beta_vae, beta: {kind: geometric, start: 60.0, end: 4.0}}}
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "my.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def base(write) -> Path:
    return write(BASE)


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_configs_are_valid_and_named_like_their_files(name: str) -> None:
    assert load(find(name)).name == name


@pytest.mark.parametrize("name", shipped_names())
def test_the_resolved_config_reads_back_equal(name: str, tmp_path: Path) -> None:
    config = load(find(name), ["vision.training.lr=1e-7", "data.aliases={dub: {'on': 'no', shape: hat}}"])
    path = tmp_path / "config.yaml"
    path.write_text(dump(config))
    assert load(path) == config
    assert config.data.aliases == {"dub": {"on": "no", "shape": "hat"}}


def test_assignments_are_yaml_values(base: Path) -> None:
    config = load(
        base,
        [
            "vision.training.lr=1e-4",
            "vision.training.steps=2e3",
            "vision.network.widths=[8, 16]",
            "vision.objective.beta={kind: constant, value: 3}",
            "dae.steps=7",
        ],
    )
    assert (config.vision.training.lr, config.vision.training.steps) == (1e-4, 2000)
    assert config.vision.network.widths == (8, 16)
    assert config.vision.objective.beta == Constant(kind="constant", value=3.0)
    assert config.dae is not None
    assert config.dae.steps == 7


def test_another_kind_drops_the_keys_of_the_old_one(base: Path) -> None:
    assert isinstance(load(base).vision.objective.beta, Geometric)
    beta = ["vision.objective.beta.kind=constant", "vision.objective.beta.value=2"]
    config = load(base, ["data.kind=npz", "data.path=x.npz", *beta])
    assert config.data == NpzData(kind="npz", path="x.npz")
    assert config.vision.objective.beta == Constant(kind="constant", value=2.0)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            "vision.training.stesp=3",
            "vision.training.stesp: unknown key; did you mean vision.training.steps?",
        ),
        ("lr=3", "lr: unknown key; did you mean dae.lr or vision."),
        (
            "vision.objective.beta.strat=3",
            "vision.objective.beta.strat: unknown key; did you mean vision.objective.beta.start?",
        ),
        ("data.sise=3", "data.sise: unknown key; did you mean data.size?"),
        ("quux=1", "quux: unknown key; there are name, seed, data"),
        ("data.kind=room", "data: kind 'room' is none of rooms, npz, folder, dsprites, mnist"),
        ("data.kind=room", "celeba; did you mean rooms?"),
        (
            "vision.training.precision=bf6",
            "vision.training.precision: the text 'bf6' is none of auto, bf16, fp32; did you mean bf16?",
        ),
        (
            "vision.objective.beta={start: 3}",
            "vision.objective.beta: a kind must be set: constant, linear, geometric",
        ),
        ("vision.objective.beta.kind=constant", "vision.objective.beta.value: must be set"),
        (
            "vision.objective.beta=fast",
            "vision.objective.beta: expected a number or a section, got the text 'fast'",
        ),
        (
            "vision.objective.beta=-4",
            "vision.objective.beta.value: input should be greater than or equal to 0, got -4",
        ),
        ("vision.objective={beta: 4}", "vision.objective: a kind must be set: beta_vae, "),
        (
            "vision.objective.kind=beta_vea",
            "vision.objective: kind 'beta_vea' is none of beta_vae, ",
        ),
        (
            "vision.network.kind=layred",
            "vision.network: kind 'layred' is none of convolutional, layered, study, burgess, mlp, "
            "broadcast, joint; ",
        ),
        (
            "vision.network.latents=3",
            "vision.network.latents: unknown key of kind layered, it is one of kind convolutional",
        ),
        ("vision.training.lr=true", "vision.training.lr: expected a number, got the boolean true"),
        ("vision.training.lr=fast", "vision.training.lr: expected a number, got the text 'fast'"),
        ("vision.training.lr=-1", "vision.training.lr: input should be greater than 0, got -1"),
        ("vision.training.lr=.inf", "vision.training.lr: input should be a finite number"),
        ("vision.training.steps=yes", "vision.training.steps: expected a whole number, got the boolean true"),
        ("vision.training.steps=1.5", "vision.training.steps: expected a whole number, got 1.5"),
        (
            "vision.training.steps=0",
            "vision.training.steps: input should be greater than or equal to 1, got 0",
        ),
        ("vision.training.steps=null", "vision.training.steps: expected a whole number, got nothing (null)"),
        ("vision.network.widths=3", "vision.network.widths: expected a list, got 3"),
        ("vision.network.widths=[3, a]", "vision.network.widths.1: expected a number, got the text 'a'"),
        ("vision=3", "vision: expected a section, got 3"),
        ("seed.x=3", "seed is 0, not a section"),
        ("name=no", "name: expected text, got the boolean false (YAML reads yes, no, on, off so: quote it)"),
        ("name=a/b", "name: string should match pattern"),
        ("data.aliases.dub.wall=off", "data.aliases.dub.wall: expected text, got the boolean false"),
        (
            "vision.likelihood.kind=perceptual",
            "vision.likelihood.features dae_logits are those of a DAE: add a section dae",
        ),
        (
            "vision.likelihood.kind=bernoulli",
            "a layered network puts out no logits: vision.likelihood.kind must not be bernoulli",
        ),
        (
            "vision={network: {kind: convolutional}, penalties: {cross_covariance: 1}}",
            "vision.penalties.cross_covariance is between the two groups of latents of a layered network",
        ),
        (
            "vision={network: {kind: convolutional}, penalties: {mask_entropy: 1}}",
            "vision.penalties.mask_entropy is of the masks of a layered network",
        ),
        (
            "vision.training={restarts: 2, restart_steps: 50, steps: 40}",
            "vision.training: restart_steps 50 are more than steps 40",
        ),
        ("symbols={encoder: mlp, expert_penalty: 3}", "symbols.expert_penalty is of experts"),
        ("symbols={encoder: mlp, pair_penalty: 0}", "symbols.pair_penalty is of experts"),
        ("symbols.completion=1", "symbols.completion"),
        ("vision", "expected key=value"),
        ("vision..lr=1", "expected key=value"),
        ("vision.training.lr=[", "is not a YAML value"),
    ],
)
def test_a_wrong_assignment_is_one_line_that_names_it(assignment: str, message: str, base: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(base, ["vision.network.hidden=64", assignment])
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    if not any(word in assignment for word in ("perceptual", "kind=", "penalties", "mlp")):
        # a conflict of two keys names both, and the file
        assert text.startswith(f"--set {assignment}: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\ndata: {kind: rooms}\nvison: {steps: 3}", "vison: unknown key; did you mean vision?"),
        (
            "name: a\ndata: {kind: rooms}\nvision:\n  training: {lr: 1e-4x}",
            "vision.training.lr: expected a number, got the text '1e-4x'",
        ),
        ("name: a\ndata: {kind: rooms}\nname: b", "line 3: key 'name' is given twice"),
        ("name: a\ndata: {kind: rooms, size: 8, size: 9}", "line 2: key 'size' is given twice"),
        ("name: a", "data: must be set"),
        ("name: a\ndata: {}", "data: a kind must be set: rooms, npz, folder"),
        ("name: [", "line 1: not valid YAML"),
        ("", "expected sections such as data and vision, got nothing (null)"),
        ("- 1", "expected sections such as data and vision, got a list"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(text: str, message: str, write) -> None:
    path = write(text)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_renamed_key_names_no_other_and_has_a_place() -> None:
    for old, new in RENAMED.items():
        *section, last = new.split(".")
        assert any(last in found.model_fields for found in sections_at(section)), new
        *section, last = old.split(".")
        assert not any(last in found.model_fields for found in sections_at(section)), old


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_a_renamed_key_is_refused_with_its_new_name(old: str, new: str, write) -> None:
    section, _, key = old.rpartition(".")
    for path, assignments in (
        (write(f"name: a\ndata: {{kind: rooms}}\n{section}: {{{key}: 3}}"), []),
        (find("rooms"), [f"{old}=3"]),
    ):
        with pytest.raises(UsageError) as caught:
            load(path, assignments)
        assert str(caught.value).endswith(f"{old}: unknown key; it is now {new}")
    with pytest.raises(UsageError, match=f"--set {old}.kind=linear: {old}: unknown key; it is now {new}"):
        load(find("rooms"), [f"{old}.kind=linear"])


def test_a_plain_number_is_a_constant_schedule(write) -> None:
    text = "name: a\ndata: {kind: rooms}\nvision: {objective: {kind: beta_vae, beta: 4e-1, capacity: 3}}"
    objective = load(write(text)).vision.objective
    assert objective.beta == Constant(kind="constant", value=0.4)
    assert objective.capacity == Constant(kind="constant", value=3.0)
    assert load(write(text), ["vision.objective.capacity=null"]).vision.objective.capacity is None
    assert load(find("rooms"), ["vision.objective.beta=2"]).vision.objective.beta == Constant(
        kind="constant", value=2.0
    )


def test_a_penalty_needs_the_networks_and_batches_that_it_is_of() -> None:
    network = load(find("rooms"), ["vision.penalties.cross_covariance=1"]).vision.network
    assert isinstance(network, LayeredNetwork)
    with pytest.raises(
        UsageError, match=r"compares the halves of a batch: vision\.training\.batch at least 4"
    ):
        load(find("rooms"), ["vision.penalties.cross_covariance=1", "vision.training.batch=3"])


def test_text_that_spells_a_number_is_one(write) -> None:
    config = load(write("name: a\nseed: '3'\ndata: {kind: rooms}\nvision: {training: {lr: 1e-4}}"))
    assert (config.vision.training.lr, config.seed) == (1e-4, 3)


def test_a_misspelt_config_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="no config named 'rooms-min'; did you mean rooms-mini"):
        find("rooms-min")
    with pytest.raises(UsageError, match="no config named 'xyz'; there are own, rooms, "):
        find("xyz")
    with pytest.raises(UsageError, match=r"config file a/b.yaml does not exist"):
        find("a/b.yaml")


def test_an_encoder_of_symbols_brings_its_own_learning(write, capsys: pytest.CaptureFixture[str]) -> None:
    symbols = "{steps: 50, weight_decay: 0.01, expert_penalty: 4, examples: 3}"
    text = f"name: a\ndata: {{kind: rooms}}\nsymbols: {symbols}"
    mlp = load(write(text), ["symbols.encoder=mlp"]).symbols
    assert (mlp.lr, mlp.batch, mlp.steps, mlp.decay) == (1e-4, 16, 60_000, "constant")
    assert (mlp.weight_decay, mlp.expert_penalty, mlp.examples) == (0, 0, 3)
    assert capsys.readouterr().err == (
        "note: --set symbols.encoder=mlp: leaves out symbols.steps, symbols.weight_decay, "
        "symbols.expert_penalty, which the config file has for another encoder\n"
    )
    chosen = load(write(text), ["symbols.steps=7", "symbols.encoder=mlp", "symbols.lr=0.1"]).symbols
    assert (chosen.steps, chosen.lr, chosen.batch) == (7, 0.1, 16)
    same = load(write(text), ["symbols.encoder=experts"])
    assert same == load(write(text))
    assert same.symbols.steps == 50
    assert load(write("name: a\ndata: {kind: rooms}\nsymbols: {encoder: mlp, lr: 1e-3}")).symbols.batch == 16
