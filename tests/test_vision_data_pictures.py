"""Every kind of picture file is read as what an eye would see in it, or refused in one line."""

import os
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from vision.data import pictures
from vision.data.images import DataError
from vision.data.pictures import read_picture

RAMP = np.linspace(0, 255, 8 * 12).reshape(8, 12).astype(np.uint8)
RGB = np.stack([RAMP, 255 - RAMP, RAMP[::-1]], axis=2)


def saved(path: Path, pixels: np.ndarray | Image.Image, **options: object) -> Path:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def read(path: Path, **options: object) -> np.ndarray:
    """(H, W, C)."""
    return read_picture(path, **options).pixels.permute(1, 2, 0).numpy()


def refused(path: Path | str) -> str:
    with pytest.raises(DataError) as caught:
        read_picture(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["png", "bmp", "tif", "ppm", "webp"])
def test_formats_without_loss_are_exact(tmp_path: Path, kind: str) -> None:
    options = {"lossless": True} if kind == "webp" else {}
    assert np.array_equal(read(saved(tmp_path / f"x.{kind}", RGB, **options)), RGB)
    assert read_picture(tmp_path / f"x.{kind}").found == (8, 12)


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize("deep", ["grey 8", "RGB 8", "grey 16"])
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda x: x),
        (2, lambda x: x[:, ::-1]),
        (3, lambda x: x[::-1, ::-1]),
        (4, lambda x: x[::-1]),
        (5, lambda x: x.swapaxes(0, 1)),
        (6, lambda x: np.rot90(x, -1)),
        (7, lambda x: x[::-1, ::-1].swapaxes(0, 1)),
        (8, lambda x: np.rot90(x)),
    ],
)
def test_pictures_are_turned_as_their_exif_tag_says(tmp_path, kind, deep, orientation, upright) -> None:
    pixels = {"grey 8": RAMP, "RGB 8": RGB, "grey 16": RAMP.astype(np.uint16) * 257}[deep]
    exif = Image.Exif()
    exif[274] = orientation
    found = read(saved(tmp_path / f"x.{kind}", pixels, exif=exif))
    expected = upright(RGB if deep == "RGB 8" else np.stack([RAMP] * 3, axis=2))
    assert np.array_equal(found, expected)


def test_damaged_exif_data_leave_the_pixels_as_stored(tmp_path: Path) -> None:
    assert np.array_equal(read(saved(tmp_path / "x.png", RGB, exif=b"garbage")), RGB)


@pytest.mark.parametrize(
    ("kind", "pixels"),
    [
        ("png", RAMP.astype(np.uint16) * 257),
        ("tif", RAMP.astype(np.uint16) * 257),
        ("tif", RAMP.astype(np.int32) * 257),
        ("tif", (RAMP / 255).astype(np.float32)),
    ],
)
def test_more_than_eight_bits_are_scaled(tmp_path: Path, kind: str, pixels: np.ndarray) -> None:
    assert np.array_equal(read(saved(tmp_path / f"x.{kind}", pixels), channels=1)[..., 0], RAMP)


def test_the_white_of_a_pgm_file_is_the_one_that_it_states(tmp_path: Path) -> None:
    (tmp_path / "x.pgm").write_bytes(b"P5 2 1 1023\n" + struct.pack(">2H", 1023, 0))
    assert read(tmp_path / "x.pgm", channels=1)[0, :, 0].tolist() == [255, 0]


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (RAMP.astype(np.float32), "floats from 0 to 255: expected 0 to 1"),
        (np.full((4, 4), np.nan, dtype=np.float32), "floats from nan to nan"),
        (RAMP.astype(np.int32), "32-bit integers from 0 to 255, which do not say what white is"),
        (RAMP.astype(np.int32) * 1000, "32-bit integers from 0 to 255000"),
        (RAMP.astype(np.int32) - 9, "32-bit integers from -9"),
    ],
)
def test_pixels_without_a_white_are_refused(tmp_path: Path, pixels: np.ndarray, message: str) -> None:
    assert message in refused(saved(tmp_path / "x.tif", pixels))


def test_transparency_lies_over_black_whatever_is_stored_beneath(tmp_path: Path) -> None:
    alpha = np.zeros((8, 12), dtype=np.uint8)
    alpha[:4] = 255
    over = np.where(alpha[..., None] > 0, RGB, 0)
    for kind in ("png", "tif"):
        path = saved(tmp_path / f"x.{kind}", np.concatenate([RGB, alpha[..., None]], axis=2))
        assert np.array_equal(read(path), over)
    grey = read(saved(tmp_path / "la.png", np.stack([RAMP, alpha], axis=2)), channels=1)[..., 0]
    assert np.array_equal(grey, np.where(alpha > 0, RAMP, 0))
    palette = Image.fromarray(RAMP).convert("P")
    key = read(saved(tmp_path / "p.png", palette, transparency=int(np.array(palette)[3, 3])))
    assert key[3, 3].tolist() == [0, 0, 0]
    assert np.array_equal(key[5:], np.stack([RAMP] * 3, axis=2)[5:])
    for name, pixels, key in (("l.png", RAMP, 255), ("i.png", RAMP.astype(np.uint16) * 257, 65535)):
        assert read(saved(tmp_path / name, pixels, transparency=key))[-1, -1].tolist() == [0, 0, 0]


