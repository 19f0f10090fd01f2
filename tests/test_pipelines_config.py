"""The config: every key and every type is checked, and an error is one line that says where and what else."""

from pathlib import Path

import pytest

from pipelines.config import Constant, Geometric, NpzData
from pipelines.config.config_files import dump, find, load, shipped_names
from pipelines.errors import UsageError

BASE = """
name: base
seed: 0
data: {kind: rooms, aliases: {dub: {shape: ice lolly, wall: white}}}
vision: {beta: {kind: geometric, start: 60.0, end: 4.0}}
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
    config = load(find(name), ["vision.lr=1e-7", "data.aliases={dub: {'on': 'no', shape: hat}}"])
    path = tmp_path / "config.yaml"
    path.write_text(dump(config))
    assert load(path) == config
    assert config.data.aliases == {"dub": {"on": "no", "shape": "hat"}}


def test_assignments_are_yaml_values(base: Path) -> None:
    config = load(
        base,
        [
            "vision.lr=1e-4",
            "vision.steps=2e3",
            "vision.widths=[8, 16]",
            "vision.beta={kind: constant, value: 3}",
            "dae.steps=7",
        ],
    )
    assert (config.vision.lr, config.vision.steps, config.vision.widths) == (1e-4, 2000, (8, 16))
    assert config.vision.beta == Constant(kind="constant", value=3.0)
    assert config.dae is not None
    assert config.dae.steps == 7


def test_another_kind_drops_the_keys_of_the_old_one(base: Path) -> None:
    assert isinstance(load(base).vision.beta, Geometric)
    config = load(
        base, ["data.kind=npz", "data.path=x.npz", "vision.beta.kind=constant", "vision.beta.value=2"]
    )
    assert config.data == NpzData(kind="npz", path="x.npz")
    assert config.vision.beta == Constant(kind="constant", value=2.0)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("vision.stesp=3", "vision.stesp: unknown key; did you mean vision.steps?"),
        ("lr=3", "lr: unknown key; did you mean dae.lr or vision.lr"),
        ("vision.beta.strat=3", "vision.beta.strat: unknown key; did you mean vision.beta.start?"),
        ("data.sise=3", "data.sise: unknown key; did you mean data.size?"),
        ("quux=1", "quux: unknown key; there are name, seed, data"),
        ("data.kind=room", "data: kind 'room' is none of rooms, npz, folder; did you mean rooms?"),
        (
            "vision.precision=bf6",
            "vision.precision: the text 'bf6' is none of auto, bf16, fp32; did you mean bf16?",
        ),
        ("vision.beta={start: 3}", "vision.beta: a kind must be set"),
        ("vision.beta.kind=constant", "vision.beta.value: must be set"),
        ("vision.lr=true", "vision.lr: expected a number, got the boolean true"),
        ("vision.lr=fast", "vision.lr: expected a number, got the text 'fast'"),
        ("vision.lr=-1", "vision.lr: input should be greater than 0, got -1"),
        ("vision.lr=.inf", "vision.lr: input should be a finite number"),
        ("vision.steps=yes", "vision.steps: expected a whole number, got the boolean true"),
        ("vision.steps=1.5", "vision.steps: expected a whole number, got 1.5"),
        ("vision.steps=0", "vision.steps: input should be greater than or equal to 1, got 0"),
        ("vision.steps=null", "vision.steps: expected a whole number, got nothing (null)"),
        ("vision.widths=3", "vision.widths: expected a list, got 3"),
        ("vision.widths=[3, a]", "vision.widths.1: expected a number, got the text 'a'"),
        ("vision=3", "vision: expected a section, got 3"),
        ("seed.x=3", "seed is 0, not a section"),
        ("name=no", "name: expected text, got the boolean false (YAML reads yes, no, on, off so: quote it)"),
        ("name=a/b", "name: string should match pattern"),
        ("data.aliases.dub.wall=off", "data.aliases.dub.wall: expected text, got the boolean false"),
        (
            "vision.reconstruction=perceptual",
            "vision.layer dae_logits is a layer of a DAE: add a section dae",
        ),
        (
            "vision.independence=1",
            "vision.independence is between the two groups of latents of a layered_vae",
        ),
        ("vision={starts: 2, start_steps: 50, steps: 40}", "vision: start_steps 50 are more than steps 40"),
        ("symbols={encoder: mlp, opinion: 3}", "symbols.opinion is a price for experts"),
        ("vision", "expected key=value"),
        ("vision..lr=1", "expected key=value"),
        ("vision.lr=[", "is not a YAML value"),
    ],
)
def test_a_wrong_assignment_is_one_line_that_names_it(assignment: str, message: str, base: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(base, ["vision.hidden=64", assignment])
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    if not any(word in assignment for word in ("perceptual", "independence", "mlp")):
        # a conflict of two keys names both, and the file
        assert text.startswith(f"--set {assignment}: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\ndata: {kind: rooms}\nvison: {steps: 3}", "vison: unknown key; did you mean vision?"),
        (
            "name: a\ndata: {kind: rooms}\nvision:\n  lr: 1e-4x",
            "vision.lr: expected a number, got the text '1e-4x'",
        ),
        ("name: a\ndata: {kind: rooms}\nname: b", "line 3: key 'name' is given twice"),
        ("name: a\ndata: {kind: rooms, size: 8, size: 9}", "line 2: key 'size' is given twice"),
        ("name: a", "data: must be set"),
        ("name: a\ndata: {}", "data.kind must be set"),
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


def test_text_that_spells_a_number_is_one(write) -> None:
    config = load(write("name: a\nseed: '3'\ndata: {kind: rooms}\nvision: {lr: 1e-4}"))
    assert (config.vision.lr, config.seed) == (1e-4, 3)


def test_a_misspelt_config_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="no config named 'rooms-min'; did you mean rooms-mini"):
        find("rooms-min")
    with pytest.raises(UsageError, match="no config named 'xyz'; there are rooms, "):
        find("xyz")
    with pytest.raises(UsageError, match=r"config file a/b.yaml does not exist"):
        find("a/b.yaml")


def test_an_encoder_of_symbols_brings_its_own_learning(write, capsys: pytest.CaptureFixture[str]) -> None:
    text = "name: a\ndata: {kind: rooms}\nsymbols: {steps: 50, weight_decay: 0.01, opinion: 4, examples: 3}"
    mlp = load(write(text), ["symbols.encoder=mlp"]).symbols
    assert (mlp.lr, mlp.batch, mlp.steps, mlp.decay) == (1e-4, 16, 60_000, "constant")
    assert (mlp.weight_decay, mlp.opinion, mlp.examples) == (0, 0, 3)
    assert capsys.readouterr().err == (
        "note: --set symbols.encoder=mlp: leaves out symbols.steps, symbols.weight_decay, symbols.opinion, "
        "which the config file has for another encoder\n"
    )
    chosen = load(write(text), ["symbols.steps=7", "symbols.encoder=mlp", "symbols.lr=0.1"]).symbols
    assert (chosen.steps, chosen.lr, chosen.batch) == (7, 0.1, 16)
    same = load(write(text), ["symbols.encoder=experts"])
    assert same == load(write(text))
    assert same.symbols.steps == 50
    assert load(write("name: a\ndata: {kind: rooms}\nsymbols: {encoder: mlp, lr: 1e-3}")).symbols.batch == 16
