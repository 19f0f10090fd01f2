"""The page in a real browser, Debian's Chromium through playwright. Slow.

Skipped where there is no playwright (it is not in the extra `dev`) or no Chromium.
"""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import serve_load
from PIL import Image

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(finished_run: Path) -> Iterator[str]:
    with serve_load.serving(finished_run) as address:
        yield address


@pytest.fixture
def page(url: str) -> Iterator[Any]:
    """A tab that has the page, and fails the test where the page logs an error or asks elsewhere."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium")
    wrong: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("request", lambda sent: sent.url.startswith((url, "data:")) or wrong.append(sent.url))
        tab.on("console", lambda note: "status of 422" in note.text or wrong.append(note.text))
        tab.goto(url)
        tab.wait_for_selector("#samples img")
        yield tab
        browser.close()
    assert not wrong


def picture(kind: str = "WEBP", red: int = 200) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.fromarray(np.full((60, 80, 3), (red, 30, 60), dtype=np.uint8)).save(buffer, kind)
    return {"name": f"red.{kind.lower()}", "mimeType": f"image/{kind.lower()}", "buffer": buffer.getvalue()}


def test_an_expression_is_composed_by_clicks_and_keys(page: Any) -> None:
    page.click('[data-text="wall: red"]')
    page.click('[data-text="shape: hat"]')
    expect(page.locator("#meaning")).to_have_text("wall: red, shape: hat")
    assert page.input_value("#expression") == "wall: red, shape: hat"
    assert page.get_attribute('[data-text="wall: red"]', "aria-pressed") == "true"
    assert page.locator("#samples img").count() == 16
    before = page.get_attribute("#samples img", "src")
    page.keyboard.press("n")
    expect(page.locator("#samples img").first).not_to_have_attribute("src", before)
    page.click('[data-text="wall: red"]')
    expect(page.locator("#meaning")).to_have_text("shape: hat")


def test_what_is_left_open_is_drawn_for_each_image(page: Any) -> None:
    page.click('[data-text="shape: hat"]')
    expect(page.locator("#meaning")).to_have_text("shape: hat")
    assert page.locator("#samples button[title*='wall']").count() == 0
    page.select_option("#way", "means")
    expect(page.locator("#samples button[title*='shape: hat']")).to_have_count(16)
    assert page.locator("#samples button[title*='wall: ']").count() == 16


def test_enter_right_after_the_last_key_shows_images(page: Any) -> None:
    page.fill("#expression", "wall: red")
    page.press("#expression", "Enter")
    expect(page.locator("#samples img").first).to_have_attribute("alt", "sample 1 of wall: red")
    assert page.locator("#samples img").count() == 16


def test_an_error_points_into_the_text(page: Any) -> None:
    page.fill("#expression", "wall: red, hta")
    page.wait_for_selector("#mistake mark")
    assert page.inner_text("#mistake mark") == "hta"
    assert "hat" in page.inner_text("#mistake")
    page.fill("#expression", "wall: red, hat")
    page.wait_for_selector("#mistake", state="hidden")


def test_a_picture_is_described_changed_and_moved(page: Any) -> None:
    page.set_input_files("#file", picture())
    page.wait_for_selector("#chosen:not([hidden])")
    assert "made 16x16" in page.inner_text("#note")
    original = page.get_attribute("#shown", "src")
    row = "#reading details[data-attribute=wall]"
    page.focus(f"{row} summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#shown")).not_to_have_attribute("src", original)
    assert page.locator(f"{row}[open]").count() == 1
    page.click("#latents summary")
    page.locator("[data-latent]").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#note")).to_have_text("Moved by hand")
    page.click("#undo")
    page.click("#undo")
    assert page.get_attribute("#shown", "src") == original
    page.set_input_files("#file", {"name": "bad.png", "mimeType": "image/png", "buffer": b"nonsense"})
    expect(page.locator("#status")).to_contain_text("not a picture")


def test_the_hierarchy_is_walked(page: Any) -> None:
    page.click("#root")
    page.click('#children button[title="shape: hat"]')
    expect(page.locator("#here")).to_have_text("shape: hat")
    assert page.locator("#parents button").count() == 1
    page.click("#parents button")
    expect(page.locator("#here")).to_have_text("anything")
    assert page.locator("#parents button").count() == 0


def test_a_concept_is_taught_used_and_forgotten(page: Any) -> None:
    for red in range(150, 250, 20):
        page.set_input_files("#examples", picture(red=red))
    expect(page.locator("#gathered button")).to_have_count(5)
    page.fill("#name", "rouge")
    page.keyboard.press("Enter")
    page.wait_for_selector("#taught .word")
    page.click("#taught .word")
    assert page.input_value("#expression") == "rouge"
    page.click("#taught-list button")
    page.wait_for_selector("#taught", state="hidden")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_narrow_screens_in_both_schemes(page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 320, "height": 640})
    page.set_input_files("#file", picture())
    page.wait_for_selector("#chosen:not([hidden])")
    page.click("#root")
    page.wait_for_selector("#children button")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
