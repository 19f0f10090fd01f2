"""`scan metrics` on files: tables, words as factors, and cells that cannot be used."""

import json
from pathlib import Path

import numpy as np
import pytest
from metric_files import CODES, FACTORS, run, values, write


def test_csv_columns_are_recognised_by_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    columns = np.hstack([CODES[:, :1], FACTORS, CODES[:, 1:]])
    np.savetxt(path, columns, delimiter=",", header="code_x,zone,size,z1", comments="")
    words = ["--json", "--metrics", "mig", "--seed", "3", "--test-share", "0.5"]
    code, stdout, _ = run([str(path), *words], capsys)
    assert code == 0
    assert list(json.loads(stdout)["factors"]) == ["zone", "size"]
    _, same, _ = run([write(tmp_path / "a.npz"), *words], capsys)
    assert values(stdout, "mig") == values(same, "mig")
    _, other, _ = run([str(path), *words, "--seed", "4"], capsys)
    assert values(other, "mig") != values(stdout, "mig")


def csv_of(
    path: Path, delimiter: str, *, words: bool = False, index: bool = False, mark: bool = False
) -> str:
    lines = [["z0", "z1", "colour", "size"]]
    for code, (colour, size) in zip(CODES, FACTORS, strict=True):
        lines.append([*map(str, code), f"colour {colour}" if words else str(colour), str(size)])
    if index:
        lines = [[str(place - 1) if place else "", *line] for place, line in enumerate(lines)]
    path.write_text("\n".join(map(delimiter.join, lines)), encoding="utf-8-sig" if mark else "utf-8")
    return str(path)


def test_a_table_is_the_same_however_it_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--json", "--metrics", "mig"]
    _, plain, _ = run([csv_of(tmp_path / "a.csv", ","), *words], capsys)
    for name, options in {
        "b.csv": {"delimiter": ";", "mark": True},
        "c.tsv": {"delimiter": "\t", "index": True},
        "d.txt": {"delimiter": ",", "words": True, "index": True},
    }.items():
        code, stdout, stderr = run([csv_of(tmp_path / name, **options), *words], capsys)
        assert (code, stderr) == (0, "")
        assert {**json.loads(stdout), "source": "", "metrics": ""} == {
            **json.loads(plain),
            "source": "",
            "metrics": "",
        }
        assert values(stdout, "mig") == values(plain, "mig")


@pytest.mark.parametrize("kind", ["U", "S"])
def test_words_are_factors_in_an_npz_file_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    words = ["--json", "--metrics", "mig"]
    spelt = np.char.add("v", FACTORS.astype(str)).astype(kind)
    test = {"codes_test": CODES[:99], "factors_test": spelt[:99]}
    _, stdout, _ = run([write(tmp_path / "a.npz", factors=spelt, **test), *words], capsys)
    numbers = {"codes_test": CODES[:99], "factors_test": FACTORS[:99]}
    _, expected, _ = run([write(tmp_path / "b.npz", **numbers), *words], capsys)
    assert values(stdout, "mig") == values(expected, "mig")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("z0;f\n0,5;1\n1,5;2\n", "column z0, line 2: '0,5' is not a number (a decimal comma: write 0.5)"),
        ("z0,f\n1,2\n2,\n", "column f, line 3: empty"),
        ("z0,f\n1,2\nnan,1\n", "column z0, line 3: 'nan' is not a number"),
        ("z0,f\n1,2\n1,nan\n", "column f, line 3: 'nan' is not a number"),
        ("z0,f\n1,2\n1,0.5\n", "column f, line 3: '0.5' is not an integer (discretise"),
        ("z0,f,f\n1,2,2\n", "column 'f' occurs twice"),
        ("z0,z1\n1,2\n", "no column besides those of codes"),
    ],
)
def test_cells_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    (tmp_path / "a.csv").write_text(text)
    code, stdout, stderr = run([str(tmp_path / "a.csv")], capsys)
    assert (code, stdout) == (2, "")
    assert message in stderr
    assert len(stderr.splitlines()) == 1


def test_arrays_that_are_not_used_are_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.npz", notes=np.array([{}], dtype=object))
    assert run([path, "--metrics", "mig"], capsys)[0] == 0


def test_names_of_factors_are_escaped_in_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.npz", factor_names=np.array([b"red\x1b[2J", b"b"]))
    code, stdout, _ = run([path, "--metrics", "mig"], capsys)
    assert code == 0
    assert r"red\x1b[2J (3)" in stdout
    path = write(tmp_path / "a.npz", factor_names=["b", "b"])
    assert "factor_names has 'b' twice" in run([path, "--metrics", "mig"], capsys)[2]
