"""Where commands write: no input, no user's file and no other output is lost, and endings say what it is."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import run
from PIL import Image

from pipelines.commands import outputs
from pipelines.errors import UsageError
from pipelines.report.sheets import is_ours


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: eight pictures, six of them in photos."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    Path("photos", "deep").mkdir(parents=True)
    names = ["sunset.png", "edited.png", "photos/deep/a5.png", *(f"photos/a{i}.png" for i in range(5))]
    for name in names:
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(name)
    shutil.copy("sunset.png", "picture.json")
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


FIVE = [f"photos/a{i}.png" for i in range(5)]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["teach", "RUN", "sunset", "sunset.png", *FIVE], "sunset.png is one of the images that are read"),
        (["teach", "RUN", "x", *FIVE, "-o", "photos/deep/../a3.png"], "a3.png is one of the images"),
        (["teach", "RUN", "sunset", *FIVE], "sunset.png exists and was not written by scan: name another -o"),
        (["edit", "RUN", "edited.png", "wall: blue"], "edited.png is one of the images"),
        (["edit", "RUN", "photos/a1.png", "wall: blue", "-o", "LINK"], "link.png is one of the images"),
        (
            ["edit", "RUN", "photos/a1.png", "wall: blue", "-o", "b.png", "--sheet", "photos/a1.png"],
            "--sheet",
        ),
        (["edit", "RUN", "picture.json", "wall: blue", "-o", "picture.png"], "picture.json is one of the"),
        (["edit", "RUN", "photos/a1.png", "wall: blue", "-o", "b.png", "--sheet", "./b.png"], "each other"),
        (["edit", "RUN", "photos/a1.png", "wall: blue", "-o", "b.png", "--sheet", "b.PNG"], "each other"),
        (
            ["edit", "RUN", "photos/a1.png", "wall: blue", "-o", "b.png", "--sheet", "b.jpg"],
            "--sheet b.jpg: pictures are",
        ),
        (["find", "RUN", "hat", "photos", "-n", "3", "-o", "photos/a1.png"], "a1.png is one of the images"),
        (["find", "RUN", "hat", ".", "-o", "photos/deep/a5.png"], "a5.png is one of the images"),
        (["traverse", "RUN", "--image", "edited.png", "-o", "edited.png"], "edited.png is one of the images"),
        (["sym2img", "RUN", "hat", "-o", "sunset.png"], "sunset.png exists and was not written by scan"),
        (["sym2img", "RUN", "hat", "-o", "RUN/taught.png"], "that is a file of a run"),
        (["data", "rooms", "-o", "sunset.png"], "sunset.png exists and was not written by scan"),
        (
            ["data", "rooms", "-o", "sheet.jpg"],
            "-o sheet.jpg: pictures are written as PNG, name it sheet.png",
        ),
        (["data", "photos", "-o", "photos/new.png"], "photos/new.png would be one of the pictures"),
        (["init", "photos"], "photos.png exists and was not written by scan: --force writes over it"),
        (["report", "RUN", "-o", "page.txt"], "-o page.txt: the page is written as HTML, name it page.html"),
        (["evaluate", "RUN", "-o", "sunset.png"], "the measures are written as JSON, name it sunset.json"),
    ],
)
def test_what_a_user_has_is_not_replaced(
    words: list[str], line: str, finished_run: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("link.png").symlink_to("photos/a1.png")
    shutil.copy("sunset.png", "photos.png")
    before = contents(here)
    filled = [word.replace("RUN", str(finished_run)).replace("LINK", "link.png") for word in words]
    code, said, notes = run(filled, capsys)
    assert (code, said, len(notes.splitlines())) == (2, "", 1)
    assert line in notes
    assert contents(here) == before
    assert not (finished_run / "taught.json").exists()


def test_the_same_command_can_be_repeated(
    finished_run: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = ["--set", "data.images=40", "--set", "data.size=8", "-n", "4"]
    commands = [
        ["sym2img", str(finished_run), "hat", "-n", "2"],
        ["edit", str(finished_run), "sunset.png", "wall: blue", "-o", "blue.png", "--sheet", "both.png"],
        ["find", str(finished_run), "hat", ".", "-n", "2", "-o", "found.png", "--json"],
        ["data", "rooms", *tiny],
        ["init", "photos", "--force"],
    ]
    for words in commands:
        assert run(words, capsys)[0] == 0
    written = ["hat.png", "blue.png", "both.png", "found.png", "rooms.png", "photos.png"]
    assert all(is_ours(Path(name)) for name in written)
    assert not is_ours(Path("sunset.png"))
    for words in commands:
        code, said, _ = run(words, capsys)
        assert code == 0
        assert "found.png" not in said
    assert run(["init", "photos", "-o", "photos.yml"], capsys)[0] == 0  # the picture is one of ours


def test_find_does_not_replace_a_picture_of_ours_that_it_searches(
    finished_run: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit = ["edit", str(finished_run), "sunset.png", "wall: blue", "-o", "photos/blue.png"]
    assert run(edit, capsys)[0] == 0
    code, _, notes = run(["find", str(finished_run), "hat", "photos", "-o", "photos/blue.png"], capsys)
    assert code == 2
    assert "blue.png is one of the images that are read" in notes


def test_a_picture_that_another_program_saved_is_not_ours(here: Path) -> None:
    outputs.write_grid(Path("ours.png"), torch.zeros(2, 3, 8, 8), {})
    assert outputs.check_picture(Path("ours.png")) == Path("ours.png")
    with Image.open("ours.png") as image:
        image.convert("RGB").save("saved.png")
    with pytest.raises(UsageError, match=r"saved\.png exists and was not written by scan"):
        outputs.check_picture(Path("saved.png"))
    Path("notes.json").write_text(json.dumps({"mine": 1}))
    with pytest.raises(UsageError, match=r"notes\.json would be overwritten"):
        outputs.check_picture(Path("notes.png"))
