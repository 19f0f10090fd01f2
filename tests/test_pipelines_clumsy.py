"""Whatever a user types or hands in, the answer is one short line that says what was expected."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_set import write_npz

from pipelines import cli

NPZ = "name: tiny\ndata: {kind: npz, path: SET}\n"


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of a wrong request."""
    try:
        code = cli.main(words)
    except SystemExit as end:  # of the parser
        code = int(str(end.code))
    stderr = capsys.readouterr().err
    assert code in (1, 2), stderr
    assert "shows where" not in stderr
    lines = stderr.splitlines()
    assert max(map(len, lines)) <= 610
    assert all(line.isprintable() for line in lines)
    return lines[-1]


def run(folder: Path, data: Path | str, *assignments: str) -> list[str]:
    config = folder / "tiny.yaml"
    config.write_text(NPZ.replace("SET", str(data)), encoding="utf-8")
    words = ["run", str(config), "vision", "--run-dir", str(folder / "run"), "--quiet"]
    return words + [word for one in assignments for word in ("--set", one)]


def archive(path: Path, header: str, content: bytes = b"") -> Path:
    """An .npz whose images have this header."""
    with np.load(write_npz(path)) as file:
        others = {name: file[name] for name in ("factors", "factor_names")}
    with zipfile.ZipFile(path, "w") as out:
        text = header.encode()
        out.writestr("images.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content)
        for name, array in others.items():
            member = io.BytesIO()
            np.save(member, array)
            out.writestr(f"{name}.npy", member.getvalue())
    return path


@pytest.mark.parametrize(
    ("descr", "shape", "content"),
    [
        ("'|u1'", "(1000000000000, 8, 8, 3)", b""),
        ("'|u1'", "(True, True, True)", b"x"),
        ("'|V0'", "(100000000000000000000, 8, 8, 3)", b""),
        ("'|u1'", "(0, 99999999999999999999, 8, 3)", b""),
        ("'|u1'", "(-1, -8, 8, 3)", b"x" * 192),
        ("'|u1'", "(1.5,)", b""),
        ("'zzz'", "(1,)", b""),
        ("'|O'", "(1,)", b""),
    ],
)
def test_headers_that_declare_what_is_not_there(
    descr: str, shape: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"
    stderr = refused(run(tmp_path, archive(tmp_path / "set.npz", header, content)), capsys)
    assert "set.npz: " in stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"images": np.uint8(3)},
            "images must be uint8 (N, H, W, C), (N, C, H, W) or (N, H, W), got uint8 ()",
        ),
        ({"images": np.zeros((200, 0, 8, 3), np.uint8)}, "the images have 0x8 pixels, a side is at least 8"),
        ({"images": np.zeros((200, 8, 8, 2), np.uint8)}, "images must have 1 or 3 channels"),
        (
            {"images": np.full((200, 8, 8, 3), np.nan)},
            "images must be uint8 (N, H, W, C), (N, C, H, W) or (N, H, W), got float64",
        ),
        (
            {"factors": np.zeros((200, 0), int), "factor_names": np.zeros(0, "U1")},
            "no factors: expected an array called factors",
        ),
        ({"factors": np.full((200, 3), np.nan)}, "factor 'a' must hold indices 0 to 2 of its named values"),
        ({"factors": np.full((200, 3), 1j)}, "factor 'a' must hold indices 0 to 2 of its named values"),
        ({"factors": np.full((200, 3), -1)}, "factor 'a' must hold indices 0 to 2 of its named values"),
        ({"factor_names": np.array(["a" * 9000, "b", "c"])}, "no factor 'a': there are aaa"),
        ({"factor_names": np.array(["a\x1b[2J", "b", "c"])}, r"no factor 'a': there are a\x1b[2J, b, c"),
        ({"values_a": np.array(["one"])}, "factor 'a' must hold indices 0 to 0 of its named values"),
    ],
)
def test_arrays_that_are_no_images_and_factors(
    changes: dict[str, np.ndarray], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_npz(tmp_path / "set.npz")
    with np.load(path) as file:
        content = {**file, **changes}
    np.savez(path, **content)
    assert message in refused(run(tmp_path, path), capsys)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("symbols.grounding=1e300", "symbols.grounding: input should be less than or equal to"),
        (
            "vision.objective.beta={kind: geometric, start: 1e308, end: 1e-308}",
            "vision.objective.beta.start: input should be less than or equal to",
        ),
        ("vision.training.lr=1e-400", "vision.training.lr: input should be greater than 0"),
        ("vision.training.steps=1e400", "vision.training.steps: expected a whole number, got 1e400"),
        (f"vision.training.lr={'9' * 9000}", "vision.training.lr: input should be a finite number"),
        (f"seed={'9' * 9000}", "seed: expected a whole number"),
        (f"{'x' * 9000}=3", "unknown key; there are name, seed, data"),
        (f"data.path={'x' * 9000}", "File name too long"),
        (f"data.names={'x' * 9000}", "set.npz: its names cannot be read from"),
        ("data.path=/dev/zero", "/dev/zero: not a regular file"),
        ("vision.training.steps=" + "[" * 9000, "is not a YAML value (line 1: more than 20 levels"),
        ("name=\ud800", "not text in UTF-8"),
    ],
)
def test_settings_of_any_size(
    assignment: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(run(tmp_path, write_npz(tmp_path / "set.npz"), assignment), capsys)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "expected a path, got nothing"),
        (" ", "expected a path, got nothing"),
        ("a\0b.png", r"no file can have the name a\x00b.png"),
        ("a\ud800.png", r"no file can have the name a\ud800.png"),
        ("x" * 9000 + ".png", "ile name too long"),
        ("\x1b[2J", r"\x1b[2J"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        ["sym2img", "RUN", "hat", "-n", "1", "-o", "PATH"],
        ["sym2img", "PATH", "hat"],
        ["img2sym", "RUN", "PATH"],
        ["img2sym", "RUN", "a.png", "--json", "PATH"],
        ["traverse", "RUN", "-o", "PATH"],
        ["traverse", "RUN", "--image", "PATH"],
        ["metrics", "PATH"],
        ["metrics", "--run", "PATH"],
        ["evaluate", "PATH"],
        ["report", "PATH"],
    ],
)
def test_paths_that_no_file_has(
    words: list[str], path: str, message: str, finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [{"RUN": str(finished_run), "PATH": path}.get(word, word) for word in words]
    assert message in refused(asked, capsys)


def test_what_is_written_to_is_named_without_control_characters(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "\x1b[2J.png"
    assert cli.main(["sym2img", str(finished_run), "hat", "-n", "1", "-o", str(output)]) == 0
    assert output.exists()
    assert r"\x1b[2J.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{'9' * 6000}\na b\nx.png 1 -1\n", "no column of codes (code_0, z1, ...) in its header: 999"),
        ("z0,a\n1," + "9" * 6000, "column a, line 2: '999"),
        ("z0," + "q" * 9000, "expected a header and at least one row, found only the header"),
    ],
)
def test_tables_with_numbers_and_names_of_any_length(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "codes.csv"
    table.write_text(text, encoding="utf-8")
    assert message in refused(["metrics", str(table)], capsys)


def test_one_image_without_words_is_no_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    (tmp_path / "attributes.csv").write_text("file,a\nx.png,1\n", encoding="utf-8")
    words = run(tmp_path, tmp_path, "data.attributes=[]", "data.kind=folder", f"data.path={tmp_path}")
    assert "too small: it has 1 image, one to learn from and one to test" in refused(words, capsys)
