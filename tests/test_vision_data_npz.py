import io
import json
import pickle
import zipfile

import numpy as np
import pytest
import torch

from vision.data.images import DataError
from vision.data.npz import MOST_BYTES, load_npz

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
FACTORS = np.stack([np.arange(6) % 3, np.arange(6) % 2], axis=1).astype(np.uint8)
NAMES = {
    "factor_names": ["colour", "hat"],
    "values": {"colour": ["red", "green", "blue"], "hat": ["no", "on"]},
}


@pytest.fixture
def sprites(tmp_path):
    """Images, with their names in a JSON file that serves sets of any number of images."""
    np.savez(tmp_path / "sprites_6.npz", images=IMAGES, factors=FACTORS)
    (tmp_path / "sprites.json").write_text(json.dumps({**NAMES, "source": "an artist", "licence": "CC0"}))
    return tmp_path / "sprites_6.npz"


def write(path, **arrays):
    np.savez_compressed(path / "set.npz", **arrays)
    return path / "set.npz"


def test_images_factors_and_the_names_beside_them(sprites):
    data = load_npz(sprites)
    assert torch.equal(data.images, torch.from_numpy(IMAGES).permute(0, 3, 1, 2))
    assert data.images.is_contiguous()
    assert data.factors.tolist() == FACTORS.tolist()
    assert data.names == ("colour", "hat")
    assert data.value_names == (("red", "green", "blue"), ("no", "on"))
    assert (data.name, data.source, data.licence) == ("sprites_6", "an artist", "CC0")
    assert data.binary == ()


def test_the_nearest_names_win(sprites):
    own = {"factor_names": ["a", "b"], "values": {}}
    sprites.with_suffix(".json").write_text(json.dumps(own))
    assert load_npz(sprites).names == ("a", "b")
    assert load_npz(sprites, sprites.with_name("sprites.json")).names == ("colour", "hat")


def test_names_inside_the_file(tmp_path):
    path = write(
        tmp_path,
        images=IMAGES,
        factors=FACTORS,
        factor_names=np.array(["colour", "hat"]),
        values_colour=np.array(["red", "green", "blue"]),
    )
    data = load_npz(path, binary=["hat"])
    assert data.value_names == (("red", "green", "blue"), ("no", "yes"))
    assert data.binary == ("hat",)


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (IMAGES, (3, 5, 4)),
        (IMAGES.transpose(0, 3, 1, 2), (3, 5, 4)),
        (IMAGES[..., :1], (1, 5, 4)),
        (IMAGES[..., 0], (1, 5, 4)),
    ],
)
def test_layouts_of_the_same_images(tmp_path, images, shape):
    data = load_npz(write(tmp_path, images=images, attributes=FACTORS, attribute_names=["a", "b"]))
    expected = IMAGES.transpose(0, 3, 1, 2)[:, : shape[0]]
    assert data.shape == shape
    assert np.array_equal(data.images.numpy(), expected)


def test_binary_images_become_black_and_white(tmp_path):
    bits = (IMAGES[..., 0] > 127).astype(np.uint8)
    for images in (bits, bits.astype(bool)):
        data = load_npz(write(tmp_path, imgs=images, labels=FACTORS[:, 0], factor_names=["shape"]))
        assert np.array_equal(data.images[:, 0].numpy(), bits * 255)
        assert data.factors.shape == (6, 1)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"factors": FACTORS}, "no images: expected an array called images or imgs"),
        ({"images": IMAGES}, "no factors: expected an array called factors or"),
        ({"images": IMAGES[:5], "factors": FACTORS}, "5 images but 6 rows of factors"),
        ({"images": IMAGES[:0], "factors": FACTORS[:0]}, "0 images"),
        ({"images": IMAGES / 255, "factors": FACTORS}, "must be uint8 .* got float64"),
        ({"images": IMAGES[..., :2], "factors": FACTORS}, "must have 1 or 3 channels, got shape"),
        ({"images": IMAGES, "factors": FACTORS[:, :1]}, r"2 factor names for factors of shape \(6, 1\)"),
        ({"images": IMAGES, "factors": FACTORS + 1, "values_a": ["x", "y", "z"]}, "'a' must hold indices 0"),
        ({"images": IMAGES, "factors": FACTORS, "values_c": ["x"]}, "no factor 'c': there are a, b"),
        ({"images": IMAGES.astype(object), "factors": FACTORS}, "images is an array of Python objects"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path, arrays, message):
    path = write(tmp_path, factor_names=["a", "b"], **arrays)
    with pytest.raises(DataError, match=rf"set\.npz: .*{message}") as caught:
        load_npz(path)
    assert "\n" not in str(caught.value)


def test_a_file_without_names_says_where_to_put_them(tmp_path):
    with pytest.raises(DataError, match=r"no names: put factor_names .* set.json"):
        load_npz(write(tmp_path, images=IMAGES, factors=FACTORS))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"factor_names": [', "names cannot be read from .*names.json"),
        ('["colour", "hat"]', "names.json has no list factor_names"),
        (
            '{"factor_names": ["colour", "hat"], "values": {"colour": "red"}}',
            "must map a factor's name to a list",
        ),
    ],
)
def test_names_that_cannot_be_used(sprites, text, message):
    names = sprites.with_name("names.json")
    names.write_text(text)
    with pytest.raises(DataError, match=message):
        load_npz(sprites, names)
    names.unlink()
    with pytest.raises(DataError, match=r"names cannot be read from .*names.json"):
        load_npz(sprites, names)


