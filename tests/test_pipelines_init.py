"""From a folder of pictures to a config that runs: what is found, written, said and refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import cli
from pipelines.config import Config, Vision, config_files
from pipelines.config.places import name_of
from pipelines.errors import UsageError
from pipelines.runs import break_even, datasets
from pipelines.runs.first_config import MOST_LINES, described, first_config, is_own_data
from vision.data.images import DataError
from vision.data.survey import survey

COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}
N = 240


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Squares of a colour on the left or on the right, with a table that has more than that."""
    pictures = tmp_path / "My squares" / "pictures"
    pictures.mkdir(parents=True)
    rng = np.random.default_rng(0)
    scores = rng.permutation(N) + 0.5
    rows = ["image;colour;side;framed;score;id;maker;note;case"]
    for i in range(N):
        colour, side = list(COLOURS)[i % 3], ("left", "right")[i // 3 % 2]
        pixels = np.full((16, 24, 3), 10, dtype=np.uint8)
        start = 2 if side == "left" else 14
        pixels[4:12, start : start + 8] = COLOURS[colour]
        Image.fromarray(pixels + rng.integers(0, 9, pixels.shape, dtype=np.uint8)).save(pictures / f"{i}.png")
        case = "Up" if i == 7 else ("up", "down")[i % 2]
        framed, score = ("no", "yes")[int(rng.integers(2))], scores[i]
        rows.append(f"{i}.png;{colour};{side};{framed};{score};key{i};me;{'x' * (i % 5)};{case}")
    (tmp_path / "My squares" / "words.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "My squares" / "notes.txt").write_text("by me,2026\nfor,you\n")
    return tmp_path / "My squares"


def test_a_survey_finds_the_table_its_files_and_what_its_columns_are(folder: Path) -> None:
    found = survey(folder)
    assert (found.kind, found.path, found.table) == ("folder", folder / "pictures", "../words.csv")
    assert (found.file_column, found.images, found.shape) == ("image", N, (16, 24))
    assert found.other_tables == (("notes.txt", "another table names more pictures"),)
    assert found.sizes == 1
    kinds = {column.name: column.kind for column in found.columns}
    assert [name for name, kind in kinds.items() if kind == "factor"] == ["colour", "side"]
    assert kinds["framed"] == "binary"
    why = {column.name: column.why for column in found.columns}
    assert why["score"].endswith("different numbers")
    assert why["id"] == f"{N} different words for {N} images"
    assert why["maker"] == "the same everywhere ('me')"
    assert why["note"] == f"{N // 5} of {N} cells are empty"
    assert why["case"] == "'Up' and 'up' differ only in case or spaces"
    assert found.columns[0].counts == {"blue": 80, "green": 80, "red": 80}


def test_pictures_without_a_row_are_said_to_be_left_out(folder: Path) -> None:
    assert survey(folder).unnamed == ()
    table = folder / "words.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-4]) + "\n")
    first = first_config(folder, folder / "x.yaml")
    assert first.found.unnamed == ("236.png", "237.png", "238.png", "239.png")
    assert "  left out: 4 pictures that it does not name (236.png, 237.png, 238.png, ...)" in described(first)


def test_a_table_without_names_of_columns_is_refused(folder: Path) -> None:
    table = folder / "words.csv"
    table.write_text("\n".join(table.read_text().splitlines()[2:]) + "\n")
    with pytest.raises(DataError, match=r"words\.csv: the first line has '1\.png', which is a picture"):
        survey(folder)


def test_tables_that_are_not_used_are_named_with_the_reason(tmp_path: Path) -> None:
    for i in range(20):
        Image.new("RGB", (24, 16), (10 * i, 0, 0)).save(tmp_path / f"{i}.png")
    (tmp_path / "all.csv").write_text("file,a\n" + "".join(f"{i}.png,x\n" for i in range(100)))
    (tmp_path / "bad.csv").write_text("file,a\n1.png\n2.png,x,y\n")
    found = survey(tmp_path)
    assert found.table is None
    why = dict(found.other_tables)
    assert why["all.csv"] == "20% of the names in its column 'file' are pictures here"
    assert "2 problems in 0 rows" in why["bad.csv"]
    lines = "\n".join(described(first_config(tmp_path, tmp_path / "x.yaml")))
    assert "all.csv is not used: 20% of the names" in lines
    assert "bad.csv is not used: " in lines


def test_a_table_of_names_without_their_endings_is_said_to_be_one(folder: Path) -> None:
    table = folder / "words.csv"
    table.write_text(table.read_text().replace(".png", ""))
    why = dict(survey(folder).other_tables)
    assert why["words.csv"] == "the names in its column 'image' lack their endings: '0' for '0.png'"


def test_pictures_of_several_sizes_are_said_to_be(tmp_path: Path) -> None:
    for i in range(20):
        Image.new("RGB", (48, 48) if i % 4 else (33, 61), (10 * i, 0, 0)).save(tmp_path / f"{i:02}.png")
    found = survey(tmp_path)
    assert (found.shape, found.sizes, found.box) == ((48, 48), 2, None)
    first = first_config(tmp_path, tmp_path / "x.yaml")
    assert "size: [32, 32] # of pictures of 2 sizes, most of 48x48\n" in first.text
    assert described(first)[0] == "20 pictures of 32x32 pixels, made of pictures of 2 sizes, most of 48x48"


def test_words_are_not_cut_into_bins(folder: Path) -> None:
    with pytest.raises(UsageError, match="'colour' cannot be cut into bins: not all of it are numbers"):
        first_config(folder, folder.parent / "x.yaml", {"colour": 2})


def test_numbers_are_cut_at_their_quantiles_where_it_is_asked_for(folder: Path) -> None:
    score = next(column for column in survey(folder, {"score": 4}).columns if column.name == "score")
    assert score.kind == "factor"
    assert list(score.counts.values()) == [N // 4] * 4
    first = first_config(folder, folder.parent / "x.yaml", {"score": 4})
    assert first.images.names == ("colour", "side", "framed", "score")
    assert first.config.data.bins == {"score": 4}


def test_the_first_config_is_short_commented_and_runs_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    assert cli.main(["init", "My squares"]) == 0
    said = capsys.readouterr().out
    assert "left out: score (240 different numbers, cut them into four by --bin score=4)" in said
    text = Path("My-squares.yaml").read_text()
    assert len(text.splitlines()) <= MOST_LINES
    assert "path: My squares/pictures # relative to this file" in text
    assert "red 80" in text
    with Image.open("My-squares.png") as sheet:
        assert sheet.width > 100
    config = config_files.load(Path("My-squares.yaml"))
    assert config.name == "My-squares"
    assert (config.data.size, config.data.binary) == ((16, 24), ("framed",))
    assert (config.vision.network, config.vision.likelihood) == (Vision().network, Vision().likelihood)
    assert "scale" not in text
    assert cli.main(["init", "My squares"]) == 2
    assert "My-squares.yaml exists: --force writes over it" in capsys.readouterr().err
    monkeypatch.chdir(folder / "pictures")
    assert cli.main(["init", "."]) == 2
    assert "would be one of the pictures" in capsys.readouterr().err


SMALL = ["steps=3", "restarts=1", "warmup=1", "batch=8", "precision=fp32"]


def test_a_folder_without_a_table_runs_to_a_visual_model_and_a_report(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    settings = [word for one in SMALL for word in ("--set", f"vision.training.{one}")]
    command = ["run", "My squares/pictures", "--device", "cpu", *settings]
    assert cli.main(command) == 0
    run = folder.parent / "runs" / "pictures"
    assert "config: runs/pictures/init.yaml" in capsys.readouterr().err
    assert {path.name for path in run.iterdir() if path.is_dir()} == {"vision", "report"}
    page = (run / "report.html").read_text()
    assert "Traversals" in page
    assert "what each component draws" in page
    assert (run / "report" / "figures" / "layers.png").is_file()
    assert "to come" not in page
    record = json.loads((run / "data.json").read_text())
    assert record["vocabulary"]["attributes"] == []
    assert cli.main(command) == 0
    assert "vision: up to date" in capsys.readouterr().err
    edited = (run / "init.yaml").read_text() + "seed: 7\n"
    (run / "init.yaml").write_text(edited)
    assert cli.main([*command, "--fresh"]) == 0
    assert (run / "init.yaml").read_text() == edited
    assert "seed: 7" in (run / "config.yaml").read_text()
    capsys.readouterr()
    assert cli.main(["sym2img", str(run), "red"]) == 1
    assert cli.main(["run", str(run)]) == 2
    assert "is a run: scan run" in capsys.readouterr().err
    other = folder.parent / "other" / "pictures"
    other.mkdir(parents=True)
    Image.new("RGB", (16, 16)).save(other / "0.png")
    assert cli.main(["run", str(other)]) == 2
    assert "name another --run-dir" in capsys.readouterr().err


def test_break_even_tells_what_is_visible_from_what_is_not(folder: Path) -> None:
    first = first_config(folder, folder.parent / "x.yaml")
    found = {one.name: one for one in break_even.break_even(first.images, 0.1)}
    assert found["framed"].beta < 0.05 * found["side"].beta  # it is drawn independently of the picture
    assert found["colour"].beta == pytest.approx(found["colour"].nats / np.log(3))
    twice = {one.name: one for one in break_even.break_even(first.images, 0.2)}
    assert twice["side"].nats == pytest.approx(found["side"].nats / 4)
    line = break_even.prospect(list(found.values()), 15.0, found["framed"].beta + 0.01)
    assert line.startswith("likely to be lost: framed")
    both = break_even.prospect([found["side"]], 1e9, 1e-9)
    assert both.startswith("may be lost, as their break-even beta is below the highest: side")


def test_a_name_is_that_of_the_data_and_a_preset_does_not_keep_its_own(tmp_path: Path) -> None:
    assert name_of(Path("a/My set.npz")) == "My-set"
    (tmp_path / "b.yaml").write_text("data: {kind: npz, path: sets/c d.npz}")
    assert config_files.load(tmp_path / "b.yaml").name == "c-d"
    (tmp_path / "b.yaml").write_text("data: {kind: rooms}")
    assert config_files.load(tmp_path / "b.yaml").name == "b"
    preset = config_files.find("sprites")
    assert config_files.load(preset, ["data.path=/x/mine.npz"]).name == "mine"
    assert config_files.load(preset, ["data.path=/x/mine.npz", "name=other"]).name == "other"
    assert config_files.load(preset).name == "sprites"


def test_weights_of_a_preset_on_images_of_another_size_are_warned_of() -> None:
    preset = config_files.load(config_files.find("rooms"))
    assert "meant for 32x32 pixels, these images have 80x80" in config_files.other_size(
        "rooms", preset, (80, 80)
    )
    assert config_files.other_size("rooms", preset, (32, 32)) == ""
    assert config_files.other_size("my.yaml", preset, (80, 80)) == ""
    likelihood = preset.vision.likelihood.model_copy(update={"scale": 0.5})
    vision = preset.vision.model_copy(update={"likelihood": likelihood})
    assert config_files.other_size("rooms", preset.model_copy(update={"vision": vision}), (80, 80)) == ""


def test_values_that_differ_only_in_case_name_their_rows(folder: Path) -> None:
    data = {"kind": "folder", "path": str(folder / "pictures"), "table": "../words.csv"}
    asked = {**data, "file_column": "image", "attributes": ["colour", "case"]}
    with pytest.raises(UsageError, match=r"line 9 column 'case': 'Up' beside 'up'"):
        datasets.images(Config.model_validate({"name": "t", "data": asked}))
    asked = {**data, "file_column": "image", "attributes": ["colour", "score"]}
    with pytest.raises(UsageError, match=r"'score' has 240 distinct numbers: .* bin it \(bins\)"):
        datasets.images(Config.model_validate({"name": "t", "data": asked}))


def test_what_is_a_data_set_and_what_a_config(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "rooms").mkdir()
    monkeypatch.chdir(folder.parent)
    assert is_own_data("My squares")
    assert not is_own_data("rooms")  # the shipped config
    assert not is_own_data("absent.npz")


@pytest.mark.parametrize(("kind", "says"), [("factor_vae", "beta is 1: "), ("annealed_vae", None)])
def test_break_even_is_compared_with_the_weight_of_the_kl_where_there_is_one(
    kind: str, says: str | None, folder: Path
) -> None:
    first = first_config(folder, folder.parent / "x.yaml")
    vision = {"objective": {"kind": kind}, "likelihood": {"kind": "gaussian"}}
    config = Config(name="a", data={"kind": "rooms"}, vision=vision)  # type: ignore[arg-type]
    lines = break_even.lines(config, first.images)
    assert len(lines) == 1 + len(first.images.names) + (says is not None)
    assert lines[-1].startswith("  " if says is None else says)
