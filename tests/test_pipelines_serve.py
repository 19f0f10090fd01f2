"""The endpoints answer as the library does, and whatever a request gets wrong is one line of JSON."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from httpx import Response
from PIL import Image
from serve_client import Client

import scan
from pipelines.serve.app import create_app
from pipelines.serve.session import Session
from vision.data import to_bytes

JSON = {"content-type": "application/json"}
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")


@pytest.fixture(scope="module")
def model(finished_run: Path) -> scan.ConceptModel:
    return scan.load(finished_run)


@pytest.fixture
def client(model: scan.ConceptModel) -> Client:
    session = Session(model, "tiny", [3.0, 0.01, 1.0, 2.0, 0.5], most_pixels=10_000)
    return Client(create_app(session))


def encoded(pixels: np.ndarray, kind: str = "PNG") -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


def decoded(png: str) -> torch.Tensor:
    with Image.open(io.BytesIO(base64.b64decode(png))) as image:
        assert image.format == "PNG"
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def red(size: int = 16) -> np.ndarray:
    return np.full((size, size, 3), (200, 30, 60), dtype=np.uint8)


def refused(answer: Response, status: int, *words: str) -> dict:
    """The body of a refusal, which must be one line."""
    assert answer.status_code == status
    assert "\n" not in answer.text
    body = answer.json()
    for word in words:
        assert word in body["error"]
    return body


def test_sym2img_gives_the_images_of_the_library(client: Client, model: scan.ConceptModel) -> None:
    text = "(wall: red) AND hat"
    answer = client.post("/api/sym2img", json={"expression": text, "n": 3, "seed": 5}).json()
    assert answer["items"] == {"wall": "red", "shape": "hat"}
    assert not answer["plain"]
    expected = to_bytes(model.sym2img(text, 3, torch.Generator().manual_seed(5)))
    assert torch.equal(torch.stack([decoded(png) for png in answer["images"]]), expected)
    other = client.post("/api/sym2img", json={"expression": text, "n": 3, "seed": 6}).json()
    assert other["images"] != answer["images"]


def test_completions_are_those_of_the_library_and_say_what_they_show(
    client: Client, model: scan.ConceptModel
) -> None:
    body = {"expression": "hat", "n": 3, "seed": 5, "complete": True, "mean": True}
    answer = client.post("/api/sym2img", json=body).json()
    expected = model.complete("hat", 3, torch.Generator().manual_seed(5), mean=True)
    assert answer["completions"] == [dict(one.items()) for one in expected.concepts]
    assert all(one["shape"] == "hat" and len(one) == 4 for one in answer["completions"])
    shown = torch.stack([decoded(png) for png in answer["images"]])
    assert torch.equal(shown, to_bytes(expected.images))
    assert client.post("/api/sym2img", json={"expression": "hat", "n": 1}).json()["completions"] == []
    weighted = client.post("/api/sym2img", json=body | {"expression": "2*(hat)"})
    assert "weights" in refused(weighted, 422)["error"]


def test_no_expression_is_anything(client: Client) -> None:
    answer = client.post("/api/parse", json={"expression": "  "}).json()
    assert answer == {"concept": "anything", "items": {}, "plain": True}


def test_errors_point_into_the_text(client: Client) -> None:
    text = "wall: red, hta"
    for path in ("parse", "sym2img", "hierarchy"):
        body = refused(client.post(f"/api/{path}", json={"expression": text}), 422, 'did you mean "hat"')
        assert text[body["start"] : body["end"]] == "hta"
    refused(client.post("/api/parse", json={"expression": "(wall: red) AND (wall: blue)"}), 422, "exclude")
    body = refused(client.post("/api/parse", json={"expression": "hat AND"}), 422)
    assert body["end"] > body["start"]


@pytest.mark.parametrize("kind", FORMATS)
def test_img2sym_reads_every_format_of_a_folder(kind: str, client: Client, model: scan.ConceptModel) -> None:
    answer = client.post("/api/img2sym", json={"image": encoded(red(), kind)}).json()
    x = decoded(answer["image"])
    (expected,) = model.img2sym(x).to_dicts()
    assert answer["description"] == expected["description"]
    for name, values in expected["probabilities"].items():
        assert answer["probabilities"][name] == pytest.approx(values, abs=2e-4)
    assert len(answer["latents"]) == model.latents
    assert answer["note"] == ""


def test_a_picture_of_another_size_is_made_to_fit_with_a_note(client: Client) -> None:
    wide = np.concatenate([np.zeros((32, 16, 3), np.uint8), red(32), np.zeros((32, 16, 3), np.uint8)], 1)
    prefixed = "data:image/png;base64," + encoded(wide)
    answer = client.post("/api/img2sym", json={"image": prefixed}).json()
    assert answer["note"] == "64x32 made 16x16, cropped to the middle"
    assert torch.equal(decoded(answer["image"]), torch.from_numpy(red()).permute(2, 0, 1))


def test_what_is_no_picture_is_refused(client: Client) -> None:
    def img2sym(image: object) -> Response:
        return client.post("/api/img2sym", json={"image": image})

    assert "not the base64" in refused(img2sym("/etc/passwd"), 422)["error"]
    text = base64.b64encode(b"no picture").decode()
    assert "not a picture in one of the formats" in refused(img2sym(text), 422)["error"]
    assert "damaged" in refused(img2sym(encoded(red())[:80]), 422)["error"]
    assert (
        "101x101 pixels: at most 0.01 million are read" in refused(img2sym(encoded(red(101))), 422)["error"]
    )
    assert "image: " in refused(img2sym(3), 422)["error"]


def test_latents_decode_as_in_the_library(client: Client, model: scan.ConceptModel) -> None:
    z = [0.5, -1.0, 0.0, 2.0, -3.0]
    answer = client.post("/api/decode", json={"latents": z}).json()
    assert torch.equal(decoded(answer["image"]), to_bytes(model.decode_image(torch.tensor([z])))[0])
    assert answer["latents"] == z
    refused(client.post("/api/decode", json={"latents": z[1:]}), 422, "expected 5 latents, got 4")
    refused(client.post("/api/decode", json={"latents": [1e9] * 5}), 422, "latents.0")
    refused(client.post("/api/decode", content='{"latents": [NaN, 0, 0, 0, 0]}', headers=JSON), 422)


def test_the_hierarchy_is_walked_by_one_attribute(client: Client, model: scan.ConceptModel) -> None:
    answer = client.post("/api/hierarchy", json={"expression": "wall: red, hat"}).json()
    assert {one["concept"] for one in answer["parents"]} == {"wall: red", "shape: hat"}
    colours = {a.name: a.values for a in model.vocabulary.attributes}
    below = [(one["attribute"], one["value"]) for one in answer["children"]]
    assert below == [(name, value) for name in ("floor", "object") for value in colours[name]]
    assert all(one["image"] for one in answer["parents"] + answer["children"])
    top = client.post("/api/hierarchy", json={"expression": ""}).json()
    assert (top["concept"], top["parents"]) == ("anything", [])
    full = "wall: red, floor: red, object: red, hat"
    assert client.post("/api/hierarchy", json={"expression": full}).json()["children"] == []


def test_a_taught_concept_is_used_like_any_other_and_can_be_forgotten(client: Client) -> None:
    images = client.post("/api/sym2img", json={"expression": "hat", "n": 5}).json()["images"]
    answer = client.post("/api/concepts", json={"name": "my/hat", "images": images})
    assert answer.status_code == 201
    assert "my/hat" in client.get("/api/model").json()["taught"]
    assert client.post("/api/sym2img", json={"expression": "my/hat", "n": 1}).status_code == 200
    for taken in ("my/hat", "dub", "red", "wall: red"):
        refused(client.post("/api/concepts", json={"name": taken, "images": images}), 422)
    for name in ("", " x", "a\nb"):
        refused(client.post("/api/concepts", json={"name": name, "images": images}), 422)
    refused(client.post("/api/concepts", json={"name": "none", "images": []}), 422, "images")
    refused(client.delete("/api/concepts/dub"), 404, "dub")
    assert client.delete("/api/concepts/my/hat").status_code == 204
    assert client.get("/api/model").json()["taught"] == {}
    refused(client.post("/api/sym2img", json={"expression": "my/hat"}), 422, "unknown name")
    refused(client.delete("/api/concepts/my/hat"), 404)


def test_an_edit_makes_the_expression_true_and_says_what_moved(client: Client) -> None:
    answer = client.post("/api/edit", json={"image": encoded(red()), "expression": "wall: blue"}).json()
    before = client.post("/api/img2sym", json={"image": encoded(red())}).json()["description"]
    moved = {one["attribute"]: one for one in answer["changes"]}
    assert {
        n: (before[n], answer["description"][n]) for n in before if before[n] != answer["description"][n]
    } == {name: (one["before"], one["after"]) for name, one in moved.items()}
    assert all(one["asked"] == (name == "wall") for name, one in moved.items())
    refused(client.post("/api/edit", json={"image": encoded(red()), "expression": "wal: red"}), 422)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "expression"),
        ({"expression": "hat", "n": 0}, "n: "),
        ({"expression": "hat", "n": 65}, "n: "),
        ({"expression": "hat", "seed": -1}, "seed: "),
        ({"expression": "x" * 4001}, "expression: "),
        ({"expression": "hat", "path": "/etc/passwd"}, "path: "),
        ([], ""),
    ],
)
def test_a_wrong_body_is_refused_by_the_name_of_the_field(body: object, words: str, client: Client) -> None:
    assert words in refused(client.post("/api/sym2img", json=body), 422)["error"]


def test_other_wrong_requests_are_json_too(client: Client) -> None:
    assert refused(client.post("/api/sym2img", content="{", headers=JSON), 422)["error"]
    undeclared = client.post("/api/sym2img", content='{"expression": "hat"}')  # no content type of JSON
    assert refused(undeclared, 422)["error"]
    assert "Not Found" in refused(client.get("/api/nothing"), 404)["error"]
    assert refused(client.get("/api/sym2img"), 405)["error"]


def test_the_model_lists_its_words_and_the_latents_in_use(client: Client, model: scan.ConceptModel) -> None:
    answer = client.get("/api/model").json()
    assert [a["name"] for a in answer["attributes"]] == list(model.vocabulary.names)
    assert [one["index"] for one in answer["latents"]] == [0, 3, 2, 4]
    assert answer["latent_count"] == 5
    assert answer["operators"]


def test_without_operators_an_operation_is_refused_in_words(model: scan.ConceptModel) -> None:
    plain = scan.ConceptModel(model.model, None, model.vocabulary)
    client = Client(create_app(Session(plain, "tiny")))
    refused(client.post("/api/sym2img", json={"expression": "hat AND wall: red"}), 422, "operators")
    assert not client.get("/api/model").json()["operators"]


def test_openapi_documents_every_endpoint(client: Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {
        *(f"/api/{name}" for name in ("model", "parse", "sym2img", "img2sym", "edit", "decode", "hierarchy")),
        "/api/concepts",
        "/api/concepts/{name}",
    }
    for path in paths.values():
        for operation in path.values():
            assert operation["description"]
            assert {"422", "503"} <= operation["responses"].keys()
