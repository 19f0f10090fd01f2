"""The report: whole, self-contained, and also of a run that is not finished."""

import base64
import dataclasses
import doctest
import html.parser
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jinja2 import UndefinedError
from PIL import Image

from pipelines import cli
from pipelines.config import Config, config_files
from pipelines.devices import Machine, machine
from pipelines.report import context, page, sections, tables
from pipelines.report.context import ReportContext
from pipelines.report.sheets import Sheet
from pipelines.report.summary import summary
from pipelines.runs.folder import RunFolder
from symbols import Concept

SECTIONS = [
    "data",
    "vision",
    "sym2img",
    "hierarchy",
    "held-out",
    "operators",
    "img2sym",
    "measures",
    "disentanglement",
    "training",
    "run",
]


BINARY = """
name: signs
data: {kind: npz, path: SET, binary: [a, b, c]}
splits: {held_out: 0, test_images: 20, train_symbols: 3, validation_symbols: 0, test_symbols: 2,
         test_operators: 3}
vision: {network: {kind: convolutional, latents: 4, hidden: 8, widths: [4, 4]},
         training: {steps: 3, batch: 8, restarts: 1}}
symbols: {steps: 3}
operators: {steps: 3}
judge: {steps: 3}
evaluate: {images_per_symbol: 4, diversity_images: 4}
"""