@pytest.mark.parametrize("kept", [0, 1, 30, 200, -1, -100])
def test_a_truncated_file_is_refused_by_name(sprites, kept):
    sprites.write_bytes(sprites.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"sprites_6.npz: truncated or not an .npz") as caught:
        load_npz(sprites)
    assert "\n" not in str(caught.value)


def test_a_damaged_or_foreign_file_is_refused_by_name(sprites, tmp_path):
    data = bytearray(sprites.read_bytes())
    data[300] ^= 255
    sprites.write_bytes(data)
    with pytest.raises(DataError, match=r"sprites_6.npz: truncated or not an .npz"):
        load_npz(sprites)
    sprites.write_text("file,colour\n")
    with pytest.raises(DataError, match=r"sprites_6.npz: truncated or not an .npz"):
        load_npz(sprites)
    with pytest.raises(DataError, match=r"nowhere.npz: no such file"):
        load_npz(tmp_path / "nowhere.npz")
    with sprites.open("wb") as file:
        np.save(file, IMAGES)
    with pytest.raises(DataError, match=r"sprites_6.npz: a single array"):
        load_npz(sprites)


def test_only_the_arrays_of_the_set_are_read(tmp_path):
    path = write(
        tmp_path,
        images=IMAGES,
        factors=FACTORS,
        factor_names=["a", "b"],
        more=np.array([{}], dtype=object),
        noise=np.zeros(50_000),
    )
    content = bytearray(path.read_bytes())
    place = content.index(b"noise.npy") + 30
    content[place : place + 20] = bytes(20)  # damage what is not needed
    path.write_bytes(content)
    assert len(load_npz(path)) == 6


@pytest.mark.parametrize("name", ["images", "factors", "factor_names", "values_a"])
def test_python_objects_are_refused_without_advice_to_load_them(tmp_path, name):
    arrays = {"images": IMAGES, "factors": FACTORS, "factor_names": np.array(["a", "b"]), "values_a": ["x"]}
    path = write(tmp_path, **{**arrays, name: np.array([{"a": 1}], dtype=object)})
    with pytest.raises(DataError, match=rf"set.npz: {name} is an array of Python objects") as caught:
        load_npz(path)
    path.write_bytes(pickle.dumps(IMAGES))
    with pytest.raises(DataError, match=r"set.npz: truncated or not an .npz file") as pickled:
        load_npz(path)
    assert "pickle" not in f"{caught.value} {pickled.value}"


def test_an_array_that_declares_a_size_that_it_does_not_have(tmp_path):
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "|u1", "fortran_order": False, "shape": (10**6, 10**6, 3)}
    )
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        archive.writestr("images.npy", head.getvalue() + bytes(12))
    with pytest.raises(DataError, match="images is truncated or damaged"):
        load_npz(tmp_path / "set.npz")


def test_names_that_are_bytes_are_decoded(tmp_path):
    path = write(
        tmp_path,
        images=IMAGES,
        factors=FACTORS,
        factor_names=np.array([b"colour", b"hat"]),
        values_colour=np.array(["gr\xfcn".encode(), b"rot", b"blau"]),
    )
    data = load_npz(path)
    assert data.names == ("colour", "hat")
    assert data.value_names[0] == ("gr\xfcn", "rot", "blau")


def test_booleans_are_factors_with_names(tmp_path):
    path = write(
        tmp_path,
        images=IMAGES,
        factors=FACTORS[:, 1:] > 0,
        factor_names=["hat"],
        values_hat=np.array(["off", "on"]),
    )
    assert load_npz(path).value_names == (("off", "on"),)


@pytest.mark.parametrize(
    "values", [["7", "7", "8"], [7, 7, 8], np.array([7, 7, 8]), np.array([b"7", b"7", b"8"])]
)
def test_value_names_that_repeat_are_refused_however_they_came_about(sprites, tmp_path, values):
    message = "factor 'colour' has the value '7' twice"
    names = ["colour", "hat"]
    path = write(tmp_path, images=IMAGES, factors=FACTORS, factor_names=names, values_colour=values)
    with pytest.raises(DataError, match=message):
        load_npz(path)
    if isinstance(values, list):
        sprites.with_suffix(".json").write_text(
            json.dumps({"factor_names": names, "values": {"colour": values}})
        )
        with pytest.raises(DataError, match=message):
            load_npz(sprites)


def test_a_file_of_names_may_have_a_byte_order_mark(sprites):
    sprites.with_suffix(".json").write_text(json.dumps(NAMES), encoding="utf-8-sig")
    assert load_npz(sprites).names == ("colour", "hat")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (json.dumps(NAMES).encode("utf-16"), "names cannot be read"),
        (b'{"factor_names": ["a", "b"], "factor_names": ["c", "d"]}', "key 'factor_names' is given twice"),
        (b'{"factor_names": ["a", null]}', "factor_names in .* must be strings, got null"),
        (b'{"factor_names": ["a", true]}', "must be strings, got true"),
        (b'{"factor_names": ["a", "b"], "values": {"a": [["x"]]}}', "values of 'a' in .* must be strings"),
        (b'{"factor_names": ["a", "b"], "source": 3}', "source in .* must be a string"),
        (b" " * (MOST_BYTES + 1), "larger than 16 MiB"),
    ],
)
def test_names_that_are_damaged_huge_or_nested(sprites, content, message):
    sprites.with_suffix(".json").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_npz(sprites)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
