"""Words taught on the page: used in expressions, kept with the run, or known until the server ends."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from httpx import Response
from serve_client import Client

import scan
from pipelines.runs.folder import RunFolder
from pipelines.serve.app import create_app
from pipelines.serve.session import Session


@pytest.fixture
def own(finished_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished_run, tmp_path / "own")


def serve(run: Path) -> tuple[Client, scan.ConceptModel]:
    model = scan.load(run)
    return Client(create_app(Session(model, "tiny", run=run))), model


def teach(client: Client, name: str) -> Response:
    images = client.post("/api/sym2img", json={"expression": "hat", "n": 5}).json()["images"]
    return client.post("/api/concepts", json={"name": name, "images": images})


def test_a_taught_word_is_kept_with_the_run_and_forgotten_there(own: Path) -> None:
    client, model = serve(own)
    answer = teach(client, "cosy").json()
    assert (answer["kept"], answer["note"]) == (True, "")
    again, loaded = serve(own)
    assert torch.equal(loaded.taught["cosy"].q.mean, model.taught["cosy"].q.mean)
    assert list(again.get("/api/model").json()["taught"]) == ["cosy"]
    with RunFolder(own):  # the lock was given back
        pass
    assert again.delete("/api/concepts/cosy").status_code == 204
    assert scan.load(own).taught == {}


def test_taught_words_are_read_inside_expressions(own: Path) -> None:
    client, model = serve(own)
    assert teach(client, "cosy").status_code == 201
    text = "(2*cosy AND wall: red) OR NOT cosy"
    expected = str(model.parse(text))
    assert client.post("/api/parse", json={"expression": text}).json()["concept"] == expected
    assert client.post("/api/sym2img", json={"expression": text, "n": 2}).status_code == 200
    image = client.post("/api/sym2img", json={"expression": "hat", "n": 1}).json()["images"][0]
    asked = {"image": image, "expression": "cosy AND wall: red"}
    assert client.post("/api/edit", json=asked).status_code == 200


def test_words_of_another_process_stay(own: Path) -> None:
    client, _ = serve(own)
    other = scan.load(own)
    for name in ("dusk", "cosy"):
        other.teach(name, expression="hat")
    scan.save_taught(own, other.taught.values())
    assert teach(client, "warm").json()["kept"]
    assert list(scan.load(own).taught) == ["dusk", "cosy", "warm"]
    answer = teach(client, "cosy").json()
    assert not answer["kept"]
    assert 'has another "cosy" by now' in answer["note"]
    assert client.delete("/api/concepts/cosy").status_code == 204
    assert scan.load(own).taught["cosy"].expression == "shape: hat"
    assert client.delete("/api/concepts/warm").status_code == 204
    assert list(scan.load(own).taught) == ["dusk", "cosy"]


def test_a_run_in_use_keeps_no_word_and_the_answer_says_so(own: Path) -> None:
    client, _ = serve(own)
    assert teach(client, "kept").json()["kept"]
    with RunFolder(own):
        answer = teach(client, "cosy").json()
        refused = client.delete("/api/concepts/kept")
    assert not answer["kept"]
    assert answer["note"].startswith("known until the server ends")
    assert "in use by another process" in answer["note"]
    assert refused.status_code == 422
    assert '"kept" is kept with the run and cannot be forgotten' in refused.json()["error"]
    assert set(client.get("/api/model").json()["taught"]) == {"kept", "cosy"}
    assert client.post("/api/sym2img", json={"expression": "cosy OR hat", "n": 1}).status_code == 200
    assert list(scan.load(own).taught) == ["kept"]
    assert client.delete("/api/concepts/cosy").status_code == 204


def test_a_run_that_cannot_be_written_keeps_no_word(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = serve(own)

    def replace(*_: object) -> None:
        raise OSError(30, os.strerror(30))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        answer = teach(client, "cosy")
    assert answer.status_code == 201
    assert "cannot write" in answer.json()["note"]
    assert scan.load(own).taught == {}


def test_pictures_that_repeat_another_teach_nothing(own: Path) -> None:
    client, _ = serve(own)
    image = client.post("/api/sym2img", json={"expression": "hat", "n": 1}).json()["images"]
    answer = client.post("/api/concepts", json={"name": "cosy", "images": image * 5})
    assert answer.status_code == 422
    assert "5 different images or more, got 1: 4 of 5 repeat another" in answer.json()["error"]
    for name, line in (("cosy", "5 images or more, got 4"), ("hat", "already means")):
        answer = client.post("/api/concepts", json={"name": name, "images": ["no picture"] * 4})
        assert line in answer.json()["error"]


def test_without_a_run_folder_words_end_with_the_server(own: Path) -> None:
    answer = teach(Client(create_app(Session(scan.load(own), "tiny"))), "cosy").json()
    assert not answer["kept"]
    assert "known until the server ends" in answer["note"]
    assert scan.load(own).taught == {}