class Reader(html.parser.HTMLParser):
    """Collects what a page refers to, and checks that it is well nested."""

    VOID = ("img", "meta", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.sections: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "section":
            self.sections.append(str(found["id"]))
        self.links += [str(value) for name, value in attrs if name == "href"]
        self.sources += [str(value) for name, value in attrs if name in ("src", "srcset", "data")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def text(finished_run: Path) -> str:
    return (finished_run / "report.html").read_text()


def test_it_refers_to_nothing_outside_itself(text: str) -> None:
    read = Reader(text)
    assert read.sections == SECTIONS
    assert read.links == [f"#{name}" for name in SECTIONS]
    assert len(read.sources) > 50
    for source in read.sources:
        assert source.startswith("data:image/png;base64,")
    with Image.open(io.BytesIO(base64.b64decode(read.sources[0].partition(",")[2]))) as image:
        image.verify()
    assert not read.tags & {"script", "link", "iframe", "object", "embed"}
    words = re.sub(r"data:image/png;base64,[\w+/=]+", "", text)
    assert not re.search(r"https?:|//|url\(|@import|file:", words)


def test_only_a_layered_model_has_layers(text: str, finished_run: Path) -> None:
    assert "what each component draws" not in text
    assert not (finished_run / "report" / "figures" / "layers.png").exists()


def test_it_says_what_was_measured(text: str, finished_run: Path) -> None:
    metrics = json.loads((finished_run / "evaluate" / "metrics.json").read_text())
    for split in metrics["splits"].values():
        assert f"{split['accuracy_top1']:.3f}" in text
    assert f"{metrics['splits']['test_symbols']['diversity_uniform_nats']:.3f}" in text
    assert "analytic operators" in text
    for words in ("wall: ", "IN COMMON", "held-out combinations", "steps a second", "torch"):
        assert words in text


def test_every_picture_has_a_json_file_that_fits_it(finished_run: Path) -> None:
    folder = finished_run / "report" / "figures"
    pictures = {path.stem for path in folder.glob("*.png")}
    assert pictures == {path.stem for path in folder.glob("*.json")}
    drawn = {
        "confusion",
        "disentanglement",
        "hierarchy",
        *(f"training_{n}" for n in ("vision", "symbols", "operators", "judge")),
    }
    assert drawn < pictures
    for name in pictures - drawn:
        about = json.loads((folder / f"{name}.json").read_text())
        with Image.open(folder / f"{name}.png") as image:
            assert image.size == (18 * len(about["columns"]) + 2, 18 * len(about["rows"]) + 2)
    listed = json.loads((finished_run / "report" / "done.json").read_text())["files"]
    assert {f"figures/{name}.png" for name in pictures} <= listed.keys()
    assert "../report.html" in listed


def test_new_and_taught_concepts_are_marked(finished_run: Path) -> None:
    splits = json.loads((finished_run / "data.json").read_text())["splits"]
    for level in range(1, 5):
        about = json.loads((finished_run / "report" / "figures" / f"sym2img_{level}.json").read_text())
        for row in about["rows"]:
            split = "test_symbols" if row.endswith(" (new)") else "train_symbols"
            concept = dict(item.split(": ") for item in row.removesuffix(" (new)").split(", "))
            assert concept in splits[split]
            assert len(concept) == level


@pytest.mark.parametrize(
    ("removed", "absent"),
    [
        (("evaluate",), {"measures", "disentanglement"}),
        (("evaluate", "judge", "operators"), {"measures", "disentanglement", "operators"}),
        (
            ("evaluate", "judge", "operators", "symbols"),
            {"measures", "disentanglement", "operators", "sym2img", "hierarchy", "held-out", "img2sym"},
        ),
    ],
)
def test_a_run_under_way_has_a_report_of_what_there_is(
    finished_run: Path, tmp_path: Path, removed: tuple[str, ...], absent: set[str]
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    for name in removed:
        shutil.rmtree(run / name)
    assert cli.main(["report", str(run), "--quiet", "--device", "cpu"]) == 0
    text = (run / "report.html").read_text()
    assert Reader(text).sections == [name for name in SECTIONS if name not in absent]
    assert "A run under way: vision" in text
    missing = [name for name in ("symbols", "operators", "judge", "evaluate") if name in removed]
    assert f"{', '.join(missing)} to come" in text


def test_a_run_of_binary_attributes_alone_ends_without_completions(tmp_path: Path, text: str) -> None:
    heading = "Completed: a value drawn for each attribute"
    assert heading in text
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 2, (120, 3))
    images = rng.integers(0, 40, (120, 8, 8, 3), dtype=np.uint8)
    images[:, :3, 0] += (200 * factors[..., None]).astype(np.uint8)
    np.savez(tmp_path / "set.npz", images=images, factors=factors, factor_names=list("abc"))
    (tmp_path / "signs.yaml").write_text(BINARY.replace("SET", str(tmp_path / "set.npz")))
    run = tmp_path / "run"
    command = ["run", str(tmp_path / "signs.yaml"), "--run-dir", str(run), "--quiet", "--device", "cpu"]
    assert cli.main(command) == 0
    assert "completions" not in json.loads((run / "evaluate" / "metrics.json").read_text())
    assert heading not in (run / "report.html").read_text()


def test_completions_are_called_those_of_their_list(finished_run: Path) -> None:
    measured = json.loads((finished_run / "evaluate" / "metrics.json").read_text())
    assert measured["completions"]["split"] == "test_symbols"
    taught = {**measured, "completions": {**measured["completions"], "split": "train_symbols"}}
    (table,) = tables.completions(taught)
    assert table.head[0] == "train symbols"
    assert table.rows[0][1] == measured["splits"]["train_symbols"]["accuracy_top1"]
    config = config_files.load(finished_run / "config.yaml", quiet=True)
    assert "completed train symbols (sym2img --complete)" in summary(taught, config)


def test_it_is_written_once_and_again_when_it_was_removed(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    assert cli.main(["report", str(run), "--device", "cpu"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "report: up to date\n"
    assert captured.out == f"{run / 'report.html'}\n"
    (run / "report.html").unlink()
    assert cli.main(["report", str(run), "--quiet", "--device", "cpu"]) == 0
    assert (run / "report.html").read_text() == (finished_run / "report.html").read_text()


def test_a_model_of_the_user_s_own_is_named_so_in_the_table_of_times(
    finished_run: Path, tmp_path: Path
) -> None:
    assert "your own model" not in (finished_run / "report.html").read_text()
    run = shutil.copytree(finished_run, tmp_path / "run")
    for path in (run / "vision").iterdir():
        if path.name != "model.safetensors":
            path.unlink()
    assert cli.main(["report", str(run), "--quiet", "--device", "cpu"]) == 0
    assert "<td>your own model</td>" in (run / "report.html").read_text()


def test_without_a_writable_home_nothing_is_said_of_caches(finished_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    (tmp_path / "file").touch()
    unset = {"MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    ended = subprocess.run(
        [sys.executable, "-m", "pipelines", "report", run, "--fresh", "--quiet", "--device", "cpu"],
        env={**environment, "HOME": str(tmp_path / "file" / "home")},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "<section" in (run / "report.html").read_text(encoding="utf-8")


def test_steps_a_second_are_those_of_all_restarts(finished_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    measured = json.loads((run / "vision" / "metrics.json").read_text())
    # 20 steps of the log, and as many of another restart, of 32 images each, in 4 seconds
    two = measured | {"seconds": 4.0, "images_per_second": 40 * 32 / 4}
    (run / "vision" / "metrics.json").write_text(json.dumps(two))
    receipt = json.loads((run / "vision" / "done.json").read_text())
    del receipt["files"]["metrics.json"]  # its digest is that of the former numbers
    (run / "vision" / "done.json").write_text(json.dumps(receipt))
    config = config_files.load(run / "config.yaml")
    found = sections.run(context.read(config, RunFolder(run), machine("cpu")))
    (row,) = [row for row in found["timings"].rows if row[0] == "vision"]
    assert row[2:4] == [20, 10.0]


HOSTILE = "<b>\"'&{{ 7 * 7 }}\x1b[2J\u202e"
HARMLESS = r"&lt;b&gt;&#34;&#39;&amp;{{ 7 * 7 }}\x1b[2J\u202e"


def hostile(value: Any) -> Any:
    """The same value with every text in it replaced, the keys of inner mappings included."""
    if isinstance(value, str | Concept):
        return HOSTILE
    if isinstance(value, Sheet):
        return dataclasses.replace(value, title=HOSTILE, rows=hostile(value.rows))
    if isinstance(value, Mapping):
        return {f"{key} {HOSTILE}": hostile(entry) for key, entry in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(hostile, value))
    if isinstance(value, tuple | list):
        return type(value)(map(hostile, value))
    return value


def test_every_text_on_the_page_is_escaped(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(config: Config, run: RunFolder, machine: Machine) -> ReportContext:
        found = context.read(config, run, machine)
        assert found.metrics is not None
        return found._replace(metrics={**found.metrics, "warnings": [HOSTILE]})

    def values(section: Any, found: ReportContext) -> dict[str, Any]:
        return {name: hostile(value) for name, value in section(found).items()}

    monkeypatch.setattr(page, "read", read)
    monkeypatch.setattr(
        page, "SECTIONS", {name: partial(values, section) for name, section in page.SECTIONS.items()}
    )
    run = shutil.copytree(finished_run, tmp_path / "run")
    config = config_files.load(run / "config.yaml", []).model_copy(update={"name": HOSTILE})
    text = page.compose(config, RunFolder(run), machine("cpu")).page
    assert Reader(text).sections == SECTIONS
    assert "b" not in Reader(text).tags
    assert not re.search("<b>|\x1b|\u202e", re.sub(r"data:image/png;base64,[\w+/=]+", "", text))
    assert text.startswith("<!DOCTYPE html>\n")
    assert text.count(HARMLESS) > 200
    assert f"<li>{HARMLESS}</li>" in text
    assert f"<title>{HARMLESS}: see" in text


def test_the_examples_of_the_tables_hold() -> None:
    failed, tried = doctest.testmod(tables)
    assert (failed, tried) == (0, 2)


def test_a_value_that_the_template_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'nothing' is undefined"):
        page.environment().from_string("{{ nothing }}").render()
