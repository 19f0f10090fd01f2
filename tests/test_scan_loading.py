"""Loading a run folder: equal outputs, and refusal by name of whatever cannot be trusted."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import scan.models
import vision.models
from scan.concept_model import ConceptModel
from scan.grounded_scan import GroundedSCAN
from scan.loading import load
from scan.run_format import FORMAT, RunError
from symbols import Attribute, Concept, Vocabulary
from vision import weights

WORDS = Vocabulary(
    (Attribute("wall", ("red", "no")), Attribute("shape", ("hat", "ice lolly"))),
    aliases={"dub": Concept({"shape": "ice lolly", "wall": "red"})},
)
SPECS: dict[str, dict[str, Any]] = {
    "vision": {"kind": "convolutional", "shape": [3, 8, 8], "latents": 3, "widths": [4, 4], "hidden": 8},
    "symbols": {"kind": "scan", "symbols": 4, "latents": 3, "encoder": "experts", "hidden": [6]},
    "operators": {"kind": "operators", "hidden": [5]},
}


def write_stage(folder: Path, spec: dict[str, Any]) -> torch.nn.Module:
    build = vision.models.build if spec["kind"] == "convolutional" else scan.models.build
    module = build(spec)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.3)
    folder.mkdir(exist_ok=True)
    path = folder / "model.safetensors"
    weights.save(path, module, spec)
    done = {"format": FORMAT, "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}}
    (folder / "done.json").write_text(json.dumps(done))
    return module


def write_run(folder: Path) -> ConceptModel:
    folder.mkdir()
    (folder / "data.json").write_text(json.dumps({"format": FORMAT, "vocabulary": WORDS.to_dict()}))
    torch.manual_seed(0)
    modules = {stage: write_stage(folder / stage, spec) for stage, spec in SPECS.items()}
    joint = GroundedSCAN(modules["vision"], modules["symbols"])  # type: ignore[arg-type]
    return ConceptModel(joint, modules["operators"], WORDS)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_run(tmp_path / "run")
    return tmp_path / "run"


def test_a_loaded_model_gives_equal_outputs_and_is_frozen(tmp_path: Path) -> None:
    saved = write_run(tmp_path / "run")
    loaded = load(str(tmp_path / "run"))
    assert loaded.vocabulary == WORDS
    for expression in ("dub", "(wall: red) AND (shape: hat)"):
        one, two = (m.sym2img(expression, 4, torch.Generator().manual_seed(1)) for m in (saved, loaded))
        assert torch.equal(one, two)
    x = torch.rand(2, 3, 8, 8)
    assert torch.equal(saved.img2sym(x).logits, loaded.img2sym(x).logits)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


@pytest.mark.parametrize("stage", ["vision", "symbols", "operators"])
def test_truncated_and_altered_files_are_refused_by_name(run: Path, stage: str) -> None:
    path = run / stage / "model.safetensors"
    whole = path.read_bytes()
    for damaged in (whole[:-7], whole[:-1] + bytes([whole[-1] ^ 1])):
        path.write_bytes(damaged)
        with pytest.raises(RunError, match=f"{stage}/model.safetensors: .*sha256"):
            load(run)
    path.unlink()
    with pytest.raises(RunError, match=f"{stage}/model.safetensors"):
        load(run)


@pytest.mark.parametrize("stage", ["vision", "symbols"])
def test_an_unfinished_stage_is_refused(run: Path, stage: str) -> None:
    (run / stage / "done.json").unlink()
    (run / stage / "inputs.json").write_text("{}")
    with pytest.raises(RunError, match=f"{stage}: the stage is not finished"):
        load(run)


def test_a_model_of_the_user_s_own_needs_no_receipt(run: Path) -> None:
    (run / "vision" / "done.json").unlink()
    assert load(run).sym2img("dub", 1).shape == (1, 3, 8, 8)


@pytest.mark.parametrize("half_way", [False, True])
def test_without_the_operators_stage_only_operators_are_refused(run: Path, half_way: bool) -> None:
    shutil.rmtree(run / "operators")
    if half_way:
        (run / "operators").mkdir()
        (run / "operators" / "inputs.json").write_text("{}")
    model = load(run)
    assert model.sym2img("wall: no, hat", 2).shape == (2, 3, 8, 8)
    with pytest.raises(ValueError, match="IGNORE needs the learned operators"):
        model.sym2img("dub IGNORE wall: red", 2)


@pytest.mark.parametrize("name", ["data.json", "vision/done.json"])
def test_other_formats_and_damaged_json_are_refused(run: Path, name: str) -> None:
    path = run / name
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "format": FORMAT + 1}))
    with pytest.raises(RunError, match=f"{name}: run format {FORMAT + 1}, this program reads {FORMAT}"):
        load(run)
    path.write_text(json.dumps(content)[:-9])
    with pytest.raises(RunError, match=f"{name}: damaged"):
        load(run)
    path.write_text("[]")
    with pytest.raises(RunError, match=f"{name}: damaged"):
        load(run)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data.json", "[" * 100_000),
        ("data.json", "9" * 5000),
        ("data.json", "\x00"),
        ("data.json", '{"format": FORMAT}'),
        ("data.json", '{"format": FORMAT, "vocabulary": 3}'),
        ("data.json", '{"format": FORMAT, "vocabulary": {"attributes": 3}}'),
        ("data.json", '{"format": FORMAT, "vocabulary": {"attributes": [[1]]}}'),
        ("data.json", '{"format": FORMAT, "vocabulary": {"attributes": [], "aliases": 4}}'),
        ("vision/done.json", "[" * 100_000),
        ("vision/done.json", '{"format": FORMAT, "files": [1]}'),
        ("vision/done.json", '{"format": FORMAT, "files": {"model.safetensors": {}}}'),
    ],
)
def test_whatever_is_wrong_with_a_json_file_is_one_line_with_its_name(
    run: Path, name: str, text: str
) -> None:
    (run / name).write_text(text.replace("FORMAT", str(FORMAT)))
    with pytest.raises(RunError) as caught:
        load(run)
    assert str(caught.value).startswith(str(run / name.partition("/")[0]))
    assert "\n" not in str(caught.value)


def test_a_model_of_the_user_s_own_that_is_not_finite_is_refused(run: Path) -> None:
    module = scan.models.build(SPECS["symbols"])
    with torch.no_grad():
        next(module.parameters()).fill_(float("nan"))
    weights.save(run / "symbols" / "model.safetensors", module, SPECS["symbols"])
    (run / "symbols" / "done.json").unlink()
    with pytest.raises(RunError, match=r"symbols/model\.safetensors: holds weights that are infinite or not"):
        load(run)


def test_a_receipt_without_the_model_and_a_bad_vocabulary_are_refused(run: Path) -> None:
    (run / "symbols" / "done.json").write_text(json.dumps({"format": FORMAT, "files": {}}))
    with pytest.raises(RunError, match=r"symbols/done\.json: does not list model\.safetensors"):
        load(run)
    (run / "data.json").write_text(
        json.dumps({"format": FORMAT, "vocabulary": {"attributes": [{"name": 1}]}})
    )
    with pytest.raises(RunError, match=r"data\.json: has no usable vocabulary"):
        load(run)


@pytest.mark.parametrize(
    ("stage", "change", "message"),
    [
        ("symbols", {"symbols": 5}, "made for 5 symbols, data.json has 4"),
        ("symbols", {"latents": 2}, "made for 2 latents, the visual model has 3"),
        ("operators", SPECS["symbols"], "operators/model.safetensors: holds a SCAN, expected a Operators"),
        ("vision", {"kind": "dae", "code": 4, "latents": None, "hidden": None}, "expected a VAE"),
    ],
)
def test_models_that_do_not_belong_together_are_refused(
    run: Path, stage: str, change: dict[str, Any], message: str
) -> None:
    spec = {**SPECS[stage], **change} if change is not SPECS["symbols"] else change
    spec = {key: value for key, value in spec.items() if value is not None}
    folder = run / stage
    build = vision.models.build if stage == "vision" else scan.models.build
    weights.save(folder / "model.safetensors", build(spec), spec)
    (folder / "done.json").unlink()
    with pytest.raises(RunError, match=message):
        load(run)


def test_weights_that_do_not_fit_their_specification_are_refused(run: Path) -> None:
    folder = run / "operators"
    weights.save(folder / "model.safetensors", scan.models.build(SPECS["operators"]), {"kind": "operators"})
    (folder / "done.json").unlink()
    with pytest.raises(RunError, match=r"operators/model.safetensors: does not fit"):
        load(run)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nowhere: no such run folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"data\.json: not found; this is no run folder"):
        load(tmp_path)
