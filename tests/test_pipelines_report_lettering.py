"""Words in figures are drawn as they are: no mathematics, fonts that have the characters, or one line."""

import io
import logging

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from pipelines.report import lettering, plots

OF_ANOTHER_FONT = "\N{MATHEMATICAL SCRIPT CAPITAL A}"
OF_NO_FONT = "\U00020089\U0002a6d0"  # rare Chinese characters, which not even large fonts have all of


def confusion(names: list[str]) -> bytes:
    counts = np.eye(len(names)).tolist()
    return plots.confusions({names[0]: {"values": names, "counts": counts}})


@pytest.mark.parametrize("name", [r"$\foo$", "$x$", "a$b", r"\alpha", "$a_$ $^$", "%", "{", "$5 to $10"])
def test_dollars_and_backslashes_are_text(name: str) -> None:
    figure = Figure()
    with plots.mpl.rc_context(plots.STYLE):
        text = figure.text(0.1, 0.5, name)
        figure.draw_without_rendering()
        assert not text.get_parse_math()
    assert confusion([name, "other"]).startswith(b"\x89PNG")


def test_characters_that_the_first_font_lacks_come_from_another_one() -> None:
    families, missing = lettering.fonts_for(frozenset("a" + OF_ANOTHER_FONT))
    assert (len(families), missing) == (1, "")
    assert confusion(["a" + OF_ANOTHER_FONT, "bold 😀"]).startswith(b"\x89PNG")  # a warning would be an error


def test_one_line_says_which_characters_no_font_has(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lettering, "_installed", list)
    lettering.fonts_for.cache_clear()
    lettering._log_missing.cache_clear()
    with caplog.at_level(logging.WARNING):
        first, _ = confusion([OF_NO_FONT, "b"]), confusion(["b", OF_NO_FONT])
    lettering.fonts_for.cache_clear()
    (record,) = caplog.records
    assert "CJK UNIFIED IDEOGRAPH-20089" in record.getMessage()
    assert "\n" not in record.getMessage()
    with Image.open(io.BytesIO(first)) as image:
        assert image.width > 100
