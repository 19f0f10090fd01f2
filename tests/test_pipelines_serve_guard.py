"""Limits of requests: their host, their size, and how many wait; and what the page may load."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from importlib import util
from pathlib import Path

import httpx
import pytest
from serve_client import Client

import scan
from pipelines import cli
from pipelines.commands import serve as serve_command
from pipelines.errors import UsageError
from pipelines.serve import guard
from pipelines.serve.app import FILES, Limits, create_app
from pipelines.serve.guard import Guard
from pipelines.serve.server import listen
from pipelines.serve.session import Session


class Slow(Session):
    """A session that answers when it is told to."""

    go = threading.Event()

    def read_expression(self, text: str):  # type: ignore[no-untyped-def]
        assert self.go.wait(10)
        return super().read_expression(text)


@pytest.fixture(scope="module")
def model(finished_run: Path) -> scan.ConceptModel:
    return scan.load(finished_run)


@pytest.fixture
def client(model: scan.ConceptModel) -> Client:
    app = create_app(Session(model, "tiny"), Limits(most_bytes=1000), ("localhost", "::1"))
    return Client(app)


def test_no_more_requests_wait_than_the_limit(model: scan.ConceptModel) -> None:
    session = Slow(model, "tiny")
    app = create_app(session, Limits(most_waiting=3))

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            asked = [
                asyncio.create_task(client.post("/api/parse", json={"expression": "hat"})) for _ in range(5)
            ]
            done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED, timeout=10)
            assert (await client.get("/api/model")).status_code == 200  # is not computed, and so not refused
            assert all(task.result().status_code == 503 for task in done)
            session.go.set()
            answers = [await task for task in asked]
            answers.append(await client.post("/api/parse", json={"expression": "hat"}))
            return answers

    answers = asyncio.run(ask())
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 503, 503]
    assert answers[-1].status_code == 200
    busy = next(answer for answer in answers if answer.status_code == 503)
    assert busy.json() == {"error": "busy: 3 requests are waiting, try again in a second"}
    assert busy.headers["retry-after"] == "1"


def test_a_large_body_is_refused_whether_it_says_so_or_not(client: Client) -> None:
    body = json.dumps({"expression": "x" * 1000})
    headers = {"content-type": "application/json"}
    declared = client.post("/api/parse", content=body, headers=headers)

    async def parts() -> AsyncIterator[bytes]:
        yield body[:500].encode()
        yield body[500:].encode()

    undeclared = client.post("/api/parse", content=parts(), headers=headers)
    for answer in (declared, undeclared):
        assert (answer.status_code, list(answer.json())) == (413, ["error"])
    fits = client.post("/api/parse", json={"expression": "hat"})
    assert fits.status_code == 200


def test_a_body_must_arrive_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.01)
    sent = []

    async def never() -> dict:
        await asyncio.sleep(60)
        return {}

    async def send(message: dict) -> None:
        sent.append(message)

    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError("the application saw a request without its body")

    guarded = Guard(app, hosts=(), most_bytes=10, most_waiting=1)  # type: ignore[arg-type]
    scope = {"type": "http", "method": "POST", "headers": []}
    asyncio.run(guarded(scope, never, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 408
    assert guarded.waiting == 0


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8000", 200),
        ("LOCALHOST:8000", 200),
        ("[::1]:8000", 200),
        ("elsewhere.example", 400),
        ("localhost.elsewhere.example", 400),
        ("[", 400),
        ("", 400),
    ],
)
def test_requests_to_other_names_are_refused(host: str, status: int, client: Client) -> None:
    answer = client.get("/api/model", headers={"host": host})
    assert answer.status_code == status


class Page(HTMLParser):
    """The elements of a page: (tag, attributes)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_inline_script(client: Client) -> None:
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag, attributes in Page(answer.text).elements:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        source = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
        if source:
            assert source in ("page.js", "page.css", "data:,")
            assert source == "data:," or client.get(f"/{source}").status_code == 200
        assert tag != "script" or attributes.get("src")
    for path in FILES:
        assert "http" not in client.get(f"/{path.name}").text
    assert "prefers-color-scheme: dark" in client.get("/page.css").text
    assert client.get("/app.py").status_code == 404


def test_every_control_of_the_page_has_a_name_and_every_word_a_button(
    client: Client, model: scan.ConceptModel
) -> None:
    elements = Page(client.get("/").text).elements
    identities = [a["id"] for _, a in elements if "id" in a]
    assert len(identities) == len(set(identities))
    labelled = {a.get("for") for tag, a in elements if tag == "label"}
    inputs = [a for tag, a in elements if tag == "input"]
    assert all(a["id"] in labelled for a in inputs)
    words = [
        (a["data-attribute"], a["data-value"])
        for tag, a in elements
        if tag == "button" and a.get("data-value")
    ]
    assert words == [(a.name, value) for a in model.vocabulary.attributes for value in a.values]
    assert sum(a.get("type") == "range" for a in inputs) == model.latents
    scripts = [path.read_text() for path in FILES if path.suffix == ".js"]
    looked_for = {name for script in scripts for name in re.findall(r'\$\("([\w-]+)"\)', script)}
    assert len(looked_for) > 20
    assert looked_for <= set(identities)


def test_a_port_that_is_taken_is_said_in_one_line(finished_run: Path) -> None:
    with listen("127.0.0.1", 0) as socket:
        port = socket.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}: .*--port 0"):
            listen("127.0.0.1", port)


def test_without_the_extra_the_command_names_it(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "uvicorn" else found(name))
    assert cli.main(["serve", str(finished_run)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "pip install '.[serve]'" in said


def test_a_wrong_request_of_the_command_is_one_line(
    finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["serve", str(finished_run / "none"), "--port", "0"]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert cli.main(["serve", str(finished_run), "--port", "-1"]) == 2
    assert cli.main(["serve", str(finished_run), "--host", "no such host", "--port", "0"]) == 2


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.0.0.2", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)],
)
def test_every_address_of_this_machine_alone_is_local(host: str, local: bool) -> None:
    assert serve_command._is_loopback(host) is local


def test_ctrl_c_is_the_way_to_end_it(finished_run: Path) -> None:
    command = [sys.executable, "-m", "pipelines", "serve", str(finished_run), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert re.fullmatch(r"run: http://127\.0\.0\.1:\d+/ \(Ctrl-C stops\)\n", line)
        url = line.split()[1]
        assert httpx.post(f"{url}api/parse", json={"expression": "hat"}).json()["items"] == {"shape": "hat"}
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=20)
    assert (server.returncode, errors) == (0, "")
