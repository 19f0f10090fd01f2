import re

import numpy as np
import pytest
import torch
from PIL import Image

from vision.data.folder import load_folder
from vision.data.images import DataError

ROWS = [("a.png", "red", "10", "yes"), ("b.png", "blue", "9", "no"), ("sub/c.png", "red", "9", "no")]


def pixels(seed: int, height: int = 8, width: int = 6, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    for i, (file, *_) in enumerate(ROWS):
        Image.fromarray(pixels(i)).save(tmp_path / file)
    table(tmp_path, ROWS)
    return tmp_path


def table(path, rows, header=("file", "colour", "size", "hat")) -> None:
    lines = [",".join(row) for row in (header, *rows)]
    (path / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def one_line(folder, *arguments, **options) -> str:
    with pytest.raises(DataError) as caught:
        load_folder(folder, "table.csv", *arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_and_the_columns_of_their_table(folder):
    data = load_folder(folder, "table.csv", (8, 6), binary=["hat"])
    assert torch.equal(
        data.images, torch.from_numpy(np.stack([pixels(i) for i in range(3)])).permute(0, 3, 1, 2)
    )
    assert data.names == ("colour", "size", "hat")
    assert data.value_names == (("blue", "red"), ("9", "10"), ("no", "yes"))
    assert data.factors.tolist() == [[1, 1, 1], [0, 0, 0], [1, 0, 0]]
    assert data.binary == ("hat",)


def test_columns_are_chosen_and_the_table_may_lie_elsewhere(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "words.csv"
    (folder / "table.csv").rename(elsewhere)
    data = load_folder(folder, elsewhere, attributes=["hat", "colour"])
    assert data.names == ("hat", "colour")
    assert data.binary == ()


def test_quoted_cells_blank_lines_and_a_byte_order_mark(folder):
    text = '\ufefffile, colour\r\na.png,"red, dark"\r\n\r\nb.png, blue \r\n'
    (folder / "table.csv").write_bytes(text.encode())
    assert load_folder(folder, "table.csv").value_names == (("blue", "red, dark"),)


def test_grey_and_transparent_images(folder):
    rgba = np.concatenate([pixels(0), np.zeros((8, 6, 1), dtype=np.uint8)], axis=2)
    rgba[:4, :, 3] = 255
    Image.fromarray(rgba).save(folder / "a.png")
    Image.fromarray(pixels(1)[..., 0]).save(folder / "b.png")
    images = load_folder(folder, "table.csv").images
    assert torch.equal(images[0, :, :4], torch.from_numpy(pixels(0)[:4]).permute(2, 0, 1))
    assert images[0, :, 4:].max() == 0
    assert torch.equal(images[1], torch.from_numpy(pixels(1)[..., 0]).expand(3, -1, -1))
    grey = load_folder(folder, "table.csv", channels=1).images
    assert grey.shape == (3, 1, 8, 6)
    assert torch.equal(grey[1, 0], images[1, 0])


def test_resizing_crops_about_the_centre(folder):
    halves = np.zeros((40, 100, 3), dtype=np.uint8)
    halves[:, 50:] = 255
    halves[:, :10] = halves[:, 90:] = 127
    Image.fromarray(halves).save(folder / "a.png")
    image = load_folder(folder, "table.csv", (4, 8), resize=True).images[0]
    assert image.shape == (3, 4, 8)
    assert image[:, :, :3].max() < 15
    assert image[:, :, 5:].min() > 240


def test_everything_wrong_is_counted_and_named_in_one_line(folder):
    Image.fromarray(pixels(1, 9, 6)).save(folder / "b.png")
    (folder / "sub" / "c.png").write_bytes((folder / "sub" / "c.png").read_bytes()[:-60])
    (folder / "text.png").write_text("not an image")
    rows = [
        *ROWS,
        *((f"gone{i}.png", "red", "9", "no") for i in range(5)),
        ("text.png", "red", "9", "no"),
        ("a.png", "", "9", ""),
        ("a.png", "red"),
    ]
    table(folder, rows)
    message = one_line(folder)
    assert message.startswith(f"{folder / 'table.csv'}: 11 problems in 11 rows: ")
    for part in (
        "1 lines without exactly 4 cells (line 12 has 2)",
        "2 empty cells (line 11 column 'colour', line 11 column 'hat')",
        "5 missing files (gone0.png, gone1.png, gone2.png, ...)",
        "1 images that are not 8x6 (b.png is 9x6)",
    ):
        assert part in message
    assert re.search(r"2 unreadable or truncated files \(sub/c.png: .*, text.png: .*\)", message)


def test_cells_that_are_not_used_may_be_empty(folder):
    table(folder, [(file, colour, "", "") for file, colour, *_ in ROWS])
    assert load_folder(folder, "table.csv", attributes=["colour"]).sizes == (2,)
    assert "6 problems in 3 rows: 6 empty cells" in one_line(folder)


def test_a_size_that_is_asked_for_holds_for_all(folder):
    assert "3 images that are not 8x8 (a.png is 8x6, b.png is 8x6, sub/c.png is 8x6)" in one_line(
        folder, 8, resize=False
    )


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_an_image_cut_anywhere_is_never_accepted(folder, suffix):
    file = folder / f"x.{suffix}"
    Image.fromarray(pixels(5, 32, 32)).save(file)
    whole = file.read_bytes()
    table(folder, [(file.name, "red", "1", "no")])
    for kept in range(0, len(whole) - 20, len(whole) // 60):
        file.write_bytes(whole[:kept])
        assert f"1 problem in 1 rows: 1 unreadable or truncated files (x.{suffix}: " in one_line(folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attributes": ["color"]}, "no column 'color' (did you mean 'colour'?): it has file, colour, size"),
        ({"binary": ["hut"]}, "no column 'hut' (did you mean 'hat'?)"),
        ({"file_column": "image"}, "no column 'image'"),
        ({"binary": ["size"]}, "binary attribute 'size' must have exactly the values"),
    ],
)
def test_unknown_columns_and_impossible_ones(folder, options, message):
    found = one_line(folder, **options)
    assert found.startswith(f"{folder / 'table.csv'}: ")
    assert message in found


def test_tables_that_are_none(folder):
    path = folder / "table.csv"
    path.write_text("file,colour\n")
    assert "expected a header and at least one row" in one_line(folder)
    path.write_text("file,colour,colour\na.png,red,red\n")
    assert "column 'colour' occurs twice" in one_line(folder)
    path.write_bytes(b"\xff\xfe\x00\x01")
    assert "not a readable table" in one_line(folder)
    path.unlink()
    assert "no such table" in one_line(folder)


def test_semicolons_an_index_column_and_words_of_other_scripts(folder):
    text = ";file;colour\n0;a.png;\u8d64\n1;b.png;bleu, clair\n"
    (folder / "table.csv").write_text(text, encoding="utf-8-sig")
    assert load_folder(folder, "table.csv").value_names == (("bleu, clair", "\u8d64"),)


def test_a_file_is_named_once_however_it_is_spelt(folder):
    table(folder, [*ROWS, ("./sub/../a.png", "red", "9", "no")])
    message = one_line(folder)
    assert "1 problem in 4 rows: 1 files named twice ('./sub/../a.png' in lines 2 and 5)" in message


def test_files_stay_inside_the_folder_unless_it_is_allowed(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    Image.fromarray(pixels(7)).save(elsewhere / "x.png")
    (folder / "link.png").symlink_to(elsewhere / "x.png")
    (folder / "linked").symlink_to(elsewhere)
    beside = folder.with_name(f"{folder.name}-2")  # its name begins like the folder's
    beside.mkdir()
    Image.fromarray(pixels(7)).save(beside / "x.png")
    for file in (
        str(elsewhere / "x.png"),
        str(beside / "x.png"),
        f"../{beside.name}/x.png",
        "link.png",
        "linked/x.png",
    ):
        table(folder, [*ROWS, (file, "red", "9", "no")])
        message = one_line(folder)
        assert "1 problem in 4 rows: 1 files outside the folder, see allow_outside" in message
        assert message.endswith("in line 5)")
        image = load_folder(folder, "table.csv", allow_outside=True).images[3]
        assert torch.equal(image, torch.from_numpy(pixels(7)).permute(2, 0, 1))
    through = folder.with_name(f"{folder.name}-link")
    through.symlink_to(folder)
    table(folder, ROWS)
    assert len(load_folder(through, "table.csv")) == 3


def test_decimal_commas_are_named(folder):
    text = "file;size\na.png;0,5\nb.png;1,5\n"
    (folder / "table.csv").write_text(text)
    assert "2 decimal commas (line 2 column 'size': '0,5' (a decimal comma: write 0.5)" in one_line(folder)


def test_the_list_of_celeba_has_binary_attributes_without_more_words(folder):
    (folder / "list.txt").write_text("2\nSmiling Hat\na.png -1  1\nb.png  1 -1\n")
    data = load_folder(folder, "list.txt")
    assert data.binary == data.names == ("Smiling", "Hat")
    assert data.factors.tolist() == [[0, 1], [1, 0]]
    assert load_folder(folder, "list.txt", attributes=["Hat"]).binary == ("Hat",)


def test_a_home_folder_and_relative_tables(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.chdir(folder.parent)
    (folder.parent / "table.csv").write_text("of,another\nset,altogether\n")
    assert len(load_folder(f"~/{folder.name}", "table.csv")) == 3
    assert len(load_folder(folder, f"~/{folder.name}/table.csv")) == 3


def test_a_link_to_itself_is_one_line(folder):
    (folder / "loop.png").symlink_to("loop.png")
    table(folder, [*ROWS, ("loop.png", "red", "9", "no")])
    assert "1 unreadable or truncated files (loop.png: Too many levels of symbolic links)" in one_line(folder)
