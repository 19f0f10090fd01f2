"""The report: whole, self-contained, and also of a run that is not finished."""

import base64
import html.parser
import io
import json
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from pipelines import cli
from pipelines.report import page

SECTIONS = [
    "data",
    "seeing",
    "imagining",
    "hierarchy",
    "held-out",
    "operators",
    "describing",
    "measures",
    "disentanglement",
    "training",
    "run",
]


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


def test_it_says_what_was_measured(text: str, finished_run: Path) -> None:
    metrics = json.loads((finished_run / "evaluate" / "metrics.json").read_text())
    for split in metrics["splits"].values():
        assert f"{split['accuracy_top1']:.3f}" in text
    assert f"{metrics['splits']['test_symbols']['diversity_uniform_nats']:.3f}" in text
    assert "exact operators" in text
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
        told = json.loads((folder / f"{name}.json").read_text())
        with Image.open(folder / f"{name}.png") as image:
            assert image.size == (18 * len(told["columns"]) + 2, 18 * len(told["rows"]) + 2)
    listed = json.loads((finished_run / "report" / "done.json").read_text())["files"]
    assert {f"figures/{name}.png" for name in pictures} <= listed.keys()
    assert "../report.html" in listed


def test_new_and_taught_concepts_are_told_apart(finished_run: Path) -> None:
    splits = json.loads((finished_run / "data.json").read_text())["splits"]
    for level in range(1, 5):
        told = json.loads((finished_run / "report" / "figures" / f"sym2img_{level}.json").read_text())
        for row in told["rows"]:
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
            {"measures", "disentanglement", "operators", "imagining", "hierarchy", "held-out", "describing"},
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


def test_it_is_written_once_and_again_when_it_was_removed(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    assert cli.main(["report", str(run), "--device", "cpu"]) == 0
    told = capsys.readouterr()
    assert told.err == "report: up to date\n"
    assert told.out == f"{run / 'report.html'}\n"
    (run / "report.html").unlink()
    assert cli.main(["report", str(run), "--quiet", "--device", "cpu"]) == 0
    assert (run / "report.html").read_text() == (finished_run / "report.html").read_text()


def test_text_is_escaped_wherever_it_goes() -> None:
    bad = '<b>"&'
    safe = "&lt;b&gt;&quot;&amp;"
    for made in (
        page.paragraph(bad),
        page.heading(bad),
        page.section("x", bad),
        page.table((bad,), [[bad]], bad),
        page.words((bad,), [[bad]]),
        page.facts([(bad, bad, bad)]),
        page.folded(bad, bad),
        page.contents({"x": bad}),
        page.page(bad, []),
    ):
        assert bad not in made
        assert safe in made
