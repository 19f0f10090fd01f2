"""What some of a set's pictures look like: where they differ, and what suits transparent ones."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision.data import DataError
from vision.data.background import check_background
from vision.data.content import Box
from vision.data.looks import COMPARED, looks


def figures(
    folder: Path, level: int, *, opaque: bool = False, size: tuple[int, int] = (20, 24), alpha: int = 255
) -> list[str]:
    """Squares of a level that move within rows 4 to 12 and columns 8 to 20; the rest is noise."""
    rng = np.random.default_rng(0)
    for i in range(5):
        pixels = rng.integers(0, 256, (*size, 4), dtype=np.uint8)
        pixels[..., 3] = 255 if opaque else 0
        pixels[4:12, 8 + i : 16 + i] = (level, level, level, alpha)
        pixels[11, 19] = (level, level, level, alpha)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return [f"{i}.png" for i in range(5)]


@pytest.mark.parametrize(("level", "best"), [(0, "white"), (40, "white"), (255, "black"), (128, "black")])
def test_the_background_is_the_one_that_fewest_opaque_pixels_resemble(
    tmp_path: Path, level: int, best: str
) -> None:
    assert looks(tmp_path, figures(tmp_path, level))["background"] == best
    assert looks(tmp_path, figures(tmp_path, level, opaque=True))["background"] == "black"


def test_almost_opaque_pixels_count(tmp_path: Path) -> None:
    assert looks(tmp_path, figures(tmp_path, 5, alpha=254))["background"] == "white"


def test_black_and_white_figures_stand_out_from_gray(tmp_path: Path) -> None:
    files = []
    for level in (0, 255):
        (tmp_path / str(level)).mkdir()
        files += [f"{level}/{name}" for name in figures(tmp_path / str(level), level)]
    assert looks(tmp_path, files)["background"] == "gray"


@pytest.mark.parametrize("level", [0, 255])
def test_figures_are_found_whatever_their_level(tmp_path: Path, level: int) -> None:
    found = looks(tmp_path, figures(tmp_path, level))
    assert (found["box"], found["shape"], found["sizes"]) == (Box(4, 8, 12, 20), (20, 24), 1)


def test_of_large_pictures_every_so_many_rows_and_columns_are_compared(tmp_path: Path) -> None:
    step = 3
    for i in range(3):
        pixels = np.zeros((COMPARED * step - 1, 60, 3), dtype=np.uint8)
        pixels[300:450, 15:30] = 80 * (i + 1)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    found = looks(tmp_path, ["0.png", "1.png", "2.png"])
    assert found["shape"] == (COMPARED * step - 1, 60)
    assert found["box"] == Box(300, 15, 450, 30)


def test_sizes_are_counted_and_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    files = figures(tmp_path, 255)
    Image.new("RGB", (9, 9)).save(tmp_path / "small.png")
    (tmp_path / "damaged.png").write_bytes(b"no picture")
    found = looks(tmp_path, [*files, "small.png", "damaged.png", "none.png"])
    assert (found["shape"], found["sizes"], found["box"]) == ((20, 24), 2, None)
    with pytest.raises(DataError, match="none of 2 files can be read as a picture"):
        looks(tmp_path, ["damaged.png", "none.png"])


@pytest.mark.parametrize("background", ["white", "#fff", "#FF8800", "rgb(1, 2, 3)"])
def test_backgrounds_are_opaque_colours(background: str) -> None:
    check_background(background)


@pytest.mark.parametrize(
    "background",
    ["", "whit", "#ff880080", "#ff88", "12", "rgb(300,0,0)", "hsl(0,0%,200%)", None, 3, [1, 2, 3], "x" * 999],
)
def test_what_is_no_opaque_colour_is_refused_in_one_short_line(background: object) -> None:
    with pytest.raises(
        ValueError, match=r'expected the name of a colour such as white, or one like "#ff8800"'
    ) as caught:
        check_background(background)
    assert len(str(caught.value)) < 150
