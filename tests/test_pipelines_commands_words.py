"""scan teach, edit and find, and OR, NOT and weights on the command line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import run
from PIL import Image

import scan


@pytest.fixture
def own(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be changed."""
    return Path(shutil.copytree(finished_run, tmp_path / "own"))


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos" / "deep"
    folder.mkdir(parents=True)
    paths = [folder / f"{i}.png" for i in range(6)]
    for path in paths:
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(path)
    return paths


def test_a_word_is_taught_listed_used_renamed_and_forgotten(
    own: Path, photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "zebra.png"
    files = [str(path) for path in photos]
    code, said, _ = run(["teach", str(own), "zebra", *files, "-o", str(sheet)], capsys)
    assert code == 0
    assert said.startswith("zebra: from 6 images\n  ")
    assert "latents specific" in said
    assert "nearest words" in said
    assert said.endswith(f"16 samples: {sheet}\n")
    assert json.loads(sheet.with_suffix(".json").read_text())["concept"] == "zebra"

    model = scan.load(own)
    expected = scan.load(own).teach("zebra", photos)
    assert torch.equal(model.taught["zebra"].q.mean, expected.q.mean)

    words = ["teach", str(own), "stripes", "--expression", "zebra OR hat", "--json", "-o", str(sheet)]
    code, said, _ = run(words, capsys)
    assert code == 0
    assert json.loads(said)["expression"] == "(zebra) OR (shape: hat)"
    code, said, _ = run(["teach", str(own), "--list", "--json"], capsys)
    assert [one["name"] for one in json.loads(said)] == ["zebra", "stripes"]

    assert run(["teach", str(own), "--rename", "zebra", "old horse"], capsys)[0] == 0
    out = ["-n", "2", "-o", str(tmp_path / "horse.png")]
    code, said, _ = run(["sym2img", str(own), "(old horse OR hat) NOT wall: red", *out], capsys)
    assert code == 0
    assert said.startswith("2 images of ((old horse) OR (shape: hat)) NOT (wall: red)")
    assert json.loads((tmp_path / "horse.json").read_text())["concept"] is None

    assert run(["teach", str(own), "--forget", "old horse"], capsys)[0] == 0
    assert list(scan.load(own).taught) == ["stripes"]
    assert run(["sym2img", str(own), "old horse", *out], capsys)[0] == 2


def test_a_lesson_is_refused_before_its_pictures_are_read(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["teach", str(own), "cosy", "--expression", "hat"], capsys)[0] == 0
    before = (own / "taught.json").read_bytes()
    absent = [f"absent{i}.png" for i in range(5)]
    for words, line in [
        (["cosy", *absent], '"cosy" is taught already: forget it, or choose another name'),
        (["Cosy", *absent], '"Cosy" already means cosy'),
        (["cosy", "--expression", "wall: red"], '"cosy" is taught already'),
        (["hat", *absent], '"hat" already means shape: hat'),
        (["a AND b", *absent], 'because of "AND"'),
        (["few", *absent[:4]], '"few" is taught by 5 images or more, got 4'),
    ]:
        code, said, notes = run(["teach", str(own), *words], capsys)
        assert (code, said, len(notes.splitlines())) == (2, "", 1)
        assert line in notes
    assert (own / "taught.json").read_bytes() == before


def test_pictures_that_repeat_another_count_once(
    own: Path, photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copies = [Path(shutil.copy(photos[0], tmp_path / f"copy{i}.png")) for i in range(5)]
    teach = ["teach", str(own), "cosy", "-o", str(tmp_path / "cosy.png"), "--json"]
    code, said, notes = run([*teach, *map(str, copies)], capsys)
    assert (code, said) == (2, "")
    assert '"cosy" is taught by 5 different images or more, got 1: 4 of 5 repeat another' in notes
    code, said, notes = run([*teach, *map(str, [*photos, *copies])], capsys)
    assert code == 0
    assert notes == "note: 5 of 11 images repeat another and are left out\n"
    assert json.loads(said)["images"] == 6


def test_many_pictures_of_other_sizes_are_one_note(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    files = [str(tmp_path / f"{i}.png") for i in range(6)]
    for i, file in enumerate(files):
        height, width = [(16, 16), (32, 32), (32, 48)][i % 3]
        Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(file)
    note = (
        "note: 4 pictures of other sizes are made 16x16, 2 of them cropped to the middle, "
        f"the first: {files[1]}\n"
    )
    out = ["-o", str(tmp_path / "out.png")]
    assert run(["img2sym", str(own), *files], capsys)[2] == note
    assert run(["teach", str(own), "cosy", *files, *out], capsys)[2] == note
    notes = run(["edit", str(own), files[1], "wall: red", *out], capsys)[2]
    assert notes == f"note: {files[1]}: 32x32 made 16x16\n"


def test_definitions_follow_a_rename_and_a_forgotten_word_is_named_in_a_note(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["-o", str(tmp_path / "out.png")]
    assert run(["teach", str(own), "warm", "--expression", "hat", *out], capsys)[0] == 0
    assert run(["teach", str(own), "warm2", "--expression", "warm NOT wall: red", *out], capsys)[0] == 0
    assert run(["teach", str(own), "--rename", "warm", "hot"], capsys)[0] == 0
    assert "warm2: from (hot) NOT (wall: red)\n" in run(["teach", str(own), "--list"], capsys)[1]
    code, said, notes = run(["teach", str(own), "--forget", "hot"], capsys)
    assert (code, said) == (0, 'forgot "hot"\n')
    assert notes == 'note: the definition of "warm2" names "hot"; its meaning stays as it is\n'
    assert list(scan.load(own).taught) == ["warm2"]


def test_words_of_another_visual_model_are_refused_by_name(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["teach", str(own), "big hat", "--expression", "2*(hat)", "-o", str(own.parent / "big.png")]
    assert run(words, capsys)[0] == 0
    path = own / "taught.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "vision": "0" * 64}))
    code, said, notes = run(["teach", str(own), "--list"], capsys)
    assert (code, said) == (1, "")
    assert "taught.json: taught on another visual model" in notes


def test_an_image_is_edited_and_what_moved_is_printed(
    finished_run: Path, photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, sheet = tmp_path / "edited.png", tmp_path / "sheet.png"
    words = ["edit", str(finished_run), str(photos[0]), "wall: red", "-o", str(out), "--sheet", str(sheet)]
    code, said, _ = run(words, capsys)
    assert code == 0
    lines = said.splitlines()
    assert [line.partition(":")[0] for line in lines[:4]] == ["wall", "floor", "object", "shape"]
    assert "(asked; moved " in lines[0]
    assert lines[-1] == str(out)
    assert json.loads(sheet.with_suffix(".json").read_text())["shown"] == [
        "image",
        "reconstruction",
        "edited",
    ]
    code, said, _ = run([*words, "--json"], capsys)
    record = json.loads(said)
    found, expected = record["attributes"], scan.load(finished_run).edit(photos[0], "wall: red")
    assert found == expected.to_dicts()[0]
    assert record["reached"] == (found["wall"]["after"] == "red") == ("NOT REACHED" not in lines[-2])
    assert [name for name, one in found.items() if one["asked"]] == ["wall"]


def test_the_images_that_show_a_concept_best_are_found(
    finished_run: Path, photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photos[0].parent.parent
    (folder / "text.png").write_text("no picture")
    (folder / "notes.txt").write_text("not looked at")
    out = tmp_path / "found.png"
    words = ["find", str(finished_run), "wall: red NOT hat", str(folder), "-n", "3", "-o", str(out), "--json"]
    code, said, notes = run(words, capsys)
    assert code == 0
    assert f"left out what cannot be read (1): {folder / 'text.png'}" in notes
    found = json.loads(said)
    scores = scan.load(finished_run).score(photos, "wall: red NOT hat")
    order = scores.argsort(descending=True)[:3].tolist()
    assert [one["image"] for one in found] == [str(photos[i]) for i in order]
    assert [one["score"] for one in found] == pytest.approx([scores[i].item() for i in order], abs=1e-3)
    assert json.loads(out.with_suffix(".json").read_text())["images"] == 3
    assert ("no image shows it" in notes) == (scores.max() <= 0)


def test_a_search_says_when_no_image_shows_the_concept(
    finished_run: Path,
    photos: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["find", str(finished_run), "hat", str(photos[0].parent)]
    for best, note in ((0.0, "note: no image shows it"), (0.5, "")):
        scores = torch.tensor([best, -1, -2, -3, -4, -5])
        monkeypatch.setattr(scan.ConceptModel, "score", lambda *_, scores=scores: scores)
        code, said, notes = run(words, capsys)
        assert code == 0
        assert len(said.splitlines()) == 6
        assert (note in notes) if note else ("note" not in notes)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["teach", "RUN"], "takes one of NAME IMAGE..., --list, --rename OLD NEW, --forget WORD"),
        (["teach", "RUN", "a", "--list"], "takes one of"),
        (["teach", "RUN", "--list", "-o", "a.png"], "-o: has no effect with --list"),
        (["teach", "RUN", "--forget", "a", "--seed", "0"], "--seed: has no effect with --forget"),
        (["teach", "RUN", "--rename", "a", "b", "--json"], "--json: has no effect with --rename"),
        (["teach", "RUN", "few", "PHOTO"], '"few" is taught by 5 images or more, got 1'),
        (["teach", "RUN", "hat", "PHOTO"], '"hat" already means shape: hat'),
        (["teach", "RUN", "--forget", "zebra"], 'no word "zebra" was taught'),
        (["edit", "RUN", "PHOTO", "wall: rde"], 'did you mean "red"?'),
        (["edit", "RUN", "none.png", "wall: red"], "none.png (no such file)"),
        (["find", "RUN", "hat", "nowhere"], "nowhere: no such folder"),
        (["find", "RUN", "hat", "EMPTY"], "no image that can be read"),
        (["sym2img", "RUN", "hat NOT hat"], "leaves nothing"),
        (["sym2img", "RUN", "0*hat"], "a weight is a number from 0.01 to 100"),
    ],
)
def test_a_wrong_request_is_one_line(
    words: list[str],
    line: str,
    own: Path,
    photos: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    places = {"RUN": str(own), "PHOTO": str(photos[0]), "EMPTY": "empty"}
    code, said, notes = run([places.get(word, word) for word in words], capsys)
    assert (code, said) == (2, "")
    assert line in notes
    assert not (own / "taught.json").exists()