@pytest.mark.parametrize(("background", "rgb"), [("white", (255, 255, 255)), ("#ff8000", (255, 128, 0))])
def test_transparency_lies_over_the_background_that_is_asked_for(tmp_path, background, rgb) -> None:
    half = np.full((8, 12), 51, dtype=np.uint8)  # of 255: a fifth
    path = saved(tmp_path / "rgba.png", np.concatenate([RGB, half[..., None]], axis=2))
    mixed = (RGB.astype(float) + 4 * np.array(rgb)) / 5
    assert np.abs(read(path, background=background) - mixed).max() <= 1
    luma = round(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2])
    grey = read(
        saved(tmp_path / "la.png", np.stack([RAMP, 0 * half], axis=2)), channels=1, background=background
    )
    assert np.abs(grey.astype(int) - luma).max() <= 1
    for name, pixels, key in (("l.png", RAMP, 255), ("i.png", RAMP.astype(np.uint16) * 257, 65535)):
        found = read(saved(tmp_path / name, pixels, transparency=key), channels=1, background=background)
        assert abs(int(found[-1, -1, 0]) - luma) <= 1
        assert np.array_equal(found[:-1, :, 0], RAMP[:-1])
    assert read_picture(path).has_transparency
    assert not read_picture(saved(tmp_path / "rgb.png", RGB)).has_transparency


def test_palettes_bits_and_cmyk_are_what_they_show(tmp_path: Path) -> None:
    bits = RAMP > 99
    assert np.array_equal(read(saved(tmp_path / "1.png", bits), channels=1)[..., 0], bits * np.uint8(255))
    quantised = Image.fromarray(RGB).quantize(16)
    assert np.array_equal(read(saved(tmp_path / "p.png", quantised)), np.array(quantised.convert("RGB")))
    cmyk = Image.fromarray(RGB).convert("CMYK")
    assert np.abs(read(saved(tmp_path / "x.tif", cmyk)).astype(int) - RGB).max() <= 1


@pytest.mark.parametrize("kind", ["gif", "tif", "png", "webp"])
def test_the_first_frame_is_read(tmp_path: Path, kind: str) -> None:
    black, white = (Image.new("RGB", (6, 6), colour) for colour in ("black", "white"))
    path = saved(tmp_path / f"x.{kind}", black, save_all=True, append_images=[white])
    assert read(path).max() == 0


def test_smaller_is_the_average_of_the_area_and_larger_is_bicubic(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 12), dtype=np.uint8)
    path = saved(tmp_path / "x.png", noise)
    down = read(path, channels=1, size=(4, 6))[..., 0]
    means = noise.reshape(4, 2, 6, 2).mean(axis=(1, 3))
    assert np.abs(down - means).max() <= 1
    up = read(path, channels=1, size=(16, 24))[..., 0]
    expected = Image.fromarray(noise).resize((24, 16), Image.Resampling.BICUBIC)
    assert np.array_equal(up, np.array(expected))


def test_other_proportions_are_cropped_about_the_centre(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.png", np.pad(RAMP, ((0, 0), (6, 6)), constant_values=77))
    assert np.array_equal(read(path, channels=1, size=(8, 12))[..., 0], RAMP)


def test_only_formats_of_pixels_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*arguments: object, **options: object) -> None:
        pytest.fail("a program was started")

    monkeypatch.setattr(subprocess, "Popen", started)
    for kind in ("eps", "pdf", "tga", "ico"):
        path = saved(tmp_path / f"x.{kind}", RGB).rename(tmp_path / f"{kind}.png")
        assert "not a picture in one of the formats PNG, JPEG" in refused(path)
    for name, content in (("text.png", b"<svg/>"), ("empty.png", b"")):
        (tmp_path / name).write_bytes(content)
        assert "not a picture" in refused(tmp_path / name)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert "a pipe" in refused(tmp_path / "pipe.png")  # opening it would wait for ever
    assert "a pipe, a socket or a device" in refused("/dev/zero")
    assert refused(tmp_path) == "a folder"
    assert "null" in refused(tmp_path / "a\0b")
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "none.png")


@pytest.mark.parametrize("side", [10_001, 15_000, 60_000])
def test_too_many_pixels_are_refused_before_they_are_read(tmp_path: Path, side: int) -> None:
    content = bytearray(saved(tmp_path / "x.png", RGB).read_bytes())
    content[16:24] = struct.pack(">II", side, side)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "x.png").write_bytes(content)
    assert "at most 100 million are read" in refused(tmp_path / "x.png")


def test_a_bomb_of_text_is_refused(tmp_path: Path) -> None:
    note = PngImagePlugin.PngInfo()
    note.add_text("note", "x" * 2**21, zip=True)
    assert "damaged" in refused(saved(tmp_path / "x.png", RGB, pnginfo=note))


def test_damaged_files_give_pixels_or_one_line(tmp_path: Path) -> None:
    rng, messages = np.random.default_rng(0), []
    for kind in ("png", "jpg", "gif", "tif", "bmp", "ppm"):
        whole = saved(tmp_path / f"x.{kind}", RGB).read_bytes()
        for _ in range(40):
            content = bytearray(whole)
            for place in rng.integers(0, len(content), 4):
                content[place] = rng.integers(256)
            (tmp_path / "damaged").write_bytes(content[: rng.integers(1, 2 * len(content))])
            try:
                assert read_picture(tmp_path / "damaged", size=(8, 8)).pixels.dtype == torch.uint8
            except DataError as error:
                messages.append(str(error))
    assert len(messages) > 60
    assert all(len(line.splitlines()) == 1 and len(line) < pictures.QUOTED + 100 for line in messages)
