"""HTML in small pieces: every function returns a fragment, every text in it is escaped.

A page is self-contained: pictures are data URIs, the style sheet is inside, and there are no scripts.
"""

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from pipelines.errors import printable
from pipelines.report.sheets import Sheet, strips

STYLE = Path(__file__).with_name("report.css")
SHOWN_PIXELS = 64
"""About how large one small image appears, in pixels of the page."""


def page(title: str, body: Iterable[str]) -> str:
    """A whole document."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def escape(text: object) -> str:
    """Text as HTML."""
    return html.escape(printable(str(text), lines=True))


def section(name: str, title: str, *parts: str) -> str:
    """A section with a heading; `name` is its anchor."""
    return f'<section id="{escape(name)}">\n<h2>{escape(title)}</h2>\n' + "\n".join(parts) + "\n</section>"


def heading(text: str) -> str:
    """A heading inside a section."""
    return f"<h3>{escape(text)}</h3>"


def paragraph(text: str, *, soft: bool = False) -> str:
    """A paragraph of plain text."""
    return f"<p{' class=soft' if soft else ''}>{escape(text)}</p>"


def warnings(lines: Sequence[str]) -> str:
    """What went wrong, one line each; nothing where nothing did."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ul class="warnings">{items}</ul>' if lines else ""


def contents(sections: Mapping[str, str]) -> str:
    """Links to sections, anchor -> title."""
    links = (f'<a href="#{escape(name)}">{escape(title)}</a>' for name, title in sections.items())
    return f"<nav>{' '.join(links)}</nav>"


def facts(found: Iterable[tuple[str, str, str]]) -> str:
    """The main numbers, large: (what, number, remark)."""
    cells = (
        f"<div><dt>{escape(what)}</dt><dd>{escape(number)} <small>{escape(remark)}</small></dd></div>"
        for what, number, remark in found
    )
    return f'<dl class="facts">{"".join(cells)}</dl>'


def table(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """A table; the first column is text, the others numbers (None shows as a dash)."""
    lines = [f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>"]
    lines += [f"<tr>{''.join(f'<td>{escape(number(cell))}</td>' for cell in row)}</tr>" for row in rows]
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{told}\n' + "\n".join(lines) + "\n</table></div>"


def words(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of text that may be long."""
    lines = [f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>"]
    lines += [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
    return f'<div class="scroll"><table class="words">{"".join(lines)}</table></div>'


def number(value: object) -> str:
    """A cell: three decimals for a float, a dash for None.

    >>> number(0.5), number(None), number(1234567)
    ('0.500', '–', '1,234,567')
    """
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def picture(content: bytes, alt: str, *, scale: int = 1) -> str:
    """Small images, every pixel of them a square of `scale` pixels."""
    width, height = _size(content)
    size = f'width="{width * scale}" height="{height * scale}"'
    return f'<img class="pixels" src="{_uri(content)}" {size} alt="{escape(alt)}">'


def plot(content: bytes, alt: str, *, density: float = 1.3) -> str:
    """A drawing, shown at its size divided by `density`, or smaller where the page is narrow."""
    width, _ = _size(content)
    shown = round(width / density)
    return f'<figure><img class="plot" src="{_uri(content)}" width="{shown}" alt="{escape(alt)}"></figure>'


def sheet(shown: Sheet, *, joints: Sequence[Sequence[str]] = (), wide: bool = False) -> str:
    """A sheet row by row: the words beside (or above, `wide`) the images, and how many are right.

    `joints` are the words between the parts of each row, such as ("AND", "=").
    """
    scale = max(1, round(SHOWN_PIXELS / max(shown.images.shape[-2:])))
    lines = []
    for row, name in enumerate(shown.rows):
        parts = [picture(content, name, scale=scale) for content in strips(shown, row)]
        for place, word in reversed(list(enumerate(joints[row] if joints else (), start=1))):
            parts.insert(place, f"<span>{escape(word)}</span>")
        right = shown.right(row)
        mark = f' <span class="mark">{escape(right)} right</span>' if right else ""
        label = f'<div class="label">{escape(name)}{"<br>" if right else ""}{mark}</div>'
        images = f'<div class="strips">{"".join(parts)}</div>'
        lines.append(f'<div class="row{" wide" if wide else ""}">{label}{images}</div>')
    return "\n".join(lines)


def card(content: bytes, lines: Iterable[str], alt: str, *, scale: int) -> str:
    """An image with lines of HTML beside it."""
    told = "".join(f"<span>{line}</span>" for line in lines)
    return f'<div class="card">{picture(content, alt, scale=scale)}<div>{told}</div></div>'


def cards(made: Iterable[str]) -> str:
    """Cards, as many beside each other as there is room for."""
    return f'<div class="cards">{"".join(made)}</div>'


def folded(title: str, text: str) -> str:
    """Text in a fixed-width face, folded away."""
    return f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"


def _uri(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def _size(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as image:
        return image.size
