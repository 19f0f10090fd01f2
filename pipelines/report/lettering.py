"""Text in figures: no mathematical notation, and fonts that have its characters.

A name such as "$x$" is text and not mathematics (`PLAIN`). What matplotlib's own font lacks is drawn with an
installed one that has it; where none has, boxes stand in its place and one line in the log says so.
"""

import functools
import io
import logging
import unicodedata
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.text import Text

PLAIN: Any = {"text.parse_math": False, "text.usetex": False, "axes.formatter.use_mathtext": False}
"""Settings with which every "$" and backslash is drawn."""
SHOWN = 5
"""Characters that the log names at most."""


def png(figure: Figure, dpi: int) -> bytes:
    """A figure as the content of a PNG file, with fonts for all its characters.

    It is drawn once: `figure.savefig` draws one with a layout twice, and takes half as long again for the
    same bytes (six figures of a report: 1.7 s of CPU against 1.1 s).

    Args:
        figure: Of the class `Figure`, without a window.
        dpi: Pixels per inch of its size.
    """
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    families, missing = fonts_for(frozenset("".join(text.get_text() for text in texts)))
    for text in texts:
        own = font_manager.findfont(text.get_fontproperties())
        if _drawn(text.get_text()) - _has(own, text.get_text()):
            text.set_fontweight("normal")  # a bold face has fewer characters
            text.set_fontfamily([*text.get_fontfamily(), *families])
    _log_missing(missing)
    with warnings.catch_warnings():
        if missing:
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    buffer = io.BytesIO()
    imsave(buffer, canvas.buffer_rgba(), format="png", dpi=dpi)
    return buffer.getvalue()


@functools.cache
def fonts_for(characters: frozenset[str]) -> tuple[tuple[str, ...], str]:
    """Installed font families that together have the characters which the default font lacks, as few as
    possible, and the characters that none has."""
    default = font_manager.findfont(font_manager.FontProperties())
    lacking = _drawn(characters) - _has(default, characters)
    families: list[str] = []
    while lacking:
        found = [(len(_has(path, lacking)), name, path) for name, path in _installed()]
        most, name, path = max(found, default=(0, "", ""))
        if most == 0:
            break
        families.append(name)
        lacking -= _has(path, lacking)
    return tuple(families), "".join(sorted(lacking))


def _installed() -> list[tuple[str, str]]:
    """Families and files of upright fonts of normal weight, without those that draw boxes for everything."""
    return sorted(
        {
            (font.name, font.fname)
            for font in font_manager.fontManager.ttflist
            if font.style == "normal"
            and str(font.weight) in ("400", "normal", "regular")
            and "Last Resort" not in font.name
            and Path(font.fname).exists()
        }
    )


def _drawn(characters: Iterable[str]) -> set[str]:
    return {c for c in characters if c.isprintable() and not c.isspace()}


def _has(path: str, characters: Iterable[str]) -> set[str]:
    try:
        return {c for c in characters if ord(c) in _characters(path)}
    except (OSError, RuntimeError):  # a font that matplotlib cannot read, such as one of colour bitmaps
        return set()


@functools.cache
def _characters(path: str) -> frozenset[int]:
    return frozenset(font_manager.get_font(path).get_charmap())


@functools.cache
def _log_missing(missing: str) -> None:
    """Once for the same characters."""
    if not missing:
        return
    named = ", ".join(f"{c} ({unicodedata.name(c, f'U+{ord(c):04X}')})" for c in missing[:SHOWN])
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    logging.getLogger(__name__).warning(
        "no installed font has %s%s: figures show boxes instead, a font such as Noto Sans CJK has them",
        named,
        more,
    )
