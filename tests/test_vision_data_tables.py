"""Tables of text as programs write them, and one line for those that cannot be understood."""

from pathlib import Path

import pytest

from vision.data.images import DataError
from vision.data.tables import read_table

ROWS = {"file": ["a.png", "b.png"], "size": ["1", "2"]}


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def checked(path: Path) -> None:
    table = read_table(path)
    table.problems.raise_any(path, table.total)


def refused(tmp_path: Path, content: str | bytes) -> str:
    path = write(tmp_path, content)
    with pytest.raises(DataError) as caught:
        checked(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "text",
    [
        "file,size\na.png,1\nb.png,2\n",
        "\ufefffile,size\r\na.png,1\r\nb.png,2\r\n",
        "file,size\ra.png,1\rb.png,2",
        "file;size\na.png;1\nb.png;2\n",
        "file\tsize\na.png\t1\nb.png\t2\n",
        "sep=;\nfile;size\na.png;1\nb.png;2\n",
        '"file";"size"\n"a.png";1\n"b.png";2\n',
        " file , size \n\n a.png , 1 \n,\n b.png , 2 \n",
        ",file,size\n0,a.png,1\n1,b.png,2\n",
        "Unnamed: 0,file,size\n5,a.png,1\n3,b.png,2\n",
        "Unnamed: 0.1,Unnamed: 0,file,size\n0,0,a.png,1\n1,1,b.png,2\n",
        '"","file","size"\n"1","a.png",1\n"2","b.png",2\n',
        "file,size,\na.png,1,\nb.png,2,\n",
    ],
)
def test_one_table_as_many_programs_write_it(tmp_path: Path, text: str) -> None:
    assert read_table(write(tmp_path, text)).columns == ROWS


def test_cells_may_hold_the_other_delimiters(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, 'file;size, cm;"a;b"\na.png;1;2\nb,c.png;2;3\n'))
    assert table.columns == {"file": ["a.png", "b,c.png"], "size, cm": ["1", "2"], "a;b": ["2", "3"]}


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, 'file,note\n\na,"two\nlines"\nb,c\x0b\u2028d\nlong,x,y\n'))
    assert table.lines == [3, 5]
    assert table.problems.found == {"lines without exactly 2 cells": ["line 6 has 3"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("\ufeff\n\n", "empty"),
        ("file,size\n", "found only the header"),
        ("file,size,size\na,1,2\n", "column 'size' occurs twice"),
        ("file,,size\na,x,2\nb,x,3\n", "column 2 of the header has no name"),
        ("file,a;b\nx,y;z\n", "separated by commas (2 columns) or semicolons (2 columns)"),
        ('file,size\na,"1\nb,2\n', 'line 2: a quote " is not closed'),
        (f"file,size\na,{'x' * 200_000}\n", "line 2: field larger than field limit"),
        ("file,size\na,1\nb\n", "1 problem in 2 rows: 1 lines without exactly 2 cells (line 3 has 1)"),
        ("z0,z1\n0,5,1,5\n", "cells (decimal commas?) (line 2 has 4)"),
        ("file,size\na,caf\xe9\n".encode("latin-1"), "line 2 is not UTF-8, byte 0xe9"),
        ("file,size\na,1\n".encode("utf-16"), "text in UTF-16"),
        ("file,size\na,1\n".encode("utf-16-le"), "a NUL byte in line 1"),
        (b"file,size\na,\0\n", "a NUL byte in line 2"),
        (b"\x89PNG\r\n\x1a\n\0", "not a readable table"),
    ],
)
def test_what_cannot_be_understood_is_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert message in refused(tmp_path, text)


def test_a_number_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "z0;z1;z2\n1;0,5;1_0\n-2e3;0,25;nan\n"))
    assert table.numbers("z0") == [1, -2000]
    with pytest.raises(DataError, match=r"column z1, line 2: '0,5' is not a number \(a decimal comma: write"):
        table.numbers("z1")
    with pytest.raises(DataError, match=r"column z2, line 2: '1_0' is not a number$"):
        table.numbers("z2")


def test_the_list_of_celeba_is_a_table_of_binary_attributes(tmp_path: Path) -> None:
    text = "2\nSmiling Wearing_Hat \n000001.jpg -1  1\n000002.jpg  1 -1\n"
    table = read_table(write(tmp_path, text), "image")
    assert table.columns == {
        "image": ["000001.jpg", "000002.jpg"],
        "Smiling": ["-1", "1"],
        "Wearing_Hat": ["1", "-1"],
    }
    assert table.binary == ("Smiling", "Wearing_Hat")
    assert table.lines == [3, 4]
    assert "first line says 3 rows, there are 2" in refused(tmp_path, "3" + text[1:])


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(DataError, match="not a readable table"):
            read_table(path)
    with pytest.raises(DataError, match="no such table"):
        read_table(tmp_path / "none.csv")
