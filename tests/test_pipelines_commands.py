"""The commands on a finished run: what they write, and one line for whatever a user can get wrong."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import run
from PIL import Image

import scan
from pipelines import cli


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.full((16, 16, 3), (200, 30, 60), dtype=np.uint8)).save(path)
    return path


def test_sym2img_writes_the_images_of_the_library(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "hats.png"
    words = ["sym2img", str(finished_run), "(wall: red) AND hat", "-n", "3", "-o", str(out), "--seed", "5"]
    code, stdout, _ = run(words, capsys)
    assert code == 0
    assert stdout == f"3 images of wall: red, shape: hat: {out}\n"
    about = json.loads(out.with_suffix(".json").read_text())
    assert about["concept"] == {"wall": "red", "shape": "hat"}
    assert (about["images"], about["columns"], about["seed"], about["enlarged"]) == (3, 3, 5, 8)
    model = scan.load(finished_run)
    x = model.sym2img("(wall: red) AND hat", 3, torch.Generator().manual_seed(5))
    with Image.open(out) as image:
        pixels = np.array(image)
    for column in range(3):
        start = 16 + column * (128 + 16)
        shown = pixels[16 : 16 + 128 : 8, start : start + 128 : 8]
        expected = (x[column].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        assert np.array_equal(shown, expected)


def test_sym2img_of_completions_says_what_each_image_is_of(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "hats.png"
    words = ["sym2img", str(finished_run), "hat OR wall: red", "--complete", "-n", "5", "-o", str(out)]
    assert run(words, capsys)[:2] == (0, f"5 images of (shape: hat) OR (wall: red): {out}\n")
    about = json.loads(out.with_suffix(".json").read_text())
    assert (about["images"], about["mean"], len(about["completions"])) == (5, False, 5)
    for one in about["completions"]:
        assert one.keys() == {"wall", "floor", "object", "shape"}
        assert one["shape"] == "hat" or one["wall"] == "red"
    code, _, stderr = run([*words[:2], "3*(hat)", *words[3:]], capsys)
    assert code == 2
    assert "weights" in stderr
    assert len(stderr.splitlines()) == 1


def test_the_mean_of_an_expression_is_one_image_of_each_alternative(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "hats.png"
    code, stdout, _ = run(
        ["sym2img", str(finished_run), "hat OR wall: red", "--mean", "-o", str(out)], capsys
    )
    assert (code, stdout[:8]) == (0, "2 images")
    assert json.loads(out.with_suffix(".json").read_text())["mean"] is True


def test_sym2img_imports_no_library_that_it_does_not_need(finished_run: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pipelines.cli import main\n"
        "assert main(sys.argv[1:]) == 0\n"
        "slow = {'torchvision', 'matplotlib', 'sklearn', 'numba', 'jinja2'}\n"
        "assert not slow & sys.modules.keys(), slow & sys.modules.keys()"
    )
    words = ["sym2img", str(finished_run), "hat", "-n", "2", "-o", str(tmp_path / "hats.png")]
    ended = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("expression", "n", "said"),
    [
        ("2*(wall: red)", 4, "4 images of 2*(wall: red)"),
        ("2*(wall: red) AND hat", 2, "2 images of (2*(wall: red)) AND (shape: hat)"),
        ("red wall", 1, "1 image of wall: red"),
    ],
)
def test_sym2img_says_what_it_shows(
    expression: str,
    n: int,
    said: str,
    finished_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.png"
    _, stdout, _ = run(["sym2img", str(finished_run), expression, "-n", str(n), "-o", str(out)], capsys)
    assert stdout == f"{said}: {out}\n"


@pytest.mark.parametrize("words", [["sym2img", "hat"], ["img2sym", "a.png"], ["traverse"], ["teach", "x"]])
def test_a_seed_is_not_negative(
    words: list[str], finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *rest = words
    with pytest.raises(SystemExit, match="2"):
        cli.main([command, str(finished_run), *rest, "--seed", "-1"])
    assert "argument --seed: expected 0 or more, got -1" in capsys.readouterr().err


def test_sym2img_names_its_picture_after_the_expression(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = finished_run.resolve()
    monkeypatch.chdir(tmp_path)
    assert run(["sym2img", str(finished), "dub", "-n", "2"], capsys)[0] == 0
    assert run(["sym2img", str(finished), "(wall: red) IGNORE (red wall)", "-n", "2"], capsys)[0] == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"dub.png", "wall-red-ignore-red-wall.png"}


@pytest.mark.parametrize(
    ("words", "code", "lines"),
    [
        (
            ["sym2img", "RUN", "wall: red, hta"],
            2,
            ['did you mean "hat"?', "    wall: red, hta", "               ^^^"],
        ),
        (["sym2img", "RUN", "(wall: red) AND (wall: blue)"], 2, ["wall: red"]),
        (["sym2img", "RUN", "red"], 2, ["red", "    red", "    ^^^"]),
        (["sym2img", "RUN", "hat", "-n", "0"], 2, ["-n 0: expected at least one image"]),
        (["sym2img", "RUN", "hat", "-o", "hat.gif"], 2, ["-o hat.gif: pictures are written as PNG"]),
        (["sym2img", "TMP/none", "hat"], 2, ["TMP/none does not exist: scan run CONFIG makes one"]),
        (["sym2img", "TMP", "hat"], 2, ["TMP is not a run folder"]),
        (
            ["img2sym", "RUN", "TMP/x.png", "TMP/text.png", "PHOTO"],
            2,
            ["cannot read 2 of 3 images: TMP/x.png (no"],
        ),
        (["img2sym", "RUN", "TMP"], 2, ["TMP (a folder)"]),
        (["img2sym", "RUN", "TMP/cut.png"], 2, ["TMP/cut.png (damaged"]),
        (["img2sym", "RUN", "PHOTO", "--threshold", "2"], 2, ["--threshold 2.0"]),
        (["traverse", "RUN", "--image", "PHOTO", "--seed", "3"], 2, ["--seed: has no effect with --image"]),
        (["metrics", "--run", "RUN", "--test-share", "0.5"], 2, ["--test-share: has no effect with --run"]),
        (["traverse", "RUN", "--columns", "1"], 2, ["--columns 1: expected at least two"]),
        (["traverse", "TMP/none"], 2, ["TMP/none does not exist"]),
        (["evaluate", "TMP/none"], 2, ["TMP/none does not exist"]),
        (["report", "TMP"], 2, ["TMP is not a run folder"]),
    ],
)
def test_a_wrong_request_is_explained(
    words: list[str],
    code: int,
    lines: list[str],
    finished_run: Path,
    tmp_path: Path,
    photo: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "cut.png").write_bytes(photo.read_bytes()[:60])
    places = {"RUN": str(finished_run), "PHOTO": str(photo)}
    filled = [places.get(word, word.replace("TMP", str(tmp_path))) for word in words]
    found, stdout, stderr = run(filled, capsys)
    assert (found, stdout) == (code, "")
    shown = stderr.splitlines()
    assert shown[0].startswith("scan: error: ")
    assert len(shown) == (3 if len(lines) == 3 else 1)
    for line, expected in zip(shown, lines, strict=False):
        expected = expected.replace("TMP", str(tmp_path))
        assert line == expected if expected.startswith("    ") else expected in line
    assert not list(Path.cwd().glob("hat*"))


def test_a_damaged_run_fails_with_the_name_of_the_file(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = shutil.copytree(finished_run, tmp_path / "run")
    model = broken / "symbols" / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-4])
    code, _, stderr = run(["sym2img", str(broken), "hat"], capsys)
    assert code == 1
    assert str(model) in stderr
    assert run(["traverse", str(broken), "-o", str(tmp_path / "t.png")], capsys)[0] == 0
    shutil.rmtree(broken / "operators")
    shutil.copytree(finished_run / "symbols", broken / "symbols", dirs_exist_ok=True)
    code, _, stderr = run(["sym2img", str(broken), "hat AND wall: red"], capsys)
    assert code == 2
    assert "needs the learned operators" in stderr
    assert run(["sym2img", str(broken), "hat", "-o", str(tmp_path / "h.png")], capsys)[0] == 0


def test_img2sym_describes_as_the_library_does(
    finished_run: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, stdout, stderr = run(["img2sym", str(finished_run), str(photo), "--json"], capsys)
    assert (code, stderr) == (0, "")
    (record,) = json.loads(stdout)
    assert record["image"] == str(photo)
    with Image.open(photo) as image:
        x = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    (expected,) = scan.load(finished_run).img2sym(x).to_dicts()
    assert {key: record[key] for key in expected} == expected
    code, stdout, _ = run(["img2sym", str(finished_run), str(photo), "--threshold", "0"], capsys)
    assert stdout.startswith(f"{photo}: wall: ")
    assert "; that is: dub (" in stdout


def test_images_of_other_sizes_are_made_to_fit_with_a_note(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = np.zeros((32, 64, 3), dtype=np.uint8)
    wide[:, 16:48] = 200  # the middle square
    Image.fromarray(wide).save(tmp_path / "wide.png")
    Image.fromarray(np.full((16, 16), 200, dtype=np.uint8)).save(tmp_path / "grey.png")
    names = [str(tmp_path / name) for name in ("wide.png", "grey.png")]
    code, stdout, stderr = run(["img2sym", str(finished_run), *names], capsys)
    assert code == 0
    assert stderr == f"note: {names[0]}: 64x32 made 16x16, cropped to the middle\n"
    descriptions = [line.partition(": ")[2] for line in stdout.splitlines()]
    assert descriptions[0] == descriptions[1]


def test_traverse_needs_the_visual_model_alone(
    finished_run: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only = tmp_path / "run"
    shutil.copytree(finished_run / "vision", only / "vision")
    shutil.copy(finished_run / "data.json", only)
    out = tmp_path / "t.png"
    words = ["traverse", str(only), "-o", str(out), "--columns", "5"]
    code, stdout, _ = run([*words, "--image", str(photo)], capsys)
    assert code == 0
    about = json.loads(out.with_suffix(".json").read_text())
    assert stdout.splitlines()[:-1] == about["rows"]
    assert about["nats"] == sorted(about["nats"], reverse=True)
    assert about["images"] == 5 * len(about["rows"])
    first = out.read_bytes()
    run([*words, "--seed", "1"], capsys)
    assert out.read_bytes() != first


def test_evaluate_is_done_once_and_prints_its_metrics(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(finished_run, tmp_path / "run")
    code, stdout, stderr = run(["evaluate", str(copy), "--json", "--device", "cpu"], capsys)
    assert code == 0
    assert stderr == "judge: up to date\nevaluate: up to date\n"
    before = json.loads(stdout)
    assert before == json.loads((finished_run / "evaluate" / "metrics.json").read_text())
    shutil.rmtree(copy / "evaluate")
    shutil.rmtree(copy / "judge")
    assert run(["evaluate", str(copy), "--quiet", "--device", "cpu"], capsys)[0] == 0
    again = json.loads((copy / "evaluate" / "metrics.json").read_text())
    assert again["splits"] == before["splits"]
    shutil.rmtree(copy / "vision")
    code, _, stderr = run(["evaluate", str(copy), "--device", "cpu"], capsys)
    assert code == 2
    assert "evaluate needs vision" in stderr
